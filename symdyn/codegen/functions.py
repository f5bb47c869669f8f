"""The functions of a model that a driver calls: generated, compiled and cached; known models are found without sympy."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import sympy as sp

from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.families import family_of
from symdyn.codegen.load import cache_directory, compile_ir, digest, generator, host, import_text, load_object, write_atomic
from symdyn.codegen.program import Made, Program
from symdyn.errors import CompileError
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
        Of the functions, in the order in which the family of the method made them.
    facts : mapping
        What else the family noted about the model.
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
    facts: Mapping[str, Any]
    path: str
    cached: bool
    seconds: float
    owner: Any


def programs(system: System, method: Any, until: sp.Basic | None = None) -> tuple[tuple[Program, ...], Made]:
    """The straight-line programs that a method needs, and all that is made with them."""
    made = family_of(method).programs(system, method, until=until)
    return made.programs, made


def model_functions(system: System, method: Any, *, lanes: int, backend: str, until: sp.Basic | None = None) -> ModelFunctions:
    """Compiled functions of a system, from the cache where they are known.

    Raises
    ------
    CompileError
        If the system has unknown terms or functions without numerical counterpart.
    """
    begin = time.perf_counter()
    condition = () if until is None else (sp.srepr(until),)
    key = digest(system.digest, family_of(method).key(method), *condition, lanes, backend, generator(), *host())
    folder = cache_directory() / "models"
    note = folder / f"{key}.json"
    cached = note.exists()
    made: Made | None = None
    if cached:
        kept = json.loads(note.read_text())
    else:
        made = programs(system, method, until)[1]
        kept = {"names": made.names or _names(made, lanes, backend), "facts": made.facts}
    if backend == "llvm":
        path, owner, addresses = _llvm(key, folder / f"{key}.o", made, lanes, kept["names"])
    else:
        made = made or programs(system, method, until)[1]
        if made.ir:
            raise CompileError(
                f"backend='numba' has no form of {method.name!r} for a model of this size, whose functions are generated as "
                "LLVM IR alone; use backend='llvm'"
            )
        title = "\n".join(str(system).splitlines()[:40])
        owner = import_text("model", module_source(title, made.programs, lanes), "models")
        path, addresses = str(owner.__file__), tuple(getattr(owner, n).address for n in kept["names"])
    if not cached:
        write_atomic(note, json.dumps(kept).encode())
    seconds = time.perf_counter() - begin
    level = logging.INFO if seconds > NOTICEABLE and not cached else logging.DEBUG
    LOG.log(level, "%s %s in %.3f s: %s", "loaded" if cached else "compiled", type(system).__name__, seconds, path)
    return ModelFunctions(addresses, kept["facts"], path, cached, seconds, owner)


def _names(made: Made, lanes: int, backend: str) -> list[str]:
    """Functions of the programs, then for a single lane their runs of several in a row, which only IR has."""
    runs = [f"{p.name}_run" for p in made.programs if p.watched >= 0 and lanes == 1 and backend == "llvm"]
    return [*(p.name for p in made.programs), *runs]


def _llvm(key: str, path: Path, made: Made | None, lanes: int, names: Sequence[str]) -> tuple[str, Any, tuple[int, ...]]:
    if path.exists():
        code = path.read_bytes()
    else:
        if made is None:
            raise CompileError(f"the cache entry {path.stem} has lost its object file; clear it with 'symdyn cache clear'")
        # large networks come as IR of many short functions, on which the optimiser is wasted
        quick = bool(made.ir) or sum(len(p.operations) for p in made.programs) > LONG
        code = compile_ir(made.ir or module_text(made.programs, lanes, llvm.get_process_triple()), quick=quick)
        write_atomic(path, code)
    owner = load_object(key, code)
    return str(path), owner, tuple(owner.address(n) for n in names)
