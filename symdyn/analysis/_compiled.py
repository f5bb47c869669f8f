"""Programs compiled for one point, or for many at a time, for loops that evaluate them thousands of times."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from symdyn.codegen.emit_llvm import VECTOR, module_text
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.program import Program

__all__ = ["CompiledBatch", "CompiledProgram"]

#: Points that a batch evaluates in one call, and the alignment of vectors in bytes.
LANES, ALIGNED = 128, 64

#: Operations above which the optimiser is left out, as its time grows faster than its gain.
LONG = 2000


class CompiledProgram:
    """A program of blocks (nothing, states, parameters) as a function of two vectors; not for several threads at once."""

    def __init__(self, program: Program) -> None:
        self._owner, self._function = _loaded(program, 1)
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
        self._owner, self._function = _loaded(program, LANES)
        self._count = len(program.outputs)

    def __call__(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Outputs (N, k) at states (N, n) and parameters (N, m)."""
        calls = -(-len(x) // LANES)
        states, parameters = _in_lanes(x, calls), _in_lanes(p, calls)
        found = _aligned((calls, self._count, LANES))
        addresses = [block.ctypes.data for block in (states, parameters, found)]
        steps = [block.strides[0] for block in (states, parameters, found)]
        for k in range(calls):
            self._function(0, *(a + k * s for a, s in zip(addresses, steps, strict=True)))
        return found.transpose(0, 2, 1).reshape(-1, self._count)[: len(x)]


def _loaded(program: Program, lanes: int) -> tuple[Any, Any]:
    """What owns the machine code of a program, and the function."""
    text = module_text((program,), lanes, llvm.get_process_triple())
    owner = load_object(digest("analysis", text), compile_ir(text, quick=len(program.operations) > LONG))
    return owner, ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(owner.address(program.name))


def _in_lanes(values: np.ndarray, calls: int) -> np.ndarray:
    """Rows (N, n) as blocks (calls, n, lanes); the last row fills what is left."""
    found = _aligned((calls, max(1, values.shape[1]), LANES))
    padded = np.concatenate([values, np.broadcast_to(values[-1:], (calls * LANES - len(values), values.shape[1]))])
    found[:, : values.shape[1]] = padded.reshape(calls, LANES, -1).transpose(0, 2, 1)
    return found


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An array whose beginning is aligned for vectors."""
    count = int(np.prod(shape))
    raw = np.empty(count + ALIGNED // 8)
    skip = -raw.ctypes.data % ALIGNED // 8
    return raw[skip : skip + count].reshape(shape)
