"""What a firing of a reaction does to the numbers of molecules, on average and about the average."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.reaction import Reaction
from symdyn.system import System

__all__ = ["burst_variances", "jump_moment", "mean_jumps", "refuse_delays", "refuse_events"]


def refuse_events(network: System, what: str) -> None:
    """Raise an error for systems with events, inputs, delays or delayed reactions, which a derived system cannot represent."""
    refuse_delays(network, what)
    if network.inputs:
        raise DeclarationError(f"{network.inputs[0]} is an input over time, which {what} cannot hold; simulate the network")
    if network.delays:
        raise DeclarationError(
            f"the system has delays ({network.delays[0]}), which {what} cannot hold; simulate the system itself"
        )
    if network.events:
        raise DeclarationError(
            f"the network has events ({network.events[0]}, ...), which {what} cannot hold; "
            "simulate the network itself, or leave them out with net.replace(events=())"
        )


def refuse_delays(network: System, what: str) -> None:
    """Raise an error for networks with delayed reactions."""
    if network.delayed_reactions:
        raise DeclarationError(f"the network has delayed reactions ({network.delayed_reactions[0]}), which {what} cannot hold")


def mean_jumps(reaction: Reaction) -> dict[sp.Symbol, sp.Expr]:
    """Mean change of each species that the reaction may change, bursts included.

    >>> from symdyn.models.reaction import Burst
    >>> X, P, b = sp.symbols("X P b")
    >>> mean_jumps(Reaction({X: 1}, {P: Burst("geometric", b)}, 1))
    {X: -1, P: b}
    """
    change, bursts = reaction.change, reaction.bursts or {}
    species = dict.fromkeys((*change, *bursts))
    return {s: sp.Integer(change.get(s, 0)) + (bursts[s].mean if s in bursts else 0) for s in species}


def burst_variances(reaction: Reaction) -> dict[sp.Symbol, sp.Expr]:
    """Variance of the change of each species that is produced in bursts; bursts are independent of one another."""
    return {s: sp.expand(b.moment(2) - b.mean**2) for s, b in (reaction.bursts or {}).items()}


def jump_moment(reaction: Reaction, powers: Sequence[tuple[sp.Symbol, int]]) -> sp.Expr:
    r"""Moment :math:`\langle \prod_i S_i^{d_i} \rangle` of the changes by one firing.

    >>> from symdyn.models.reaction import Burst
    >>> X, P, b = sp.symbols("X P b")
    >>> jump_moment(Reaction({X: 1}, {P: Burst("geometric", b)}, 1), [(X, 1), (P, 2)])
    -2*b**2 - b
    """
    change, bursts = reaction.change, reaction.bursts or {}
    product: sp.Expr = sp.S.One
    for species, power in powers:
        fixed = change.get(species, 0)
        if species in bursts:
            burst = bursts[species]
            factor = sp.Add(*(comb(power, k) * fixed ** (power - k) * burst.moment(k) for k in range(power + 1)))
        else:
            factor = sp.Integer(fixed) ** power
        product = sp.expand(product * factor)
    return product
