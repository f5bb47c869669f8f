r"""Exponential Runge-Kutta methods: what is linear and diagonal exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.integration.problem import SplitProblem
from symdyn.integration.steppers.base import PASSES, SplitStepper, TimeDerivatives
from symdyn.methods.exponential import ExponentialRungeKutta, Phi

__all__ = ["Coefficients", "ExponentialStepper", "phi"]

#: Terms of the series for arguments up to 1, and how often they are doubled.
TERMS, DOUBLINGS = 18, 2
#: Lengths of steps whose coefficients are kept.
KEPT = 6


def phi(z: np.ndarray, last: int) -> list[np.ndarray]:
    r"""The functions :math:`\varphi_0, \ldots` of z, by :math:`\varphi_{k+1}(z) = (\varphi_k(z) - 1/k!)/z`.

    Near zero the recurrence cancels; there the series at a quarter of z is doubled twice, by
    :math:`\varphi_k(2z) = 2^{-k} (e^z \varphi_k(z) + \sum_{j=1}^k \varphi_j(z)/(k-j)!)`.

    Parameters
    ----------
    z : array
        Real or complex.
    last : int

    Returns
    -------
    list of `last` + 1 arrays like z

    References
    ----------
    Skaflestad & Wright, Applied Numerical Mathematics 59 (2009) 783-799.

    Examples
    --------
    >>> [x.round(12).tolist() for x in phi(np.zeros(1), 3)]
    [[1.0], [1.0], [0.5], [0.166666666667]]
    """
    near = np.abs(z) < 2**DOUBLINGS
    far = np.where(near, 2.0**DOUBLINGS, z)
    found = [np.exp(z), np.expm1(far) / far]
    for k in range(1, last):
        found.append((found[k] - 1 / math.factorial(k)) / far)
    if near.any():
        for part, close in zip(found[1:], _near_zero(z[near], last), strict=True):
            part[near] = close
    return found[: last + 1]


def _near_zero(z: np.ndarray, last: int) -> list[np.ndarray]:
    """The functions from 1 on, of arguments below `2**DOUBLINGS`."""
    w = z / 2**DOUBLINGS
    highest = np.full_like(w, 1 / math.factorial(TERMS + last))
    for j in range(TERMS - 1, -1, -1):
        highest *= w
        highest += 1 / math.factorial(j + last)
    found = [highest]
    for k in range(last - 1, 0, -1):
        found.insert(0, w * found[0] + 1 / math.factorial(k))
    for _ in range(DOUBLINGS):
        e = np.exp(w)
        sums = [sum(found[j - 1] / math.factorial(k - j) for j in range(1, k + 1)) for k in range(1, last + 1)]
        found = [(e * one + total) / 2**k for k, (one, total) in enumerate(zip(found, sums, strict=True), 1)]
        w = 2 * w
    return found


class Coefficients:
    """The coefficients of a scheme for eigenvalues and a length of step, each like the eigenvalues.

    Parameters
    ----------
    scheme : ExponentialRungeKutta
    eigenvalues : (n,) array
    h : float
    corrected : bool
        Whether the defects of the stages are asked for.
    kept : callable, optional
        From an array to the form in which it is a weight.

    Attributes
    ----------
    decay : list of (n,) arrays
        Factors of the state for each stage after the first, and for the new state.
    rows : list of lists of (n,) arrays or 0
        Factors of N, the length of the step included.
    defects : list of lists of (n,) arrays
        For each stage after the first, factors of the first and second derivative of N, with which it has order 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> c = Coefficients(sd.METHODS["etdrk4"], np.zeros(1), 0.1, corrected=True)   # those of the Runge-Kutta method
    >>> [float(x[0].round(6)) for x in c.rows[-1]], [float(row[0][0].round(6)) for row in c.defects]
    ([0.016667, 0.033333, 0.033333, 0.016667], [0.00125, -0.00125, 0.0])
    """

    def __init__(
        self, scheme: ExponentialRungeKutta, eigenvalues: np.ndarray, h: float, *, corrected: bool,
        kept: Callable[[np.ndarray], Any] = np.asarray,
    ) -> None:  # fmt: skip
        self._z, self._h = h * eigenvalues, h
        entries = [e for row in (*scheme.a, scheme.b) for e in row]
        places = {place for e in entries for place in e}
        last = max(3 if corrected else 1, *(k for k, _ in places))
        self._phi = {c: phi(c * self._z, last) for c in {*(c for _, c in places), *scheme.nodes[1:], 1.0}}
        made: dict[Any, Any] = {}
        for e in entries:
            key = tuple(sorted(e.items()))
            if key not in made:
                made[key] = self._sum(e)
        self.rows = [[made[tuple(sorted(e.items()))] for e in row] for row in (*scheme.a, scheme.b)]
        self.decay = [self._phi[c][0] for c in (*scheme.nodes[1:], 1.0)]
        self.defects = [self._defects(scheme, i) for i in range(len(scheme.a))] if corrected else []
        known = {id(a): kept(a) for a in (*made.values(), *self.decay, *(d for row in self.defects for d in row)) if np.ndim(a)}
        self.rows, self.defects = ([[known.get(id(a), a) for a in row] for row in some] for some in (self.rows, self.defects))
        self.decay = [known[id(a)] for a in self.decay]
        del self._phi, self._z

    def _sum(self, e: Phi) -> Any:
        return sum((x * self._h) * self._phi[c][k] for (k, c), x in e.items())

    def _defects(self, scheme: ExponentialRungeKutta, i: int) -> list[np.ndarray]:
        c, found = scheme.nodes[i + 1], []
        for m in (2, 3):
            exact = (c * self._h) ** m * self._phi[c][m]
            taken = sum(w * (scheme.nodes[j] * self._h) ** (m - 1) / math.factorial(m - 1) for j, w in enumerate(self.rows[i]))
            found.append(exact - taken)
        return found


class ExponentialStepper(SplitStepper):
    """Steps of a scheme; for an estimate two of half the length are compared with one.

    Where the problem is `corrected`, stages get the derivatives of N that they lack for order 3.
    """

    few_lengths = True

    def __init__(self, problem: SplitProblem, scheme: ExponentialRungeKutta, *, estimates: bool) -> None:
        if problem.eigenvalues is None:
            raise DeclarationError(
                f"{scheme.name} needs a linear part that is diagonal in modes; this one is solved by elimination: take 'imex', "
                "'imex3' or 'sbdf2'"
            )
        super().__init__(problem, scheme, estimates=estimates)
        self.eigenvalues = problem.eigenvalues
        self.error_order, self.substeps = (scheme.order + 1, 2) if estimates else (0.0, 1)
        self.stage_rows = self.rows(len(scheme.a))
        # of the stages in the middle the last one, which is the most accurate
        self.middle = max(range(1, len(scheme.a)), key=lambda i: (-abs(scheme.nodes[i] - 0.5), i))
        if estimates:
            self.half, self.half_rate, self.single = self.rows(3)
        self.derivatives: TimeDerivatives | None = None
        self.inner: TimeDerivatives | None = None
        #: Those of a length; the lengths used last are kept.
        self.coefficients = lru_cache(maxsize=KEPT)(
            partial(Coefficients, scheme, self.eigenvalues, corrected=problem.corrected, kept=self.arrays.kept)
        )

    def start(self, y: np.ndarray, t: float) -> None:
        super().start(y, t)
        if self.problem.corrected:
            self.derivatives, self.inner = TimeDerivatives(self.problem, 2), TimeDerivatives(self.problem, 2)

    def slope(self) -> np.ndarray:
        # what is linear limits no step
        return self.problem.difference(self.rate, self.arrays.zeros(self.problem.size))

    def attempt(self, t: float, h: float, *, estimate: bool) -> None:
        self.t, self.h = t, h
        doubled = self.substeps == 2
        if self.derivatives is not None and not self.derivatives.known:
            for _ in range(PASSES):
                self._step(self.z, self.rate, t, h, self.new, self.derivatives)
                self.nonlinear(self.new, t + h, self.next_rate)
                self._differentiate(self.derivatives, self.rate, self.next_rate, h, 0.0)
        if not doubled:
            self._step(self.z, self.rate, t, h, self.new, self.derivatives)
            self.problem.back(self.new, t + h, self.after)
            return
        self._step(self.z, self.rate, t, h / 2, self.half, self.derivatives)
        self.nonlinear(self.half, t + h / 2, self.half_rate)
        if self.inner is not None:
            self._differentiate(self.inner, self.rate, self.half_rate, h / 2, 1.0)
        self._step(self.half, self.half_rate, t + h / 2, h / 2, self.new, self.inner)
        self.problem.back(self.new, t + h, self.after)
        self._step(self.z, self.rate, t, h, self.single, self.derivatives)
        share = 1 / (2**self.scheme.order - 1)
        self.arrays.combine(None, [self.single, self.new], [share, -share], self.single)
        self.problem.difference(self.single, self.error)

    def _step(
        self, z: np.ndarray, rate: np.ndarray, t: float, h: float, out: np.ndarray, derivatives: TimeDerivatives | None
    ) -> None:
        """The state a step of length h after z, where N is `rate`."""
        c, rates = self.coefficients(h), [rate, *self.stage_rows]
        for i, row in enumerate(c.rows[:-1]):
            rows: list[np.ndarray] = [z, *rates[: i + 1]]
            weights: list[Any] = [c.decay[i], *row]
            if derivatives is not None:
                rows, weights = [*rows, *derivatives.values], [*weights, *c.defects[i]]
            self.arrays.combine(None, rows, weights, self.work)
            self.nonlinear(self.work, t + h * self.scheme.nodes[i + 1], rates[i + 1])
        self.arrays.combine(None, [z, *rates], [c.decay[-1], *c.rows[-1]], out)

    def _differentiate(self, derivatives: TimeDerivatives, begin: np.ndarray, end: np.ndarray, h: float, at: float) -> None:
        derivatives.find((begin, self.stage_rows[self.middle - 1], end), self.scheme.nodes[self.middle], h, at)

    def dense(self, theta: float, out: np.ndarray) -> np.ndarray:
        # a step of that length: long steps on linear problems leave far more between their ends than a cubic has
        if theta == 0:
            out[...] = self.y
            return out
        middle = self.stage_rows[self.middle - 1]
        kept = (
            None if self.derivatives is None else self.arrays.copy(middle, self.rows(1)[0])
        )  # of the step itself, for `advance`
        self._step(self.z, self.rate, self.t, theta * self.h, self.work, self.derivatives)
        if kept is not None:
            self.arrays.copy(kept, middle)
        return self.problem.back(self.work, self.t + theta * self.h, out)

    def advance(self) -> None:
        if self.derivatives is not None:
            if self.substeps == 2:
                self.derivatives.find((self.rate, self.half_rate, self.next_rate), 0.5, self.h, 1.0)
            else:
                self._differentiate(self.derivatives, self.rate, self.next_rate, self.h, 1.0)
        super().advance()
