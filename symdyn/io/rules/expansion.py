"""The reaction network that rules generate: which complexes arise from those of the start, and by which reactions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io.rules.patterns import Agent, Bond, Complex, Molecule, Pattern, connected, embeddings

__all__ = ["Generated", "Rule", "complex_of", "count", "generated"]


#: Orders of like molecules in one rule; ways of rules for each reaction that is allowed.
MOST_ALIKE, MOST_WAYS = 5040, 100


@dataclass(frozen=True)
class Rule:
    """A rule in one direction.

    Attributes
    ----------
    name : str
    reactants, products : tuple of Pattern
        Molecules of the same monomer and sites stand for each other in their order.
    rate : Expr
        Of each way to apply the rule.
    delete_molecules : bool
        Whether what is left of a complex of which molecules vanish stays.
    """

    name: str
    reactants: tuple[Pattern, ...]
    products: tuple[Pattern, ...]
    rate: sp.Expr
    delete_molecules: bool = False


@dataclass(frozen=True)
class Generated:
    """A reaction that a rule generates: places of complexes, in ascending order, and how many ways of the rule lead there.

    Ways differ by the molecules that change; where only those differ that stay as they are, or that vanish with the same
    complex, it is one way, and so it is where molecules of the rule are alike.
    """

    rule: Rule
    reactants: tuple[int, ...]
    products: tuple[int, ...]
    ways: sp.Rational


def molecule(agent: Agent, monomers: Mapping[str, Mapping[str, Sequence[str]]], where: str) -> Molecule:
    """The molecule that an agent is, whose sites are all given; without its bonds.

    Raises
    ------
    DeclarationError
        If the state or the bond of a site is open.
    """
    sites: list[tuple[str, str, tuple[int, str] | None]] = []
    for name, states in monomers[agent.monomer].items():
        state, bond = agent.sites.get(name, ("", Bond.EITHER))
        if states and not state:
            raise DeclarationError(f"{where}: {agent.monomer} needs a state of its site {name}: {', '.join(map(repr, states))}")
        if bond is not Bond.FREE and not isinstance(bond, int):
            raise DeclarationError(f"{where}: {agent.monomer} needs a bond of its site {name}, a number or None for no bond")
        sites.append((name, state, None))
    return Molecule(agent.monomer, agent.home, tuple(sites))


def complex_of(pattern: Pattern, monomers: Mapping[str, Mapping[str, Sequence[str]]], where: str) -> Complex:
    """The complex that a pattern is which leaves nothing open.

    Raises
    ------
    DeclarationError
        If something is open, or the molecules are not connected.
    """
    ends = {a: b for pair in map(tuple, _bonds(list(enumerate(pattern)), [pattern])) for a, b in (pair, pair[::-1])}
    bare = [molecule(agent, monomers, where) for agent in pattern]
    found = connected([replace(m, sites=tuple((n, s, ends.get((k, n))) for n, s, _ in m.sites)) for k, m in enumerate(bare)])
    if len(found) != 1:
        raise DeclarationError(f"{where}: its molecules are {len(found)} complexes; bonds of equal numbers connect them")
    return found[0][0]


def count(pattern: Pattern, found: Complex) -> int:
    """How often a pattern fits."""
    return sum(1 for _ in embeddings(pattern, found))


def _bonds(agents: Sequence[tuple[int, Agent]], patterns: Sequence[Pattern]) -> set[frozenset[tuple[int, str]]]:
    """Bonds with numbers, between agents of all patterns, counted on."""
    found: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for (k, agent), (p, _) in zip(agents, ((p, a) for p, pattern in enumerate(patterns) for a in pattern), strict=True):
        for site, (_, bond) in agent.sites.items():
            if isinstance(bond, int):
                found.setdefault((p, bond), []).append((k, site))
    return {frozenset(pair) for pair in found.values()}


class _Change:
    """What a rule does, in places of its molecules: those of the reactants, then those that arise."""

    def __init__(self, rule: Rule, monomers: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self.rule = rule
        self.before = [a for pattern in rule.reactants for a in pattern]
        after = [a for pattern in rule.products for a in pattern]
        waiting: dict[str, list[int]] = {}
        for k, a in enumerate(self.before):
            waiting.setdefault(a.monomer, []).append(k)
        self.place: list[int] = []  # of each molecule of the products
        self.born: list[tuple[int, Agent]] = []
        for a in after:
            if there := waiting.get(a.monomer):
                alike = next((k for k in there if self.before[k].sites.keys() == a.sites.keys()), there[0])
                there.remove(alike)
                self.place.append(alike)
            else:
                self.born.append((len(self.before) + len(self.born), a))
                self.place.append(self.born[-1][0])
        self.lost = {k for rest in waiting.values() for k in rest}
        self.after = dict(zip(self.place, after, strict=True))
        old = _bonds(list(enumerate(self.before)), rule.reactants)
        new = _bonds(list(zip(self.place, after, strict=True)), rule.products)
        self.broken = {b for b in old - new if not any(k in self.lost for k, _ in b)}
        self.made = new - old
        self.old = old
        self.check()
        self.fresh = [molecule(a, monomers, f"the rule {rule.name}") for _, a in self.born]
        sizes = [len(p) for p in rule.reactants]
        self.starts = [sum(sizes[:i]) for i in range(len(sizes))]
        ends = itertools.accumulate((len(p) for p in rule.products), initial=0)
        self.targets = [self.place[a:b] for a, b in itertools.pairwise(ends)]
        # a complex vanishes with its molecules, unless the rule says that these alone do
        self.whole = [
            not rule.delete_molecules and all(s + i in self.lost for i in range(n))
            for s, n in zip(self.starts, sizes, strict=True)
        ]
        touched = {k for b in (*self.broken, *self.made) for k, _ in b} | self.lost
        touched |= {k for k, a in self.after.items() if k < len(self.before) and self.written(k, a)}
        #: Of each reactant, which of its molecules change; none of those that vanish with their complexes.
        self.centre = [
            [] if w else [i for i in range(n) if s + i in touched]
            for s, n, w in zip(self.starts, sizes, self.whole, strict=True)
        ]
        self.alike = sp.Integer(self.symmetries())

    def written(self, k: int, after: Agent) -> bool:
        """Whether a molecule gets another state or compartment."""
        before = self.before[k]
        return after.home not in ("", before.home) or any(s and s != before.sites[n][0] for n, (s, _) in after.sites.items())

    def check(self) -> None:
        """Refuse what says too little: a site on one side alone, a bond to anything that is broken."""
        for k, a in self.after.items():
            if k >= len(self.before):
                continue
            b = self.before[k]
            if odd := set(a.sites) ^ set(b.sites):
                raise DeclarationError(
                    f"the rule {self.rule.name}: the site {min(odd)} of {a.monomer} is given on one side alone; molecules "
                    "of the same monomer stand for each other in their order"
                )
            for site, (state, bond) in a.sites.items():
                if b.sites[site][0] and not state:
                    raise DeclarationError(f"the rule {self.rule.name}: the state of the site {site} of {a.monomer} is lost")
                other = b.sites[site][1]
                if bond is not other and {bond, other} & {Bond.BOUND, Bond.EITHER}:
                    raise DeclarationError(
                        f"the rule {self.rule.name} makes or breaks a bond of the site {site} of {a.monomer} whose other end "
                        "is not given; write both ends"
                    )

    def symmetries(self) -> int:
        """In how many ways the molecules that change may change places without another rule."""
        whole = len(self.before) + len(self.born)
        group = {k: p for p, s in enumerate(self.starts) for k in range(s, s + len(self.rule.reactants[p]))}
        target = {k: p for p, places in enumerate(self.targets) for k in places}

        def label(k: int) -> object:
            sides = (self.before[k] if k < len(self.before) else None, self.after.get(k))
            return tuple(
                None if a is None else (a.monomer, a.home, tuple(sorted(
                    (n, s, "number" if isinstance(b, int) else b.value) for n, (s, b) in a.sites.items()
                )))
                for a in sides
            )  # fmt: skip

        labels = [label(k) for k in range(whole)]
        found: set[tuple[object, ...]] = set()
        tried = itertools.count()
        bonds = [{b for b in group_ if len(b) == 2} for group_ in (self.old, self.broken, self.made)]

        def keeps(image: Sequence[int]) -> bool:
            n = len(image) - 1
            for part in (group, target):
                if any((part.get(i) == part.get(n)) != (part.get(image[i]) == part.get(image[n])) for i in range(n)):
                    return False
            for kind in bonds:
                for b in kind:
                    if all(k <= n for k, _ in b) and frozenset((image[k], s) for k, s in b) not in kind:
                        return False
            return True

        def extended(image: list[int]) -> None:
            if next(tried) > 10 * MOST_ALIKE or len(found) > MOST_ALIKE:
                raise DeclarationError(
                    f"the rule {self.rule.name} has more than {MOST_ALIKE} orders of molecules that are alike"
                )
            if len(image) == whole:
                found.add(tuple(
                    tuple(image[s + i] for i in c) if c else group[image[s]]
                    for s, c in zip(self.starts, self.centre, strict=True)
                ))  # fmt: skip
                return
            for k in range(whole):
                if k not in image and labels[k] == labels[len(image)] and keeps([*image, k]):
                    extended([*image, k])

        extended([])
        return len(found)

    def applied(self, complexes: Sequence[Complex], maps: Sequence[tuple[int, ...]]) -> list[Complex] | None:
        """The complexes that arise, or None where the rule does not apply."""
        soup: list[Molecule] = []
        at: list[int] = []
        gone: set[int] = set()
        for form, places, whole in zip(complexes, maps, self.whole, strict=True):
            shift = len(soup)
            at += [shift + k for k in places]
            soup += [
                replace(m, sites=tuple((n, s, None if e is None else (e[0] + shift, e[1])) for n, s, e in m.sites))
                for m in form
            ]
            if whole:
                gone |= set(range(shift, len(soup)))
        at += range(len(soup), len(soup) + len(self.fresh))
        soup += self.fresh
        gone |= {at[k] for k in self.lost}
        states = [{n: s for n, s, _ in m.sites} for m in soup]
        bonds = [{n: e for n, _, e in m.sites} for m in soup]
        homes = [m.home for m in soup]
        for b in self.broken:
            for k, n in b:
                bonds[at[k]][n] = None
        for b in self.made:
            (i, m), (j, n) = b
            bonds[at[i]][m], bonds[at[j]][n] = (at[j], n), (at[i], m)
        for k, a in self.after.items():
            homes[at[k]] = a.home or homes[at[k]]
            for n, (state, _) in a.sites.items():
                if state:
                    states[at[k]][n] = state
        left = [k for k in range(len(soup)) if k not in gone]
        number = {k: i for i, k in enumerate(left)}
        rest = [
            Molecule(
                soup[k].monomer, homes[k],
                tuple(
                    (n, states[k][n], None if e is None or e[0] in gone else (number[e[0]], e[1])) for n, e in bonds[k].items()
                ),
            )
            for k in left
        ]  # fmt: skip
        found = connected(rest)
        owner = {k: c for c, (_, members) in enumerate(found) for k in members}
        owners = [{owner[number[at[k]]] for k in places} for places in self.targets]
        kept = len(set().union(*owners))
        if any(len(o) != 1 for o in owners) or kept != len(owners):
            return None  # parts that are still held together otherwise, or are of one complex already
        if kept < len(found) and not self.rule.delete_molecules:
            return None  # a molecule that vanishes leaves parts that no product stands for
        return [form for form, _ in found]


def generated(
    start: Sequence[Complex],
    rules: Sequence[Rule],
    monomers: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    most_species: int,
    most_reactions: int,
) -> tuple[list[Complex], list[Generated]]:
    """All complexes that rules make of some, and the reactions between them, in the order in which they are found.

    Raises
    ------
    DeclarationError
        If there are more of either than is allowed, or a rule says too little.
    """
    complexes, place = list(start), {c: k for k, c in enumerate(start)}
    changes = [_Change(rule, monomers) for rule in rules]
    ways: dict[tuple[int, tuple[int, ...], tuple[int, ...]], set[tuple[object, ...]]] = {}
    fits: list[list[list[tuple[int, tuple[int, ...]]]]] = [[[] for _ in c.rule.reactants] for c in changes]

    budget = itertools.count()

    def spend() -> None:
        if next(budget) > MOST_WAYS * most_reactions:
            raise DeclarationError(
                f"patterns fit in more than {MOST_WAYS}*reactions ways, reactions={most_reactions}; raise reactions="
            )

    def react(r: int, chosen: tuple[tuple[int, tuple[int, ...]], ...]) -> None:
        spend()
        products = changes[r].applied([complexes[k] for k, _ in chosen], [m for _, m in chosen])
        if products is None:
            return
        for form in products:
            if form not in place:
                place[form] = len(complexes)
                complexes.append(form)
                if len(complexes) > most_species:
                    raise DeclarationError(f"the rules make more than species={most_species} complexes; raise species=")
        key = (r, tuple(sorted(k for k, _ in chosen)), tuple(sorted(place[form] for form in products)))
        ways.setdefault(key, set()).add(
            tuple((k, *(m[i] for i in c)) for (k, m), c in zip(chosen, changes[r].centre, strict=True))
        )
        if len(ways) > most_reactions:
            raise DeclarationError(f"the rules make more than reactions={most_reactions} reactions; raise reactions=")

    for r, change in enumerate(changes):
        if not change.rule.reactants:
            react(r, ())
    looked = 0
    while looked < len(complexes):
        for r, change in enumerate(changes):
            new: list[list[tuple[int, tuple[int, ...]]]] = []
            for pattern in change.rule.reactants:
                new.append([])
                for m in embeddings(pattern, complexes[looked]):
                    spend()
                    new[-1].append((looked, m))
            old = fits[r]
            for chosen in _with_new(old, new):
                react(r, chosen)
            for kept, added in zip(old, new, strict=True):
                kept += added
        looked += 1
    found = [Generated(rules[r], a, b, sp.Integer(len(n)) / changes[r].alike) for (r, a, b), n in ways.items()]
    return complexes, found


def _with_new(
    old: Sequence[list[tuple[int, tuple[int, ...]]]], new: Sequence[list[tuple[int, tuple[int, ...]]]]
) -> Iterator[tuple[tuple[int, tuple[int, ...]], ...]]:
    """All choices of one entry for each pattern of which one or more are new."""
    for first in range(len(new)):
        yield from itertools.product(
            *old[:first], new[first], *([*o, *n] for o, n in zip(old[first + 1 :], new[first + 1 :], strict=True))
        )
