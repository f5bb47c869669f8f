"""Linear multistep methods: the linear part implicitly, the rest extrapolated."""

from __future__ import annotations

import math

import numpy as np

from symdyn.integration.problem import SplitProblem
from symdyn.integration.steppers.additive import AdditiveStepper
from symdyn.integration.steppers.base import SplitStepper
from symdyn.methods.multistep import ImexMultistep
from symdyn.methods.registry import METHODS

__all__ = ["MultistepStepper"]


class MultistepStepper(SplitStepper):
    """States and N of the steps before; after each change of the length they come from another method."""

    def __init__(self, problem: SplitProblem, scheme: ImexMultistep, *, estimates: bool) -> None:
        super().__init__(problem, scheme, estimates=estimates)
        self.states, self.rates = ([self.rows(1)[0] for _ in scheme.past[1:]] for _ in range(2))
        self.starting = AdditiveStepper(problem, METHODS[scheme.start], estimates=False)
        self.length, self.known = math.nan, 0

    def start(self, y: np.ndarray, t: float) -> None:
        super().start(y, t)
        self.known = 0

    def attempt(self, t: float, h: float, *, estimate: bool) -> None:
        self.t, self.h = t, h
        if h != self.length:
            self.length, self.known = h, 0
        if self.known < len(self.states):
            first, before = self.starting, self.starting.evaluations
            first.start(self.y, t)
            first.attempt(t, h, estimate=False)
            self.evaluations += first.evaluations - before
            self.arrays.copy(first.new, self.new)
        else:
            rows = [self.z, *self.states, self.rate, *self.rates]
            self.arrays.combine(None, rows, [*self.scheme.past, *(h * w for w in self.scheme.explicit)], self.work)
            self.problem.solve(h * self.scheme.implicit, self.work, self.new, None)
        self.problem.back(self.new, t + h, self.after)

    def settle(self) -> None:
        # no step needs L of a state
        self.nonlinear(self.new, self.t + self.h, self.next_rate, self.after)

    def dense(self, theta: float, out: np.ndarray) -> np.ndarray:
        self.problem.linear(self.z, self.product)
        self.problem.linear(self.new, self.next_product)
        return super().dense(theta, out)

    def advance(self) -> None:
        # the oldest arrays become those of the next step
        self.states, old = [self.z, *self.states[:-1]], self.states[-1]
        self.rates, gone = [self.rate, *self.rates[:-1]], self.rates[-1]
        self.known += 1
        self.z, self.rate = old, gone
        super().advance()
