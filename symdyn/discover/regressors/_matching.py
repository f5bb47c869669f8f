r"""Right-hand sides linear in their coefficients against trajectories, in windows with initial values of their own.

:math:`\dot x_i = \sum_j c_{ij} \theta_j(x)` is integrated in all windows at once (DOP853, one step between two
data), and its sensitivities to *every* coefficient of the library, also those that are zero, follow from the transition
matrices :math:`\Phi_k` of single steps:

.. math:: S_{k+1} = \Phi_k S_k + \int \Phi(t_{k+1}, s)\, e_i \theta_j(x(s))\, ds

with Simpson's rule for the integral.  Eliminating the initial values leaves a quadratic form in the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.methods.dop853 import A

__all__ = ["Library", "QuadraticLoss", "Stretches", "TermMatching", "stretches"]

STAGES, WEIGHTS = A[:-1], np.array(A[-1])
#: States beyond this many times their typical size have run away.
RUNAWAY = 1e3
#: Numbers in the sensitivities of windows that are handled together.
LARGEST = 20_000_000


class Library:
    """Terms and their derivatives as functions of arrays of states."""

    def __init__(self, terms: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]) -> None:
        self.terms, self.symbols = tuple(terms), tuple(symbols)
        self._parts: dict[bytes, Library] = {}

    @cached_property
    def _values(self) -> Program:
        return lower("terms", [("none", []), ("x", self.symbols)], list(self.terms), [""] * len(self.terms))

    @cached_property
    def _slopes(self) -> Program:
        slopes = [term.diff(s) for term in self.terms for s in self.symbols]
        return lower("slopes", [("none", []), ("x", self.symbols)], slopes, [""] * len(slopes))

    def part(self, used: np.ndarray) -> Library:
        """Only the terms `used`."""
        key = used.tobytes()
        if key not in self._parts:
            self._parts[key] = Library([self.terms[j] for j in used], self.symbols)
        return self._parts[key]

    def values(self, x: np.ndarray) -> np.ndarray:
        """Terms at states (..., n): (..., p)."""
        return self._stacked(self._values, x, len(self.terms))

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Derivatives of the terms by the states: (..., p, n)."""
        flat = self._stacked(self._slopes, x, len(self.terms) * len(self.symbols))
        return flat.reshape(*x.shape[:-1], len(self.terms), len(self.symbols))

    @staticmethod
    def _stacked(program: Program, x: np.ndarray, count: int) -> np.ndarray:
        found = evaluate(program, (), [x[..., i] for i in range(x.shape[-1])])
        stacked = np.empty((*x.shape[:-1], count))
        for j, v in enumerate(found):
            stacked[..., j] = v
        return stacked


@dataclass(frozen=True)
class Stretches:
    """Windows of equal numbers of points.

    Attributes
    ----------
    steps : (V, L - 1) float64
        Times between the points.
    values : (V, L, n) float64
        Data.
    rough : (V, n) float64
        First guesses of the initial values.
    """

    steps: np.ndarray
    values: np.ndarray
    rough: np.ndarray


def stretches(runs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], length: int) -> Stretches:
    """Cut runs (times, data, smoothed data) into windows of so many points without common ones; a remainder is left out."""
    steps, values, rough = [], [], []
    for times, data, smooth in runs:
        for a in range(0, len(times) - length + 1, length):
            steps.append(np.diff(times[a : a + length]))
            values.append(data[a : a + length])
            rough.append(smooth[a])
    return Stretches(np.array(steps), np.array(values), np.array(rough))


@dataclass(frozen=True)
class QuadraticLoss:
    """The sum of squares near coefficients ``c``, with the initial values eliminated.

    Attributes
    ----------
    gram, right : (q, q), (q,) float64
        The sum of squares changes by ``d' gram d - 2 right'd`` with the change ``d`` of `q` coefficients.
    back : (V, n, q + 1) float64
        Change of the initial values: ``back[..., -1] - back[..., :-1] d``.
    columns : (q,) int64
        Which of the flattened coefficients these are.
    """

    gram: np.ndarray
    right: np.ndarray
    back: np.ndarray
    columns: np.ndarray


