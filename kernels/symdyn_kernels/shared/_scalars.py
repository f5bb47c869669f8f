"""What the header of a kernel for cards defines, for the processor: numbers, and how shared functions are compiled.

``real`` is the floating type of a kernel, ``real64`` double in every kernel, ``i64`` a signed integer; ``u64(x)`` is a word of
64 bits, and every result that can leave its range goes through it.  ``floor`` gives `real`.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit

from symdyn_kernels.options import INLINE, PLAIN

__all__ = ["floor", "i64", "math", "real", "real64", "shared", "shared_inline", "u64", "vector"]

real = real64 = numba.float64
i64, u64 = numba.int64, numba.uint64
floor = np.floor
#: Compile a function for the processor; on a card it is a device function.
shared = njit(**PLAIN)
#: The same for functions that are given arrays or many numbers.  Of arrays that they return no reference is counted: a
#: function that counts references must not take them.
shared_inline = njit(**INLINE)


@shared_inline
def vector(entries, count):
    """Says that a function changes so many entries: those of an array; on a card of a tuple, as numbers of their own."""
