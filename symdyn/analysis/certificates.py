r"""Proof that a polynomial system has exactly one zero in a polydisc, and that it is real or not.

With a point :math:`x`, an approximate inverse :math:`A` of the Jacobian there and radii :math:`\rho`, the operator of
Krawczyk maps the polydisc :math:`|z_i - x_i| \le \rho_i` into its interior if

.. math:: |A F(x)| + \big( |I - A J(x)| + |A| (\hat J(|x| + \rho) - \hat J(|x|)) \big) \rho < \rho,

where :math:`\hat J` has the absolute values of the coefficients: it then contains one zero, which is regular (Krawczyk,
Computing 4 (1969) 187; Moore, SIAM Journal on Numerical Analysis 14 (1977) 611).  Rounding errors are bounded by those of
sums of absolute values.  A polydisc around a real point that passes contains its conjugate, so its zero is real.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdyn.analysis.univariate import number
from symdyn.analysis.values import NoPivot

__all__ = ["Polynomials", "proven", "proven_precisely"]

#: Radii of a polydisc over Newton's correction.
WIDER = 4.0
#: How often radii are enlarged to what the operator makes of them.
INFLATIONS = 4


class Polynomials:
    """Square systems as arrays of exponents and coefficients, evaluated at many points at once.

    Parameters
    ----------
    exponents : (terms, n) int
    matrix : (n, terms) float64
        Coefficients, correct to rounding.
    """

    def __init__(self, exponents: np.ndarray, matrix: np.ndarray) -> None:
        self.exponents, self.matrix = exponents, matrix
        self.top = int(exponents.max())
        eps = np.finfo(float).eps
        self.rounding = 4 * eps * (len(exponents) + 4 * int(exponents.sum(axis=1).max()) + 20)

    def __call__(self, x: np.ndarray, matrix: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values (points, n) and derivatives (points, n, n) at `x` (points, n)."""
        matrix = self.matrix if matrix is None else matrix
        n = x.shape[1]
        powers = np.ones((self.top + 1, *x.shape), x.dtype)
        for k in range(1, self.top + 1):
            powers[k] = powers[k - 1] * x
        columns = np.arange(n)
        parts = powers[self.exponents, :, columns]  # (terms, n, points)
        values = matrix @ parts.prod(axis=1)
        slopes = np.empty((len(x), n, n), x.dtype)
        for j in range(n):
            lowered = parts.copy()
            lowered[:, j] = self.exponents[:, j, None] * powers[np.maximum(self.exponents[:, j] - 1, 0), :, j]
            slopes[:, :, j] = (matrix @ lowered.prod(axis=1)).T
        return values.T, slopes

    def sizes(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of absolute values."""
        return self(np.abs(x), np.abs(self.matrix))


def proven(system: Polynomials, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refined points (points, n), radii (points, n) of polydiscs with one zero each, and which are proven (points,)."""
    with np.errstate(all="ignore"):
        for _ in range(3):
            value, slope = system(x)
            x = _moved(x, _solved(slope, value))
        value, slope = system(x)
        inverse = _inverse(slope)
        large, steep = system.sizes(x)
        weight = np.abs(inverse)
        eta = np.abs(np.einsum("pij,pj->pi", inverse, value))
        eta += system.rounding * np.einsum("pij,pj->pi", weight, np.abs(value) + large)
        fixed = np.abs(np.eye(x.shape[1]) - inverse @ slope) + system.rounding * (weight @ steep)
        rho, ok = WIDER * eta + 1e-300, np.zeros(len(x), bool)
        for _ in range(INFLATIONS):
            growth = system.sizes(np.abs(x) + rho)[1] * (1 + system.rounding) - steep
            image = eta + np.einsum("pij,pj->pi", fixed + weight @ growth, rho)
            ok = (image * (1 + 1e-12) < rho).all(axis=1) & np.isfinite(image).all(axis=1)
            if ok.all():
                break
            rho = np.where(ok[:, None], rho, np.maximum(rho, WIDER * image))
    return x, rho, ok


def _solved(slope: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.einsum("pij,pj->pi", _inverse(slope), value)


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Inverses, NaN where there is none; columns and rows are balanced before."""
    found = np.full_like(matrices, np.nan)
    for k, matrix in enumerate(matrices):
        if not np.isfinite(matrix).all():
            continue
        rows = np.abs(matrix).max(axis=1, keepdims=True)
        columns = np.abs(matrix / np.where(rows > 0, rows, 1)).max(axis=0, keepdims=True)
        if (rows == 0).any() or (columns == 0).any():
            continue
        try:
            found[k] = np.linalg.inv(matrix / rows / columns) / columns.T / rows.T
        except np.linalg.LinAlgError:
            continue
    return found


def _moved(x: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Newton's step where it is a small one."""
    small = (np.abs(delta) <= 0.1 * np.abs(x).max(axis=1, keepdims=True)).all(axis=1, keepdims=True)
    return np.where(small, x - delta, x)


def proven_precisely(
    square: Sequence[Any], slopes: Any, unknowns: Sequence[int], x: list[Any], context: Any
) -> list[Any] | None:
    """Radii of a polydisc around `x`, in multiple precision, with one zero; None if that is not proven."""
    n = len(x)
    unit = context.mpf(10) ** (3 - context.dps)
    sizes = [abs(v) for v in x]
    values = [_both(p, unknowns, x, context) for p in square]
    jacobian = [[_both(p, unknowns, x, context) for p in row] for row in slopes]
    try:
        inverse = context.inverse(context.matrix([[v for v, _ in row] for row in jacobian]))
    except NoPivot:
        return None
    weight = [[abs(inverse[i, j]) for j in range(n)] for i in range(n)]
    eta = []
    for i in range(n):
        exact = abs(sum(inverse[i, j] * values[j][0] for j in range(n)))
        eta.append(exact + unit * sum(weight[i][j] * values[j][1] for j in range(n)))
    fixed = [
        [
            abs((1 if i == j else 0) - sum(inverse[i, k] * jacobian[k][j][0] for k in range(n)))
            + unit * sum(weight[i][k] * jacobian[k][j][1] for k in range(n))
            for j in range(n)
        ]
        for i in range(n)
    ]
    rho = [4 * e + context.mpf(10) ** -1000 for e in eta]
    for _ in range(INFLATIONS):
        wide = [s + r for s, r in zip(sizes, rho, strict=True)]
        growth = [
            [_both(p, unknowns, wide, context)[1] * (1 + unit) - jacobian[k][j][1] * (1 - unit) for j, p in enumerate(row)]
            for k, row in enumerate(slopes)
        ]
        image = [
            eta[i] + sum((fixed[i][j] + sum(weight[i][k] * growth[k][j] for k in range(n))) * rho[j] for j in range(n))
            for i in range(n)
        ]
        if all(a < r for a, r in zip(image, rho, strict=True)):
            return rho
        rho = [max(r, 4 * a) for a, r in zip(image, rho, strict=True)]
    return None


def _both(p: Any, unknowns: Sequence[int], point: Sequence[Any], context: Any) -> tuple[Any, Any]:
    """A polynomial's value and the sum of the sizes of its terms."""
    total, size = context.mpf(0), context.mpf(0)
    for m, c in p.iterterms():
        term = number(c, context)
        for i, x in zip(unknowns, point, strict=True):
            if m[i]:
                term *= x ** m[i]
        total += term
        size += abs(term)
    return total, size