class TermMatching:
    """Windows of data, and a library.

    Parameters
    ----------
    library : Library
    cut : Stretches
    noise : (n,) float64
        Standard deviations that weigh the residuals.
    """

    def __init__(self, library: Library, cut: Stretches, noise: np.ndarray) -> None:
        self.library, self.cut, self.noise = library, cut, noise
        self._most = RUNAWAY * np.abs(cut.values).max(axis=(0, 1))

    def states(self, coefficients: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """States at the data and halfway between: (V, 2 L - 1, n); NaN in windows that ran away."""
        used = np.flatnonzero(np.any(coefficients != 0, axis=0))
        part, matrix = self.library.part(used), coefficients[:, used].T
        count, length = self.cut.values.shape[:2]
        path = np.empty((count, 2 * length - 1, starts.shape[1]))
        path[:, 0] = x = starts
        with np.errstate(all="ignore"):
            for k in range(length - 1):
                h = self.cut.steps[:, k, None]
                y, first = self._step(part, matrix, x, h)
                last = part.values(y) @ matrix
                path[:, 2 * k + 1] = (x + y) / 2 + h * (first - last) / 8  # cubic Hermite
                x = np.where(np.abs(y) < self._most, y, np.nan)
                path[:, 2 * k + 2] = x
        return path

    @staticmethod
    def _step(part: Library, matrix: np.ndarray, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = [part.values(x) @ matrix]
        for row in STAGES:
            y = x + h * sum(a * k for a, k in zip(row, slopes, strict=True) if a)
            slopes.append(part.values(y) @ matrix)
        return x + h * sum(w * k for w, k in zip(WEIGHTS, slopes, strict=True) if w), slopes[0]

    def residuals(self, path: np.ndarray) -> np.ndarray:
        """Data minus states over the noise, (V, L, n)."""
        return (self.cut.values - path[:, ::2]) / self.noise

    def expand(self, coefficients: np.ndarray, starts: np.ndarray, columns: np.ndarray | None = None) -> QuadraticLoss | None:
        """The quadratic form in `columns` of the flattened coefficients, all unless given; None if a window ran away."""
        n, p = coefficients.shape
        columns = np.arange(n * p) if columns is None else columns
        path = self.states(coefficients, starts)
        residual = self.residuals(path)
        if not np.isfinite(residual).all():
            return None
        q = len(columns)
        count, length = self.cut.values.shape[:2]
        gram, right, back = np.zeros((q, q)), np.zeros(q), np.empty((count, n, q + 1))
        each = max(1, LARGEST // (length * n * (n + q)))
        for begin in range(0, count, each):
            which = slice(begin, begin + each)
            inner, r, back[which] = self._window_forms(coefficients, path[which], residual[which], which, columns)
            gram += inner.T @ inner
            right += inner.T @ r
        return QuadraticLoss(gram, right, back, columns)

    def _window_forms(
        self, coefficients: np.ndarray, path: np.ndarray, residual: np.ndarray, which: slice, columns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sensitivities and residuals of some windows without the part that initial values explain, and what leads back."""
        own, forced = self._transitions(coefficients, path, self.cut.steps[which], columns)
        count, length, n = residual.shape
        s = np.zeros((count, n, n + len(columns)))
        s[:, :, :n] = np.eye(n)
        design = np.empty((count, length, n, n + len(columns)))
        design[:, 0] = s
        for k in range(length - 1):
            s = own[:, k] @ s
            s[:, :, n:] += forced[:, k]
            design[:, k + 1] = s
        flat = (design / self.noise[:, None]).reshape(count, length * n, -1)
        r = residual.reshape(count, length * n)
        q, triangle = np.linalg.qr(flat[..., :n])
        along = np.swapaxes(q, -1, -2) @ np.concatenate([flat[..., n:], r[..., None]], axis=-1)
        floor = 1e-12 * np.abs(np.einsum("vii->vi", triangle)).max(axis=1)
        back = np.linalg.solve(triangle + floor[:, None, None] * np.eye(n), along)
        inner = flat[..., n:] - q @ along[..., :-1]
        left = r - (q @ along[..., -1:])[..., 0]
        return inner.reshape(-1, len(columns)), left.ravel(), back

    def _transitions(
        self, coefficients: np.ndarray, path: np.ndarray, steps: np.ndarray, columns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Transition matrices of single steps (V, L - 1, n, n) and what they add to the sensitivities (V, L - 1, n, q)."""
        n, p = coefficients.shape
        used = np.flatnonzero(np.any(coefficients != 0, axis=0))
        slopes = self.library.part(used).slopes(path)
        jacobian = np.einsum("ij,vkjm->vkim", coefficients[:, used], slopes)
        h = steps[:, :, None, None]
        a, b, c = jacobian[:, :-2:2], jacobian[:, 1::2], jacobian[:, 2::2]
        eye = np.eye(n)

        def halfway(a: np.ndarray, c: np.ndarray, h: np.ndarray) -> np.ndarray:
            """Fourth-order Magnus step between two Jacobians, as a Pade approximant of the exponential."""
            omega = h * (a + c) / 2 + h**2 * (c @ a - a @ c) / 12
            square = omega @ omega
            return np.linalg.solve(eye - omega / 2 + square / 12, eye + omega / 2 + square / 12)

        first, second = halfway(a, b, h / 2), halfway(b, c, h / 2)
        which = np.unique(columns % p)
        terms = self.library.part(which).values(path)
        place = np.searchsorted(which, columns % p)
        row = columns // p
        whole = second @ first
        forced = h * (
            whole[..., row] * terms[:, :-2:2, None, place] / 6
            + second[..., row] * terms[:, 1::2, None, place] * (2 / 3)
            + eye[:, row] * terms[:, 2::2, None, place] / 6
        )
        return whole, forced
