r"""The condition of a Hopf bifurcation as two real equations in parameters and frequency.

With fixed vectors b and c near the null vectors of the coupled matrix T,

.. math::
    \begin{pmatrix} T(i\omega; p) & b \\ c^* & 0 \end{pmatrix}
    \begin{pmatrix} x \\ g \end{pmatrix} = \begin{pmatrix} 0 \\ 1 \end{pmatrix}

defines a smooth complex g that vanishes where :math:`i\omega` is an eigenvalue with a vector near c.  So one mode is followed
where those of other modes cross.

References
----------
Govaerts, Numerical Methods for Bifurcations of Dynamical Equilibria (SIAM, 2000), chapter 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from symdyn.cells.exchange import exchange
from symdyn.cells.spectrum import CoupledProblem
from symdyn.cells.steady import steady_state
from symdyn.errors import SymdynError
from symdyn.models.colony import BulkCellSystem

__all__ = ["HopfCondition", "HopfPoint"]

#: Newton steps, the change after which it has converged, and the relative step of differences.
STEPS, DONE, SLIGHT = 30, 1e-11, 1e-7
#: So many points of a condition are kept: those of its slopes, and more.
RECENT = 8
#: Vectors whose product is larger are one mode.
ALIKE = 0.9


@dataclass(frozen=True)
class HopfPoint:
    """A point where a pair of eigenvalues is imaginary.

    Attributes
    ----------
    parameters : dict
        All values that were given or found, by name.
    omega : float
        Angular frequency.
    vector : (N,) complex array
        Sources, then states of the cells; of norm 1.
    """

    parameters: dict[str, float]
    omega: float
    vector: np.ndarray

    def same(self, other: HopfPoint, tolerance: float = 1e-6) -> bool:
        """Whether both are one point of one mode."""
        names = self.parameters.keys()
        near = all(abs(self.parameters[n] - other.parameters[n]) <= tolerance * abs(self.parameters[n]) for n in names)
        return near and abs(self.omega - other.omega) <= tolerance * self.omega and self.alike(other)

    def alike(self, other: HopfPoint) -> bool:
        """Whether both have one mode."""
        return bool(abs(np.vdot(self.vector, other.vector)) > ALIKE)


class HopfCondition:
    """The condition for one colony.

    Parameters
    ----------
    colony : BulkCellSystem
    """

    def __init__(self, colony: BulkCellSystem) -> None:
        self.colony = colony
        self._last: np.ndarray | None = None  # the steady state of before, from which the next is found at once
        # the slopes of a new point are asked for twice, with other vectors: at the same parameters and frequencies
        self._problem, self._matrix = lru_cache(RECENT)(self._problem_at), lru_cache(RECENT)(self._matrix_at)

    def matrix(self, parameters: Mapping[Any, float], omega: float) -> np.ndarray:
        r"""The coupled matrix at :math:`i\omega`, (N, N), not to be written to."""
        return self._matrix(tuple(parameters.items()), omega)

    def _problem_at(self, parameters: tuple[tuple[Any, float], ...]) -> CoupledProblem:
        bulk = exchange(self.colony, dict(parameters))
        rest = steady_state(bulk.values, bulk.still, self._last)
        self._last = rest.u
        return CoupledProblem(bulk.values, bulk, rest)

    def _matrix_at(self, parameters: tuple[tuple[Any, float], ...], omega: float) -> np.ndarray:
        return self._problem(parameters).matrices(np.array([1j * omega]))[0]

    def bordered(self, parameters: Mapping[Any, float], omega: float, b: np.ndarray, c: np.ndarray) -> complex:
        """g."""
        matrix = self.matrix(parameters, omega)
        n = len(matrix)
        bordered = np.zeros((n + 1, n + 1), complex)
        bordered[:n, :n], bordered[:n, n], bordered[n, :n] = matrix, b, c.conj()
        return complex(np.linalg.solve(bordered, np.append(np.zeros(n), 1.0))[n])

    def null_vectors(self, parameters: Mapping[Any, float], omega: float, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Left and right singular vectors of the smallest singular values, combined to be as close to a vector as possible."""
        u, sizes, vh = np.linalg.svd(self.matrix(parameters, omega))
        small = sizes <= max(3 * sizes[-1], 1e-7 * sizes[0])  # several modes of one frequency: take the part like the old one
        share = vh[small] @ near
        right, left = vh[small].conj().T @ share, u[:, small] @ share
        return left / np.linalg.norm(left), right / np.linalg.norm(right)

    def equations(
        self, base: Mapping[Any, float], names: Sequence[str], at: np.ndarray, b: np.ndarray, c: np.ndarray
    ) -> np.ndarray:
        """Real and imaginary part of g at logarithms of the named parameters and of the frequency, (2,)."""
        values = {**base, **dict(zip(names, np.exp(at[:-1]).tolist(), strict=True))}
        g = self.bordered(values, float(np.exp(at[-1])), b, c)
        return np.array([g.real, g.imag])

    def jacobian(
        self, base: Mapping[Any, float], names: Sequence[str], at: np.ndarray, b: np.ndarray, c: np.ndarray
    ) -> np.ndarray:
        """Its derivatives by differences, (2, len(at))."""
        here = self.equations(base, names, at, b, c)
        there = [self.equations(base, names, at + h, b, c) for h in SLIGHT * np.eye(len(at))]
        return np.stack([(value - here) / SLIGHT for value in there], axis=1)

    def solve(self, parameters: Mapping[Any, float], omega: float, vector: np.ndarray, free: Sequence[str]) -> HopfPoint | None:
        """The Hopf point near a start with one free parameter; None if Newton's method does not converge."""
        base = {str(getattr(k, "name", k)): float(v) for k, v in parameters.items()}
        at = np.log([*(base[n] for n in free), omega])
        b, c = self.null_vectors(base, omega, vector)
        for _ in range(STEPS):
            try:
                value = self.equations(base, free, at, b, c)
                change = np.linalg.solve(self.jacobian(base, free, at, b, c), -value)
            except (SymdynError, np.linalg.LinAlgError):
                return None
            if not np.isfinite(change).all():
                return None
            at = at + change * min(1.0, 0.5 / max(np.abs(change).max(), 1e-300))
            if np.abs(change).max() < DONE:
                return self.point(base, free, at, c)
        return None

    def point(self, base: Mapping[str, float], names: Sequence[str], at: np.ndarray, near: np.ndarray) -> HopfPoint:
        """A solution of the equations with its null vector."""
        values = {**base, **dict(zip(names, np.exp(at[:-1]).tolist(), strict=True))}
        omega = float(np.exp(at[-1]))
        return HopfPoint(values, omega, self.null_vectors(values, omega, near)[1])
