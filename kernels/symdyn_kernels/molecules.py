"""Validity of the numbers of molecules that an event has set, and the status of a trajectory in which they are invalid."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.options import INLINE
from symdyn_kernels.simd import ld
from symdyn_kernels.status import FRACTION, NEGATIVE, NOT_FINITE, SUCCESS

__all__ = ["impossible"]


@njit(**INLINE)
def impossible(l, W, n, y):
    """Why the states of lane `l` are no numbers of molecules, as a status; SUCCESS if they are."""
    code = SUCCESS
    for i in range(n):
        x = ld(y, i * W + l)
        if x < 0.0:
            return NEGATIVE
        if not x < np.inf:
            code = NOT_FINITE
        elif x != math.floor(x):
            code = FRACTION
    return code
