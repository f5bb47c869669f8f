"""Systems to kernels: straight-line programs, their printers for LLVM, numba, JAX and CUDA, and the families of methods.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.codegen.kernel import compile
    from symdyn.codegen.kernel_base import Kernel

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "kernel": ("compile",),
        "kernel_base": ("Kernel",),
    },
)
