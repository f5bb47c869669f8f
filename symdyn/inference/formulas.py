"""Expressions over arrays of values, once, or often and with their derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.gradients import gradients

__all__ = ["ArrayFormulas", "evaluated"]


def evaluated(expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Expressions (k, *shape), once, at values of their symbols that broadcast to `shape`.

    >>> x, k = sp.symbols("x k")
    >>> evaluated([k * x, k], {x: np.array([1.0, 2.0]), k: 3.0}, (2,)).tolist()
    [[3.0, 6.0], [3.0, 3.0]]
    """
    program = lower("values", [("none", ()), ("x", tuple(values))], list(expressions), [""] * len(expressions))
    found = evaluate(program, (), list(map(np.asarray, values.values())))
    return np.array([np.broadcast_to(v, shape) for v in found], dtype=float).reshape(-1, *shape)


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
