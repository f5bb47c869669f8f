"""Operations on networks: union, renaming, extension."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.models.reaction import Burst, Reaction
from symdyn.models.reactions import ReactionNetwork

__all__ = ["compose", "renamed", "with_reactions"]


def compose(first: ReactionNetwork, second: ReactionNetwork) -> ReactionNetwork:
    """The union of two networks; species and parameters of the same name are identified.

    A name without a value in the rates of one network that is a species of the other denotes that species.

    Parameters
    ----------
    first, second : ReactionNetwork

    Returns
    -------
    ReactionNetwork
        Reactions of the first network, then those of the second.

    Raises
    ------
    DeclarationError
        If the networks disagree: on the volume, the combinatoric convention, time, or on the value of a parameter, an
        initial number or an observable; or if a species of one has a value as a parameter of the other.

    Examples
    --------
    >>> import symdyn as sd
    >>> birth, death = (sd.ReactionNetwork.from_text(t) for t in ("0 -> X, k", "X -> 0, g"))
    >>> print(sd.networks.compose(birth, death))
    0 -> X, k
    X -> 0, g
    """
    if not isinstance(second, ReactionNetwork):
        raise DeclarationError(f"a network is joined with {type(second).__name__}; expected another ReactionNetwork")
    for what in ("volume", "combinatoric", "time"):
        values = getattr(first, what), getattr(second, what)
        if values[0] != values[1]:
            raise DeclarationError(f"the networks differ in {what}, {values[0]} and {values[1]}; declare both alike")
    for one, other in ((first, second), (second, first)):
        clash = sorted({s.name for s in one.states} & {p.name for p in (*other.defaults, *other.observables)})
        if clash:
            message = f"{clash[0]} is a species of one network and a parameter or observable of the other"
            raise DeclarationError(f"{message}; give one of them another name with renamed(...)")
    return ReactionNetwork(
        [*first.reactions, *second.reactions],
        _joined(first.numeric_defaults, second.numeric_defaults, "parameter"),
        volume=first.volume,
        combinatoric=first.combinatoric,
        initial=_joined(first.initial, second.initial, "initial number of"),
        binary=dict.fromkeys((*first.binary, *second.binary)),
        species=dict.fromkeys((*first.states, *second.states)),
        observables=_joined(first.observables, second.observables, "observable"),
        events=[*first.events, *(e for e in second.events if e not in first.events)],
        time=first.time,
        provenance=(*first.provenance, "joined with a network: " + "; ".join(second.provenance)),
    )


def _joined(first: Mapping[sp.Symbol, Any], second: Mapping[sp.Symbol, Any], what: str) -> dict[sp.Symbol, Any]:
    for key in first:
        if key in second and first[key] != second[key]:
            raise DeclarationError(
                f"the networks disagree on the {what} {key}: {first[key]} and {second[key]}; make them equal, or rename one"
            )
    return {**first, **second}


def renamed(network: ReactionNetwork, names: Mapping[Any, Any]) -> ReactionNetwork:
    """The network with other names of species, parameters or observables.

    Parameters
    ----------
    network : ReactionNetwork
    names : mapping
        From present to new names (symbols or text).

    Returns
    -------
    ReactionNetwork

    Raises
    ------
    DeclarationError
        If there is no such name, it is that of an input, or two names would become equal.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.ReactionNetwork.from_text("X -> 2 X, k").renamed({"X": "Y", "k": "b"}))
    Y -> 2 Y, b
    """
    known = dict.fromkeys((*network.states, *network.parameters, *network.observables))
    swap = {lookup(k, known, "name"): v if isinstance(v, sp.Symbol) else sp.Symbol(str(name_of(v))) for k, v in names.items()}
    if driven := [s for s in swap if s in network.inputs]:
        raise DeclarationError(f"{driven[0]} is an input over time, which has the name of its Path; declare that with another")
    after = [swap.get(s, s).name for s in (*known, network.time)]
    twice = next((n for n in after if after.count(n) > 1), None)
    if twice is not None:
        raise DeclarationError(f"two names would become {twice}; choose another, or join networks with +")

    def side(counts: Mapping[sp.Symbol, int]) -> dict[sp.Symbol, int]:
        return {swap.get(s, s): k for s, k in counts.items()}

    reactions = [
        Reaction(
            side(r.reactants),
            side(r.products),
            r.rate.xreplace(swap),
            r.mass_action,
            {swap.get(s, s): Burst(b.distribution, b.mean.xreplace(swap)) for s, b in (r.bursts or {}).items()},
            delay=r.delay.xreplace(swap),
            consuming=r.consuming,
        )
        for r in network.reactions
    ]
    return ReactionNetwork(
        reactions,
        {swap.get(k, k): v for k, v in network.numeric_defaults.items()},
        volume=network.volume.xreplace(swap),
        combinatoric=network.combinatoric,
        initial={swap.get(k, k): v.xreplace(swap) if isinstance(v, sp.Expr) else v for k, v in network.initial.items()},
        binary=[swap.get(s, s) for s in network.binary],
        species=[swap.get(s, s) for s in network.states],
        observables={swap.get(k, k): v.xreplace(swap) for k, v in network.observables.items()},
        events=[e.renamed(swap) for e in network.events],
        time=network.time,
        provenance=(*network.provenance, "renamed " + ", ".join(f"{k} to {v}" for k, v in swap.items())),
    )


def with_reactions(
    network: ReactionNetwork,
    reactions: str | Iterable[Reaction | tuple[Any, ...]],
    parameters: Mapping[Any, float] | None = None,
) -> ReactionNetwork:
    """The network with further reactions.

    Parameters
    ----------
    network : ReactionNetwork
    reactions : str, or sequence of Reaction or tuple
        As text, or as for `ReactionNetwork`.
    parameters : mapping, optional
        Values of the parameters of the further reactions.

    Returns
    -------
    ReactionNetwork

    Raises
    ------
    DeclarationError
        As `compose`.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.ReactionNetwork.from_text("0 -> X, k").with_reactions("X -> 0, g"))
    0 -> X, k
    X -> 0, g
    """
    options: dict[str, Any] = {"volume": network.volume, "combinatoric": network.combinatoric, "time": network.time}
    options["species"] = network.states
    if isinstance(reactions, str):
        return compose(network, ReactionNetwork.from_text(reactions, parameters, **options))
    return compose(network, ReactionNetwork(list(reactions), parameters, **options))
