r"""Products of a transposed Jacobian with a vector, as further operations of a program: one sweep backwards over the graph.

For outputs :math:`f_i` of inputs :math:`x_j` and weights :math:`w_i` the sweep computes :math:`\sum_i w_i \partial f_i/\partial
x_j` for all j, in a few times the operations of f whatever the number of inputs: every value v has an adjoint :math:`\bar v`,
which is the weight of an output, plus :math:`\bar u\, \partial u/\partial v` for each value u that is computed from v.  The
convention at jumps is that of `symdyn.codegen.differentiate`.

References
----------
Griewank & Walther, Evaluating Derivatives, 2nd ed. (2008), ch. 3.2 (at most four times the operations of f).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.codegen.partials import STEPS, Partials
from symdyn.codegen.program import Program
from symdyn.paths import Path

__all__ = ["adjoint_program", "vector_jacobian"]


def vector_jacobian(lowering: Lowering, values: Sequence[int], weights: Sequence[int], inputs: Iterable[int]) -> dict[int, int]:
    """Weighted sums of the derivatives of values by those inputs on which they depend.

    Parameters
    ----------
    lowering : Lowering
        The program; it receives the operations.
    values, weights : sequences of int
        Numbers of values, and of what each of their derivatives is multiplied by; a value may occur several times.
    inputs : iterable of int
        Numbers of values by which to differentiate: inputs, or values in the middle of the program.

    Returns
    -------
    dict of int to int
        From an input to the number of the sum; without inputs on which no value depends.

    Raises
    ------
    CompileError
        For functions whose derivative has no code.

    Examples
    --------
    >>> x, y, w = sp.symbols("x y w")
    >>> build = Lowering([("lane", []), ("y", [x, y, w]), ("p", [])])
    >>> numbers = [build.value(s) for s in (x, y, w)]
    >>> found = vector_jacobian(build, [build.value(x * y)], [numbers[2]], numbers[:2])
    >>> [build.operations[found[k]].args for k in numbers[:2]] == [(2, 1), (2, 0)]  # w y and w x
    True
    """
    wanted = set(inputs)
    rules, op, one = Partials(lowering), lowering.op, lowering.constant(1)
    zero, two = lowering.constant(0), lowering.constant(2)
    needed = lowering.needed(values)
    active: set[int] = set()
    for k in needed:
        name, args, _ = lowering.operations[k]
        if k in wanted or (name != "input" and name not in STEPS and any(a in active for a in args)):
            active.add(k)
    adjoint: dict[int, int] = {}

    def add(k: int, part: int) -> None:
        if k in active:
            adjoint[k] = op("add", adjoint[k], part) if k in adjoint else part

    def times(a: int, b: int) -> int:
        return b if a == one else a if b == one else op("mul", a, b)

    for value, weight in zip(values, weights, strict=True):
        add(value, weight)
    for k in reversed(needed):
        name, args, _ = lowering.operations[k]
        if k not in adjoint or k in wanted or name in STEPS or name == "input":
            continue
        bar = adjoint[k]
        if name in ("add", "sub"):
            add(args[0], bar)
            add(args[1], bar if name == "add" else lowering.negative(bar))
        elif name == "neg":
            add(args[0], lowering.negative(bar))
        elif name == "mul" and args[0] == args[1]:
            add(args[0], times(bar, op("mul", two, args[0])))
        elif name == "mul":
            for a, other in (args, args[::-1]):
                if a in active:
                    add(a, times(bar, other))
        elif name == "div":
            over = op("div", bar, args[1])
            add(args[0], over)
            if args[1] in active:
                add(args[1], lowering.negative(times(k, over)))
        elif name in ("select", "fmin", "fmax"):
            condition = args[0] if name == "select" else op("le" if name == "fmin" else "ge", *args)
            yes, no = args[-2:]
            if yes in active:
                add(yes, op("select", condition, bar, zero))
            if no in active:
                add(no, op("select", condition, zero, bar))
        elif name == "part":
            for a, factor in rules.part(k, active.__contains__):
                add(a, times(bar, factor))
        elif name in ("pow", "atan2"):
            factors = rules.power(k, *args, exponent=args[1] in active) if name == "pow" else rules.angle(*args)
            for a, factor in zip(args, factors, strict=True):
                if a in active:
                    add(a, times(bar, factor))
        else:
            add(args[0], times(bar, rules.outer(name, k, args[0])))
    return {k: adjoint[k] for k in wanted if k in adjoint}


def adjoint_program(
    name: str,
    expressions: Sequence[sp.Expr],
    time: sp.Symbol,
    states: Sequence[sp.Symbol],
    weights: Sequence[sp.Symbol],
    parameters: Sequence[sp.Symbol],
) -> Program:
    """The product of the transposed Jacobian of expressions with weights, as a program of time, states, weights, parameters.

    Its blocks are ``lane`` (the time), ``y`` (states, then one weight for each expression) and ``p``; its outputs are the
    products for the states, then those for the parameters.  Whoever has other code for a part of the expressions, such as
    products with matrices from tables, calls `vector_jacobian` on either side of it.

    Raises
    ------
    CompileError
        For unknown terms, and functions whose derivative has no code.

    Examples
    --------
    >>> from symdyn.codegen.evaluate import evaluate
    >>> t, x, w, a = sp.symbols("t x w a")
    >>> program = adjoint_program("pull", [a * x**2], t, [x], [w], [a])
    >>> [float(v) for v in evaluate(program, [0.0], [3.0, 1.0], [2.0])]  # 2 a x and x^2
    [12.0, 9.0]
    """
    build = Lowering([("lane", (time,)), ("y", (*states, *weights)), ("p", tuple(parameters))])
    numbers = [build.value(e) for e in expressions]
    # the number of the course of an input over time stands among the parameters, and is no variable
    inputs = {s: build.value(s) for s in (*states, *parameters) if not isinstance(s, Path)}
    found = vector_jacobian(build, numbers, [build.value(w) for w in weights], inputs.values())
    zero = build.constant(0)
    outputs = [found.get(inputs[s], zero) if s in inputs else zero for s in (*states, *parameters)]
    return build.program(name, outputs, [f"d/d{s}" for s in (*states, *parameters)])
