"""Sparse Gaussian elimination, the linear algebra of a Rosenbrock step: as straight-line programs, or as tables.

With ``M = shift*I - J(t, y, p)``, where algebraic equations have no ``shift``, a step needs ``M x = b`` for several ``b``.
``factor`` computes an LU factorisation of ``M`` without interchanges, in an order that `symdyn.codegen.ordering` chose once;
``solve`` substitutes.  Rows of ``M`` are dominated by ``shift`` at the step sizes that the error control accepts.  Where a
pivot is small for all that, the factors are large and the step is wrong or not finite: its error estimate rejects it, and a
shorter step has another shift; a pivot that is zero gives factors that are not numbers.

Algebraic equations have no such dominance.  They are grouped into the smallest blocks that determine unknowns one after another
(the strong components of their graph), and within a block of several equations rows are interchanged for the largest pivot, by
choices without branches: index 1 makes every block regular for short steps.

For few operations both functions are straight-line programs.  For many the program ``matrix`` computes the entries of
``M``, and `symdyn_kernels.drivers.elimination` works from tables, whose time to compile does not grow with the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import sympy as sp

from symdyn.codegen.differentiate import derivatives
from symdyn.codegen.lower import Lowering
from symdyn.codegen.ordering import SparsityStructure, blocks, markowitz
from symdyn.codegen.program import Elimination, Made, Program
from symdyn.system import System

__all__ = ["DelayedValue", "eliminated", "lowering", "unrolled", "without_tables"]

SHIFT = sp.Symbol("shift")
#: Multiplications of the elimination up to which it is unrolled: a step of 14 to 60 equations then takes less than half of the
#: time that it takes with tables.  Beyond, programs take longer to compile than most ensembles to run.
UNROLLED = 300
#: The same with algebraic equations, since tables interchange no rows.
UNROLLED_ALGEBRAIC = 4000


class DelayedValue(NamedTuple):
    """A parameter that is the value of a state at another time, with that time, and the parameter that is the slope there."""

    value: sp.Symbol
    slope: sp.Symbol
    time: sp.Expr


def lowering(system: System, steady: Sequence[sp.Symbol] = ()) -> Lowering:
    """An empty lowering with the arguments of ``factor``: lane (t, shift), states and parameters, some of them `steady`."""
    return Lowering([("lane", (system.time, SHIFT)), ("y", system.states), ("p", system.parameters)], steady)


def eliminated(system: System, build: Lowering, drift: Sequence[int], delayed: Sequence[DelayedValue] = ()) -> Made:
    """What ``factor`` (lane: t, shift -> factors, then df/dt if time occurs) and ``solve`` are made of.

    `build` has the values `drift`, of which `delayed` change with time and states as their slopes say.  The facts are
    ``factors``, the number of rows that ``factor`` leaves for ``solve``, and ``rates``, that of the time derivatives which
    follow them: n, or 0 where the drift does not depend on time.
    """
    matrix = _Matrix(system, build, drift, delayed)
    if matrix.structure.updates <= (UNROLLED_ALGEBRAIC if system.algebraic else UNROLLED):
        return _pivoted(matrix) if matrix.blocks else _straight(matrix)
    tables = _tables(matrix)
    facts = {"factors": tables.factors, "rates": len(matrix.rates)}
    return Made((matrix.program(),), facts, elimination=tables)


def unrolled(system: System, drift: Sequence[sp.Expr]) -> Made:
    """The same as straight-line programs whatever their length, for targets that have no tables."""
    build = lowering(system)
    return _straight(_Matrix(system, build, [build.value(e) for e in drift]))


def without_tables(made: Made, system: System, drift: Sequence[sp.Expr]) -> Made:
    """`made` with straight-line programs in place of ``matrix`` and the tables, if it has any."""
    if made.elimination is None:
        return made
    straight = unrolled(system, drift)
    k = [p.name for p in made.programs].index("matrix")
    programs = (*made.programs[:k], *straight.programs, *made.programs[k + 1 :])
    return Made(programs, {**made.facts, **straight.facts})


class _Matrix:
    """The entries of ``shift*I - J`` by row and column, the time derivatives, and where the factors are not zero."""

    def __init__(self, system: System, build: Lowering, drift: Sequence[int], delayed: Sequence[DelayedValue] = ()) -> None:
        self.names, self.build, states = system.names, build, system.states
        inputs = {build.value(s): j for j, s in enumerate(states)}
        time, shift = build.value(system.time), build.value(SHIFT)
        values = {build.value(d.value): d for d in delayed}
        rows = derivatives(build, drift, [*inputs, time, *values])
        for row in rows:
            for value in [v for v in row if v in values]:
                outer = build.op("mul", row.pop(value), build.value(values[value].slope))
                (inner,) = derivatives(build, [build.value(values[value].time)], [*inputs, time])
                for s, d in inner.items():
                    part = build.op("mul", outer, d)
                    row[s] = build.op("add", row[s], part) if s in row else part
        algebraic = {i for i, s in enumerate(states) if s in system.algebraic}
        self.entries: dict[tuple[int, int], int] = {(i, i): shift for i in range(len(states)) if i not in algebraic}
        for i, row in enumerate(rows):
            for j, d in sorted((inputs[s], d) for s, d in row.items() if s != time):
                shifted = i == j and i not in algebraic
                self.entries[i, j] = build.op("sub", shift, d) if shifted else build.negative(d)
        #: Algebraic equations that determine several unknowns together.
        self.blocks = [b for b in blocks(algebraic, {e for e in self.entries if algebraic.issuperset(e)}) if len(b) > 1]
        timed = any(time in row for row in rows)
        self.rates = [row.get(time, build.constant(0)) for row in rows] if timed else []
        self.structure = markowitz(len(states), self.entries)

    @property
    def rate_labels(self) -> list[str]:
        return [f"d{s}_dt" for s in self.names] if self.rates else []

    def program(self) -> Program:
        """The program ``matrix``: the entries row by row, then the time derivatives."""
        found = sorted(self.entries)
        values = [*(self.entries[e] for e in found), *self.rates]
        return self.build.program("matrix", values, [*(f"m{i}_{j}" for i, j in found), *self.rate_labels])


def _tables(matrix: _Matrix) -> Elimination:
    structure = matrix.structure
    begin: list[int] = []
    diagonal: list[int] = []
    end: list[int] = []
    columns: list[int] = []
    for i, (before, after) in enumerate(zip(structure.lower, structure.upper, strict=True)):
        begin.append(len(columns))
        diagonal.append(len(columns) + len(before))
        columns += [*before, i, *after]
        end.append(len(columns))
    places = sorted(matrix.entries)
    count = Counter(i for i, _ in places)
    entries = [0, *accumulate(count[i] for i in range(len(begin)))]
    return Elimination(structure.order, begin, diagonal, end, columns, entries, [j for _, j in places])


def _straight(matrix: _Matrix) -> Made:
    build, structure = matrix.build, matrix.structure
    entries, order = dict(matrix.entries), structure.order
    one, nothing, undefined = build.constant(1), build.constant(0), build.constant(float("nan"))
    below: list[list[int]] = [[] for _ in order]
    for i, before in enumerate(structure.lower):
        for p in before:
            below[p].append(i)
    inverse = {}
    for p in order:
        # an infinite pivot (a root at zero) must fail the step, not freeze the state with increments of zero
        reciprocal = build.op("div", one, entries[p, p])
        inverse[p] = build.op("select", build.op("eq", reciprocal, nothing), undefined, reciprocal)
        for i in below[p]:
            factor = entries[i, p] = build.op("mul", entries[i, p], inverse[p])
            for j in structure.upper[p]:
                product = build.op("mul", factor, entries[p, j])
                entries[i, j] = build.op("sub", entries[i, j], product) if (i, j) in entries else build.op("neg", product)
    lower = [(i, p) for i in range(len(order)) for p in structure.lower[i]]
    upper = [(p, j) for p in range(len(order)) for j in structure.upper[p]]
    values = [*(entries[e] for e in (*lower, *upper)), *(inverse[p] for p in order)]
    labels = [*(f"l{i}_{p}" for i, p in lower), *(f"u{p}_{j}" for p, j in upper), *(f"r{p}" for p in order)]
    factor_program = build.program("factor", [*values, *matrix.rates], [*labels, *matrix.rate_labels])
    facts = {"factors": len(values), "rates": len(matrix.rates)}
    return Made((factor_program, _substitution(structure, labels)), facts)


def _pivoted(matrix: _Matrix) -> Made:
    """Both programs with interchanges of rows in the blocks, which come last."""
    build, entries, n = matrix.build, dict(matrix.entries), len(matrix.names)
    inside = [i for block in matrix.blocks for i in block]
    first = [i for i in range(n) if i not in inside]
    place = {i: k for k, i in enumerate(first)}
    pattern = [(place[i], place[j]) for i, j in entries if i in place and j in place]
    order = [first[k] for k in markowitz(len(first), pattern).order] + inside
    block_of = {i: block for block in matrix.blocks for i in block}
    one, zero, undefined = build.constant(1), build.constant(0), build.constant(float("nan"))
    values: list[int] = []
    labels: list[str] = []
    forward: list[tuple[str, int, int, str]] = []
    above: dict[int, list[int]] = {}
    reciprocals: dict[int, str] = {}

    def keep(value: int, label: str) -> str:
        values.append(value)
        labels.append(label)
        return label

    left = list(order)
    while left:
        p = left.pop(0)
        for i in (q for q in block_of.get(p, ()) if q in left and (q, p) in entries):
            sizes = [build.op("fabs", entries.get((r, p), zero)) for r in (i, p)]
            larger = build.op("gt", *sizes)
            for j in (p, *left):
                if (p, j) in entries or (i, j) in entries:
                    upper, lower = entries.get((p, j), zero), entries.get((i, j), zero)
                    entries[p, j] = build.op("select", larger, lower, upper)
                    entries[i, j] = build.op("select", larger, upper, lower)
            forward.append(("swap", p, i, keep(build.op("select", larger, one, zero), f"s{p}_{i}")))
        inverse = build.op("div", one, entries[p, p])
        inverse = build.op("select", build.op("eq", inverse, zero), undefined, inverse)
        above[p] = [j for j in left if (p, j) in entries]
        for i in left:
            if (i, p) in entries:
                factor = build.op("mul", entries[i, p], inverse)
                forward.append(("subtract", i, p, keep(factor, f"l{i}_{p}")))
                for j in above[p]:
                    product = build.op("mul", factor, entries[p, j])
                    entries[i, j] = build.op("sub", entries[i, j], product) if (i, j) in entries else build.op("neg", product)
        reciprocals[p] = keep(inverse, f"r{p}")
        for j in above[p]:
            keep(entries[p, j], f"u{p}_{j}")
    found = build.program("factor", [*values, *matrix.rates], [*labels, *matrix.rate_labels])
    symbols, right = [sp.Symbol(label) for label in labels], sp.symbols(f"b0:{n}")
    solve = Lowering([("lane", symbols), ("y", right), ("p", ())])
    known = {label: solve.value(s) for label, s in zip(labels, symbols, strict=True)}
    x = [solve.value(b) for b in right]
    for what, i, p, label in forward:
        if what == "subtract":
            x[i] = solve.op("sub", x[i], solve.op("mul", known[label], x[p]))
        else:
            swapped = solve.op("gt", known[label], solve.constant(0.5))
            x[i], x[p] = solve.op("select", swapped, x[p], x[i]), solve.op("select", swapped, x[i], x[p])
    for p in reversed(order):
        for j in reversed(above[p]):
            x[p] = solve.op("sub", x[p], solve.op("mul", known[f"u{p}_{j}"], x[j]))
        x[p] = solve.op("mul", x[p], known[reciprocals[p]])
    facts = {"factors": len(values), "rates": len(matrix.rates)}
    return Made((found, solve.program("solve", x, [f"x{i}" for i in range(n)])), facts)


def _substitution(structure: SparsityStructure, labels: Sequence[str]) -> Program:
    """The program ``solve`` (lane: factors, y: right-hand side -> solution)."""
    n = len(structure.order)
    symbols, right = [sp.Symbol(label) for label in labels], sp.symbols(f"b0:{n}")
    solve = Lowering([("lane", symbols), ("y", right), ("p", ())])
    factor = {label: solve.value(s) for label, s in zip(labels, symbols, strict=True)}
    x = [solve.value(b) for b in right]
    for i in structure.order:
        for p in structure.lower[i]:
            x[i] = solve.op("sub", x[i], solve.op("mul", factor[f"l{i}_{p}"], x[p]))
    for p in reversed(structure.order):
        for j in reversed(structure.upper[p]):
            x[p] = solve.op("sub", x[p], solve.op("mul", factor[f"u{p}_{j}"], x[j]))
        x[p] = solve.op("mul", x[p], factor[f"r{p}"])
    return solve.program("solve", x, [f"x{i}" for i in range(n)])
