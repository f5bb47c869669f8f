"""Validity of the numbers of molecules that an event has set, and the status of a trajectory in which they are invalid."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import INLINE
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.simd import ld
from symdyn_kernels.status import SUCCESS

__all__ = ["impossible"]


@njit(**INLINE)
def impossible(l, W, n, y):
    """Why the states of lane `l` are no numbers of molecules, as a status; SUCCESS if they are."""
    code = SUCCESS
    for i in range(n):
        code = judged(ld(y, i * W + l), code)
    return code
