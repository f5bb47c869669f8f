"""Drivers: the hand-written loops of `symdyn_kernels.drivers`, joined with the generated step of a method."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import ModuleType

import llvmlite.binding as llvm
import symdyn_kernels
from numba.core.ccallback import CFunc

from symdyn.codegen.emit_steps import emit_steps
from symdyn.codegen.load import LOCK, import_driver
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = ["adaptive_driver", "driver_text", "link", "plain_driver", "plain_text"]


def driver_text(
    method: ExplicitRungeKutta | Rosenbrock, *, events: bool = False, algebraic: bool = False, delays: bool = False
) -> str:
    """Source of the adaptive driver of a method: the steps in place of the loop's docstring and its import of `_steps`."""
    loop = (Path(symdyn_kernels.__file__).parent / "drivers" / "adaptive.py").read_text(encoding="utf-8")
    lines = loop.splitlines(keepends=True)
    statements = ast.parse(loop).body
    head = next(s for s in statements if isinstance(s, ast.ImportFrom) and s.module == "__future__")
    steps = next(s for s in statements if isinstance(s, ast.ImportFrom) and (s.module or "").endswith("._steps"))
    assert head.end_lineno
    assert steps.end_lineno
    body = lines[head.end_lineno : steps.lineno - 1] + lines[steps.end_lineno :]
    return f"{emit_steps(method, events=events, algebraic=algebraic, delays=delays)}\n{''.join(body)}"


@cache
def adaptive_driver(name: str, *, events: bool = False, algebraic: bool = False, delays: bool = False) -> ModuleType:
    """The compiled driver of an adaptive method, for models with events, algebraic equations and delays or without.

    A module with ``chunk``.  That for models with algebraic equations knows events too.
    """
    parts = {"events": events or algebraic, "algebraic": algebraic, "delays": delays}
    title = "_".join(["adaptive", name, *(part for part, present in parts.items() if present)])
    with LOCK:  # threads of an ensemble ask at once, and Python 3.11 miscounts its depth when two of them parse
        return import_driver(title, driver_text(METHODS[name], **parts))


def plain_text(name: str, *flags: str) -> str:
    """Source of the driver ``symdyn_kernels/drivers/<name>.py``, which serves every method of its family; `flags` are true."""
    text = (Path(symdyn_kernels.__file__).parent / "drivers" / f"{name}.py").read_text(encoding="utf-8")
    for flag in flags:
        text = text.replace(f"\n{flag} = False", f"\n{flag} = True")
    return text


@cache
def plain_driver(name: str, *flags: str) -> ModuleType:
    """That driver, compiled: a module with ``chunk``."""
    return import_driver("_".join([name, *map(str.lower, flags)]), plain_text(name, *flags))


@cache
def link(name: str) -> None:
    """Make the C functions of a driver known to all modules that are loaded from now on, as ``<driver>.<function>``."""
    for function, value in vars(plain_driver(name)).items():
        if isinstance(value, CFunc):
            llvm.add_symbol(f"{name}.{function}", value.address)
