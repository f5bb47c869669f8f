r"""What drives the moments of a Markov process: rates of change of all products of increments.

.. math:: \frac{\mathrm d}{\mathrm dt} \langle h(x) \rangle
          = \sum_{l > 0} \frac{1}{l!} \left\langle A_l(x)\, \partial^l h(x) \right\rangle

For a reaction network :math:`A_l = \sum_r \langle S_r^l \rangle a_r`, for an Itô equation :math:`A_{e_j} = f_j` and
:math:`A_{e_j + e_k} = (G G^T)_{jk}`.  With these jump moments (Kramers-Moyal coefficients) both are one.

References
----------
van Kampen, Stochastic Processes in Physics and Chemistry, chapters VII and VIII.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from math import comb
from typing import Any

import sympy as sp

from symdyn.derive._polynomials import Combination, Polynomial, accumulate, combination, polynomial
from symdyn.models.moment_index import Index, add
from symdyn.models.reaction import Burst
from symdyn.system import System

__all__ = ["Channel", "JumpMoments", "channels_of", "jump_moments"]


@dataclass(frozen=True)
class Channel:
    """A reaction: its propensity, the fixed change by position of the species, and bursts likewise."""

    rate: sp.Expr
    change: Mapping[int, int]
    bursts: Mapping[int, Burst] = field(default_factory=dict)

    def moment(self, powers: Mapping[int, int]) -> Combination:
        r""":math:`\langle \prod_k S_k^{p_k} \rangle`; bursts are independent of one another."""
        total: Combination = {sp.S.One: 1}
        for k, power in powers.items():
            fixed = self.change.get(k, 0)
            if k not in self.bursts:
                total = {f: n * fixed**power for f, n in total.items()} if fixed else {}
                continue
            product: Combination = {}
            for s in range(power + 1):
                weight = comb(power, s) * fixed ** (power - s)
                for term in sp.Add.make_args(sp.expand(self.bursts[k].moment(s))):
                    for f, n in total.items():
                        accumulate(product, weight * n, combination(f * term))
            total = product
        return total


def channels_of(network: Any) -> list[Channel]:
    """The reactions of a network that change something."""
    place = {s: k for k, s in enumerate(network.states)}
    channels = [
        Channel(rate, {place[s]: d for s, d in r.change.items()}, {place[s]: b for s, b in (r.bursts or {}).items()})
        for r, rate in zip(network.reactions, network.propensities, strict=True)
    ]
    return [c for c in channels if c.change or c.bursts]


@dataclass(frozen=True)
class JumpMoments:
    r"""The functions :math:`A_l` as combinations of a few rates.

    Attributes
    ----------
    rates : tuple of Expr
    polynomials : tuple of Polynomial or None
        The rates as polynomials, None for those which are none.
    weights : dict of index to list of (Combination, int)
        Each :math:`A_l` as a sum of weights times rates, given by their number.
    """

    rates: tuple[sp.Expr, ...]
    polynomials: tuple[Polynomial | None, ...]
    weights: dict[Index, list[tuple[Combination, int]]]

    def polynomial(self, index: Index) -> Polynomial:
        """A_l where all its rates are polynomials."""
        total: Polynomial = {}
        for weight, r in self.weights.get(index, ()):
            for exponents, factors in (self.polynomials[r] or {}).items():
                into = total.setdefault(exponents, {})
                for f, n in weight.items():
                    scaled = factors if f is sp.S.One else {g * f: m for g, m in factors.items()}
                    accumulate(into, n, scaled)
        return {k: v for k, v in total.items() if v}


def jump_moments(system: System, order: int, channels: Sequence[Channel] | None = None) -> JumpMoments:
    """Jump moments up to an order; of a network, those of the channels given."""
    size = len(system.states)
    if system.propensities is None:
        return _of_diffusion(system, size)
    weights: dict[Index, list[tuple[Combination, int]]] = {}
    channels = channels_of(system) if channels is None else channels  # type: ignore[arg-type]
    for r, channel in enumerate(channels):
        moved = sorted({*channel.change, *channel.bursts})
        for total in range(1, order + 1):
            for chosen in combinations_with_replacement(moved, total):
                powers = {k: chosen.count(k) for k in dict.fromkeys(chosen)}
                if moment := channel.moment(powers):
                    index = tuple([powers.get(k, 0) for k in range(size)])
                    weights.setdefault(index, []).append((moment, r))
    return _with_polynomials(system, [c.rate for c in channels], weights)


def _of_diffusion(system: System, size: int) -> JumpMoments:
    unit = [tuple(int(j == k) for j in range(size)) for k in range(size)]
    rates = list(system.part("drift"))
    weights: dict[Index, list[tuple[Combination, int]]] = {unit[k]: [({sp.S.One: 1}, k)] for k in range(size)}
    g = sp.zeros(size, 0) if system.diffusion is None else system.diffusion
    for j in range(size):
        for k in range(j, size):
            # products of equal square roots: sqrt(a)*sqrt(a) is a, so that the moments of Langevin equations are polynomial
            product = sp.Add(*(g[j, w] * g[k, w] for w in range(g.shape[1])))
            if product != 0:
                weights[add(unit[j], unit[k])] = [({sp.S.One: 1}, len(rates))]
                rates.append(product)
    return _with_polynomials(system, rates, weights)


def _with_polynomials(system: System, rates: list[sp.Expr], weights: dict) -> JumpMoments:
    return JumpMoments(tuple(rates), tuple(polynomial(r, system.states) for r in rates), weights)
