"""Molecules with sites and bonds: complexes in a canonical form, patterns, and where a pattern fits into a complex."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Agent", "Bond", "Complex", "MatchedOnce", "Molecule", "Pattern", "connected", "embeddings", "named"]


class Bond(Enum):
    """What a pattern says of the bond of a site, unless it gives the bond a number."""

    FREE = "none"
    BOUND = "to anything"
    EITHER = "or none"


@dataclass(frozen=True)
class Molecule:
    """A molecule within a complex.

    Attributes
    ----------
    monomer, home : str
        What it is, and its compartment, '' where there are none.
    sites : tuple of (str, str, (int, str) or None)
        Each site in the order of the monomer: its name, its state ('' if it has none), and the molecule and site at the other
        end of its bond.
    """

    monomer: str
    home: str
    sites: tuple[tuple[str, str, tuple[int, str] | None], ...]


Complex = tuple[Molecule, ...]


@dataclass(frozen=True)
class Agent:
    """A molecule of a pattern: conditions on some of its sites.

    Attributes
    ----------
    monomer, home : str
        '' is any compartment.
    sites : mapping of str to (str, Bond or int)
        The state, '' for any, and the bond; equal numbers within a pattern are the two ends of one.
    """

    monomer: str
    sites: Mapping[str, tuple[str, Bond | int]] = field(default_factory=dict)
    home: str = ""


#: Molecules of one complex.
Pattern = tuple[Agent, ...]


class MatchedOnce(tuple[Agent, ...]):
    """A pattern that counts once in each complex, however often it fits."""

    __slots__ = ()


def connected(molecules: Sequence[Molecule]) -> list[tuple[Complex, list[int]]]:
    """The complexes that some molecules form, each in its canonical form, and which of them each holds."""
    found, seen = [], [False] * len(molecules)
    for first in range(len(molecules)):
        if seen[first]:
            continue
        members = _order(molecules, first)
        for k in members:
            seen[k] = True
        # sites are told apart by their names, so that the first molecule determines the order of all others
        form, order = min(
            ((_written(molecules, o), o) for o in (_order(molecules, k) for k in members)), key=lambda p: _key(p[0])
        )
        found.append((form, order))
    return found


def _order(molecules: Sequence[Molecule], first: int) -> list[int]:
    """The molecules that are connected with one, by breadth, bonds in the order of sites."""
    order, known = [first], {first}
    for k in order:
        for _, _, end in molecules[k].sites:
            if end is not None and end[0] not in known:
                known.add(end[0])
                order.append(end[0])
    return order


def _written(molecules: Sequence[Molecule], order: Sequence[int]) -> Complex:
    place = {k: i for i, k in enumerate(order)}
    return tuple(
        Molecule(m.monomer, m.home, tuple((n, s, None if e is None else (place[e[0]], e[1])) for n, s, e in m.sites))
        for m in (molecules[k] for k in order)
    )


def _key(form: Complex) -> tuple[object, ...]:
    return tuple((m.monomer, m.home, tuple((s, (-1, "") if e is None else e) for _, s, e in m.sites)) for m in form)


def embeddings(pattern: Pattern, found: Complex) -> Iterator[tuple[int, ...]]:
    """All ways to take the molecules of a pattern for different ones of a complex, by their places; one, if it counts once."""
    if isinstance(pattern, MatchedOnce):
        yield from itertools.islice(embeddings(tuple(pattern), found), 1)
        return
    ends: dict[int, list[tuple[int, str]]] = {}
    for i, agent in enumerate(pattern):
        for site, (_, bond) in agent.sites.items():
            if isinstance(bond, int):
                ends.setdefault(bond, []).append((i, site))
    partner = {a: b for pair in ends.values() for a, b in (pair, pair[::-1])}
    sites = [{name: (state, end) for name, state, end in m.sites} for m in found]

    def fits(i: int, k: int, places: dict[int, int]) -> bool:
        agent, molecule = pattern[i], found[k]
        if agent.monomer != molecule.monomer or (agent.home and agent.home != molecule.home):
            return False
        for name, (state, bond) in agent.sites.items():
            own, end = sites[k][name]
            if state and state != own:
                return False
            if bond is not Bond.EITHER and (end is None) != (bond is Bond.FREE):
                return False
            if isinstance(bond, int):
                j, other = partner[i, name]
                if end is None or end[1] != other or places.get(j, end[0]) != end[0]:
                    return False
        return True

    def extended(places: dict[int, int]) -> Iterator[tuple[int, ...]]:
        if len(places) == len(pattern):
            yield tuple(places[i] for i in range(len(pattern)))
            return
        linked = ((j, sites[places[i]][site][1]) for (i, site), (j, _) in partner.items() if i in places and j not in places)
        forced = next(linked, None)
        i = forced[0] if forced else next(i for i in range(len(pattern)) if i not in places)
        for k in [forced[1][0]] if forced and forced[1] else range(len(found)):
            if k not in places.values() and fits(i, k, places):
                yield from extended({**places, i: k})

    yield from extended({})


def named(form: Complex) -> str:
    """A name of a complex in letters, digits and underscores: its monomers with their states, such as ``L_R_p``."""
    return "_".join("_".join([m.monomer, *(s for _, s, _ in m.sites if s)]) for m in form)
