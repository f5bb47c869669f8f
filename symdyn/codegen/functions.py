"""The functions of a model that a driver calls: generated, compiled and cached; known models are found without sympy."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from symdyn.codegen.elimination import elimination_programs
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.load import cache_directory, compile_ir, digest, generator, host, import_text, load_object, write_atomic
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.codegen.stepping_program import step_program
from symdyn.errors import CompileError
from symdyn.methods._runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["BACKENDS", "ModelFunctions", "model_functions", "programs"]

LOG = logging.getLogger("symdyn")
BACKENDS = ("llvm", "numba")
#: Compilations that take longer than this are logged for everyone, shorter ones for those who debug.
NOTICEABLE = 0.5
#: Operations above which the optimiser is left out: its time grows faster than the model, its gain does not.
LONG = 2000


@dataclass(frozen=True)
class ModelFunctions:
    """Addresses of the lane functions of a system for one method and number of lanes.

    Attributes
    ----------
    addresses : tuple of int
        Of ``rhs`` (and ``factor``, ``solve``), or of ``step``.
    factors, rates : int
        Numbers of factors, and of time derivatives that follow them.
    path : str
        The file in the cache.
    cached : bool
        Whether it was there before.
    seconds : float
        Time that generating, compiling and loading took.
    owner : object
        Keeps the machine code alive.
    """

    addresses: tuple[int, ...]
    factors: int
    rates: int
    path: str
    cached: bool
    seconds: float
    owner: Any


def programs(system: System, method: Any) -> tuple[tuple[Program, ...], int, int]:
    """The straight-line programs that a method needs, and the numbers of factors and time derivatives."""
    if not isinstance(method, (ExplicitRungeKutta, Rosenbrock)):
        return (step_program(system, method),), 0, 0
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    rhs = lower("rhs", blocks, system.drift, [f"d{s}/d{system.time}" for s in system.names])  # type: ignore[attr-defined]
    if not method.implicit:
        return (rhs,), 0, 0
    factor, solve, factors = elimination_programs(system, system.drift)  # type: ignore[attr-defined]
    return (rhs, factor, solve), factors, len(factor.outputs) - factors


def model_functions(system: System, method: Any, *, lanes: int, backend: str) -> ModelFunctions:
    """Compiled functions of a system, from the cache where they are known.

    Raises
    ------
    CompileError
        If the system has unknown terms or functions without numerical counterpart.
    """
    begin = time.perf_counter()
    kind = type(method).__name__ if isinstance(method, (ExplicitRungeKutta, Rosenbrock)) else method.name
    key = digest(system.digest, kind, lanes, backend, generator(), *host())
    folder = cache_directory() / "models"
    note = folder / f"{key}.json"
    cached = note.exists()
    made: Sequence[Program] = ()
    if cached:
        facts = json.loads(note.read_text())
    else:
        made, factors, rates = programs(system, method)
        facts = {"names": [p.name for p in made], "factors": factors, "rates": rates}
    if backend == "llvm":
        path, owner, addresses = _llvm(key, folder / f"{key}.o", tuple(made), lanes, facts["names"])
    else:
        made = made or programs(system, method)[0]
        title = "\n".join(str(system).splitlines()[:40])
        owner = import_text("model", module_source(title, tuple(made), lanes), "models")
        path, addresses = str(owner.__file__), tuple(getattr(owner, n).address for n in facts["names"])
    if not cached:
        write_atomic(note, json.dumps(facts).encode())
    seconds = time.perf_counter() - begin
    level = logging.INFO if seconds > NOTICEABLE and not cached else logging.DEBUG
    LOG.log(level, "%s %s in %.3f s: %s", "loaded" if cached else "compiled", type(system).__name__, seconds, path)
    return ModelFunctions(addresses, facts["factors"], facts["rates"], path, cached, seconds, owner)


def _llvm(key: str, path, made: tuple[Program, ...], lanes: int, names: list[str]):
    if path.exists():
        code = path.read_bytes()
    else:
        if not made:
            raise CompileError(f"the cache entry {path.stem} has lost its object file; clear it with 'symdyn cache clear'")
        quick = sum(len(p.operations) for p in made) > LONG
        code = compile_ir(module_text(made, lanes, llvm.get_process_triple()), quick=quick)
        write_atomic(path, code)
    owner = load_object(key, code)
    return str(path), owner, tuple(owner.address(n) for n in names)
