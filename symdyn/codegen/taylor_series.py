"""The Taylor coefficients of a right-hand side as two straight-line programs that do not depend on the order of the series."""

from __future__ import annotations

from dataclasses import replace

from symdyn.codegen.convolved import ConvolvedProgram
from symdyn.codegen.program import Made, Operation, Program
from symdyn.codegen.taylor_expansion import CONSTANT, LANE, LINEAR, PARAMETER, STATE, Expansion, SeriesValue
from symdyn.codegen.taylor_functions import call
from symdyn.errors import CompileError

__all__ = ["SCALARS", "taylor_programs"]

#: What the program of higher orders reads besides sums: "slope" is h where k is 1, else 0.
SCALARS = ("h/(k+1)", "1/k", "k", "slope")


def _expand(rhs: Program) -> tuple[Expansion, list[SeriesValue]]:
    """Every value of the right-hand side as a series; returns those of the derivatives."""
    if rhs.tables:
        raise CompileError("Taylor series of networks and other dense layers are not known; use 'dop853'")
    e = Expansion(len(rhs.blocks[STATE][1]))
    values: list[SeriesValue] = []
    for op, args, constant in rhs.operations:
        if op == "const":
            made = e.literal(constant)
        elif op == "input" and args[0] == STATE:
            made = e.states[args[1]]
        elif op == "input" and args[0] == PARAMETER:
            made = SeriesValue(CONSTANT, e.zeroth.op("input", *args))
        elif op == "input":
            made = SeriesValue(LINEAR, e.zeroth.op("input", LANE, 0), e.input("slope"), e.zeroth.op("input", LANE, 1))
        else:
            u = [values[a] for a in args]
            if op in ("add", "sub"):
                made = e.add(op, *u)
            elif op == "mul":
                made = e.multiply(*u)
            elif op == "div":
                made = e.divide(*u)
            elif op == "neg":
                made = e.negative(*u)
            else:
                made = call(e, op, *u)
        values.append(made)
    return e, [values[k] for k in rhs.outputs]


def taylor_programs(rhs: Program) -> Made:
    """The programs ``zeroth`` and ``higher`` of a right-hand side, and the facts for `symdyn_kernels.drivers.taylor`.

    ``zeroth(lane, y, p, out)`` takes t and h, the states and the parameters, and writes what is kept for higher orders, then
    all rows of order 0, then the states of order 1.  ``higher`` takes ``h/(k + 1), 1/k, k``, h if k is 1 else 0, and the sums
    of the pairs; all rows of order k - 1 and those of order k; and in place of `p` the parameters, what ``zeroth`` kept and
    the rows of order 0; it writes the further rows of order k, then the states of order k + 1.
    """
    e, slopes = _expand(rhs)
    n, parameters = len(e.states), rhs.blocks[PARAMETER][1]
    step = e.input("h/(k+1)")
    following = [e.higher.constant(0) if s.degree == CONSTANT else e.higher.op("mul", s.coefficient, step) for s in slopes]
    scale = e.zeroth.op("input", LANE, 1)
    begun = [e.zeroth.op("mul", s.zero, scale) for s in slopes]
    further = list(e.rows)[n:]
    spare = 1 - len(e.rows) % 2  # rows of an order are odd in number: orders then do not share cache sets
    zero = e.zeroth.constant(0)
    names = [*rhs.blocks[STATE][1], *(f"series {s}" for s in range(n, len(e.rows) + spare))]

    outputs = [*(v.coefficient for v in further), *[e.higher.constant(0)] * spare, *following]
    labels = [*(f"{name} of order k" for name in names[n:]), *(f"{name} of order k + 1" for name in names[:n])]
    higher = e.higher.program("higher", outputs, labels)
    places = {v.zero: s for v, s in reversed(e.rows.items())}
    needed = [which for kind, which in (o.args for o in higher.operations if o.op == "input") if kind == "zero"]
    read = {k: o.args[1] for k, o in enumerate(e.zeroth.operations) if o.op == "input" and o.args[0] == PARAMETER}
    kept = {which: c for c, which in enumerate(k for k in needed if k not in places and k not in read)}
    origin = len(parameters) + len(kept)

    def resolved(operation: Operation) -> Operation:
        if operation.op != "input":
            return operation
        kind, which = operation.args
        if kind in SCALARS:
            return operation._replace(args=(LANE, SCALARS.index(kind)))
        if kind == "sum":
            return operation._replace(args=(LANE, len(SCALARS) + which))
        if kind in ("before", "now"):
            return operation._replace(args=(STATE, which + (len(names) if kind == "now" else 0)))
        if which in places:
            return operation._replace(args=(PARAMETER, origin + places[which]))
        return operation._replace(args=(PARAMETER, read[which] if which in read else len(parameters) + kept[which]))

    blocks = (
        ("lane", (*SCALARS, *(f"sum {r}" for r in range(len(e.pairs))))),
        ("y", (*(f"{name} before" for name in names), *names)),
        ("p", (*parameters, *(f"kept {c}" for c in range(len(kept))), *(f"{name} at 0" for name in names))),
    )
    operations = tuple(map(resolved, higher.operations))
    higher = ConvolvedProgram(
        "higher", blocks, operations, higher.outputs, higher.labels, pairs=tuple(e.pairs), rows=len(names), origin=origin,
        order=SCALARS.index("k"),
    )  # fmt: skip
    outputs = [*kept, *(v.zero for v in e.rows), *[zero] * spare, *begun]
    labels = [*blocks[PARAMETER][1][len(parameters) :], *(f"{name} of order 1" for name in names[:n])]
    zeroth = e.zeroth.program("zeroth", outputs, labels)
    time = rhs.blocks[LANE][1][0]
    zeroth = replace(zeroth, blocks=(("lane", (time, "h")), *rhs.blocks[1:]))
    return Made((zeroth, higher), {"rows": len(names), "kept": len(kept)})
