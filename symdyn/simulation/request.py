"""The request of a store, as plain values: everything that determines the numbers, and the comparison with another one."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import symdyn_kernels

from symdyn.codegen.load import digest, edited, generator
from symdyn.errors import SymdynError
from symdyn.models.events import condition_text
from symdyn.simulation.plan import Plan

__all__ = ["check_same", "checked", "describe", "software"]

#: Packages whose versions may change the last digits.
VERSIONS = ("numba", "llvmlite", "numpy", "sympy")


@lru_cache(maxsize=4)
def software(*packages: str) -> dict[str, str]:
    """Versions, and a fingerprint of the sources that generate and run kernels and of further `packages` of symdyn."""
    own = Path(__file__).parent
    folders = [Path(symdyn_kernels.__file__).parent, own, *(own.parent / name for name in packages)]
    files = [p for folder in folders for p in sorted(folder.rglob("*.py"))]
    code = digest(generator(), *(p.read_text(encoding="utf-8") for p in files), *edited(files))
    return {**{name: metadata.version(name) for name in VERSIONS}, "symdyn's code": code}


def describe(plan: Plan) -> dict[str, str]:
    """All that determines the numbers of a simulation, by name, as text."""
    system, design, options = plan.system, plan.design, plan.options
    found = {"system": system.digest[:20], "observables": ", ".join(o.name for o in system.observables)}
    found |= {"method": plan.kernel.method, "target": plan.recipe["target"], "precision": plan.recipe["precision"]}
    found["stiff trajectories"] = "passed on" if options.detect_stiffness else "stay"
    found["until"] = "" if plan.recipe["until"] is None else condition_text(plan.recipe["until"])
    found["times"] = _array(plan.times)
    found["dims"] = ", ".join(f"{d}: {n}" for d, n in zip(design.dims, design.shape, strict=True))
    found |= {f"labels of {d}": _array(np.asarray(labels)) for d, labels in design.coords.items()}
    for what, symbols, columns in (
        ("initial", system.states, design.initial),
        ("parameter", system.parameters, design.parameters),
    ):
        for s, (values, axes) in zip(symbols, columns, strict=True):
            found[f"{what} {s}"] = _array(values) + (f" along {axes}" if axes else "")
    found |= {what: _array(np.asarray(value)) for what, value in plan.frame.described.items()}
    kept = {k: v for k, v in vars(options).items() if k != "detect_stiffness" and (k != "seed" or plan.kernel.stochastic)}
    found |= {name: repr(value) for name, value in kept.items()}
    found["reduce"] = "" if plan.reductions is None else repr(plan.reductions)
    return found | software(*plan.kernel.packages)


def check_same(there: Mapping[str, str], asked: Mapping[str, str], what: str) -> None:
    """Refuse to resume a store that was begun with another request.

    Raises
    ------
    SymdynError
        Naming what differs.
    """
    names = [k for k in {**there, **asked} if there.get(k) != asked.get(k)]
    if names:
        lines = "; ".join(f"{k} is {asked.get(k, 'none')} and was {there.get(k, 'none')}" for k in names[:5])
        more = f"; and {len(names) - 5} more" if len(names) > 5 else ""
        raise SymdynError(f"{what}: {lines}{more}. Ask for the same, or name another store")


def checked(versions: Mapping[str, str], packages: tuple[str, ...], function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on a worker, whose software must be that of the calling process."""
    check_same(versions, software(*packages), f"the worker on {platform.node()} has other software than the process that asks")
    return function(*arguments)


def _array(values: np.ndarray) -> str:
    """A number as itself, an array as its ends and a fingerprint."""
    if values.ndim == 0:
        return repr(values.item())
    flat = np.ascontiguousarray(values).ravel()
    content = repr(flat.tolist()).encode() if flat.dtype.kind == "O" else flat.tobytes()
    mark = hashlib.sha256(f"{flat.dtype} {values.shape}".encode() + content).hexdigest()[:12]
    return f"{flat[0]} ... {flat[-1]} ({flat.size} values, {mark})"
