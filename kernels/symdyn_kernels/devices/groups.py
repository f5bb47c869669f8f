"""Groups of reactions that share a reactant, on a card: what `symdyn_kernels.rejection` does with their sums."""

from __future__ import annotations

from symdyn_kernels.devices._groups import FIRSTS, INNER, LOWEST, ROOTS, TABLE
from symdyn_kernels.devices._prelude import i64
from symdyn_kernels.shared.sums import descend


def entry(k):
    """An entry of the tables: the one place that reads them, as numba gives every place a copy."""
    return i64(TABLE[k])


def leaf_of(j, g):
    """The leaf of a reaction in the sums of its group."""
    return entry(LOWEST + g) + j - entry(FIRSTS + g)


def chosen_in(g, scale, rest, inner):
    """The reaction that the sums of a group choose, the remainder of the threshold in it, and its bound."""
    node, rest = entry(ROOTS + g), rest / scale
    while 2 * node < INNER:
        node, rest = descend(node, rest, inner)
    j = min(entry(FIRSTS + g) + node - entry(LOWEST + g), entry(FIRSTS + g + 1) - 1)
    return j, rest * scale, scale * inner[leaf_of(j, g)]
