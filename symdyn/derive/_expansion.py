r"""Propensities as series: in the inverse volume, and about the solution of the rate equations.

With a marker :math:`\varepsilon` that counts powers of the inverse volume, :math:`\varepsilon\, a(n/\varepsilon, V/\varepsilon)
= a^{(0)} + \varepsilon\, a^{(1)} + \dots`: a falling factorial becomes :math:`n (n - \varepsilon)(n - 2 \varepsilon) \cdots`.
All quantities are in molecule numbers, so that networks without a volume can be expanded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement
from math import factorial

import sympy as sp

from symdyn.declaration import derivative
from symdyn.derive.jumps import jump_moment
from symdyn.models.reactions import ReactionNetwork

__all__ = ["ExpandedPropensity", "Index", "bounded", "index_of"]

#: Powers of species, (species number, power) pairs sorted by number, powers of 1 and more.
Index = tuple[tuple[int, int], ...]


def index_of(numbers: tuple[int, ...]) -> Index:
    """Powers from numbers of species with repetition.

    >>> index_of((0, 2, 2))
    ((0, 1), (2, 2))
    """
    return tuple((i, numbers.count(i)) for i in sorted(set(numbers)))


def bounded(index: Index, largest: int) -> Iterator[Index]:
    """Every index d with 1 <= |d| <= `largest` that is nowhere above `index`."""
    pool = [i for i, power in index for _ in range(power)]
    for size in range(1, min(largest, len(pool)) + 1):
        yield from dict.fromkeys(index_of(c) for c in combinations_with_replacement(sorted(set(pool)), size) if _below(c, pool))


def _below(chosen: tuple[int, ...], pool: list[int]) -> bool:
    return all(chosen.count(i) <= pool.count(i) for i in set(chosen))


class ExpandedPropensity:
    """The propensity of one reaction, with its Taylor coefficients about the macroscopic state.

    Parameters
    ----------
    network : ReactionNetwork
    reaction : Reaction
    number : int
        Which reaction.
    mean : mapping of Symbol to Symbol
        From species to the names of their means, in which coefficients are given.
    """

    def __init__(self, network: ReactionNetwork, number: int, mean: Mapping[sp.Symbol, sp.Symbol]) -> None:
        self.reaction = network.reactions[number]
        self._states = network.states
        self._volume = network.volume
        self._rate = network.propensities[number]
        self._mean = mean
        self._orders: list[sp.Expr] = [network.macroscopic[number]]
        self._coefficients: dict[tuple[int, Index], sp.Expr] = {}
        self._taylor: dict[tuple[int, int], list[tuple[Index, sp.Expr]]] = {}
        self._jumps: dict[Index, sp.Expr] = {}
        self._species = tuple(i for i, s in enumerate(self._states) if s in self._rate.free_symbols)
        self.moved = frozenset(self._states.index(s) for s in (*self.reaction.change, *(self.reaction.bursts or {})))

    def jump(self, index: Index) -> sp.Expr:
        r""":math:`\langle S^d \rangle`, the moment of the changes by one firing."""
        if index not in self._jumps:
            self._jumps[index] = jump_moment(self.reaction, [(self._states[i], p) for i, p in index])
        return self._jumps[index]

    def corrections(self, order: int) -> sp.Expr:
        r""":math:`a^{(c)}`, the part of relative order :math:`V^{-c}`."""
        while len(self._orders) <= order:
            self._orders.append(self._correction(len(self._orders)))
        return self._orders[order]

    def _correction(self, order: int) -> sp.Expr:
        if self._rate == self._orders[0]:
            return sp.S.Zero
        marker = sp.Dummy("epsilon")
        if self.reaction.mass_action:
            ways = [(s, i) for s, k in self.reaction.reactants.items() for i in range(k)]
            common = self._rate / sp.Mul(*(s - i for s, i in ways))  # the rate constant and powers of the volume
            return common * sp.expand(sp.Mul(*(s - i * marker for s, i in ways))).coeff(marker, order)
        scaled = self._rate.xreplace({s: s / marker for s in (*self._states, self._volume)})
        parts = [sp.Poly(part, marker) for part in sp.fraction(sp.cancel(sp.together(scaled)))]
        top, bottom = (part.quo(sp.Poly(marker ** min(m[0] for m in part.monoms()), marker)).as_expr() for part in parts)
        return (top / bottom).diff(marker, order).xreplace({marker: sp.S.Zero}) / factorial(order)

    def coefficient(self, order: int, index: Index) -> sp.Expr:
        r""":math:`\partial^l a^{(c)} / l!`, in the numbers of molecules."""
        key = order, index
        if key not in self._coefficients:
            if not index:
                self._coefficients[key] = self.corrections(order)
            else:
                (i, power), rest = index[-1], index[:-1]
                lower = rest if power == 1 else (*rest, (i, power - 1))
                slope = derivative(self.coefficient(order, lower), self._states[i])
                self._coefficients[key] = slope / power
        return self._coefficients[key]

    def taylor(self, order: int, degree: int) -> list[tuple[Index, sp.Expr]]:
        """Every nonzero coefficient of total degree `degree` of the correction `order`, at the macroscopic state."""
        key = order, degree
        if key not in self._taylor:
            every = (index_of(numbers) for numbers in combinations_with_replacement(self._species, degree))
            values = ((index, self.coefficient(order, index).xreplace(self._mean)) for index in every)
            self._taylor[key] = [(index, value) for index, value in values if value != 0]
        return self._taylor[key]
