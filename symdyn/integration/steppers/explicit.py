"""Explicit Runge-Kutta methods on arrays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symdyn.integration.problem import Problem
from symdyn.integration.steppers.base import Stepper
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["ExplicitStepper", "interpolates", "joint_error"]


def joint_error(errors: list[float]) -> float:
    """The error that a step has by its estimates: of two that of Hairer, Norsett & Wanner, II.10, for DOP853.

    Parameters
    ----------
    errors : list of float
        One or two, in the order of ``ExplicitRungeKutta.error``.

    Returns
    -------
    float

    Examples
    --------
    >>> joint_error([0.5]), joint_error([3.0, 40.0])  # 9/5
    (0.5, 1.8)
    """
    fine, *coarse = errors
    return fine * fine / math.hypot(fine, 0.1 * coarse[0]) if coarse and fine > 0 else fine


def interpolates(scheme: ExplicitRungeKutta) -> bool:
    """Whether output times may lie within steps.

    Interpolants of high order with stages of their own magnify waves that decay as fast as stability allows.

    Parameters
    ----------
    scheme : ExplicitRungeKutta

    Returns
    -------
    bool

    Examples
    --------
    >>> import symdyn as sd
    >>> interpolates(sd.METHODS["tsit5"]), interpolates(sd.METHODS["dop853"])
    (True, False)
    """
    return bool(scheme.error) and not scheme.extra


class ExplicitStepper(Stepper):
    """The rows of a tableau; the last of them is at the new point and the first of the next step."""

    def __init__(self, problem: Problem, scheme: ExplicitRungeKutta, *, estimates: bool) -> None:
        super().__init__(problem)
        self.problem, self.scheme = problem, scheme
        self.error_order = scheme.error_order + 1 if scheme.error else 0.0
        self.interpolates = interpolates(scheme)
        self.rows = [self.arrays.zeros(problem.size) for _ in range(len(scheme.dense))]
        self.nodes, self.last = scheme.nodes, len(scheme.a)
        self.stage = self.arrays.zeros(problem.size)
        self.errors = [self.error, *(self.arrays.zeros(problem.size) for _ in scheme.error[1:])]
        self.extra_known = self.settled = False

    def _rate(self, y: np.ndarray, t: float, row: int) -> None:
        self.evaluations += 1
        self.problem.rates(y, t, self.rows[row])

    def start(self, y: np.ndarray, t: float) -> None:
        self.arrays.copy(y, self.y)
        self._rate(self.y, t, 0)

    def slope(self) -> np.ndarray:
        return self.rows[0]

    def attempt(self, t: float, h: float, *, estimate: bool) -> None:
        self.t, self.h, self.extra_known = t, h, False
        *inner, weights = self.scheme.a
        for i, (row, node) in enumerate(zip(inner, self.nodes[1:-1], strict=True), 1):
            self._rate(self.arrays.combine(self.y, self.rows[:i], h * np.array(row), self.stage), t + h * node, i)
        self.arrays.combine(self.y, self.rows[: self.last], h * np.array(weights), self.after)
        self.settled = estimate and bool(self.scheme.error)
        if self.settled:
            self._rate(self.after, t + h, self.last)
            for row, error in zip(self.scheme.error, self.errors, strict=True):
                self.arrays.combine(None, self.rows[: len(row)], h * np.array(row), error)

    def measure(self, norm: Callable[[np.ndarray], float]) -> float:
        return joint_error([norm(e) for e in self.errors])

    def settle(self) -> None:
        if not self.settled:
            self._rate(self.after, self.t + self.h, self.last)

    def dense(self, theta: float, out: np.ndarray) -> np.ndarray:
        if not self.extra_known:
            for i, row in enumerate(self.scheme.extra, self.last + 1):
                node = float(sum(row))
                self._rate(
                    self.arrays.combine(self.y, self.rows[:i], self.h * np.array(row), self.stage), self.t + self.h * node, i
                )
            self.extra_known = True
        weights = [theta * float(np.polyval(row[::-1], theta)) for row in self.scheme.dense]
        return self.arrays.combine(self.y, self.rows, self.h * np.array(weights), out)

    def advance(self) -> None:
        self.y, self.after = self.after, self.y
        self.rows[0], self.rows[self.last] = self.rows[self.last], self.rows[0]
