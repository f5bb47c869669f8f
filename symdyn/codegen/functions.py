"""The functions of a model that a driver calls: generated, compiled and cached; known models are found without sympy."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import sympy as sp

from symdyn.codegen import cache
from symdyn.codegen.drivers import link
from symdyn.codegen.emit_llvm import modules
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.emit_tables import DRIVER, FUNCTIONS
from symdyn.codegen.families import family_of
from symdyn.codegen.load import compile_ir, digest, generator, host, import_text, load_object
from symdyn.codegen.program import Made, Program
from symdyn.errors import CompileError
from symdyn.system import System
from symdyn.uncollected import uncollected

__all__ = ["BACKENDS", "ModelFunctions", "model_functions", "programs"]

LOG = logging.getLogger("symdyn")
BACKENDS = ("llvm", "numba")
#: Compilations that take longer than this, in seconds, are logged at the level INFO, shorter ones at DEBUG.
NOTICEABLE = 0.5
#: What was generated last: the same model may be compiled for another number of lanes next.
_LAST: dict[str, Made] = {}
#: Functions that are loaded, by the directory of the cache and their key there.
_LOADED: dict[tuple[str | None, str], ModelFunctions] = {}


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
    key = _model(system, method, until)
    made = _LAST.get(key)
    if made is None:
        with uncollected():
            made = family_of(method).programs(system, method, until=until)
        _LAST.clear()
        _LAST[key] = made
    return made.programs, made


def _model(system: System, method: Any, until: sp.Basic | None) -> str:
    """What the programs depend on, as a digest."""
    return digest(system.digest, family_of(method).key(method), *(() if until is None else (sp.srepr(until),)))


def model_functions(system: System, method: Any, *, lanes: int, backend: str, until: sp.Basic | None = None) -> ModelFunctions:
    """Compiled functions of a system, from the cache where they are known.

    Raises
    ------
    CompileError
        If the system has unknown terms or functions without numerical counterpart.
    """
    begin = time.perf_counter()
    key = digest(_model(system, method, until), lanes, backend, generator(), *host())
    place = os.environ.get("SYMDYN_CACHE_DIR"), key
    if place not in _LOADED:
        made = _made(key, system, method, lanes, backend, until)
        _LOADED[place] = replace(made, cached=True)
        return made
    return replace(_LOADED[place], seconds=time.perf_counter() - begin)


def _made(key: str, system: System, method: Any, lanes: int, backend: str, until: sp.Basic | None) -> ModelFunctions:
    """The functions with a key, from the cache or compiled."""
    begin = time.perf_counter()
    folder = cache.folder("models")
    kept, codes = _kept(folder, key)
    made: Made | None = None
    cached = kept is not None
    if kept is None:
        made = programs(system, method, until)[1]
        names = [*made.names, *_names(made, 1 if made.ir else lanes, backend)]
        kept = {"names": names, "facts": made.facts, "tables": made.elimination is not None}
    if backend == "llvm":
        if made is not None:
            codes = _compiled(key, folder, made, lanes, kept)
        path, owner, addresses = _loaded(folder, kept, codes)
    else:
        made = made or programs(system, method, until)[1]
        if made.ir or made.elimination is not None:
            raise CompileError(
                f"backend='numba' has no form of {method.name!r} for a model of this size, whose functions are generated as "
                "LLVM IR alone; use backend='llvm'"
            )
        title = "\n".join(str(system).splitlines()[:40])
        owner = import_text("model", module_source(title, made.programs, lanes), "models")
        path, addresses = str(owner.__file__), tuple(getattr(owner, n).address for n in kept["names"])
    if not cached:
        cache.write(folder / f"{key}.json", json.dumps(kept).encode())
    seconds = time.perf_counter() - begin
    level = logging.INFO if seconds > NOTICEABLE and not cached else logging.DEBUG
    LOG.log(level, "%s %s in %.3f s: %s", "loaded" if cached else "compiled", type(system).__name__, seconds, path)
    return ModelFunctions(addresses, kept["facts"], path, cached, seconds, owner)


def _kept(folder: Path, key: str) -> tuple[dict[str, Any] | None, list[bytes]]:
    """What the cache has of a model, and the code of its object files; nothing if a part is lost or damaged."""
    note = cache.read(folder / f"{key}.json")
    if note is None:
        return None, []
    kept = json.loads(note)
    codes = [code for name, _ in kept.get("objects", []) if (code := cache.read(folder / name)) is not None]
    return (kept, codes) if len(codes) == len(kept.get("objects", [])) else (None, [])


def _names(made: Made, lanes: int, backend: str) -> list[str]:
    """Functions of the programs, then for a single lane their runs of several in a row, which only IR has."""
    runs = [f"{p.name}_run" for p in made.programs if p.watched >= 0 and lanes == 1 and backend == "llvm"]
    if made.elimination is None:
        return [*(p.name for p in made.programs), *runs]
    found = [FUNCTIONS if p.name == "matrix" else (p.name,) for p in made.programs]
    return [name for names in found for name in names]


def _compiled(key: str, folder: Path, made: Made, lanes: int, kept: dict[str, Any]) -> list[bytes]:
    """Code of the one or two object files of a model, which the cache keeps and `kept` names."""
    with uncollected():
        parts = modules(made, lanes, llvm.get_process_triple())
    codes = [compile_ir(part.text, quick=part.quick) for part in parts]
    kept["objects"] = [[f"{key}.{k}.o", part.names] for k, part in enumerate(parts)]
    for (name, _), code in zip(kept["objects"], codes, strict=True):
        cache.write(folder / name, code)
    return codes


def _loaded(folder: Path, kept: dict[str, Any], codes: list[bytes]) -> tuple[str, Any, tuple[int, ...]]:
    """Path, owners and addresses of the functions."""
    if kept["tables"]:
        link(DRIVER)
    owners: list[Any] = []
    addresses: dict[str, int] = {}
    for (name, functions), code in zip(kept["objects"], codes, strict=True):
        owners.append(load_object(name, code))
        addresses |= {function: owners[-1].address(function) for function in functions}
    return str(folder / kept["objects"][0][0]), owners, tuple(addresses[n] for n in kept["names"])
