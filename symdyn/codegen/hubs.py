"""Reactions that share a reactant: sums of their propensities without it, of which its changes need none.

Of a species that hundreds of reactions read, and of which few molecules are free, all their bounds would be computed anew
whenever one binds.  Their propensities are its number times partial ones, of which none changes with it: R. Ramaswamy,
N. Gonzalez-Segredo & I. F. Sbalzarini, J. Chem. Phys. 130, 244104 (2009).
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import sympy as sp

from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork

__all__ = ["Group", "Hubs", "hubs", "hubs_on_card"]

#: Reactions from which on those that share a reactant are a group, and how many times as many they are as those that share
#: another one of theirs: its change is one of the sums of each group, which takes longer than of one tree.
LEAST, TIMES = 32, 2
#: Reactants of a reaction that may be in a group.
REACTANTS = 3
#: What the fields of `Hubs.tables` are called on a card.
ON_CARD = {
    "HUBS": "hubs", "FIRSTS": "firsts", "ROOTS": "roots", "LOWEST": "lowest", "BEYOND": "beyond", "RUN_STARTS": "starts",
    "TOUCHED": "touched", "MEMBER_STARTS": "members", "MEMBERS": "dependents",
}  # fmt: skip


class Group(NamedTuple):
    """Reactions that share a reactant, each with one molecule of it.

    Attributes
    ----------
    hub : Symbol
        The reactant.
    first, last : int
        Their numbers in the order of `Hubs` are from `first` to before `last`.
    lowest, size : int
        The first leaf of their sum, and how many leaves it has, in a tree that has the sums of all groups side by side.
    """

    hub: sp.Symbol
    first: int
    last: int
    lowest: int
    size: int


class Hubs(NamedTuple):
    """The groups of a network.

    Attributes
    ----------
    order : list of int
        All reactions: those in no group as they are, then group by group.
    groups : list of Group
        Larger before smaller ones, so that each begins at a multiple of its size.
    leaves : int
        Of the tree of their sums.
    """

    order: list[int]
    groups: list[Group]
    leaves: int

    @property
    def first(self) -> int:
        """The number of reactions that are in no group."""
        return self.groups[0].first if self.groups else len(self.order)

    def of(self, j: int) -> sp.Symbol | None:
        """The hub of the reaction with a number in this order, or None if it is in no group."""
        return None if j < self.first else self.groups[self._group(j)].hub

    def _group(self, j: int) -> int:
        return bisect(self.groups, j, key=lambda group: group.first) - 1

    def tables(self, readers: Mapping[sp.Symbol, Sequence[int]], place: Mapping[sp.Symbol, int]) -> dict[str, Any]:
        """The fields of `symdyn_kernels.arguments.jump.Groups`, of what reads each species in this order."""
        groups, first = self.groups, self.first
        starts, touched, members, dependents = [0], [], [0], []
        for species, read in readers.items():
            inside: dict[int, list[int]] = {}
            for j in read[bisect(read, first - 1) :]:
                found = inside.setdefault(self._group(j), [])
                if self.of(j) != species:
                    found.append(j)
            for g, found in sorted(inside.items()):
                touched.append(g)
                dependents += found
                members.append(len(dependents))
            starts.append(len(touched))
        return {
            "hubs": [place[group.hub] for group in groups],
            "firsts": [first, *(group.last for group in groups)],
            "leaves": self.leaves,
            "roots": [group.lowest // group.size for group in groups],
            "lowest": [group.lowest for group in groups],
            "beyond": [(group.lowest // group.size ^ 1) * group.size for group in groups],
            "starts": [*starts, starts[-1]],
            "touched": touched,
            "members": members,
            "dependents": dependents,
        }


def hubs(network: ReactionNetwork) -> Hubs:
    """Groups of the reactions of mass action at constant rates: each with that of its reactants that most of them share.

    What no reaction changes, a catalyst, is no hub: nothing would be gained.  Conditions and events change nothing here, so
    that trajectories do not depend on whether something watches them.

    Examples
    --------
    >>> import symdyn as sd
    >>> text = "; ".join(f"H + S{i} <-> C{i}, k, 1" for i in range(40))
    >>> hubs(sd.ReactionNetwork.from_text(text)).groups
    [Group(hub=H, first=40, last=80, lowest=64, size=64)]
    """
    constant = {*network.parameters}.difference(network.inputs)
    fixed = constant.issuperset(network.volume.free_symbols)
    changed = {s for reaction in network.reactions for s in (*reaction.change, *(reaction.bursts or ()))}
    lone = [[s for s in _lone(reaction, constant) if s in changed] if fixed else [] for reaction in network.reactions]
    readers = Counter(s for species in lone for s in species)
    inside: dict[sp.Symbol, list[int]] = {}
    for j, species in enumerate(lone):
        ranked = sorted(species, key=readers.__getitem__, reverse=True)
        if ranked and all(readers[ranked[0]] >= TIMES * readers[s] for s in ranked[1:]):
            inside.setdefault(ranked[0], []).append(j)
    found = sorted(((_power(len(js)), s, js) for s, js in inside.items() if len(js) >= LEAST), key=lambda row: -row[0])
    leaves = _power(sum(size for size, *_ in found))
    grouped = {j for *_, js in found for j in js}
    order = [j for j in range(len(lone)) if j not in grouped]
    groups = []
    for (size, s, js), begin in zip(found, accumulate((size for size, *_ in found), initial=leaves), strict=False):
        groups.append(Group(s, len(order), len(order) + len(js), begin, size))
        order += js
    return Hubs(order, groups, leaves)


def hubs_on_card(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Constants of `symdyn_kernels.devices._groups` and of the tree above all, and tables, of what `Hubs.tables` made."""
    count, units = len(fields["hubs"]), fields["firsts"][0]
    leaves = max(2, _power(units + count))
    constants = {"GROUPED": count > 0, "GROUPS": count, "UNITS": units, "INNER": 2 * fields["leaves"]}
    tables = {name: fields[field] if count else [] for name, field in ON_CARD.items()}
    return {**constants, "LEAVES": leaves, "NODES": 2 * leaves}, tables


def _power(count: int) -> int:
    """The power of two that is no less."""
    return 1 << max(count - 1, 0).bit_length()


def _lone(reaction: Reaction, constant: set[sp.Symbol]) -> list[sp.Symbol]:
    """The reactants of which one molecule takes part in a reaction that may be in a group."""
    if not reaction.mass_action or reaction.bursts or reaction.delay != 0 or sum(reaction.reactants.values()) > REACTANTS:
        return []
    if reaction.rate.is_zero or not reaction.rate.free_symbols <= constant:
        return []
    return [s for s, count in reaction.reactants.items() if count == 1]
