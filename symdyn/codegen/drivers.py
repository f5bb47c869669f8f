"""Drivers: the hand-written loops of `symdyn_kernels.drivers`, joined with the generated step of a method."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm
import symdyn_kernels

from symdyn.codegen.emit_steps import COMMON, FUNCTIONS, emit_calls, emit_entries, emit_steps
from symdyn.codegen.load import LOCK, import_driver
from symdyn.codegen.machine_code import Driver
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = [
    "adaptive_driver",
    "common_driver",
    "driver_text",
    "link",
    "method_functions",
    "plain_driver",
    "plain_text",
]

FUTURE = "from __future__ import annotations\n"
#: The import of the steps in the loop of adaptive methods.
STEPS = re.compile(r"^from symdyn_kernels\.drivers\._steps import \([^)]*\)\n", re.MULTILINE)


def driver_text(method: ExplicitRungeKutta | Rosenbrock) -> str:
    """Source of the adaptive driver of a method: the steps in place of the loop's docstring and its import of `_steps`."""
    return _joined(emit_steps(method))


def _joined(steps: str) -> str:
    """The loop of adaptive methods after a text of the functions that it would import from `_steps`."""
    loop = (Path(symdyn_kernels.__file__).parent / "drivers" / "adaptive.py").read_text(encoding="utf-8")
    _, body = loop.split(FUTURE)  # as text: to parse the loop takes longer than to load its machine code
    before, after = STEPS.split(body)
    return f"{steps}\n{before}{after}"


@cache
def adaptive_driver(name: str) -> Driver:
    """The compiled driver of an adaptive method for models without further parts: a module with ``chunk``."""
    with LOCK:  # threads of an ensemble ask at once, and Python 3.11 miscounts its depth when two of them parse
        return import_driver(f"adaptive_{name}", driver_text(METHODS[name]))


@cache
def common_driver(*, events: bool, algebraic: bool, delays: bool) -> Driver:
    """The compiled loop for models with events, algebraic equations or delays, which serves every adaptive method.

    A module with ``chunk``, to which `method_functions` are given.
    """
    parts = {"events": events, "algebraic": algebraic, "delays": delays}
    with LOCK:
        text = _joined(emit_calls(**parts))
        text = re.sub(rf"\b({'|'.join(COMMON)})\b", lambda found: COMMON[found[0]], text)
        return import_driver("_".join(["adaptive", *(part for part, present in parts.items() if present)]), text)


@cache
def method_functions(name: str, *, algebraic: bool, delays: bool) -> tuple[int | float, ...]:
    """The last fields of `MethodFunctions`: constants of a method, and addresses of its functions, compiled on their own."""
    title = "_".join(["steps", name, *(["algebraic"] if algebraic else []), *(["delays"] if delays else [])])
    with LOCK:
        text = emit_steps(METHODS[name], algebraic=algebraic, delays=delays) + emit_entries(delays=delays)
        made = import_driver(title, text)
    constants = (made.FIRST, made.LAST, made.SLOTS, made.DEGREE, made.STIFFNESS)
    return (*constants, *(getattr(made, f"call_{function}").address for function in FUNCTIONS))


def plain_text(name: str, *flags: str) -> str:
    """Source of the driver ``symdyn_kernels/drivers/<name>.py``, which serves every method of its family; `flags` are true."""
    text = (Path(symdyn_kernels.__file__).parent / "drivers" / f"{name}.py").read_text(encoding="utf-8")
    for flag in flags:
        text = text.replace(f"\n{flag} = False", f"\n{flag} = True")
    return text


@cache
def plain_driver(name: str, *flags: str) -> Driver:
    """That driver, compiled: a module with ``chunk``."""
    return import_driver("_".join([name, *map(str.lower, flags)]), plain_text(name, *flags))


@cache
def link(name: str) -> None:
    """Make the C functions of a driver known to all modules that are loaded from now on, as ``<driver>.<function>``."""
    for key, function in plain_driver(name).functions.items():
        llvm.add_symbol(f"{name}.{key}", function.address)
