"""Steps as cells of the tree of a Brownian path: their depth, and which one follows another."""

from __future__ import annotations

import numpy as np

from symdyn_kernels.constants.brownian import DEPTHS, ROOT
from symdyn_kernels.shared._scalars import i64, shared

__all__ = ["RUNNING", "cell_after", "cell_length", "depth_below", "shifted"]

#: Of a trajectory that goes on.
RUNNING = 0
#: Beyond any depth, where no step is short enough.
_TOO_DEEP = 100000


@shared
def shifted(index, by):
    """``index / 2^by``, rounded down, for any `by` from 0."""
    return index >> (by if by < 62 else 62)


@shared
def cell_length(depth):
    """``2^(ROOT - depth)``, by its exponent in the bits of a double."""
    return np.int64((1023 + ROOT - i64(depth)) << 52).view(np.float64)


@shared
def depth_below(ratio, power):
    """The least depth at which ``ratio h^power <= 1``, from the binary exponent of the ratio; -1 if that is no number.

    With ``ratio < 2^e`` the length ``2^-ceil(e/power)`` is short enough: exponents alone decide, so that depths are the same
    wherever the ratio was computed.
    """
    if not ratio >= 0.0:
        return i64(-1)
    if ratio == 0.0:
        return i64(0)
    if ratio > 1.0e300:
        return i64(_TOO_DEEP)
    exponent = (i64(np.float64(ratio).view(np.int64)) >> 52) - 1022
    return i64(max(0, ROOT - (-exponent) // i64(power)))


@shared
def cell_after(depth, index, wanted):
    """Depth and index of the cell after another, as near to `wanted` as its beginning permits, and whether there is one."""
    index = index + 1
    if index == 0:
        depth = wanted
    while depth > wanted and index & 1 == 0:
        index = index >> 1
        depth = depth - 1
    fits = True
    while depth < wanted and fits:
        index = index << 1
        depth = depth + 1
        fits = index < 4503599627370496 and depth < DEPTHS
    return depth, index, fits and depth < DEPTHS
