"""Sparse Gaussian elimination unrolled into straight-line programs: the linear algebra of a Rosenbrock step.

With ``M = shift*I - J(t, y, p)`` a step needs ``M x = b`` for several ``b``.  `factor_program` computes the entries of
an LU factorisation of ``M`` without pivoting, in a static fill-reducing order (Markowitz, 1957); `solve_program`
substitutes.  Rows of ``M`` are dominated by ``shift`` at the step sizes that the error control accepts.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.gradients import gradients
from symdyn.system import System

__all__ = ["elimination_programs", "jacobian"]

SHIFT = sp.Symbol("shift")


def jacobian(expressions: Sequence[sp.Expr], states: Sequence[sp.Symbol]) -> dict[tuple[int, int], sp.Expr]:
    """The entries of the Jacobian matrix that are not identically zero, by row and column."""
    column = {s: j for j, s in enumerate(states)}
    rows = enumerate(gradients(expressions, states))
    return {(i, column[s]): row[s] for i, row in rows for s in sorted(row, key=column.__getitem__)}


def _markowitz(n: int, pattern: set[tuple[int, int]]) -> tuple[list[int], list[set[int]], list[set[int]]]:
    """Pivot order, and for each pivot its columns and rows at the time when it is eliminated."""
    rows = [{j for (a, j) in pattern if a == i} for i in range(n)]
    columns = [{i for (i, b) in pattern if b == j} for j in range(n)]
    rest, order = set(range(n)), []
    while rest:
        p = min(rest, key=lambda q: ((len(columns[q] & rest) - 1) * (len(rows[q] & rest) - 1), q))
        rest.discard(p)
        order.append(p)
        for i in columns[p] & rest:
            new = rows[p] & rest
            rows[i] |= new
            for j in new:
                columns[j].add(i)
    return order, rows, columns


def elimination_programs(system: System, drift: Sequence[sp.Expr]) -> tuple[Program, Program, int]:
    """Programs ``factor`` (lane: t, shift -> factors and, if time occurs, df/dt) and ``solve``, and the number of factors.

    The factors are followed by the ``n`` time derivatives when the drift depends on time.
    """
    n, states = len(system.states), system.states
    entries = jacobian(drift, states)
    build = Lowering([("lane", (system.time, SHIFT)), ("y", states), ("p", system.parameters)])
    shift = build.value(SHIFT)
    matrix = {}
    for (i, j), e in entries.items():
        matrix[i, j] = build.op("sub", shift, build.value(e)) if i == j else build.op("neg", build.value(e))
    for i in range(n):
        matrix.setdefault((i, i), shift)
    order, rows, columns = _markowitz(n, set(matrix))
    place = {p: k for k, p in enumerate(order)}
    one, nothing, undefined = build.constant(1), build.constant(0), build.constant(float("nan"))
    lower_part, inverse = {}, {}
    for p in order:
        # an infinite pivot (a root at zero) must fail the step, not freeze the state with increments of zero
        reciprocal = build.op("div", one, matrix[p, p])
        inverse[p] = build.op("select", build.op("eq", reciprocal, nothing), undefined, reciprocal)
        later = [j for j in sorted(rows[p]) if place[j] > place[p]]
        for i in sorted(columns[p], key=place.__getitem__):
            if place[i] > place[p]:
                factor = lower_part[i, p] = build.op("mul", matrix[i, p], inverse[p])
                for j in later:
                    product = build.op("mul", factor, matrix[p, j])
                    matrix[i, j] = build.op("sub", matrix[i, j], product) if (i, j) in matrix else build.op("neg", product)
    upper = {(p, j): v for (p, j), v in matrix.items() if place[j] > place[p]}
    names = [("l", k) for k in lower_part] + [("u", k) for k in upper] + [("r", (p, p)) for p in order]
    values = [*lower_part.values(), *upper.values(), *(inverse[p] for p in order)]
    labels = [f"{kind}{i}_{j}" for kind, (i, j) in names]
    rates = [row.get(system.time, sp.S.Zero) for row in gradients(drift, [system.time])]
    if any(r != 0 for r in rates):
        values += [build.value(r) for r in rates]
        labels += [f"d{s}_dt" for s in system.names]
    factor_program = build.program("factor", values, labels)

    symbols = {name: sp.Symbol(f"{name[0]}{name[1][0]}_{name[1][1]}") for name in names}
    right = sp.symbols(f"b0:{n}")
    solve = Lowering([("lane", tuple(symbols.values())), ("y", right), ("p", ())])
    entry = {name: solve.value(s) for name, s in symbols.items()}
    x = [solve.value(b) for b in right]
    for p in order:
        for i in sorted(columns[p], key=place.__getitem__):
            if (i, p) in lower_part:
                x[i] = solve.op("sub", x[i], solve.op("mul", entry["l", (i, p)], x[p]))
    for p in reversed(order):
        for j in sorted(rows[p], key=place.__getitem__, reverse=True):
            if (p, j) in upper:
                x[p] = solve.op("sub", x[p], solve.op("mul", entry["u", (p, j)], x[j]))
        x[p] = solve.op("mul", x[p], entry["r", (p, p)])
    return factor_program, solve.program("solve", x, [f"x{i}" for i in range(n)]), len(names)
