r"""Marginals of bridges between points: products of two sums of normal densities."""

from __future__ import annotations

from typing import Any

import numpy as np
from symdyn_kernels.sinkhorn import potential

from symdyn.methods.options import check_whole
from symdyn.transport.bridge_paths import between_ends, paired
from symdyn.transport.clouds import Cloud
from symdyn.transport.densities import as_points
from symdyn.transport.references import LinearReference
from symdyn.transport.spectra import ConstantReference

__all__ = ["BridgeMarginal", "whitened"]


class BridgeMarginal:
    r"""The density :math:`p_t(x) = \varphi(x, t)\, \hat\varphi(x, t)` of a bridge between points at a time.

    Attributes
    ----------
    time : float

    Examples
    --------
    >>> import symdyn as sd
    >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
    >>> half = sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).marginal(0.5)
    >>> grid = np.linspace(-6, 6, 601)
    >>> bool(abs(half.pdf(grid).sum() * 0.02 - 1) < 1e-6)
    True
    """

    def __init__(
        self, reference: LinearReference, ends: tuple[Cloud, Cloud], scalings: tuple[np.ndarray, np.ndarray], time: float
    ) -> None:
        self.time, self._reference, self._ends, self._scalings = time, reference, ends, scalings
        start, end = reference.span
        self._first, self._rest = reference.between(start, time), reference.between(time, end)

    def log_pdf(self, x: Any) -> np.ndarray:
        """The logarithm of the density at points.

        Parameters
        ----------
        x : (n, d) array, or (n,) in one dimension

        Returns
        -------
        (n,) float64

        Raises
        ------
        DeclarationError
            If x is no array of points (n, d).

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> half = sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).marginal(0.5)
        >>> half.log_pdf([100.0]).shape
        (1,)
        """
        d = len(self._reference.states)
        points = as_points(x, d)
        total = np.full(len(points), 0.5 * (d * np.log(2 * np.pi) + np.linalg.slogdet(self._reference.whole.noise)[1]))
        for law, cloud, logs, ahead in zip((self._first, self._rest), self._ends, self._scalings, (False, True), strict=True):
            root = _inverse_root(law.noise)
            moved = (points if ahead else cloud.points) @ law.factor.T + law.shift
            near, far = (moved, cloud.points) if ahead else (points, moved)
            norm = 0.5 * (d * np.log(2 * np.pi) + np.linalg.slogdet(law.noise)[1])
            total += potential(near @ root.T, far @ root.T, logs) - norm
        return total

    def pdf(self, x: Any) -> np.ndarray:
        """The density at points.

        Parameters
        ----------
        x : (n, d) array, or (n,) in one dimension

        Returns
        -------
        (n,) float64

        Raises
        ------
        DeclarationError
            If x is no array of points (n, d).

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> half = sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).marginal(0.5)
        >>> bool(abs(half.pdf([0.7])[0] - half.pdf([-0.7])[0]) < 1e-6)
        True
        """
        return np.exp(self.log_pdf(x))

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Independent points: pairs of both ends, and the reference between them.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        (count, d) float64

        Raises
        ------
        DeclarationError
            If the count or the seed is no whole number.

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).marginal(0.5).sample(3, seed=1).shape
        (3, 1)
        """
        check_whole(count=count)
        check_whole(0, seed=seed)
        rng = np.random.default_rng(seed)
        (start, end), (_, g) = self._ends, self._scalings
        i, j = paired(start.weights, *whitened(self._reference, start.points, end.points), g, count, rng)
        return between_ends(self._reference, np.array([self.time]), start.points[i], end.points[j], rng)[:, 0]


def whitened(
    reference: LinearReference | ConstantReference, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points of both ends in coordinates where the reference adds noise of covariance 1."""
    law = reference.whole
    root = _inverse_root(law.noise)
    return (start @ law.factor.T + law.shift) @ root.T, end @ root.T


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(values)) @ vectors.T
