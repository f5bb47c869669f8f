"""Additive Runge-Kutta methods: the linear part implicitly, the rest explicitly."""

from __future__ import annotations

import numpy as np

from symdyn.integration.problem import SplitProblem
from symdyn.integration.steppers.base import PASSES, SplitStepper, TimeDerivatives
from symdyn.methods.additive import AdditiveRungeKutta

__all__ = ["AdditiveStepper"]


class AdditiveStepper(SplitStepper):
    r"""The stages of both parts.

    Where the problem is `corrected`, stages get the terms of their local error that L magnifies,
    :math:`h^2 (c_i^2/2 - \sum_j a_{ij} c_j) \dot N + h^3 \sum_j (\hat a_{ij} - a_{ij}) c_j^2/2\, \ddot N`.
    """

    def __init__(self, problem: SplitProblem, scheme: AdditiveRungeKutta, *, estimates: bool) -> None:
        super().__init__(problem, scheme, estimates=estimates)
        self.error_order = scheme.error_order + 1
        self.stages = len(scheme.nodes)
        # fast and slow rates of the stages take turns, so that a stage needs the first rows alone
        self.stage_rows = self.rows(2 * self.stages - 2)
        self.derivatives = TimeDerivatives(problem, scheme.order - 2) if problem.corrected else None
        c, a = scheme.nodes, scheme.explicit
        self.defects = np.stack([c**2 / 2 - a @ c, (scheme.implicit - a) @ c**2 / 2])[: scheme.order - 2]
        self.defects[np.abs(self.defects) < 1e-14] = 0
        self.weights = [np.stack([a[i, :i], scheme.implicit[i, :i]], axis=1).ravel().tolist() for i in range(self.stages)]
        self.middle = 1 + int(np.argmin(np.abs(c[1:-1] - 0.5)))

    def start(self, y: np.ndarray, t: float) -> None:
        super().start(y, t)
        if self.derivatives is not None:
            self.derivatives = TimeDerivatives(self.problem, self.scheme.order - 2)

    def attempt(self, t: float, h: float, *, estimate: bool) -> None:
        self.t, self.h = t, h
        if self.derivatives is not None and not self.derivatives.known:
            for _ in range(PASSES):
                self._stages(t, h)
                self.settle()
                self._differentiate(self.derivatives, 0.0)
        rows = self._stages(t, h)
        if estimate:
            gap = [h * w for w in self.scheme.weights - self.scheme.embedded for _ in range(2)]
            self.problem.difference(self.arrays.combine(None, rows, gap, self.work), self.error)

    def _stages(self, t: float, h: float) -> list[np.ndarray]:
        """Fill `new` and `after`; returns the rates of both parts in all stages."""
        scheme, rows = self.scheme, [self.rate, self.product, *self.stage_rows]
        for i in range(1, self.stages):
            weights = [h * w for w in self.weights[i]]
            self.arrays.combine(self.z, *self._with_defects(rows[: 2 * i], weights, i, h), self.new)
            self.problem.solve(h * scheme.diagonal, self.new, self.new, rows[2 * i + 1])
            self.nonlinear(self.new, t + h * scheme.nodes[i], rows[2 * i])
        # the last stage has the weights of the implicit part: only the difference of the explicit ones is missing
        rest = list(h * (scheme.weights - scheme.explicit[-1]))
        self.arrays.combine(None, *self._with_defects(rows[::2], rest, self.stages - 1, -h), self.work)
        self.arrays.combine(self.new, [self.work], [1.0], self.new)
        if self.problem.factorised:  # L of a difference that the linear part does not reach is found without factors
            self.problem.linear(self.work, self.next_product)
            self.arrays.combine(self.next_product, [rows[-1]], [1.0], self.next_product)
        else:
            self.problem.linear(self.new, self.next_product)
        self.problem.back(self.new, t + h, self.after)
        return rows

    def _with_defects(
        self, rows: list[np.ndarray], weights: list[float], stage: int, h: float
    ) -> tuple[list[np.ndarray], list[float]]:
        """Rows and weights, with those that correct a stage; a negative h takes the correction away."""
        if self.derivatives is None:
            return rows, weights
        lacking = [float(np.sign(h)) * abs(h) ** m * d for m, d in enumerate(self.defects[:, stage], 2)]
        return [*rows, *self.derivatives.values], [*weights, *lacking]

    def settle(self) -> None:
        # L of the new state is known from the stages
        self.nonlinear(self.new, self.t + self.h, self.next_rate, self.after)

    def _differentiate(self, derivatives: TimeDerivatives, at: float) -> None:
        values = self.rate, self.stage_rows[2 * self.middle - 2], self.next_rate
        derivatives.find(values, float(self.scheme.nodes[self.middle]), self.h, at)

    def advance(self) -> None:
        if self.derivatives is not None:
            self._differentiate(self.derivatives, 1.0)
        super().advance()
