r"""Least squares with linear equations between coefficients, and which coefficients can go.

With :math:`A c = b` solved by :math:`c = c_0 + N z`, columns of `N` spanning the null space of `A`, the coefficients are
unconstrained in `z`.  Dropping coefficient `i` is one more equation, :math:`c_i = 0`, and costs
:math:`c_i^2 / [N (N^\top G N)^{-1} N^\top]_{ii}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Solution", "backward", "null_space", "solved"]

SMALL = 1e-10


@dataclass(frozen=True)
class Solution:
    """A constrained fit: support, coefficients (q,), null space on it, gain over zero, and what dropping each would cost."""

    support: np.ndarray
    coefficients: np.ndarray
    basis: np.ndarray
    gain: float
    drop: np.ndarray

    @property
    def free(self) -> int:
        """How many numbers are fitted."""
        return self.basis.shape[1]


def null_space(a: np.ndarray) -> np.ndarray:
    """An orthonormal basis (q, r) of the null space of ``A`` (m, q)."""
    if not len(a):
        return np.eye(a.shape[1])
    _, s, v = np.linalg.svd(a)
    rank = int((s > SMALL * max(s.max(initial=0.0), 1e-300)).sum())
    return v[rank:].T


def solved(gram: np.ndarray, right: np.ndarray, support: np.ndarray, a: np.ndarray, b: np.ndarray) -> Solution | None:
    """The constrained minimum on a support; None if the equations cannot hold there."""
    part = a[:, support]
    held = np.any(part != 0, axis=1)
    if np.any(np.abs(b[~held]) > SMALL):
        return None
    particular = np.linalg.lstsq(part[held], b[held], rcond=None)[0] if held.any() else np.zeros(len(support))
    if held.any() and np.abs(part[held] @ particular - b[held]).max() > 1e-8 * max(1.0, np.abs(b).max()):
        return None
    basis = null_space(part[held])
    g, r = gram[np.ix_(support, support)], right[support]
    inner = basis.T @ g @ basis
    inverse = np.linalg.pinv(inner, rcond=1e-14, hermitian=True)
    c = particular + basis @ (inverse @ (basis.T @ (r - g @ particular)))
    spread = np.einsum("ik,kl,il->i", basis, inverse, basis)
    size = max(np.abs(c).max(initial=0.0), 1e-300)
    fixed = spread <= SMALL * max(spread.max(initial=0.0), 1e-300)
    drop = np.where(fixed, np.where(np.abs(c) <= 1e-9 * size, 0.0, np.inf), c**2 / np.where(fixed, 1.0, spread))
    whole = np.zeros(len(right))
    whole[support] = c
    return Solution(support, whole, basis, float(2 * r @ c - c @ g @ c), drop)


def backward(gram: np.ndarray, right: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[Solution]:
    """Constrained fits on smaller and smaller supports, the coefficient least missed going first.

    Columns are scaled to unit length within.
    """
    size = np.sqrt(np.maximum(np.diag(gram), 0.0))
    usable = size > 1e-12 * size.max(initial=0.0)
    unit = np.where(usable, 1 / np.where(usable, size, 1.0), 0.0)
    g, r, scaled = gram * unit[:, None] * unit, right * unit, a * unit
    support = np.flatnonzero(usable)
    path: list[Solution] = []
    while True:
        found = solved(g, r, support, scaled, b)
        if found is None:
            break
        path.append(Solution(support, found.coefficients * unit, found.basis * unit[support, None], found.gain, found.drop))
        if not len(support) or not np.isfinite(found.drop.min()):
            break
        gone = found.drop == 0
        gone[int(np.argmin(found.drop))] = True
        support = support[~gone]
    return path
