"""Reactions of mass action as data: the coefficient, the species that react, and those that change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sympy as sp

from symdyn.codegen.propensities import LoweredPropensity
from symdyn.models.reaction import Reaction

__all__ = ["MassAction", "mass_action"]


class MassAction(NamedTuple):
    """One reaction: the propensity is the coefficient times the product of ``x[species] - less`` over the reactants.

    Attributes
    ----------
    coefficient : Expr
        A number, or a symbol for something that parameters alone determine.
    reactants, changes : list of (int, int)
        Species and `less`, a species once for each of its molecules; species and by how much its number changes.
    """

    coefficient: sp.Expr
    reactants: list[tuple[int, int]]
    changes: list[tuple[int, int]]


def mass_action(
    reaction: Reaction, found: LoweredPropensity, place: Mapping[sp.Symbol, int], hub: sp.Symbol | None = None
) -> MassAction | None:
    """A reaction as data, or None if its rate is not of mass action and constant, or molecules come in bursts.

    The hub of its group, if it is in one, comes first among the reactants.
    """
    if found.rate is None or found.bursts:
        return None
    coefficient, _ = found.value.as_independent(*(found.value.free_symbols & place.keys()), as_Add=False)
    read = {} if coefficient == 0 else reaction.reactants  # a propensity that is 0 reads nothing, not even boxes without end
    reactants = [(place[s], k) for s, count in sorted(read.items(), key=lambda pair: pair[0] != hub) for k in range(count)]
    return MassAction(coefficient, reactants, [(place[s], d) for s, d in found.change.items()])
