"""Which way a recovery goes: by the kind of system, and by how much of it is unknown."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symdyn.discover.journal import Journal
from symdyn.discover.options import RecoverOptions, Report
from symdyn.errors import RecoveryError
from symdyn.system import System

if TYPE_CHECKING:
    from symdyn.discover.recovery import Recovery

__all__ = ["ROUTES", "Request", "route_of", "stated"]


@dataclass(frozen=True)
class Request:
    """What `recover` was asked for beside the system and the data; see there.

    Attributes
    ----------
    deadline : float or None
        Of `time.monotonic`; a route ends at it with the best so far and a warning.
    report : Report
        To be called with a stage and its fraction.
    journal : Journal
        Keeps what costs time, so that a search that was cut short goes on.
    """

    unknown: Sequence[Any] | None
    library: Any
    surrogate: str | None
    regressor: str | None
    selection: bool
    deadline: float | None
    seed: int
    report: Report
    heldout: float
    bounds: Mapping[Any, tuple[Any, Any]] | None
    signs: Mapping[Any, int] | None
    options: RecoverOptions
    journal: Journal


#: Modules whose ``recovered(system, data, request)`` returns a Recovery, by kind of system.
ROUTES = {
    "ode": "symdyn.discover.selected",
    "map": "symdyn.discover.selected",
    "field": "symdyn.discover.fields",
    "sde": "symdyn.discover.diffusions",
    "jump": "symdyn.discover.propensities",
}
#: The same where nothing is known of the equations, for trajectories and for fields.
WHOLE, WHOLE_FIELD = "symdyn.discover.whole", "symdyn.discover.fields"
#: Names of the axes of a field in data.
AXES = {"x", "y"}


def route_of(system: System | None, data: Any) -> Callable[[System | None, Any, Request], Recovery]:
    """The function that recovers systems of this kind.

    Raises
    ------
    RecoveryError
        If terms of such systems cannot be recovered.
    """
    kind = getattr(system, "kind", None)
    if system is not None and kind not in ROUTES:
        raise RecoveryError(
            f"recover needs an ODESystem, SDESystem, DiscreteSystem, PDESystem or ReactionNetwork with unknown terms, or None "
            f"for equations of which nothing is known; got {type(system).__name__}"
        )
    parts = data if isinstance(data, (list, tuple)) else [data]
    unknown = WHOLE_FIELD if any(AXES & set(getattr(part, "dims", ())) for part in parts) else WHOLE
    return importlib.import_module(unknown if kind is None else ROUTES[kind]).recovered


def stated(system: System | None, data: Any, request: Request) -> System | None:
    """`system`; where it is None and terms are asked for, an unknown function of all states for each of them.

    A library, bounds, signs, a named surrogate or regressor ask for terms: whole right-hand sides bring their own.
    """
    named = {request.surrogate, request.regressor} - {None, "auto"}
    asked = request.library is not None or request.bounds or request.signs or not request.selection or named
    if system is not None or not asked or route_of(None, data).__module__.startswith(WHOLE_FIELD):
        return system
    return importlib.import_module("symdyn.discover.whole.states").declared(None, data)
