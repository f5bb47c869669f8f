"""Stand-ins for the header of every generated kernel, which takes these names from `symdyn.codegen.cuda.toolchain`.

``real`` is the floating type of the kernel, ``real64`` double in every kernel, ``i64`` a signed integer; ``u64(x)`` is a word
of 64 bits, and every result that can leave its range goes through it.  ``floor`` and ``ceil`` give `real`; `TINY` keeps a
quotient of zeros from being no number.  `vector` says that a function changes entries of a tuple, and goes when templates are
unrolled (`symdyn.codegen.cuda.unroll`).
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["TINY", "ceil", "cuda", "floor", "i64", "math", "real", "real64", "u64", "vector"]

real = real64 = float
i64 = int
TINY = 1e-300
cuda: Any = None


def floor(x):
    return float(math.floor(x))


def ceil(x):
    return float(math.ceil(x))


def u64(x):
    return int(x) & (2**64 - 1)


def vector(entries, count):
    """Says that a function changes so many entries of a tuple, which become numbers of their own."""
