"""Lowering of a branching process: the vital rates as one function, transitions and births as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.branching import LifeCycleTables

from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.models.branching import BranchingSystem

__all__ = ["rates_program", "structure_arrays", "structure_facts"]


def _groups(system: BranchingSystem) -> list[tuple[int, dict[int, sp.Expr]]]:
    """Groups of mutually exclusive outcomes of each stage: transitions, and each kind of offspring that is at most one."""
    n, found = len(system.states), []
    for j in range(n):
        found.append((j, {i: p for i, p in enumerate(system.transitions.col(j)) if not p.is_zero}))
        if system.offspring == "bernoulli":
            found += [(j, {i: f}) for i, f in enumerate(system.fecundity.col(j)) if not f.is_zero]
    return [(j, group) for j, group in found if group]


def _births(system: BranchingSystem) -> dict[int, dict[int, sp.Expr]]:
    """For each stage that gets Poisson numbers the mean offspring by the stage of the parent."""
    rows: dict[int, dict[int, sp.Expr]] = {i: {} for i in range(len(system.states))}
    if system.offspring == "poisson":
        rows = {i: {j: f for j, f in enumerate(system.fecundity.row(i)) if not f.is_zero} for i in rows}
    return {i: row for i, row in rows.items() if row or not system.immigration[i].is_zero}


def rates_program(system: BranchingSystem) -> Program:
    """The program ``rates``: probabilities of all groups, mean offspring, mean immigration."""
    names, groups, births = system.names, _groups(system), _births(system)
    lane = (system.time, *system.noise)
    blocks = [("lane", lane), ("y", system.states), ("p", system.parameters)]
    outcomes = [(p, f"{names[j]} to {names[i]}") for j, group in groups for i, p in group.items()]
    means = [(f, f"offspring of {names[j]} in {names[i]}") for i, row in births.items() for j, f in row.items()]
    arrivals = [(system.immigration[i], f"immigration into {names[i]}") for i in births]
    listed = [*outcomes, *means, *arrivals] or [(sp.S.Zero, "nothing")]
    values, labels = zip(*listed, strict=True)
    return lower("rates", blocks, values, labels)


def structure_facts(system: BranchingSystem) -> dict[str, Any]:
    """The arrays by name, as lists; the random numbers of a step, whether rates vary, whether extinction is absorbing."""
    groups, births = _groups(system), _births(system)
    moving = {*system.states, system.time, *system.noise}
    fixed = [not any(p.free_symbols & moving for p in group.values()) for _, group in groups]
    rest = [*(f for row in births.values() for f in row.values()), *system.immigration]
    structure: dict[str, list[int]] = {
        "source": [j for j, _ in groups],
        "ptr": _starts([len(group) for _, group in groups]),
        "target": [i for _, group in groups for i in group],
        "fixed": [int(f) for f in fixed],
        "born": list(births),
        "bptr": _starts([len(row) for row in births.values()]),
        "parent": [j for row in births.values() for j in row],
    }
    return {
        "structure": structure,
        "noises": system.noises,
        "varying": int(not all(fixed) or any(e.free_symbols & moving for e in rest)),
        "absorbing": int(all(m.is_zero for m in system.immigration)),
    }


def _starts(lengths: list[int]) -> list[int]:
    return [0, *(int(k) for k in np.cumsum(lengths, dtype=int))]


def structure_arrays(facts: Mapping[str, Any]) -> LifeCycleTables:
    """The arrays that the driver takes."""
    return LifeCycleTables(*(np.array(facts[name], dtype=np.int64) for name in LifeCycleTables._fields))
