"""Programs compiled for one point, or for many at a time, for loops that evaluate them thousands of times."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np

from symdyn.codegen.emit_llvm import VECTOR, module_text
from symdyn.codegen.lane_calls import lane_function, lane_values
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.program import Program

__all__ = ["CompiledBatch", "CompiledProgram"]

#: Points that a batch evaluates in one call.
LANES = 128

#: Operations above which the optimiser is left out, as its time grows faster than its gain.
LONG = 2000


class CompiledProgram:
    """A program of blocks (nothing, states, parameters) as a function of two vectors; not for several threads at once."""

    def __init__(self, program: Program) -> None:
        self._owner, address = _loaded(program, 1)
        self._function = lane_function(address)
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


class CompiledBatch:
    """The same as a function of states and parameters of any number of points, in vectors."""

    def __init__(self, program: Program) -> None:
        self._owner, self._address = _loaded(program, LANES)
        self._count = len(program.outputs)

    def __call__(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Outputs (N, k) at states (N, n) and parameters (N, m)."""
        return lane_values(self._address, LANES, (np.empty((1, 0)), x, p), self._count)


def _loaded(program: Program, lanes: int) -> tuple[Any, int]:
    """What owns the machine code of a program, and the address of the function."""
    text = module_text((program,), lanes, llvm.get_process_triple())
    owner = load_object(digest("analysis", text), compile_ir(text, quick=len(program.operations) > LONG))
    return owner, owner.address(program.name)
