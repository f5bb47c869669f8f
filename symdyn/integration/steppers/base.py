"""A state and what a step needs besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from symdyn.integration.problem import Problem, SplitProblem

__all__ = ["PASSES", "SplitStepper", "Stepper", "TimeDerivatives"]

#: Times that a first step is repeated to find the derivatives of N at its beginning.
PASSES = 3


class Stepper(ABC):
    """One state, and how a method advances it.

    A step is `attempt`, and once it is accepted `settle` and `advance`; between these two `dense` interpolates.

    Attributes
    ----------
    y, after, error : (size,) arrays
        The state, that after the step that was tried last, and the estimate of its error.
    error_order : float
        The estimate vanishes as ``h**error_order``; 0 of methods without one.
    evaluations : int
        Of the rates, so far.
    substeps : int
        Steps that an attempt consists of.
    interpolates : bool
        Whether `dense` is as accurate as the steps, so that steps need not meet output times.
    few_lengths : bool
        Whether much is computed for each length of step.
    """

    error_order: float = 0.0
    substeps = 1
    interpolates = False
    few_lengths = False

    def __init__(self, problem: Problem) -> None:
        self.arrays = problem.arrays
        self.y, self.after, self.error = (self.arrays.zeros(problem.size) for _ in range(3))
        self.evaluations = 0
        self.t, self.h = 0.0, 0.0

    @abstractmethod
    def start(self, y: np.ndarray, t: float) -> None:
        """Begin at the state y (size,), with fresh slopes."""

    @abstractmethod
    def slope(self) -> np.ndarray:
        """The rates (size,) at the state, those that limit the first step."""

    @abstractmethod
    def attempt(self, t: float, h: float, *, estimate: bool) -> None:
        """Compute `after`, a step of length h ahead, and `error` if asked for."""

    def measure(self, norm: Callable[[np.ndarray], float]) -> float:
        """The size of the error of the attempt in a norm."""
        return norm(self.error)

    @abstractmethod
    def settle(self) -> None:
        """Compute the slopes at the end of the attempt, which is accepted."""

    @abstractmethod
    def dense(self, theta: float, out: np.ndarray) -> np.ndarray:
        """Fill `out` (size,) with the state at the part theta of the step."""

    @abstractmethod
    def advance(self) -> None:
        """Go on from the end of the attempt."""


class TimeDerivatives:
    r"""First and second derivatives of N along the solution, from its values in a step.

    With them a stage of low order becomes one of order 3 (2 with the first alone), whatever the linear part magnifies.

    Reference: Ostermann, Thalhammer & Wright, BIT Numerical Mathematics 46 (2006) 409-431, whose general linear methods take
    N of the step before in the same way.

    Parameters
    ----------
    problem : SplitProblem
    count : int
        How many derivatives are found: 1, from both ends of the step, or 2, from a value between them, too.  More of them in a
        method of low order would make it unstable.

    Attributes
    ----------
    values : list of (modes,) arrays
    known : bool
    """

    def __init__(self, problem: SplitProblem, count: int) -> None:
        self.arrays = problem.arrays
        self.values, self.known = [self.arrays.zeros(problem.modes, problem.dtype) for _ in range(count)], False

    def find(self, rates: tuple[np.ndarray, np.ndarray, np.ndarray], node: float, h: float, at: float) -> None:
        """Those at the part `at` of a step of length h, from the values of N at 0, `node` and 1."""
        if len(self.values) == 1:
            self.arrays.combine(None, (rates[0], rates[2]), [-1 / h, 1 / h], self.values[0])
        else:
            points = np.array([0.0, node, 1.0])
            for degree, out in enumerate(self.values, 1):
                weights = []
                for i in range(3):
                    p, q = np.delete(points, i)
                    scale = (points[i] - p) * (points[i] - q) * h**degree
                    weights.append((2 * at - p - q if degree == 1 else 2.0) / scale)
                self.arrays.combine(None, rates, weights, out)
        # a first attempt may be far too long
        self.known = all(self.arrays.finite(v) for v in self.values)
        if not self.known:
            for v in self.values:
                self.arrays.combine(None, [], [], v)


class SplitStepper(Stepper):
    """The variables z of a problem with a linear part; between both ends of a step there is a cubic.

    Attributes
    ----------
    z, new : (modes,) arrays
        At both ends of the step.
    rate, product : (modes,) arrays
        N and L z at the state.
    next_rate, next_product : (modes,) arrays
        The same at the end of the attempt, once that is settled.
    """

    def __init__(self, problem: SplitProblem, scheme: Any, *, estimates: bool) -> None:
        super().__init__(problem)
        self.problem, self.scheme = problem, scheme
        self.few_lengths = problem.factorised
        self.z, self.new, self.rate, self.product, self.next_rate, self.next_product, self.work = self.rows(7)

    def rows(self, count: int) -> list[np.ndarray]:
        """Arrays of the kind of z."""
        return [self.arrays.zeros(self.problem.modes, self.problem.dtype) for _ in range(count)]

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """N, counted."""
        self.evaluations += 1
        return self.problem.nonlinear(z, t, out, y)

    def start(self, y: np.ndarray, t: float) -> None:
        self.arrays.copy(y, self.y)
        self.problem.forward(self.y, t, self.z)
        self.nonlinear(self.z, t, self.rate, self.y)
        self.problem.linear(self.z, self.product)

    def slope(self) -> np.ndarray:
        total = self.arrays.combine(self.rate, [self.product], [1.0], self.rows(1)[0])
        return self.problem.difference(total, self.arrays.zeros(self.problem.size))

    def settle(self) -> None:
        self.nonlinear(self.new, self.t + self.h, self.next_rate, self.after)
        self.problem.linear(self.new, self.next_product)

    def dense(self, theta: float, out: np.ndarray) -> np.ndarray:
        # the cubic through values and slopes at both ends
        x, one = theta, 1 - theta
        begin, end = x * one * one * self.h, -x * x * one * self.h
        rows = [self.z, self.new, self.rate, self.product, self.next_rate, self.next_product]
        weights = [one * one * (1 + 2 * x), x * x * (3 - 2 * x), begin, begin, end, end]
        return self.problem.back(self.arrays.combine(None, rows, weights, self.work), self.t + theta * self.h, out)

    def advance(self) -> None:
        self.z, self.new = self.new, self.z
        self.y, self.after = self.after, self.y
        self.rate, self.next_rate = self.next_rate, self.rate
        self.product, self.next_product = self.next_product, self.product
