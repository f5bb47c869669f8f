"""Known signs of unknown terms: models that break them are not chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.terms import function_name
from symdyn.errors import RecoveryError
from symdyn.inference.candidates import Candidates
from symdyn.inference.criterion import BROKEN
from symdyn.inference.data import Observations
from symdyn.inference.problem import rough_states
from symdyn.system import System

__all__ = ["read_signs", "sign_penalty"]

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


def sign_penalty(
    system: System, data: Observations, candidates: Candidates, signs: Mapping[str, int]
) -> Callable[[np.ndarray, np.ndarray], float]:
    """What a model (chosen terms, scaled parameters) pays for terms of the wrong sign anywhere on the data."""
    values = np.concatenate(rough_states(system, data)[0])
    times = np.concatenate([t.times for t in data.trajectories])
    known = tuple(p for p in system.parameters if p not in candidates.columns)
    blocks = [("t", (system.time,)), ("y", system.states), ("p", candidates.columns), ("k", known)]
    shapes = [term.shape for term in candidates.terms]
    program = lower("terms", blocks, shapes, [""] * len(shapes))
    fixed = [np.asarray(system.defaults[p]) for p in known]
    owners = {name: np.array([t.unknown.func.__name__ == name for t in candidates.terms]) for name in signs}

    def penalty(chosen: np.ndarray, theta: np.ndarray) -> float:
        natural = theta * candidates.sizes
        columns = evaluate(program, [times], list(values.T), list(natural), fixed)
        total = 0.0
        for name, own in owners.items():
            along = np.zeros(times.shape)
            for k in np.flatnonzero(chosen & own):
                along = along + natural[k] * columns[k]
            wrong = -signs[name] * along
            total += BROKEN * float(np.nanmax(wrong) > TOLERANCE * np.nanmax(np.abs(along)))
        return total

    return penalty
