"""The parts of a semilinear system as programs: N for the kernel, and the curves of time from which tables are made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.hoist import Hoisting
from symdyn.codegen.load import digest
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Made, Program
from symdyn.derive.semilinear import semilinear
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.clocks import NodeClock
from symdyn.system import System

__all__ = ["clocks_of", "semilinear_programs", "timed_values"]

#: How well a noise level must satisfy its equation, relative to the size of its terms.
FITS = 1e-6
#: Nodes of linear parts of which a primitive is sought.
LARGEST = 60


def semilinear_programs(system: System, *, level: bool, by_state: bool = False) -> Made:
    """The program of N, and as facts those of a, c, g and the noise level of each group, and of what depends on time alone.

    With `by_state` every state is a group.

    Raises
    ------
    CompileError
        If the system has no semilinear form, with the term that does not fit.
    """
    try:
        form = semilinear(system)
    except DeclarationError as error:
        raise CompileError(str(error)) from None
    hoisting = Hoisting([form.time], (*form.states, *system.parameters))
    expressions = [hoisting.expression(e) for e in form.rest]
    rows = (form.time, *(s for s in hoisting.rows(expressions) if s != form.time))
    short = _short_names(rows[1:], (form.time, *form.states, *system.parameters))
    block = ("lane", (form.time, *short.values())), ("y", form.states), ("p", system.parameters)
    rest = lower("rest", block, dag.replace(expressions, short), [f"N of {x}" for x in form.states])
    parts = list(zip(form.linear, form.affine, form.scale, strict=True))
    groups = parts if by_state else form.groups
    primitives = {a: _primitive(a, form.time) for a, _, _ in form.groups}
    curves = [e for a, c, g in groups for e in (a, c, g, primitives[a])]
    curves += [form.level] if level and form.level is not None else []
    blocks: Sequence[tuple[str, Sequence[sp.Symbol]]] = [("lane", (form.time,)), ("y", ()), ("p", system.parameters)]
    curve = lower("curves", blocks, curves, [str(k) for k in range(len(curves))])
    index = {group: k for k, group in enumerate(groups)}
    kinds = list(range(len(parts))) if by_state else [index[key] for key in parts]
    used = {s for e in curves for s in e.free_symbols} - {form.time}
    facts = {"curves": curve.as_json(), "timed": hoisting.setup(rows).as_json(), "groups": kinds, "level": level,
             "reads": sorted(system.parameters.index(s) for s in used)}  # fmt: skip
    return Made((rest,), {**facts, "mark": digest(json.dumps(facts))})


def _primitive(e: sp.Expr, t: sp.Symbol) -> sp.Expr:
    """A primitive of the linear part where one is found at little cost, else nan; its values are checked before use."""
    if dag.size(e) > LARGEST:
        return sp.nan
    from sympy.integrals.manualintegrate import manualintegrate  # takes long to import, and few models need it

    found = manualintegrate(e, t)
    return sp.nan if found.has(sp.Integral) else found


def _short_names(slots: Sequence[sp.Symbol], taken: Sequence[sp.Symbol]) -> dict[sp.Basic, sp.Basic]:
    """Symbols with short names for what depends on time alone."""
    names, found = {s.name for s in taken}, {}
    for k, slot in enumerate(slots, 1):
        name = f"at_{k}"
        while name in names:
            name += "_"
        found[slot] = sp.Symbol(name)
    return found


def timed_values(facts: Mapping[str, Any], times: np.ndarray) -> np.ndarray:
    """Time, and what depends on time alone, at each row (R, h)."""
    found = evaluate(Program.from_json(facts["timed"]), [], [], [times])
    return np.stack([np.broadcast_to(f, times.shape) for f in found], axis=1)


def clocks_of(facts: Mapping[str, Any], nodes: np.ndarray, parameters: np.ndarray) -> list[NodeClock]:
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

    level = curve(4 * count) if facts["level"] else None
    clocks = []
    for g in range(count):
        a, c, scale, primitive = (curve(4 * g + k) for k in range(4))
        if level is not None:
            _check_level(level, a, scale, nodes)
        clocks.append(NodeClock(nodes, a, c, scale, level, primitive))
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
