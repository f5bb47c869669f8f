"""The parts of a semilinear system as programs: N for the kernel, and the curves of time from which tables are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Made, Operation, Program
from symdyn.derive.semilinear import semilinear
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.clocks import Clock
from symdyn.system import System

__all__ = ["clocks_of", "semilinear_programs", "timed_values"]

#: How well a noise level must satisfy its equation, relative to the size of its terms.
FITS = 1e-6


def semilinear_programs(system: System, *, level: bool) -> Made:
    """The program of N, and as facts those of a, c, g and the noise level of each group, and of what depends on time alone.

    Raises
    ------
    CompileError
        If the system has no semilinear form, with the term that does not fit.
    """
    try:
        form = semilinear(system)
    except DeclarationError as error:
        raise CompileError(str(error)) from None
    blocks: Sequence[tuple[str, Sequence[sp.Symbol]]] = [("lane", (form.time,)), ("y", form.states), ("p", system.parameters)]
    rest = lower("rest", blocks, form.rest, [f"N of {x}" for x in form.states])
    timed, rest = _timed(rest)
    curves = [e for group in form.groups for e in group] + ([form.level] if level and form.level is not None else [])
    curve = lower("curves", blocks, curves, [str(k) for k in range(len(curves))])
    index = {group: k for k, group in enumerate(form.groups)}
    kinds = [index[key] for key in zip(form.linear, form.affine, form.scale, strict=True)]
    used = sorted({s for e in curves for s in e.free_symbols} - {form.time}, key=str)
    facts = {"curves": curve.as_json(), "timed": timed.as_json(), "groups": kinds, "level": level,
             "reads": [system.parameters.index(s) for s in used] + [k for k in _read(timed)]}  # fmt: skip
    facts["reads"] = sorted(set(facts["reads"]))
    return Made((rest,), facts)


def _read(program: Program) -> set[int]:
    """The parameters that a program reads."""
    return {o.args[1] for o in program.operations if o.op == "input" and o.args[0] == 2}


def _timed(program: Program) -> tuple[Program, Program]:
    """The part of a program that depends on time alone, and the rest, which reads the results in its lane rows after time."""
    alone: list[bool] = []
    for o in program.operations:
        alone.append(o.args[0] == 0 if o.op == "input" else all(alone[a] for a in o.args))
    constant: list[bool] = []
    for o in program.operations:
        constant.append(o.op == "const" or (o.op != "input" and all(constant[a] for a in o.args)))
    outside = set(program.outputs) | {a for k, o in enumerate(program.operations) if o.op != "input" and not alone[k] for a in o.args}
    moved = [k for k, o in enumerate(program.operations) if alone[k] and not constant[k] and o.op != "input" and k in outside]
    names = ("lane", (*program.blocks[0][1], *(f"{program.blocks[0][1][0]}_{i}" for i in range(1, len(moved) + 1))))
    place = {k: i for i, k in enumerate(moved, 1)}
    operations = tuple(Operation("input", (0, place[k])) if k in place else o for k, o in enumerate(program.operations))
    kept = _needed(operations, program.outputs)
    number = {k: i for i, k in enumerate(kept)}
    shorter = tuple(
        o if o.op == "input" else Operation(o.op, tuple(number[a] for a in o.args), o.value) for o in (operations[k] for k in kept)
    )
    rest = Program(program.name, (names, *program.blocks[1:]), shorter, tuple(number[k] for k in program.outputs), program.labels)
    labels = tuple(names[1][1:])
    return Program("timed", program.blocks, program.operations, tuple(moved), labels), rest


def _needed(operations: Sequence[Operation], outputs: Sequence[int]) -> list[int]:
    waiting, found = list(outputs), set(outputs)
    while waiting:
        o = operations[waiting.pop()]
        if o.op != "input":
            new = set(o.args) - found
            found |= new
            waiting += new
    return sorted(found)


def timed_values(facts: Mapping[str, Any], times: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Time, and what depends on time alone, at each row (R, h)."""
    program = Program.from_json(facts["timed"])
    found = evaluate(program, [times], [np.nan] * len(program.blocks[1][1]), list(parameters))
    return np.stack([times, *(np.broadcast_to(f, times.shape) for f in found)], axis=1)


def clocks_of(facts: Mapping[str, Any], nodes: np.ndarray, parameters: np.ndarray) -> list[Clock]:
    """The clocks of the groups of states.

    Raises
    ------
    CompileError
        If the noise level does not satisfy its equation.
    """
    program = Program.from_json(facts["curves"])
    count = max(facts["groups"]) + 1

    def curve(k: int) -> Any:
        one = Program(program.name, program.blocks, program.operations, (program.outputs[k],), (program.labels[k],))
        return lambda t: np.broadcast_to(np.asarray(evaluate(one, [t], [], list(parameters))[0], float), np.shape(t))

    level = curve(3 * count) if facts["level"] else None
    clocks = []
    for g in range(count):
        a, c, scale = curve(3 * g), curve(3 * g + 1), curve(3 * g + 2)
        if level is not None:
            _check_level(level, a, scale, nodes)
        clocks.append(Clock(nodes, a, c, scale, level))
    return clocks


def _check_level(level: Any, a: Any, scale: Any, nodes: np.ndarray) -> None:
    """Compare the slope of the noise level, from five points at the middle of each step, with a sigma + g."""
    middle, h = 0.5 * (nodes[1:] + nodes[:-1]), 1e-3 * np.diff(nodes)
    slope = (level(middle - 2 * h) - 8 * level(middle - h) + 8 * level(middle + h) - level(middle + 2 * h)) / (12 * h)
    wanted = a(middle) * level(middle) + scale(middle)
    size = np.abs(a(middle) * level(middle)) + np.abs(scale(middle))
    wrong = ~(np.abs(slope - wanted) <= FITS * size + 1e-9 * np.abs(level(middle)).max())
    if wrong.any():
        t = middle[wrong][0]
        raise CompileError(
            f"the observable noise_level has the slope {slope[wrong][0]:.6g} at t = {t:.6g}; as a solution of s' = a*s + g it "
            f"would have {wanted[wrong][0]:.6g}, see system.semilinear()"
        )
