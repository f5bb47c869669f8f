"""Propensities of a network as kernels use them: guarded, split into what varies and what does not, and sorted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.codegen.hoist import Hoisting
from symdyn.models.reaction import Burst
from symdyn.models.reactions import ReactionNetwork

__all__ = ["LoweredPropensity", "hoisted_propensities", "order_of_reactions"]

#: Reactions up to which they are sorted: it takes the square of their number.
SORTED = 200


@dataclass(frozen=True)
class LoweredPropensity:
    """One reaction as a kernel sees it.

    Attributes
    ----------
    value : Expr
        The propensity, in which parts that depend on parameters alone are symbols.
    needs : dict of Symbol to int
        Numbers of molecules below which the propensity is set to 0, because the reaction would make them negative.
    rate : Expr or None
        With a rate constant of parameters alone the propensity of the fewest molecules that react, which tells sign and
        finiteness of all others; None where the propensity has to be monitored.
    change : dict of Symbol to int
    bursts : dict of Symbol to Burst
    """

    value: sp.Expr
    needs: dict[sp.Symbol, int]
    rate: sp.Expr | None
    change: dict[sp.Symbol, int]
    bursts: dict[sp.Symbol, Burst]


def hoisted_propensities(network: ReactionNetwork, hoisting: Hoisting) -> list[LoweredPropensity]:
    """The reactions of a network in its order.

    The propensity of a mass-action reaction is 0 by itself where there are too few molecules: n (n-1) at n = 0 and 1.
    Any other propensity gets a guard, unless it is found to vanish wherever the reaction is not possible.
    """
    varying = hoisting.varying
    found = []
    for reaction, value in zip(network.reactions, network.propensities, strict=True):
        lost = {s: -d for s, d in reaction.change.items() if d < 0}
        needs = {} if reaction.mass_action else {s: k for s, k in lost.items() if not _vanishes(value, s, k)}
        constant = reaction.mass_action and not reaction.rate.free_symbols & varying
        found.append(
            LoweredPropensity(
                hoisting.expression(value),
                needs,
                value.xreplace({s: sp.Integer(k) for s, k in reaction.reactants.items()}) if constant else None,
                reaction.change,
                dict(reaction.bursts or {}),
            )
        )
    return found


def _vanishes(value: sp.Expr, species: sp.Symbol, needed: int) -> bool:
    """Whether `value` is 0 for each number of molecules below `needed`."""
    return needed < 5 and all(value.xreplace({species: sp.Integer(k)}) == 0 for k in range(needed))


def order_of_reactions(changes: np.ndarray) -> list[int]:
    """An order in which neighbours change as much the same as possible, found step by step from the first.

    Where the changes of neighbours differ, the event program has an operation.  Of many reactions the order is kept.

    >>> order_of_reactions(np.array([[1, 0, -1, 0], [0, 1, 0, -1]]))
    [0, 2, 1, 3]
    """
    if changes.shape[1] > SORTED:
        return list(range(changes.shape[1]))
    left = list(range(1, changes.shape[1]))
    order = [0]
    while left:
        here = changes[:, order[-1]]
        order.append(min(left, key=lambda j: (np.count_nonzero(changes[:, j] != here), j)))
        left.remove(order[-1])
    return order
