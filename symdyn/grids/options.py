"""Methods for fields, what each of them reads, and output times."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.codegen.effects import refuse_idle
from symdyn.errors import DeclarationError
from symdyn.grids.explicit import EXPLICIT
from symdyn.grids.imex_methods import IMPLICIT
from symdyn.registry import suggest

__all__ = ["FIXED", "check_method", "check_times"]

#: Methods that go in steps of one length.
FIXED = ("euler", "rk4", "sbdf2")


def check_method(chosen: str, given: dict[str, Any]) -> None:
    """Refuse what is no method, and options without effect; `given` are those that have a value."""
    names = (*EXPLICIT, *IMPLICIT)
    if chosen not in names:
        raise DeclarationError(f"{chosen!r} is no method for fields; there are {', '.join(names)}.{suggest(chosen, names)}")
    equal = "step" in given
    what = f"fields with {chosen!r}" + (" in steps of one length" if equal and chosen in IMPLICIT else "")
    refuse_idle(given, _reads(chosen, equal), what, {m: _reads(m, equal=False) for m in names})
    if chosen in FIXED and not equal:
        raise DeclarationError(f"{chosen} takes steps of one length: pass step=, such as step=0.01")


def _reads(method: str, equal: bool) -> set[str]:
    """Names of the options that a method reads; implicit ones choose their steps unless they are to be `equal`."""
    found = {"max_steps", "seed", "threads", "trajectories"}
    if method in FIXED or method in IMPLICIT:
        found |= {"step"}
    if method in EXPLICIT and method not in FIXED:
        found |= {"max_step"}
    return found if method in FIXED or (equal and method in IMPLICIT) else found | {"rtol", "atol"}


def check_times(times: Any) -> np.ndarray:
    """Output times as an array; they are numbers that increase."""
    try:
        found = np.array(times, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        raise DeclarationError(f"output times are {times!r}; expected finite numbers that increase, numpy.linspace(0, 10, 101)")
    return found
