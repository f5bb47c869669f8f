r"""Van Kampen's system-size expansion to any order, by one recursion over moments of the fluctuations."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb, prod

import sympy as sp

from symdyn.derive._expansion import ExpandedPropensity, Index, bounded, index_of
from symdyn.models.reactions import ReactionNetwork

__all__ = ["Fluctuations"]


class Fluctuations:
    r"""Equations of the moments of the fluctuations :math:`\eta = n - \bar n`, level by level.

    About the solution :math:`\bar n` of the rate equations, which is of order V, the fluctuations are of order
    :math:`V^{1/2}` and :math:`\langle \eta^i \rangle = \sum_k [\eta^i]_k` with :math:`[\eta^i]_k \sim V^{(|i| - k)/2}`.  With
    the expansion :math:`a_r = \sum_{c, l} A_{r, c, l}\, \eta^l` in the inverse volume (c) and about :math:`\bar n` (l),

    .. math:: \frac{\mathrm d}{\mathrm dt} [\eta^i]_k = \sum_r \sum_{0 < d \le i} \binom{i}{d} \langle S_r^d \rangle
              \sum_{c, l} A_{r, c, l}\, [\eta^{i - d + l}]_{k + 2 - 2 c - |l| - |d|}

    without the term c = l = 0, |d| = 1, which is the rate equation.  Levels on the right are never higher, so each
    closes on those before it.  Level 0 is Gaussian; levels k with |i| + k odd vanish.

    Attributes
    ----------
    equations : dict of Symbol to Expr
        Right-hand sides, in the order of their discovery: means, covariances, corrections.
    covariances : dict of Symbol to index
        The covariances of level 0.
    """

    def __init__(self, network: ReactionNetwork) -> None:
        self.network = network
        self.means = tuple(sp.Symbol(f"E[{s}]") for s in network.states)
        self.equations: dict[sp.Symbol, sp.Expr] = {}
        at_mean = dict(zip(network.states, self.means, strict=True))
        propensities = [ExpandedPropensity(network, r, at_mean) for r in range(len(network.reactions))]
        numbers = range(len(self.means))
        self._movers = [[a for a in propensities if i in a.moved] for i in numbers]
        self._symbols: dict[tuple[Index, int], sp.Symbol] = {}
        self._normal: dict[Index, sp.Expr] = {}
        self._waiting: list[tuple[Index, int]] = []
        for i in numbers:
            terms = [sp.Mul(a.jump(((i, 1),)), value) for a in self._movers[i] for _, value in a.taylor(0, 0)]
            self.equations[self.means[i]] = sp.Add(*terms)
        for pair in combinations_with_replacement(numbers, 2):
            self.moment(index_of(pair), 0)
        self.covariances = {s: index for (index, _), s in self._symbols.items()}
        self.settle()

    def moment(self, index: Index, level: int) -> sp.Expr:
        r""":math:`[\eta^i]_k` as a symbol, a number or, at level 0, by the Gaussian moments of order 2."""
        order = sum(power for _, power in index)
        if level < 0 or (order + level) % 2 or order == 0:
            return sp.S.One if order == level == 0 else sp.S.Zero
        if level == 0 and order > 2:
            if index not in self._normal:
                self._normal[index] = self._gaussian(index)
            return self._normal[index]
        key = index, level
        if key not in self._symbols:
            name = "*".join(f"{self.network.states[i]}" + (f"^{p}" if p > 1 else "") for i, p in index)
            self._symbols[key] = sp.Symbol(f"D{level}[{name}]" if level else f"M[{name}]")
            self._waiting.append(key)
        return self._symbols[key]

    def settle(self) -> None:
        """Derive the equations of all requested moments and of those on which they depend."""
        while self._waiting:
            key = self._waiting.pop(0)
            self.equations[self._symbols[key]] = sp.Add(*self._rates_of_change(*key))

    def _gaussian(self, index: Index) -> sp.Expr:
        """Isserlis' theorem: pairings of the first factor with each of the others."""
        numbers = [i for i, power in index for _ in range(power)]
        first, others = numbers[0], numbers[1:]
        terms = []
        for k in dict.fromkeys(others):
            rest = list(others)
            rest.remove(k)
            pair = self.moment(index_of((min(first, k), max(first, k))), 0)
            terms.append(others.count(k) * pair * self.moment(index_of(tuple(rest)), 0))
        return sp.expand(sp.Add(*terms))

    def _rates_of_change(self, index: Index, level: int) -> list[sp.Expr]:
        terms: list[sp.Expr] = []
        powers = dict(index)
        for a in dict.fromkeys(a for i in powers for a in self._movers[i]):
            for taken in bounded(tuple((i, p) for i, p in index if i in a.moved), level + 2):
                size = sum(p for _, p in taken)
                factor = prod(comb(powers[i], p) for i, p in taken) * a.jump(taken)
                left = {**powers, **{i: powers[i] - p for i, p in taken}}
                for correction in range((level + 2 - size) // 2 + 1):
                    for degree in range(level + 2 - size - 2 * correction + 1):
                        if size == 1 and correction == degree == 0:
                            continue
                        rest = level + 2 - 2 * correction - degree - size
                        for more, value in a.taylor(correction, degree):
                            if (met := self.moment(_joined(left, more), rest)) != 0:
                                terms.append(sp.Mul(factor, value, met))
        return terms


def _joined(left: dict[int, int], more: Index) -> Index:
    total = dict(left)
    for i, power in more:
        total[i] = total.get(i, 0) + power
    return tuple((i, power) for i, power in sorted(total.items()) if power)
