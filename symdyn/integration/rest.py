r"""Fields at rest: the stationary equations of a discretised system, :math:`F(y, p) = 0`, with sparse derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import scipy.sparse as sps

__all__ = ["Derivative", "RestProblem", "differences"]

#: Of a size: the step of differences, for which truncation and rounding are both near 1e-13 of it.
STEP = 1e-3


class Derivative(ABC):
    r"""Derivatives J of F by the state that are known by their products, for states too large for factors.

    Attributes
    ----------
    shape : (int, int)
    matrix : (n, n) sparse or None
        J itself, if it is known, so that products alone are for its solutions.
    """

    shape: tuple[int, int]
    matrix: sps.csc_matrix | None

    @abstractmethod
    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        """J v (n,), of real or complex numbers."""

    @abstractmethod
    def terms(self, values: np.ndarray) -> np.ndarray:
        """Sizes (n,) of the terms that J v sums up, for v of these sizes."""

    @abstractmethod
    def bounds(self) -> tuple[float, float, float]:
        """The rate of slow perturbations, and how far eigenvalues may grow and, of those that may, oscillate."""

    def full(self) -> sps.csc_matrix | None:
        """J itself, where it is known or has few enough columns to be computed now."""
        return self.matrix

    @abstractmethod
    def inverse(self, shift: complex) -> Callable[[np.ndarray], np.ndarray]:
        r"""Near the inverse of :math:`J - \sigma`, to precondition iterations; a RuntimeError if J is not finite."""


class RestProblem(ABC):
    r"""A discretised system :math:`M \dot y = F(y, p)` whose stationary states are looked for.

    Attributes
    ----------
    size : int
    blocks : list of slice
        The numbers of each field, then those of each scalar.
    weights : (size,) array
        Shares of the domain, with the sum 1 for each field; 1 for scalars.
    mass : (size, size) sparse or None
        M; None where it is the identity.
    """

    size: int
    blocks: list[slice]
    weights: np.ndarray
    mass: sps.csc_matrix | None = None

    @abstractmethod
    def residual(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """F (size,) of a state (size,) with parameters (k,)."""

    @abstractmethod
    def jacobian(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix | Derivative:
        """Derivatives of F by the state; `sizes` (size,) are typical values, by which differences are taken if need be."""

    @abstractmethod
    def shifts(self, y: np.ndarray) -> np.ndarray:
        """Directions (size, k) along which symmetries of the domain move a state; none where the state has the symmetry."""

    def aligned(self, y: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Of all states that symmetries make of `other` by shifts that nearest to `y`."""
        return other

    def slope(self, y: np.ndarray, p: np.ndarray, index: int) -> np.ndarray:
        """Derivative of F by one parameter, (size,)."""

        def along(step: float) -> np.ndarray:
            moved = p.copy()
            moved[index] += step
            return self.residual(y, moved)

        return differences(along, abs(float(p[index])) or 1.0)

    def rates(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        r"""Residuals per unit of M, to tell how far from rest a state is."""
        found = self.residual(y, p)
        if self.mass is None:
            return found
        share = np.asarray(abs(self.mass).sum(axis=1)).ravel()
        return found / np.where(share > 0, share, 1.0)

    def measure(self, y: np.ndarray) -> np.ndarray:
        """Root mean square of each field and the modulus of each scalar, one for each block."""
        return np.array([np.sqrt(self.weights[b] @ y[b] ** 2) for b in self.blocks])

    def conserved(self, p: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""Weights L and C (size, k) with :math:`L^T F = 0` for every state, and :math:`C^T y` conserved by it.

        Looked for among sums of integrals over fields, at random states: positive ones and, if there are no rates there,
        states about `near`.
        """
        found = self._integrals(p, None)
        if not np.isfinite(found).all():
            found = self._integrals(p, near)
        if not np.isfinite(found).all():
            return np.empty((self.size, 0)), np.empty((self.size, 0))
        _, singular, vectors = np.linalg.svd(found)
        free = vectors[singular <= 1e-12 * max(1.0, singular[0])]
        shares = np.zeros((self.size, len(free)))
        for k, row in enumerate(free):
            for b, w in zip(self.blocks, row, strict=True):
                shares[b, k] = w if abs(w) > 1e-9 else 0.0
        if self.mass is None:
            return shares * self.weights[:, None], shares * self.weights[:, None]
        return shares, self.mass @ shares

    def _integrals(self, p: np.ndarray, near: np.ndarray | None) -> np.ndarray:
        """Integrals of the rates of each block at random states, in units of their moduli, (N, blocks)."""
        rng = np.random.default_rng(1)
        rows = []
        left = np.ones(self.size) if self.mass is not None else self.weights
        for _ in range(2 * len(self.blocks) + 2):
            y = np.empty(self.size)
            for b in self.blocks:
                if near is None:
                    y[b] = rng.uniform(0.5, 1.5) + 0.3 * rng.standard_normal(b.stop - b.start)
                else:
                    spread = 0.01 * (float(np.abs(near[b]).max()) or 1.0)
                    y[b] = near[b] + spread * rng.uniform(-1, 1, b.stop - b.start)
            found = self.residual(y, p) * left
            total = np.array([found[b].sum() for b in self.blocks])
            rows.append(total / max(float(np.abs(found).sum()), 1e-300))
        return np.array(rows)


def differences(function: Callable[[float], np.ndarray], size: float) -> np.ndarray:
    """The derivative at zero by central differences of fourth order, exact up to rounding for polynomials of degree four.

    >>> round(float(differences(lambda h: np.array([np.exp(h)]), 1.0)[0]), 11)
    1.0
    """
    h = STEP * size
    return (8 * (function(h) - function(-h)) - (function(2 * h) - function(-2 * h))) / (12 * h)
