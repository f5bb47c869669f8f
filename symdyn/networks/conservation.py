"""Conservation laws: combinations of molecule numbers that no reaction changes; and elimination of species by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.networks._integers import independent, left_null_space, semiflows

__all__ = ["ConservationLaw", "conservation_laws", "eliminate"]


@dataclass(frozen=True, repr=False)
class ConservationLaw:
    """A linear combination of molecule numbers that every reaction conserves.

    Attributes
    ----------
    coefficients : mapping of Symbol to int
        Of the species in its support.
    total : float or None
        Its value in molecules at the initial values of the network, if all of them are known.

    Examples
    --------
    >>> import symdyn as sd
    >>> law, = sd.ReactionNetwork.from_text("A -> 2 B, 1; 2 B -> A, 1; A(0)=3; B(0)=4").conservation_laws()
    >>> law, law.nonnegative  # 2 * 3 + 4
    (ConservationLaw(2*A + B = 10), True)
    """

    coefficients: Mapping[sp.Symbol, int]
    total: float | None = None

    @property
    def expression(self) -> sp.Expr:
        """The combination, such as ``E + ES``."""
        return sp.Add(*(c * s for s, c in self.coefficients.items()))

    @property
    def nonnegative(self) -> bool:
        """Whether no coefficient is negative: the numbers of its species are then bounded."""
        return all(c > 0 for c in self.coefficients.values())

    def __str__(self) -> str:
        return f"{self.expression} = {'constant' if self.total is None else f'{self.total:g}'}"

    def __repr__(self) -> str:
        return f"ConservationLaw({self})"


def conservation_laws(network: ReactionNetwork) -> tuple[ConservationLaw, ...]:
    r"""A basis of the conservation laws, :math:`y^T S = 0` with integers y.

    They are nonnegative where that is possible: extreme semiflows, the laws of smallest support, whose sums give all
    nonnegative laws.  A species that is produced in bursts, set by an event or changed by a delayed reaction in two parts is
    never conserved.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    tuple of ConservationLaw
        Linearly independent, of the smallest support first.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("S + E <-> ES, k1, k2; ES -> E + P, k3; S(0)=10; E(0)=2; ES(0)=0; P(0)=0")
    >>> print(*net.conservation_laws(), sep="; ")
    E + ES = 2; ES + P + S = 10
    """
    matrix, start = _effects(network), network.initial_numbers()
    known = sorted(semiflows(matrix) or [], key=lambda y: (sum(map(bool, y)), sum(y), [-v for v in y]))
    found = []
    for law in independent([*known, *left_null_space(matrix)]):
        coefficients = {s: c for s, c in zip(network.states, law, strict=True) if c}
        complete = all(s in start for s in coefficients)
        total = sum(c * start[s] for s, c in coefficients.items()) if complete else None
        found.append(ConservationLaw(coefficients, total))
    return tuple(found)


def _effects(network: ReactionNetwork) -> list[list[int]]:
    """Changes by each reaction, and one further column for each species whose changes are not fixed."""
    free = {s for r in network.reactions for s in (r.bursts or {})} | {s for e in network.events for s in e.assignments}
    free |= {s for r in network.delayed_reactions if r.consuming for s in r.change}  # what is under way is in no species
    rows = network.changes.tolist()
    return [[*row, *(int(s == f) for f in network.states if f in free)] for s, row in zip(network.states, rows, strict=True)]


def eliminate(network: ReactionNetwork, species: Any, total: Any = None) -> ReactionNetwork:
    """The network without a conserved species, whose number follows from the others.

    Parameters
    ----------
    network : ReactionNetwork
    species : Symbol or str
        Of the laws that contain it, that with the fewest species is used.
    total : number, Symbol or str, optional
        Value of the law in molecules, which may be a parameter; by default that of the initial values, an expression where
        these are expressions.

    Returns
    -------
    ReactionNetwork
        With the species as an observable; in rate constants and propensities it is replaced by its expression.

    Raises
    ------
    DeclarationError
        If the species is in no law, or the total is not known.

    Notes
    -----
    Propensities have the same values as before.  Where a reaction consumes two or more molecules of the eliminated species,
    their falling factorial becomes part of the rate constant, also in rate equations.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("Goff <-> Gon, a, b; Gon -> Gon + P, c")
    >>> print(eliminate(net, "Goff", total=1))
    0 -> Gon, a*(1 - Gon)
    Gon -> 0, b
    Gon -> Gon + P, c
    """
    gone = lookup(species, network.states, "species")
    laws = [law for law in conservation_laws(network) if gone in law.coefficients]
    if not laws:
        raise DeclarationError(f"{gone} is in no conservation law of this network and cannot be eliminated")
    law = min(laws, key=lambda law: len(law.coefficients))
    if len(law.coefficients) == len(network.states) == 1:
        raise DeclarationError(f"{gone} is the only species, so the network without it is empty")
    beginnings = dag.written_out({s: expression(v) for s, v in network.initial.items()}, "initial value of")
    value = law.total if total is None else total
    if total is None and any(beginnings[s].free_symbols for s in law.coefficients if s in beginnings):
        known = all(s in beginnings for s in law.coefficients)
        value = sp.Add(*(c * beginnings[s] for s, c in law.coefficients.items())) if known else None
    if value is None:
        missing = ", ".join(str(s) for s in law.coefficients if s not in network.initial)
        raise DeclarationError(f"the total of {law.expression} is not known; give total=..., or initial values of {missing}")
    amount = sp.Symbol(value) if isinstance(value, str) else sp.nsimplify(expression(value), rational=True)
    rest = sp.Add(*(c * s for s, c in law.coefficients.items() if s != gone))
    number = (amount - rest) / law.coefficients[gone]
    swap = {gone: number}
    reactions = [_without(r, gone, number, network) for r in network.reactions]
    defaults = network.numeric_defaults
    if law.total is not None and amount.is_Symbol:
        defaults.setdefault(amount, law.total)
    made = ReactionNetwork(
        reactions,
        volume=network.volume,
        combinatoric=network.combinatoric,
        initial={
            s: v.xreplace({gone: beginnings.get(gone, gone)}) if isinstance(v, sp.Expr) else v
            for s, v in network.initial.items()
            if s != gone
        },
        binary=[s for s in network.binary if s != gone],
        species=[s for s in network.states if s != gone],
        observables={**{k: v.xreplace(swap) for k, v in network.observables.items()}, gone: number},
        events=[e.mapped(lambda side: side.xreplace(swap)) for e in network.events],
        time=network.time,
        provenance=(*network.provenance, f"{gone} eliminated by {law.expression} = {amount}"),
    )
    return made.with_parameters({p: v for p, v in defaults.items() if p in made.parameters})


def _without(reaction: Reaction, gone: sp.Symbol, number: sp.Expr, network: ReactionNetwork) -> Reaction:
    """The reaction with the number of `gone` substituted in its rate; mass action in the others is retained."""
    taken = reaction.reactants.get(gone, 0)
    rate = reaction.rate.xreplace({gone: number})
    if reaction.mass_action and taken:
        repeats = factorial(taken) if network.combinatoric else 1
        rate = rate * sp.Mul(*(number - i for i in range(taken))) * network.volume ** (-taken) / repeats
    start, end = ({s: k for s, k in side.items() if s != gone} for side in (reaction.reactants, reaction.products))
    delay = reaction.delay.xreplace({gone: number})
    return Reaction(start, end, rate, reaction.mass_action, reaction.bursts, delay, reaction.consuming)
