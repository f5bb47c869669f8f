"""Methods for fields, what each of them reads, and output times."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.codegen.effects import refuse_idle
from symdyn.errors import DeclarationError
from symdyn.integration.steppers import STEPPERS
from symdyn.methods.euler import EULER
from symdyn.methods.multistep import ImexMultistep
from symdyn.methods.registry import METHODS
from symdyn.methods.rk4 import RK4
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.registry import suggest

__all__ = ["array_methods", "check_method", "check_times", "takes_steps"]


def array_methods() -> dict[str, Any]:
    """The methods that have a form for arrays, by name."""
    known = {"euler": EULER, "rk4": RK4, **METHODS}
    return {name: scheme for name, scheme in sorted(known.items()) if isinstance(scheme, tuple(STEPPERS))}


def takes_steps(scheme: Any) -> bool:
    """Whether a method takes steps of one length alone."""
    return isinstance(scheme, ImexMultistep) or (isinstance(scheme, ExplicitRungeKutta) and not scheme.error)


def check_method(chosen: str, given: dict[str, Any], task: str = "fields") -> Any:
    """The method called so; refuse what is no method, and options without effect; `given` are those that have a value."""
    known = array_methods()
    scheme = known.get(METHODS[chosen].name if chosen in METHODS else chosen)
    if scheme is None:
        raise DeclarationError(f"{chosen!r} is no method for {task}; there are {', '.join(known)}.{suggest(chosen, known)}")
    equal = "step" in given and "step" in _reads(scheme, equal=True)
    what = f"{task} with {chosen!r}" + (" in steps of one length" if equal and not takes_steps(scheme) else "")
    refuse_idle(given, _reads(scheme, equal), what, {m: _reads(s, equal=False) for m, s in known.items()})
    if takes_steps(scheme) and "step" not in given:
        raise DeclarationError(f"{chosen} takes steps of one length: pass step=, such as step=0.01")
    return scheme


def _reads(scheme: Any, equal: bool) -> set[str]:
    """Names of the options that a method reads; implicit ones choose their steps unless they are to be `equal`."""
    found = {"max_steps", "seed", "threads", "trajectories"}
    explicit = isinstance(scheme, ExplicitRungeKutta)
    if takes_steps(scheme) or not explicit:
        found |= {"step"}
    return found if takes_steps(scheme) or (equal and not explicit) else found | {"rtol", "atol", "max_step", "controller"}


def check_times(times: Any) -> np.ndarray:
    """Output times as an array; they are numbers that increase."""
    try:
        found = np.array(times, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        raise DeclarationError(f"output times are {times!r}; expected finite numbers that increase, numpy.linspace(0, 10, 101)")
    return found
