"""Discrete empirical interpolation: a function of many components from a few of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from symdyn.errors import DeclarationError

__all__ = ["SELECTIONS", "Interpolation", "interpolate"]


@dataclass(frozen=True)
class Interpolation:
    r"""The interpolation :math:`g \approx U (P^\top U)^{-1} P^\top g` of values by those of some components.

    Attributes
    ----------
    points : tuple of int
        The components, in the order in which they were chosen.
    matrix : (K, m) float64
        :math:`U (P^\top U)^{-1}`.
    condition : float
        :math:`\|(P^\top U)^{-1}\|_2`: by how much the error may exceed that of the best approximation in the basis.
    left : float
        Root mean square of what the basis does not reproduce of the values it was made of, relative to these.
    """

    points: tuple[int, ...]
    matrix: np.ndarray
    condition: float
    left: float

    @property
    def bound(self) -> float:
        """Bound on the relative error of the values from which it was made."""
        return self.condition * self.left


def interpolate(values: np.ndarray, count: int, selection: str = "greedy") -> Interpolation:
    r"""Interpolation points and weights from values.

    Parameters
    ----------
    values : (K, S) float64
        Values of K components in S snapshots.
    count : int
        Number of points, m.
    selection : {'greedy', 'qr'}
        How points are chosen: where the next basis vector is interpolated worst by those before, or by pivoted QR.

    Returns
    -------
    Interpolation

    Raises
    ------
    DeclarationError
        If the values do not determine so many basis vectors.

    References
    ----------
    Chaturantabut & Sorensen, SIAM Journal on Scientific Computing 32, 2737 (2010); Drmac & Gugercin, 38, A631 (2016) (QR).

    Examples
    --------
    >>> x = np.linspace(0, 1, 50)
    >>> made = interpolate(np.stack([np.exp(-k * x) for k in range(1, 9)], axis=1), 5)
    >>> bool(abs(made.matrix @ np.exp(-4.5 * x[list(made.points)]) - np.exp(-4.5 * x)).max() < 1e-4)
    True
    """
    left_vectors, singular, _ = np.linalg.svd(values, full_matrices=False)
    rank = int((singular > singular[:1] * np.finfo(float).eps).sum()) if singular.size else 0
    if count > rank:
        raise DeclarationError(f"points is {count}, but the nonlinear terms of the runs determine {rank}; take at most {rank}")
    basis = left_vectors[:, :count]
    points = SELECTIONS[selection](basis)
    inner = basis[points]
    matrix = np.linalg.solve(inner.T, basis.T).T
    condition = 1 / float(np.linalg.svd(inner, compute_uv=False)[-1])
    left = float(np.linalg.norm(singular[count:]) / np.linalg.norm(singular))
    return Interpolation(tuple(map(int, points)), matrix, condition, left)


def _greedy(basis: np.ndarray) -> list[int]:
    points = [int(np.argmax(abs(basis[:, 0])))]
    for k in range(1, basis.shape[1]):
        weights = np.linalg.solve(basis[points, :k], basis[points, k])
        points.append(int(np.argmax(abs(basis[:, k] - basis[:, :k] @ weights))))
    return points


def _pivoted(basis: np.ndarray) -> list[int]:
    _, _, order = scipy.linalg.qr(basis.T, pivoting=True, mode="economic")
    return [int(k) for k in order[: basis.shape[1]]]


SELECTIONS = {"greedy": _greedy, "qr": _pivoted}
