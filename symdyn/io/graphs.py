"""Expressions as flat lists of records, every number to its last bit: what no text holds, such as tables of dense layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symdyn import dag
from symdyn.dense import DenseLayers, DenseOutput, DenseSlope
from symdyn.errors import DeclarationError

__all__ = ["graph_of", "read_graph"]

#: What may be made when a graph is read.
NODES: dict[str, Any] = {
    c.__name__: c
    for c in (
        sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh,
        sp.tanh, sp.asinh, sp.acosh, sp.atanh, sp.erf, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.Heaviside, sp.Max, sp.Min,
        sp.gamma, sp.Piecewise, ExprCondPair, sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan, sp.Eq,
        sp.Ne, sp.And, sp.Or, sp.Not,
    )
}  # fmt: skip
CONSTANTS = {"pi": sp.pi, "E": sp.E, "true": sp.true, "false": sp.false, "EulerGamma": sp.EulerGamma}
NAMES = {value: name for name, value in CONSTANTS.items()}
APPLIED = {"DenseOutput": DenseOutput, "DenseSlope": DenseSlope}
#: Bits of the numbers that are written.
DOUBLE = 53


def graph_of(expressions: Iterable[sp.Basic], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Expressions in terms of JSON; tables of dense layers are added to `arrays`.

    Raises
    ------
    DeclarationError
        For functions and numbers that are not written, and different symbols of one name.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> graph_of([sp.Mul(2, x + 1, evaluate=False)], {})["records"]
    [['integer', '2'], ['integer', '1'], ['symbol', 'x'], ['Add', [1, 2]], ['Mul', [0, 3]]]
    """
    roots = list(expressions)
    number: dict[sp.Basic, int] = {}
    layers: dict[sp.Basic, list[Any]] = {}
    named: dict[str, sp.Symbol] = {}
    records: list[list[Any]] = []
    for node in dag.nodes(roots):
        if isinstance(node, DenseLayers):
            parts = []
            for weights, bias, function in node.layers:
                names = [f"array{len(arrays)}", f"array{len(arrays) + 1}"]
                arrays |= dict(zip(names, (weights, bias), strict=True))
                parts.append([*names, function])
            layers[node] = ["layers", node.name, parts]
        if isinstance(node, sp.Symbol) and named.setdefault(node.name, node) != node:
            raise DeclarationError(f"two different symbols are called {node.name}; give one of them another name")
        number[node] = len(records)
        records.append(layers.get(node) or _record(node, number))
    return {"records": records, "places": [number[e] for e in roots]}


def _record(node: sp.Basic, number: Mapping[sp.Basic, int]) -> list[Any]:
    if isinstance(node, sp.Symbol):
        return ["symbol", node.name]
    if isinstance(node, sp.Integer):
        return ["integer", str(node)]
    if isinstance(node, sp.Rational) and node.is_finite:
        return ["rational", str(node.p), str(node.q)]
    if isinstance(node, sp.Float) and node._prec == DOUBLE:
        return ["float", float(node).hex()]
    if node in NAMES:
        return ["constant", NAMES[node]]
    name = type(node).__name__
    if node.args and ((NODES.get(name) or APPLIED.get(name)) is type(node)):
        return [name, [number[a] for a in node.args]]
    raise DeclarationError(f"{node} cannot be written to a file; keep the Python that makes it")


def read_graph(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """The expressions that `graph_of` was given.

    Raises
    ------
    ValueError
        If records are damaged.

    Examples
    --------
    >>> x, arrays = sp.Symbol("x"), {}
    >>> e = sp.Mul(0.1, x + 1, evaluate=False)
    >>> read_graph(graph_of([e], arrays), arrays) == [e]
    True
    """
    built: list[Any] = []
    for record in facts["records"]:
        match record:
            case ["symbol", str(name)]:
                made: Any = sp.Symbol(name)
            case ["integer", str(text)]:
                made = sp.Integer(int(text))
            case ["rational", str(top), str(bottom)]:
                made = sp.Rational(int(top), int(bottom))
            case ["float", str(text)]:
                made = sp.Float(float.fromhex(text))
            case ["constant", str(name)] if name in CONSTANTS:
                made = CONSTANTS[name]
            case ["layers", str(name), list(parts)]:
                made = DenseLayers(name, [(arrays[w], arrays[b], function) for w, b, function in parts])
            case [str(name), list(places)] if name in NODES or name in APPLIED:
                made = _made(name, [_at(built, k) for k in places])
            case _:
                raise ValueError(f"{str(record)[:60]} is no part of an expression")
        built.append(made)
    return [_at(built, k) for k in facts["places"]]


def _at(built: list[Any], place: Any) -> Any:
    if type(place) is not int or not 0 <= place < len(built):
        raise ValueError(f"a part of an expression is {str(place)[:20]}, which comes later or never")
    return built[place]


def _made(name: str, args: list[Any]) -> Any:
    if name in APPLIED:
        if not args or not isinstance(args[0], DenseLayers):
            raise ValueError(f"{name} without layers")
        return APPLIED[name](*args)
    if any(isinstance(a, DenseLayers) for a in args):
        raise ValueError(f"{name} of layers")
    node = NODES[name]
    for k, arg in enumerate(args):
        if not isinstance(arg, _wanted(node, k)):
            raise ValueError(f"{str(arg)[:40]} is no part of {name}")
    if node in (sp.Add, sp.Mul):
        return node._from_args(args)
    return node(*args) if node is ExprCondPair else node(*args, evaluate=False)


def _wanted(node: Any, place: int) -> type[sp.Basic] | tuple[type[sp.Basic], ...]:
    """What an operand of a node is, by its place; for sympy symbols are conditions, too."""
    if node is sp.Piecewise:
        return ExprCondPair
    if node in (sp.And, sp.Or, sp.Not) or (node is ExprCondPair and place == 1):
        return Relational, BooleanFunction, BooleanAtom
    return sp.Expr
