"""Drivers: the hand-written loops of `symdyn_kernels.drivers`, joined with the generated step of a method."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType

import symdyn_kernels
from symdyn.codegen.emit_steps import emit_steps
from symdyn.codegen.load import import_driver
from symdyn.methods._registry import METHODS
from symdyn.methods._runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = ["driver", "driver_text"]


def driver_text(method: ExplicitRungeKutta | Rosenbrock) -> str:
    """Source of the adaptive driver of a method: the loop with its import of `_steps` replaced by the steps."""
    loop = (Path(symdyn_kernels.__file__).parent / "drivers" / "adaptive.py").read_text()
    body = loop[loop.index("import math") :]
    begin = body.index("from symdyn_kernels.drivers._steps import")
    end = body.index("\n", begin) + 1
    return f"{emit_steps(method)}\n\n{body[:begin]}{body[end:]}"


@lru_cache(maxsize=None)
def driver(name: str) -> ModuleType:
    """The compiled driver of a method: a module with ``integrate`` (adaptive) or ``chunk`` (fixed steps)."""
    method = METHODS[name]
    if isinstance(method, (ExplicitRungeKutta, Rosenbrock)):
        return import_driver(f"adaptive_{name}", driver_text(method))
    text = (Path(symdyn_kernels.__file__).parent / "drivers" / "stepping.py").read_text()
    return import_driver("stepping", text)
