"""Kreiss bounds of transients, from the resolvent."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from symdyn.leslie._standardised import limit_of_mean, standardised
from symdyn.models.matrix import MatrixModel

__all__ = ["kreiss_bounds"]


def kreiss_bounds(model: MatrixModel) -> tuple[float, float]:
    r"""Bounds of amplification and attenuation from the resolvent.

    .. math:: \sup_{r>1} \max_j g_j(r), \quad \inf_{r>1} \min_j g_j(r), \qquad
        g_j(r) = (r - 1) \sum_i \bigl[(r I - \hat A)^{-1}\bigr]_{ij}

    where g tends to the inertia for r towards 1, and to 1 for large r.  The pole at 1 is subtracted before the inversion.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    upper, lower : float
        Dimensionless: amplification reaches at least the upper bound, attenuation at least the lower one.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive, or sizes relative to it are unbounded.

    References
    ----------
    Townley & Hodgson, Journal of Applied Ecology 45 (2008) 1836.

    Examples
    --------
    >>> import symdyn as sd
    >>> [round(bound, 6) for bound in sd.leslie.from_matrix([[0, 2], [1, 1]]).kreiss_bounds]  # those of the inertia
    [1.333333, 0.666667]
    """
    form = standardised(model)
    n = len(form.matrix)
    alone = limit_of_mean(form)
    rest = form.matrix - alone
    beyond = np.eye(n) - alone

    def along(u: float) -> np.ndarray:
        """Column sums at r = 1 / (1 - u), for 0 <= u < 1."""
        if u <= 0:
            return alone.sum(axis=0)
        r = 1 / (1 - u)
        return (alone + (r - 1) * np.linalg.solve(r * np.eye(n) - rest, beyond)).sum(axis=0)

    grid = np.concatenate([[0.0], np.geomspace(1e-9, 0.02, 200), np.linspace(0.02, 0.999, 400)[1:]])
    values = np.array([along(u) for u in grid])
    bounds = []
    for sign in (1.0, -1.0):
        best = max(1.0 * sign, (sign * values).max())
        k, j = np.unravel_index((sign * values).argmax(), values.shape)
        if 0 < k < len(grid) - 1:
            inside = (grid[k - 1], grid[k + 1])
            found = minimize_scalar(
                lambda u, j=j, s=sign: -s * along(u)[j], bounds=inside, method="bounded", options={"xatol": 1e-12}
            )
            best = max(best, -found.fun)
        bounds.append(float(sign * best))
    return bounds[0], bounds[1]
