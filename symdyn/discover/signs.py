"""Known signs of unknown functions: models that violate them along the data are not chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.terms import function_name
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import BROKEN
from symdyn.inference.parameters import FreeColumns
from symdyn.system import System

__all__ = ["read_signs", "sign_price"]

#: How far a term may be on the wrong side of its sign, relative to its largest value.
TOLERANCE = 0.02


def read_signs(unknowns: Sequence[AppliedUndef], signs: Mapping[Any, int] | None) -> dict[str, int]:
    """Signs by the name of the function.

    Raises
    ------
    RecoveryError
        If a function is not unknown, or a sign is neither +1 nor -1.
    """
    known = {u.func.__name__ for u in unknowns}
    found = {}
    for key, sign in (signs or {}).items():
        name = function_name(key)
        if name not in known:
            raise RecoveryError(f"signs names {name!r}, which is not unknown; unknown: {', '.join(sorted(known))}")
        if sign not in (1, -1):
            raise RecoveryError(f"the sign of {name} is {sign!r}; expected +1 or -1")
        found[name] = sign
    return found


def sign_price(
    system: System, columns: FreeColumns, signs: Mapping[str, int], times: np.ndarray, values: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], float]:
    """What a model (chosen terms, scaled columns) pays for unknown functions of the wrong sign anywhere on the data.

    Parameters
    ----------
    system : System
    columns : FreeColumns
    signs : mapping of str to int
        By the name of the function; of those that are not in it either sign is right.
    times : (N,) float64
    values : (N, n) float64
        States at these times.
    """
    if not signs:
        return lambda chosen, theta: 0.0
    known = tuple(p for p in system.parameters if p not in columns.columns)
    blocks = [("t", (system.time,)), ("y", system.states), ("p", columns.columns), ("k", known)]
    held = [(k, u.func.__name__, part) for k, term in enumerate(columns.terms) for u, part in term.parts.items()]
    held = [part for part in held if part[1] in signs]
    program = lower("terms", blocks, [part for *_, part in held], [""] * len(held))
    fixed = [np.asarray(system.defaults[p]) for p in known]

    def price(chosen: np.ndarray, theta: np.ndarray) -> float:
        natural = theta * columns.sizes
        along = evaluate(program, [times], list(values.T), list(natural), fixed)
        total = 0.0
        for name, sign in signs.items():
            summed = np.zeros(times.shape)
            for (k, owner, _), values_along in zip(held, along, strict=True):
                if owner == name and chosen[k]:
                    summed = summed + natural[k] * values_along
            total += BROKEN * float(np.nanmax(-sign * summed) > TOLERANCE * np.nanmax(np.abs(summed)))
        return total

    return price
