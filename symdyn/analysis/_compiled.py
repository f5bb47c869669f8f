"""Programs compiled for one point at a time, for loops that evaluate them thousands of times."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np

from symdyn.codegen.emit_llvm import VECTOR, module_text
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.program import Program

__all__ = ["CompiledProgram"]

#: Operations above which the optimiser is left out, as its time grows faster than its gain.
LONG = 2000


class CompiledProgram:
    """A program of blocks (nothing, states, parameters) as a function of two vectors; not for several threads at once."""

    def __init__(self, program: Program) -> None:
        text = module_text((program,), 1, llvm.get_process_triple())
        key = digest("analysis", text)
        self._owner = load_object(key, compile_ir(text, quick=len(program.operations) > LONG))
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
        self._function = signature(self._owner.address(program.name))
        sizes = [max(1, len(symbols)) for _, symbols in program.blocks]
        self._count = len(program.outputs)
        # a single lane stores its outputs in full vectors
        self._blocks = [np.zeros(n) for n in (*sizes, -(-self._count // VECTOR) * VECTOR)]
        self._addresses = [block.ctypes.data for block in self._blocks]

    def __call__(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        self._blocks[1][: x.size] = x
        self._blocks[2][: p.size] = p
        self._function(*self._addresses)
        return self._blocks[3][: self._count].copy()
