"""Which way a recovery goes: by the kind of system, and by how much of it is unknown.  A route is imported when it is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from symdyn.discover.checks import check_names, check_stages
from symdyn.discover.options import Request
from symdyn.discover.reads import Reads, given, refuse_unread
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.reading import read_data
from symdyn.system import PARTS, System

__all__ = ["ROUTES", "Route", "measured", "route_of"]

#: The surrogate of scores, with which diffusions go their own way.
DENOISER = "denoiser"
#: Names of the axes of a field in data.
AXES = {"x", "y"}


@dataclass(frozen=True)
class Route:
    """What recovers a system from data.

    Attributes
    ----------
    recovered : callable
        Called with a system, data and a `Request`; returns a `Recovery`.
    reads : Reads
        The options that it reads.
    """

    recovered: Callable[[Any, Any, Request], Recovery]
    reads: Reads


def _terms() -> Route:
    from symdyn.discover.pipeline import READS, recovered

    return Route(recovered, READS)


def _repair() -> Route:
    from symdyn.discover.repairing import READS, repaired

    return Route(repaired, READS)


def _fields() -> Route:
    from symdyn.discover.fields.route import READS, recovered

    return Route(recovered, READS)


def _diffusions() -> Route:
    from symdyn.discover.diffusions import READS, recovered

    return Route(recovered, READS)


def _scores() -> Route:
    from symdyn.discover.scores import READS, recovered

    return Route(recovered, READS)  # type: ignore[arg-type]


def _propensities() -> Route:
    from symdyn.discover.propensities import READS, recovered

    return Route(recovered, READS)


def _whole() -> Route:
    from symdyn.discover.whole.recovering import READS, recovered

    return Route(recovered, READS)


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


def route_of(system: System | None, data: Any, request: Request) -> tuple[System | None, Route]:
    """The system and the function that recovers it, after all that was asked for is known to have an effect.

    Where nothing is known and terms are asked for, by an option that only the search among terms reads, the system has an
    unknown function of all states for each of them: complete right-hand sides bring their own terms.

    Parameters
    ----------
    system : System or None
        With unknown terms; None if nothing is known.
    data : Dataset, DataFrame, mapping of arrays, or a list of them
        Only names are read.
    request : Request
        What was asked for.

    Returns
    -------
    system : System or None
    route : Route

    Raises
    ------
    RecoveryError
        If terms of such systems cannot be recovered, an option has no effect, or a name is not known.
    """
    if system is None:
        known, system, route = _nothing_known(data, request)
    else:
        known = system
        parts = system.parts if isinstance(system, System) else frozenset()
        if parts not in ROUTES:
            further = [PARTS[p] for p in ("algebraic", "delayed_reactions", "events", "inputs", "delays") if p in parts]
            raise RecoveryError(
                "recover needs an ODESystem, SDESystem, DiscreteSystem, PDESystem or ReactionNetwork with unknown terms, or "
                f"None for equations of which nothing is known; got {type(system).__name__}"
                + (f" with {' and '.join(further)}" if further else "")
                + ("; text goes through from_text of its kind" if isinstance(system, str) else "")
            )
        load = ROUTES[parts]
        if load is _diffusions and request.surrogate == DENOISER:
            load = _scores
        route = (_repair if load is _terms and request.options.repair else load)()
    refuse_unread(request, route.reads)
    check_names(known, request)
    check_stages(known, request, route.reads)
    return system, route


def _nothing_known(data: Any, request: Request) -> tuple[System, System | None, Route]:
    """A system with the names in the data, the system that is recovered, and how."""
    if _has_fields(data):
        from symdyn.discover.fields.declared import declared_for

        route = _fields()
        # all terms are conservative, and their arguments are not known to a surrogate
        idle = {"unknown", "surrogate", "options.functions", "options.fit", *route.reads.learning}
        reads = replace(route.reads, what="fields of which nothing is known", options=route.reads.options - idle)
        return declared_for(data)[0], None, replace(route, reads=reads)
    from symdyn.discover.whole.states import declared

    known, whole, terms = declared(data), _whole(), _terms()
    reads = replace(terms.reads, what=whole.reads.what, options=terms.reads.options - {"unknown", "options.fit"})
    if any(reads.reads(name) and not whole.reads.reads(name) for name in given(request)):
        return known, known, replace(terms, reads=reads)
    return known, None, replace(whole, reads=replace(reads, options=reads.options | whole.reads.options))


def _has_fields(data: Any) -> bool:
    """Whether data have axes of space."""
    parts = data if isinstance(data, (list, tuple)) else [data]
    return any(AXES & set(getattr(part, "dims", ())) for part in parts)


def measured(system: System | None, data: Any) -> Any:
    """The data; where nothing is known they are read first, as their columns are what there is to know."""
    return read_data(data) if system is None and not _has_fields(data) else data
