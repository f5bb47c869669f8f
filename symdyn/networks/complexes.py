"""Complexes, linkage classes and the deficiency of a network, and the deficiency zero theorem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdyn.derive.jumps import refuse_delays
from symdyn.errors import DeclarationError
from symdyn.models.reaction import complex_text
from symdyn.models.reactions import ReactionNetwork
from symdyn.networks._integers import rank

__all__ = ["Complex", "Structure", "structure"]

#: Arrows that `repr` shows.
SHOWN = 20
#: Molecule numbers of one side of a reaction, in the order of the species.
Complex = tuple[tuple[sp.Symbol, int], ...]


@dataclass(frozen=True, repr=False)
class Structure:
    """The graph of complexes of a network; `structure` makes it.

    Attributes
    ----------
    complexes : tuple of Complex
        Distinct sides of reactions, in the order of their appearance.
    arrows : tuple of (int, int)
        From complex to complex, one for each reaction.
    rank : int
        Of the stoichiometry matrix.
    linkage_classes : tuple of tuple of int
        Connected components of the graph.
    strong_classes : tuple of tuple of int
        Strongly connected components.
    terminal_classes : tuple of tuple of int
        Those strong classes that no arrow leaves.

    References
    ----------
    Feinberg, Chem. Eng. Sci. 42, 2229 (1987).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ReactionNetwork.from_text("A -> 2 B, 1; 2 B -> C, 1; C -> A, 1").structure()
    Structure: 3 complexes, 1 linkage class, rank 2, deficiency 0, weakly reversible
        A -> 2 B
        2 B -> C
        C -> A
    """

    complexes: tuple[Complex, ...]
    arrows: tuple[tuple[int, int], ...]
    rank: int
    linkage_classes: tuple[tuple[int, ...], ...]
    strong_classes: tuple[tuple[int, ...], ...]
    terminal_classes: tuple[tuple[int, ...], ...]

    @property
    def deficiency(self) -> int:
        r"""Complexes minus linkage classes minus rank."""
        return len(self.complexes) - len(self.linkage_classes) - self.rank

    @property
    def reversible(self) -> bool:
        """Whether every arrow has its opposite."""
        return all((j, i) in self.arrows for i, j in self.arrows)

    @property
    def weakly_reversible(self) -> bool:
        """Whether every linkage class is strongly connected."""
        return len(self.strong_classes) == len(self.linkage_classes)

    @property
    def conclusion(self) -> str:
        """The conclusion of the deficiency zero theorem, in a sentence; for mass action only."""
        if self.deficiency:
            return f"deficiency {self.deficiency}: the deficiency zero theorem does not apply"
        if self.weakly_reversible:
            return (
                "deficiency 0 and weakly reversible: with mass action one stable positive equilibrium in each compatibility "
                "class, and a stationary distribution that is a product of Poisson distributions, for all rates"
            )
        return "deficiency 0, not weakly reversible: with mass action no positive equilibrium and no sustained oscillation"

    def text(self, number: int) -> str:
        """A complex as text, such as ``2 X + Y``.

        Parameters
        ----------
        number : int
            Index in `complexes`.

        Returns
        -------
        str

        Raises
        ------
        DeclarationError
            If there is no such complex.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ReactionNetwork.from_text("2 X + Y -> 3 X, 1").structure().text(0)
        '2 X + Y'
        """
        if number not in range(len(self.complexes)):
            raise DeclarationError(f"there is no complex {number!r}; the complexes are 0 to {len(self.complexes) - 1}")
        return complex_text(dict(self.complexes[number]))

    def __str__(self) -> str:
        complexes, classes = len(self.complexes), len(self.linkage_classes)
        facts = (
            f"{complexes} complex{'es' * (complexes != 1)}, {classes} linkage class{'es' * (classes != 1)}, rank {self.rank}"
        )
        return f"{facts}, deficiency {self.deficiency}{', weakly reversible' * self.weakly_reversible}"

    def __repr__(self) -> str:
        lines = [f"Structure: {self}", *(f"    {self.text(i)} -> {self.text(j)}" for i, j in self.arrows[:SHOWN])]
        more = len(self.arrows) - SHOWN
        return "\n".join(lines + [f"    ... {more} more arrows"] * (more > 0))


def structure(network: ReactionNetwork) -> Structure:
    r"""The complexes of a network and the reactions between them.

    The deficiency is :math:`\delta = n - \ell - \operatorname{rank} S` with n complexes and :math:`\ell` linkage classes.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    Structure

    Raises
    ------
    DeclarationError
        If a reaction has a burst: it stands for infinitely many complexes.

    References
    ----------
    Feinberg, Chem. Eng. Sci. 42, 2229 (1987); for stationary distributions Anderson, Craciun, Kurtz, Bull. Math. Biol. 72,
    1947 (2010).

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("A <-> 2 A, k1, k2; A + B <-> C, k3, k4; C <-> B, k5, k6")
    >>> found = net.structure()
    >>> len(found.complexes), len(found.linkage_classes), found.rank, found.deficiency, found.weakly_reversible
    (5, 2, 2, 1, True)
    """
    bursty = next((r for r in network.reactions if r.bursts), None)
    if bursty is not None:
        raise DeclarationError(f"the reaction {bursty} has a burst; deficiency is defined for fixed stoichiometry")
    refuse_delays(network, "the theory of deficiency")
    order = {s: i for i, s in enumerate(network.states)}
    numbers: dict[Complex, int] = {}
    arrows = []
    for r in network.reactions:
        sides = (tuple(sorted(side.items(), key=lambda c: order[c[0]])) for side in (r.reactants, r.products))
        start, end = (numbers.setdefault(side, len(numbers)) for side in sides)
        if start != end:
            arrows.append((start, end))
    used = sorted({i for arrow in arrows for i in arrow})
    renumber = {old: new for new, old in enumerate(used)}
    complexes = tuple(c for c, i in numbers.items() if i in renumber)
    edges = tuple((renumber[i], renumber[j]) for i, j in arrows)
    size = len(complexes)
    both = [*edges, *((j, i) for i, j in edges)]
    strong = _strong(size, edges)
    home = {i: members for members in strong for i in members}
    left = {home[i] for i, j in edges if home[i] != home[j]}
    return Structure(
        complexes,
        edges,
        rank(network.changes.tolist()),
        _strong(size, both),
        strong,
        tuple(members for members in strong if members not in left),
    )


def deficiency(network: ReactionNetwork) -> int:
    r"""The deficiency of a network, :math:`\delta = n - \ell - \operatorname{rank} S`.

    Here n is the number of complexes, :math:`\ell` that of linkage classes and S the stoichiometry matrix; see `structure`.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    int
        Dimensionless, from 0.

    Raises
    ------
    DeclarationError
        If a reaction has a burst: it stands for infinitely many complexes.

    References
    ----------
    Feinberg, Chem. Eng. Sci. 42, 2229 (1987).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.networks.deficiency(sd.ReactionNetwork.from_text("A -> 2 A, 1; A + B -> 2 B, 1; B -> 0, 1"))  # 6 - 3 - 2
    1
    """
    return structure(network).deficiency


def _strong(size: int, edges: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Strongly connected components, by reachability from each node and back (Kosaraju), sorted by first member."""
    ahead: list[list[int]] = [[] for _ in range(size)]
    back: list[list[int]] = [[] for _ in range(size)]
    for i, j in edges:
        ahead[i].append(j)
        back[j].append(i)
    finished: list[int] = []
    visited: set[int] = set()
    for root in range(size):
        _walk(root, ahead, visited, finished)
    visited.clear()
    classes = []
    for root in reversed(finished):
        members: list[int] = []
        _walk(root, back, visited, members)
        if members:
            classes.append(tuple(sorted(members)))
    return tuple(sorted(classes))


def _walk(root: int, neighbours: list[list[int]], visited: set[int], finished: list[int]) -> None:
    """Depth-first search from `root`; `finished` lists nodes in post-order."""
    if root in visited:
        return
    visited.add(root)
    stack = [(root, iter(neighbours[root]))]
    while stack:
        node, rest = stack[-1]
        following = next((n for n in rest if n not in visited), None)
        if following is None:
            finished.append(node)
            stack.pop()
        else:
            visited.add(following)
            stack.append((following, iter(neighbours[following])))
