"""Known signs of unknown drifts: models that violate them along the paths are not chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.diffusions.declared import Declared
from symdyn.discover.diffusions.increments import Increments
from symdyn.discover.signs import TOLERANCE, read_signs
from symdyn.discover.terms import one_of_each
from symdyn.inference.criterion import BROKEN

__all__ = ["sign_price"]


def sign_price(
    declared: Declared, data: Increments, signs: Mapping[Any, int] | None
) -> Callable[[np.ndarray, np.ndarray], float]:
    """What a model (chosen terms, columns) pays for a function of the wrong sign anywhere on the data."""
    wanted = read_signs(one_of_each(declared.system.unknowns), signs)
    if not wanted:
        return lambda chosen, theta: 0.0
    system, columns = declared.system, declared.columns
    known = tuple(p for p in system.parameters if p not in columns)
    blocks = [("t", (system.time,)), ("y", system.states), ("p", columns), ("k", known)]
    program = lower("terms", blocks, [t.shape for t in declared.terms], [""] * len(declared.terms))
    fixed = [np.asarray(system.defaults[p]) for p in known]

    def price(chosen: np.ndarray, theta: np.ndarray) -> float:
        shapes = evaluate(program, [data.times], list(data.begin), list(theta), fixed)
        total = 0.0
        for name, sign in wanted.items():
            own = [k for k in np.flatnonzero(chosen) if declared.terms[k].unknown.func.__name__ == name]
            along = np.zeros(data.count) + sum(theta[k] * shapes[k] for k in own)
            total += BROKEN * float((-sign * along).max() > TOLERANCE * np.abs(along).max())
        return total

    return price
