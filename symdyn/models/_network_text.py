"""From the text of a network to the arguments of its constructor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import over_text
from symdyn.models.events import event_of, listed_events
from symdyn.models.reaction import Burst, Reaction
from symdyn.reaction_text import parse_network

__all__ = ["read_network"]


def read_network(
    text: str, parameters: Mapping[Any, float] | None, options: Mapping[str, Any], characters: int
) -> tuple[list[Reaction], dict[str, Any]]:
    """The reactions of a text of so many characters at most, and the other arguments: arguments override the text.

    Raises
    ------
    ParseError
        Pointing at the line and column that could not be read.
    DeclarationError
        For a value that nothing uses, which most often is that of the volume.
    """
    model = parse_network(text, characters)
    reactions = [
        Reaction(
            {sp.Symbol(k): v for k, v in r.reactants.items()},
            {sp.Symbol(k): v for k, v in r.products.items()},
            r.rate,
            r.mass_action,
            {sp.Symbol(k): Burst(*v) for k, v in r.bursts.items()},
            delay=r.delay,
            consuming=r.consuming,
        )
        for r in model.reactions
    ]
    events = [event_of(e) for e in model.events]
    values: dict[str, Any] = {
        **options,
        "parameters": over_text(model.parameters, parameters),
        "initial": over_text(model.initial, options.get("initial")),
        "observables": over_text(model.observables, options.get("observables"), ordered=False),
        "species": options.get("species", model.species),
        "volume": options.get("volume", model.volume),
        "events": [*events, *listed_events(options.get("events", ()))],
    }
    _check_used(reactions, model.parameters, values)
    return reactions, values


def _check_used(reactions: Sequence[Reaction], given: Mapping[str, float], values: Mapping[str, Any]) -> None:
    """Name a value of the text that nothing uses: most often it is that of the volume."""
    sides = [
        *(e for r in reactions for e in (r.rate, r.delay)),
        *(b.mean for r in reactions for b in (r.bursts or {}).values()),
    ]
    starts = values["initial"].values() if isinstance(values["initial"], Mapping) else ()
    sides += [*values["observables"].values(), *starts, *(v for e in values["events"] for v in e.sides)]
    used = {s.name for e in sides for s in getattr(e, "free_symbols", ())}
    unused = next((name for name in given if name not in used), None)
    if unused is not None and values.get("volume") is None:
        what = f"{unused} = {given[unused]:g} is set, but nothing depends on {unused}"
        raise DeclarationError(f"{what}; remove it, or pass volume={unused!r} if it is the volume")
