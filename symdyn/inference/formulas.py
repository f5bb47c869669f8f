"""Expressions over arrays of values, with their derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.gradients import gradients

__all__ = ["ArrayFormulas"]


class ArrayFormulas:
    """Expressions over arrays, with their derivatives."""

    def __init__(self, expressions: Sequence[sp.Expr], inputs: Sequence[sp.Symbol], by: Sequence[sp.Symbol]) -> None:
        rows = gradients(expressions, by)
        self.count, self.inputs = len(expressions), tuple(inputs)
        self.places = [(k, by.index(s)) for k, row in enumerate(rows) for s in row]
        found = [*expressions, *(e for row in rows for e in row.values())]
        self.program = lower("formulas", [("v", self.inputs)], found, [""] * len(found))

    def __call__(self, values: Mapping[sp.Symbol, np.ndarray]) -> tuple[list[np.ndarray], dict[tuple[int, int], np.ndarray]]:
        """Values of the expressions, and derivatives by place (expression, symbol)."""
        found = [np.asarray(v, dtype=float) for v in evaluate(self.program, [values[s] for s in self.inputs])]
        return found[: self.count], dict(zip(self.places, found[self.count :], strict=True))
