"""Methods and numbers that a run is given, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.grids.explicit import EXPLICIT
from symdyn.grids.imex_methods import IMPLICIT
from symdyn.registry import suggest

__all__ = ["FIXED", "check_method", "check_numbers", "check_times"]

#: Methods that go in steps of one length.
FIXED = ("euler", "rk4", "sbdf2")


def check_method(chosen: str, step: float | None, max_step: float | None) -> None:
    """Refuse what is no method, and one that does not go in the steps that are asked for."""
    names = (*EXPLICIT, *IMPLICIT)
    if chosen not in names:
        raise DeclarationError(f"{chosen!r} is no method for fields; there are {', '.join(names)}.{suggest(chosen, names)}")
    if chosen in FIXED and step is None:
        raise DeclarationError(f"{chosen} takes steps of one length: pass step=, such as step=0.01")
    if step is not None and chosen in EXPLICIT and chosen not in FIXED:
        raise DeclarationError(
            f"{chosen} chooses its steps by rtol and atol; leave step out, or name a method that takes steps of one length, "
            f"method={' or '.join(repr(n) for n in ('euler', 'rk4', *IMPLICIT))}"
        )
    if max_step is not None and (chosen in FIXED or chosen in IMPLICIT):
        raise DeclarationError(f"max_step limits the steps of bs32 and tsit5; leave it out for {chosen}, or name one of them")


def check_times(times: Any) -> np.ndarray:
    """Output times as an array; they are numbers that increase."""
    try:
        found = np.ascontiguousarray(times, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        raise DeclarationError(f"output times are {times!r}; expected finite numbers that increase, numpy.linspace(0, 10, 101)")
    return found


def check_numbers(**options: Any) -> None:
    """Refuse numbers that are out of range."""
    for name in ("rtol", "atol", "step", "max_step"):
        value = options[name]
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value < math.inf):
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")
    for name in ("max_steps", "threads", "chunk"):
        value = options[name]
        if value is not None and not (isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1):
            raise DeclarationError(f"{name} is {value!r}; expected a whole number from 1")
