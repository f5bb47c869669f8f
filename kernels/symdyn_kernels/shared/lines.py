"""Lines of cells across the walls of a grid, in the layout of `symdyn_kernels.stencils`."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import shared
from symdyn_kernels.stencils.layout import G0, G1, N1, PAD, S0, S

__all__ = ["line"]


@shared
def line(T, axis, r):
    """Of line r across a wall: where its first cell is, how far apart cells are, and its place among the values there."""
    if axis == 2:
        i, j = r // T[N1], r % T[N1]
        return (T[G0] + i) * T[S0] + (T[G1] + j) * T[S] + PAD, 1, i * ((T[N1] + 7) // 8 * 8) + j
    if axis == 1:
        return (T[G0] + r) * T[S0] + T[G1] * T[S], T[S], r * T[S]
    return T[G0] * T[S0] + r * T[S], T[S0], r * T[S]
