"""Evaluate a straight-line program on numpy arrays: for observables, where compiling would not pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdyn.codegen.program import DENSE, Program

__all__ = ["evaluate"]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "pow": np.power,
    "sqrt": np.sqrt, "fabs": np.abs, "floor": np.floor, "ceil": np.ceil, "exp": np.exp, "log": np.log, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "fmin": np.minimum, "fmax": np.maximum, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "select": np.where,
}  # fmt: skip
SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}


def _special(op: str) -> Callable[..., Any]:
    """The function of `scipy.special`, which takes longer to import than most programs to run."""
    from scipy import special

    return getattr(special, SPECIAL[op])


def evaluate(program: Program, *blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of `program`, whose input blocks hold arrays that broadcast against each other."""
    values: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        for op, args, value in program.operations:
            if op in FUNCTIONS:
                values.append(FUNCTIONS[op](*[values[a] for a in args]))
            elif op == "input":
                values.append(np.asarray(blocks[args[0]][args[1]]))
            elif op == "const":
                values.append(np.asarray(value))
            elif op in DENSE:
                layers, x = program.tables[int(value)], np.stack(np.broadcast_arrays(*(values[a] for a in args)), axis=-1)
                values.append(
                    layers.evaluate(x)
                    if op == "dense"
                    else layers.jacobian(x).reshape(*x.shape[:-1], layers.outputs * layers.inputs)
                )
            elif op == "part":
                values.append(values[args[0]][..., int(value)])
            else:
                values.append(_special(op)(*(values[a] for a in args)))
    return [values[k] for k in program.outputs]
