"""Walls about which solutions are even."""

from __future__ import annotations

import sympy as sp

from symdyn.models.operators import AXES, NUMBERS, Operator, components
from symdyn.models.pde import PDESystem

__all__ = ["mirrored"]


def mirrored(pde: PDESystem) -> frozenset[tuple[int, int]]:
    """The walls (axis, side) about which solutions are even: no flux, and equations that do not change under reflection.

    There the ghost values are those of the mirror images, which keeps the order and conserves sums to rounding.
    """
    found = set()
    for axis in range(pde.dimension):
        if axis in pde.periodic:
            continue
        same = all(_parity(components(e, pde.dimension), axis, pde) == 1 for e in (*pde.rates, *pde.conditions))
        others = [
            c for row in pde.conditions.values() for b, pair in enumerate(row) if b != axis and pair != "periodic" for c in pair
        ]
        same = same and not any(pde.space[axis] in c.value.free_symbols for c in others)
        for side in range(2):
            if same and all(row[axis][side].reflecting for row in pde.conditions.values()):
                found.add((axis, side))
    return frozenset(found)


def _parity(e: sp.Basic, axis: int, pde: PDESystem) -> int | None:
    """1 or -1 for what is even or odd under reflection along an axis, None for what is neither."""
    if e == pde.space[axis]:
        return None
    if not e.args or isinstance(e, NUMBERS):
        return 1
    parts = {_parity(a, axis, pde) for a in e.args}
    if parts == {1}:
        return -1 if isinstance(e, AXES[axis]) else 1
    if None in parts:
        return None
    if isinstance(e, AXES[axis]):
        return 1
    if isinstance(e, Operator) or e.is_Add:
        return -1 if parts == {-1} else None
    if e.is_Mul:
        odd = sum(_parity(a, axis, pde) == -1 for a in e.args)
        return -1 if odd % 2 else 1
    if e.is_Pow and e.exp.is_Integer:
        return -1 if e.exp % 2 else 1
    return 1 if isinstance(e, sp.Abs) else None
