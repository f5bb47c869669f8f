"""Which way a recovery goes: by the kind of system, and by how much of it is unknown.  A route is imported when it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdyn.discover.reading import read_data
from symdyn.discover.recovery import Recovery
from symdyn.discover.request import Request
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["ROUTES", "Route", "measured", "route_of", "stated"]

#: What recovers a system from data.
Route = Callable[[Any, Any, Request], Recovery]
#: Names of the axes of a field in data.
AXES = {"x", "y"}


def _terms() -> Route:
    from symdyn.discover.selected import recovered

    return recovered


def _fields() -> Route:
    from symdyn.discover.fields.route import recovered

    return recovered


def _diffusions() -> Route:
    from symdyn.discover.diffusions import recovered

    return recovered


def _propensities() -> Route:
    from symdyn.discover.propensities import recovered

    return recovered


def _whole() -> Route:
    from symdyn.discover.whole.recovering import recovered

    return recovered


#: Routes by the parts that a system must consist of, each imported by a call.
ROUTES: dict[frozenset[str], Callable[[], Route]] = {
    frozenset({"drift"}): _terms,
    frozenset({"map"}): _terms,
    frozenset({"map", "noise"}): _terms,
    frozenset({"fields"}): _fields,
    frozenset({"drift", "diffusion"}): _diffusions,
    frozenset({"propensities"}): _propensities,
    frozenset({"propensities", "events"}): _propensities,
}


def route_of(system: System | None, data: Any) -> Route:
    """The function that recovers systems of this kind.

    Raises
    ------
    RecoveryError
        If terms of such systems cannot be recovered.
    """
    if system is None:
        return _fields() if _has_fields(data) else _whole()
    parts = system.parts if isinstance(system, System) else frozenset()
    if parts not in ROUTES:
        raise RecoveryError(
            f"recover needs an ODESystem, SDESystem, DiscreteSystem, PDESystem or ReactionNetwork with unknown terms, or None "
            f"for equations of which nothing is known; got {type(system).__name__}"
        )
    return ROUTES[parts]()


def _has_fields(data: Any) -> bool:
    """Whether data have axes of space."""
    parts = data if isinstance(data, (list, tuple)) else [data]
    return any(AXES & set(getattr(part, "dims", ())) for part in parts)


def measured(system: System | None, data: Any) -> Any:
    """The data; where nothing is known they are read first, as their columns are what there is to know."""
    return read_data(data) if system is None and not _has_fields(data) else data


def stated(system: System | None, data: Any, request: Request) -> System | None:
    """`system`; where it is None and terms are asked for, an unknown function of all states for each of them.

    A library, bounds, signs, a named surrogate or regressor ask for terms: whole right-hand sides bring their own.
    """
    named = {request.surrogate, request.regressor} - {None, "auto"}
    asked = request.library is not None or request.bounds or request.signs or not request.selection or named
    if system is not None or not asked or _has_fields(data):
        return system
    from symdyn.discover.whole.states import declared

    return declared(None, data)
