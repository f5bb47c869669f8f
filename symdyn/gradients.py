"""Partial derivatives of many expressions by many symbols at once, along their graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from symdyn import dag
from symdyn.declaration import derivative
from symdyn.dense import DenseOutput, DenseSlope

__all__ = ["gradients"]

#: Functions that have a derivative everywhere.
SMOOTH = (sp.exp, sp.tanh, sp.sin, sp.cos, sp.sinh, sp.cosh)

Gradient = dict[sp.Symbol, sp.Expr]


def gradients(expressions: Sequence[sp.Expr], symbols: Iterable[sp.Symbol]) -> list[Gradient]:
    """For each expression its derivatives by those symbols by which they are not identically zero.

    Every subexpression is differentiated once, so that nested expressions, whose trees explode, take a time that is
    linear in their graphs, and the derivatives share what the expressions share.  What holds at jumps is said in
    `symdyn.declaration.derivative`.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> gradients([x * y**2, y], [x, y])
    [{x: y**2, y: 2*x*y}, {y: 1}]
    """
    expressions = list(expressions)
    wanted = set(symbols)
    found: dict[sp.Basic, Gradient] = {}
    for node in dag.nodes(expressions):
        found[node] = _gradient(node, wanted, found)
    return [found[e] for e in expressions]


def _by_exponent(node: sp.Pow) -> sp.Expr:
    """The derivative of a power by its exponent, where the power is 0 its limit, 0."""
    slope = node * sp.log(node.base)
    return slope if node.base.is_positive else sp.Piecewise((sp.S.Zero, sp.Eq(node, 0)), (slope, True))


def _gradient(node: sp.Basic, wanted: set[sp.Symbol], found: dict[sp.Basic, Gradient]) -> Gradient:
    if isinstance(node, sp.Symbol):
        return {node: sp.S.One} if node in wanted else {}
    moving = [a for a in node.args if found[a]]
    if not moving:
        return {}
    terms: dict[sp.Symbol, list[sp.Expr]] = {}
    if node.is_Add:
        for a in moving:
            for s, d in found[a].items():
                terms.setdefault(s, []).append(d)
    elif node.is_Mul:
        for k, a in enumerate(node.args):
            if found[a]:
                rest = sp.Mul(*(b for j, b in enumerate(node.args) if j != k))
                for s, d in found[a].items():
                    terms.setdefault(s, []).append(rest * d)
    elif node.is_Pow:
        base, power = node.args
        outer = power * base ** (power - 1)
        terms = {s: [outer * d] for s, d in found[base].items()}
        for s, d in found[power].items():
            terms.setdefault(s, []).append(_by_exponent(node) * d)
    elif isinstance(node, DenseOutput):
        for j, a in enumerate(node.arguments):
            for s, d in found[a].items():
                terms.setdefault(s, []).append(DenseSlope(node.layers, node.index, j, *node.arguments) * d)
    elif isinstance(
        node, (*SMOOTH, sp.Abs)
    ):  # as sympy's chain rule, without the assumptions that it looks up along the whole argument
        outer = node.fdiff(1)
        terms = {s: [outer * d] for s, d in found[node.args[0]].items()}
    else:  # functions, and the conditions inside of Piecewise, whose entry here only says on what they depend
        symbols = sorted(set().union(*(found[a] for a in moving)), key=lambda s: s.name)
        terms = {s: [derivative(node, s) if isinstance(node, sp.Expr) else sp.S.One] for s in symbols}
    sums = {s: sp.Add(*t) for s, t in terms.items()}
    return {s: e for s, e in sums.items() if e != 0}
