"""What kernels take of a card: registers, local memory, spills, and how many threads run side by side."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import symdyn as sd
from benchmarks.cuda.capacity import Capacity
from benchmarks.cuda.equality import cases
from benchmarks.harness import attempt
from examples.lorenz_gpu import LORENZ, RUNS
from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.join import arguments
from symdyn.codegen.cuda.kernel import CudaKernel
from symdyn.system import System

__all__ = ["occupancy"]


def _taken(system: System, method: str, precision: str, capacity: Capacity) -> dict[str, Any]:
    """Of one kernel on this card by numba's own functions, and its spills on sm_90 by the assembler."""
    kernel = cast(CudaKernel, sd.compile(system, method=method, target="cuda", precision=precision))
    compiled = toolchain.cuda.jit(f"void({arguments(precision)})")(kernel.module.run)
    (code,) = compiled.overloads.values()
    blocks = code.max_cooperative_grid_blocks(toolchain.BLOCK) // capacity.multiprocessors
    spills, note = attempt(lambda: kernel.resources.spilled_bytes)
    return {
        "registers": code.regs_per_thread,
        "local memory, bytes": code.local_mem_per_thread,
        "spilled on sm_90, bytes": note or spills,
        "occupancy": blocks * toolchain.BLOCK / capacity.threads,
    }


def occupancy(capacity: Capacity) -> list[dict[str, Any]]:
    """Lorenz by every adaptive method and in both precisions, and one kernel of each family."""
    made: list[tuple[str, System, str, str]] = []
    for method in ("rk4", "tsit5", "dop853", "rodas5p"):
        for precision in RUNS if method in {"rk4", "tsit5"} else ("float64",):
            made.append((f"Lorenz {method}", LORENZ, method, precision))
    made += [(case.name, case.system, case.method, "float64") for case in cases(quick=True)]
    rows = []
    for name, system, method, precision in made:
        found, note = attempt(partial(_taken, system, method, precision, capacity))
        rows.append({"kernel": name, "precision": precision} | ({"note": note} if note else found))
    return rows
