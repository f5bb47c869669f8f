"""Histories that are known between two times: where runs begin, and how far they look back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.codegen.delay_program import constant_delays
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["check_beginning", "check_first", "looks_beyond"]

#: By how much of its length a run may begin beside the end of a history, and look up what is before.
SHARE = 1e-9


def _named(system: System) -> list[str]:
    """States with a history, without sensitivities, which nobody declared."""
    return [s.name for s in system.history if not any(s.name.startswith(f"d{o}_d") for o in system.history)]


def _known(system: System) -> str:
    """Which histories are known, and when."""
    low, high = system.history_span or (-math.inf, math.inf)
    return f"the history of {', '.join(_named(system))} is that from {low!r} to {high!r}"


def _another(system: System) -> str:
    """How to declare the system with other histories, which are then known at all times."""
    named = _named(system)
    given = ", ".join(f"{name!r}: ..." for name in named)
    what = "a history of your own" if len(named) == 1 else "histories of your own"
    return f"give {what}, {type(system).__name__}.from_text(system.to_text(), history={{{given}}}, initial={{...}})"


def looks_beyond(system: System, delay: float) -> bool:
    """Whether a delay is longer than the time in which the histories are known, by more than rounding."""
    low, high = system.history_span or (-math.inf, math.inf)
    return delay > (1 + SHARE) * (high - low)


def check_first(system: System, first: float) -> None:
    """Refuse runs that do not begin where the histories end.

    Parameters
    ----------
    system : System
    first : float
        Where the runs begin.

    Raises
    ------
    DeclarationError
        If the histories have a span, at whose end they do not begin.
    """
    if system.history_span is None:
        return
    low, high = system.history_span
    if not math.isclose(first, high, rel_tol=1e-14, abs_tol=SHARE * (high - low)):
        raise DeclarationError(
            f"{_known(system)}, after which a run begins, and this one begins at {first!r}; "
            f"begin at {high!r}, or {_another(system)}"
        )


def check_beginning(system: System, parameters: np.ndarray, first: float, facts: Mapping[str, Any]) -> None:
    """Refuse runs that would look up a history at times of which it says nothing.

    Parameters
    ----------
    system : System
    parameters : (N, k) float64
    first : float
        Where the runs begin.
    facts : mapping
        As of `Lagged.facts`.

    Raises
    ------
    DeclarationError
        If the histories have a span, at whose end they do not begin, or which is shorter than a delay of a state that has one,
        or may be.
    """
    check_first(system, first)
    if system.history_span is None:
        return
    low, high = system.history_span
    if facts["moving"]:
        raise DeclarationError(
            f"the delay to {facts['moving'][0]} depends on time or states and may be of any length, and {_known(system)}; "
            f"let it depend on parameters alone, or {_another(system)}"
        )
    longest = constant_delays(parameters, facts)[:, facts["recalled"]].max(initial=0.0)
    if looks_beyond(system, longest):
        raise DeclarationError(
            f"{_known(system)}, and a delay is {longest:g}; expected none that is longer than {high - low:g}, or "
            f"{_another(system)}"
        )
