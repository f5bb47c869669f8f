"""The lane kernel of exact simulation written for a C++ compiler: a printer for the event of a model, and its loop, lanes.cpp.

What symdyn generates through LLVM is measured against what g++ makes of the same algorithm.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import symdyn as sd
from benchmarks.harness import Unfit
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.jump_program import event_program
from symdyn.codegen.program import Program

__all__ = ["FLAGS", "make_gcc", "print_event"]

FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512")
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
         "and": "&", "or": "|"}  # fmt: skip
CALLS = ("fmin", "fmax", "fabs")
LEAF = Path(__file__).with_name("lanes.cpp")


def print_event(program: Program, lanes: int) -> str:
    """The function ``event(e, u, y, p, out)`` on vectors of eight doubles.

    Raises
    ------
    Unfit
        For operations that lanes.cpp has not.
    """
    lines = []
    for k, (op, args, value) in enumerate(program.operations):
        x = [] if op == "input" else [f"v{a}" for a in args]
        if op == "const":
            number = "INFINITY" if value == np.inf else "NAN" if np.isnan(value) else repr(value)
            text = f"splat({number})"
        elif op == "input":
            block, index = args
            text = ("e", "u")[index] if block == 0 else f"load({'yp'[block - 1]} + {index * lanes})"
        elif op in INFIX:
            text = f"{x[0]} {INFIX[op]} {x[1]}"
        elif op == "select":
            text = f"{x[0]} ? {x[1]} : {x[2]}"
        elif op in ("neg", "not"):
            text = f"{'-' if op == 'neg' else '~'}{x[0]}"
        elif op in CALLS:
            text = f"v{op}({', '.join(x)})"
        else:
            raise Unfit(f"the printer has no {op}")
        lines.append(f"    auto v{k} = {text};")
    lines += [f"    store(out + {i * lanes}, v{k});" for i, k in enumerate(program.outputs)]
    head = "static inline void event(v8 e, v8 u, const double *__restrict y, const double *__restrict p, "
    head += "double *__restrict out)"
    return "\n".join([f"{head} {{", *lines, "}"])


def make_gcc(network: sd.ReactionNetwork, lanes: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """``run(initial, parameters, times, seed)`` gives values (N, T, n) and events (N,) of the trajectories 0 to N - 1.

    Raises
    ------
    Unfit
        If there is no g++, or the network has what lanes.cpp has not.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise Unfit("there is no g++")
    made = event_program(network)
    (program,), facts = made.programs, made.facts
    if facts["bursts"] or facts["thinning"] or facts["fired"] >= 0:
        raise Unfit("the loop has no bursts, no rates that depend on time and no conditions on time")
    sizes = {"W": lanes, "N_STATES": len(network.states), "N_PARAMETERS": facts["rows"], "RESULTS": facts["results"],
             "WATCH": facts["watch"]}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "lanes.cpp", Path(folder) / "lanes.so"
        source.write_text(LEAF.read_text(encoding="utf-8").replace("EVENT", print_event(program, lanes)), encoding="utf-8")
        defined = [f"-D{name}={size}" for name, size in sizes.items()]
        command = [compiler, *FLAGS, *defined, "-shared", "-fPIC", "-o", str(library), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unfit(f"g++ failed: {done.stderr.strip().splitlines()[0]}")
        loaded = ctypes.CDLL(str(library))
    chunk = loaded.chunk
    chunk.restype = ctypes.c_int64
    setup = Program.from_json(facts["setup"])

    def run(initial: np.ndarray, parameters: np.ndarray, times: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        count = len(initial)
        rows = evaluate(setup, (), (), list(parameters.T))[: facts["rows"]]
        table = np.ascontiguousarray(np.broadcast_to(np.array(np.broadcast_arrays(*rows)).T, (count, len(rows))))
        values, steps = np.empty((count, times.size, initial.shape[1])), np.zeros(count, np.int64)
        arrays = (np.arange(count), np.ascontiguousarray(initial, float), table, np.ascontiguousarray(times, float))
        streams, initial, table, times = arrays
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (streams, initial, table, times, values, steps)]
        failed = chunk(
            ctypes.c_int64(seed), pointers[0], ctypes.c_int64(count), *pointers[1:4], ctypes.c_int64(times.size), *pointers[4:]
        )
        if failed:
            raise ArithmeticError("a trajectory failed")
        return values, steps

    return run
