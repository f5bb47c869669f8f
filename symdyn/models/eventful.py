"""Events that are added to a system which is there already, such as a published model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.models.events import Event, listed_events
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem

__all__ = ["with_events"]


def with_events(
    system: Any, events: Event | Iterable[Event], parameters: Mapping[Any, float] | None = None
) -> ODESystem | SDESystem | ReactionNetwork:  # fmt: skip
    """The same system with further events, after those that it has; they are checked as in a new declaration.

    Parameters
    ----------
    system : ODESystem, SDESystem or ReactionNetwork
    events : Event or iterable of Event
    parameters : mapping, optional
        Values of parameters that the events bring in, by symbol or name.

    Returns
    -------
    ODESystem, SDESystem or ReactionNetwork

    Raises
    ------
    DeclarationError
        If an event assigns to what is no state, or the index of the algebraic equations has been reduced.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.ODESystem.from_text("A' = -k*A; k = 0.1; A(0) = 2")
    >>> print(model.with_events(sd.dose("A", sp.Symbol("D"), every=12, times=3), {"D": 5}))
    A' = -A*k
    at 0 every 12 times 3, A = A + D
    """
    own = {
        "initial": system.initial,
        "observables": system.observables,
        "events": (*system.events, *listed_events(events)),
        "time": system.time,
        "provenance": (*system.provenance, "with further events"),
    }
    past = {"history": system.history, "history_span": system.history_span}
    values = {p: v for p, v in system.defaults.items() if p not in system.inputs} | dict(parameters or {})
    if isinstance(system, ReactionNetwork):
        return system.replace(events=own["events"]).with_parameters(parameters or {})
    rates = dict(zip(system.states, system.drift, strict=True))
    if isinstance(system, SDESystem):
        return SDESystem(rates, system.diffusion, values, interpretation=system.interpretation, **past, **own)
    if system.constraints:
        raise DeclarationError("the index of the algebraic equations has been reduced; add the events before that")
    algebraic = {s: rates.pop(s) for s in system.algebraic}
    return ODESystem(rates, values, algebraic=algebraic, **past, **own)
