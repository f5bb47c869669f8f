"""Differential equations of means and covariances, in whichever description of a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdyn.inference.local_moments import LocalMoments
from symdyn.models.moments import MomentSystem

__all__ = ["MomentEquations"]


@dataclass(frozen=True)
class MomentEquations:
    """Differential equations of a mean, a covariance, and what else they need.

    Attributes
    ----------
    states, sides : tuples of Symbol and of Expr
        Unknowns and their rates of change.
    mean : tuple of Symbol
        Of the species in order, among the unknowns.
    covariance : mapping of (i, j) to Symbol
        Of the upper triangle.
    higher : mapping of Symbol to Expr
        Further unknowns where the state is normal, in terms of the covariance.
    time : Symbol
    """

    states: tuple[sp.Symbol, ...]
    sides: tuple[sp.Expr, ...]
    mean: tuple[sp.Symbol, ...]
    covariance: Mapping[tuple[int, int], sp.Symbol]
    higher: Mapping[sp.Symbol, sp.Expr]
    time: sp.Symbol

    @classmethod
    def of(cls, closed: MomentSystem) -> MomentEquations:
        """Of central moments."""
        mean: dict[int, sp.Symbol] = {}
        covariance: dict[tuple[int, int], sp.Symbol] = {}
        further = {}
        for s, index in closed.indices.items():
            places = [i for i, power in enumerate(index) for _ in range(power)]
            if len(places) == 1:
                mean[places[0]] = s
            elif len(places) == 2:
                covariance[places[0], places[1]] = s
            else:
                further[s] = places
        higher = {s: _paired(places, covariance) for s, places in further.items()}
        return cls(closed.states, closed.drift, tuple(mean[i] for i in range(len(mean))), covariance, higher, closed.time)

    @classmethod
    def of_diffusion(cls, moments: LocalMoments, rates: Sequence[sp.Expr]) -> MomentEquations:
        """Of a diffusion with rates of change of its mean and covariance."""
        n = len(moments.states)
        symbols = (*moments.states, *moments.spread)
        return cls(symbols, tuple(rates), symbols[:n], dict(zip(moments.pairs, symbols[n:], strict=True)), {}, moments.time)


def _paired(places: list[int], covariance: Mapping[tuple[int, int], sp.Symbol]) -> sp.Expr:
    """The central moment of normal variables: the sum over all ways to make pairs of them (Isserlis)."""
    if not places:
        return sp.S.One
    if len(places) % 2:
        return sp.S.Zero
    first, rest = places[0], places[1:]
    pairs = (covariance.get((min(first, j), max(first, j)), sp.S.Zero) for j in rest)
    return sp.Add(*(c * _paired([*rest[:k], *rest[k + 1 :]], covariance) for k, c in enumerate(pairs)))
