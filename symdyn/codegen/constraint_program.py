"""Algebraic equations and constraints for drivers: residuals with Jacobians, tables, and consistent values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from symdyn_kernels.arguments.constraints import ConsistentArguments, ConstraintTables
from symdyn_kernels.arguments.parts import Batch, Run, Tolerances

from symdyn.codegen.differentiate import derivatives
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.task import Launch
from symdyn.codegen.input_paths import coefficient_rows
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.system import System

__all__ = ["consistent", "constraint_program", "constraint_tables", "refine"]


def constraint_program(system: System, name: str = "constraints") -> tuple[Program, dict[str, Any]]:
    """The residuals of the algebraic equations and of the constraints, then entries of their Jacobians; and their places.

    Of the algebraic equations there are the derivatives by the states that they determine, of constraints those by the others.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, z = sp.symbols("x z")
    >>> program, places = constraint_program(sd.ODESystem({x: -z}, algebraic={z: z**3 - x}))
    >>> program.labels, places
    (('0', 'd0/dz'), {'rows': [0], 'columns': [0]})
    """
    build = Lowering([("lane", (system.time,)), ("y", system.states), ("p", system.parameters)])
    unknowns, others = _split(system)
    sides = [f for s, f in zip(system.states, system.part("drift"), strict=True) if s in system.algebraic]
    residuals = [build.value(e) for e in (*sides, *system.constraints)]
    inputs = {build.value(s): s for s in system.states}
    rows: list[int] = []
    columns: list[int] = []
    entries: list[int] = []
    for i, row in enumerate(derivatives(build, residuals, inputs)):
        within = unknowns if i < len(unknowns) else others
        named = {inputs[number]: value for number, value in row.items()}
        for j, k in enumerate(within):
            if system.states[k] in named:
                rows.append(i)
                columns.append(j)
                entries.append(named[system.states[k]])
    labels = [str(i) for i in range(len(residuals))]
    labels += [
        f"d{i}/d{system.states[(unknowns if i < len(unknowns) else others)[j]]}" for i, j in zip(rows, columns, strict=True)
    ]
    program = build.program(name, [*residuals, *entries], labels)
    return program, {"rows": rows, "columns": columns}


def _split(system: System) -> tuple[list[int], list[int]]:
    """Places of the states that algebraic equations determine, and of the others."""
    algebraic = {*system.algebraic}
    unknowns = [k for k, s in enumerate(system.states) if s in algebraic]
    return unknowns, [k for k, s in enumerate(system.states) if s not in algebraic]


def constraint_tables(system: System, places: Mapping[str, Any], address: int) -> ConstraintTables:
    """The tables of a driver."""
    unknowns, others = _split(system)
    free = [int(system.states[k] in system.free) for k in others]
    lists = (unknowns, others, free, places["rows"], places["columns"])
    unknown, other, freed, rows, columns = (np.array(found, np.int64) for found in lists)
    return ConstraintTables(address, unknown, other, freed, len(system.constraints), rows, columns)


def consistent(run: Run, batch: Batch, task: Launch, tolerances: Tolerances) -> Batch:
    """The batch with consistent initial values; the status of trajectories that have none is noted in `run`.

    Where there are delays, the last function but two and the places ``"begun"`` have the past before the first time in them.
    """
    values, moments = batch.initial.copy(), np.full(len(batch.initial), batch.times[0])
    parameters = coefficient_rows(task.system, batch.parameters, batch.times)
    _chunk(task, parameters, moments, tolerances, values, run.status, begins=True)
    return batch._replace(initial=values)


def refine(run: Run, batch: Batch, task: Launch, tolerances: Tolerances) -> None:
    """Refine the values at the output times; those of trajectories that have ended are of the time of their end."""
    count, times = len(run.values), batch.times[1:]
    if not task.system.inputs and count < times.size:
        for k in range(count):
            parameters = np.repeat(batch.parameters[k : k + 1], times.size, axis=0)
            moments = np.minimum(times, run.passage[k])
            _chunk(task, parameters, moments, tolerances, run.values[k, 1:], run.status, begins=False)
        return
    for q, t in enumerate(times, start=1):
        rows = run.passage >= t if task.system.inputs else slice(None)  # inputs are known here at the output time alone
        parameters = coefficient_rows(task.system, batch.parameters, batch.times[q:])[rows]
        values = np.ascontiguousarray(run.values[rows, q])
        _chunk(task, parameters, np.minimum(t, run.passage)[rows], tolerances, values, run.status, begins=False)
        run.values[rows, q] = values


def _chunk(
    task: Launch, parameters: np.ndarray, moments: np.ndarray, tolerances: Tolerances, values: np.ndarray, status: np.ndarray,
    *, begins: bool,
) -> None:  # fmt: skip
    name, last = ("constraints", -1) if task.facts["delays"] is None else ("begun", -3)
    tables = constraint_tables(task.system, task.facts[name], task.addresses[last])
    arguments = ConsistentArguments(tables, task.lanes, parameters, moments, tolerances, values, status, int(begins))
    plain_driver("consistent").chunk(arguments)
