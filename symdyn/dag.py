"""Expressions as graphs: equal subexpressions are visited once, however often they occur.

Nested moment closures have trees that are thousands of times larger than their graphs: traversing the tree is not feasible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

__all__ = ["fingerprint", "free_symbols", "nodes", "pack", "replace", "unpack"]

#: What binds symbols.
BINDING = (ExprWithLimits, sp.Lambda, sp.Subs)


def nodes(expressions: Iterable[sp.Basic]) -> Iterator[sp.Basic]:
    """Every different subexpression, operands before what is made of them.

    >>> x = sp.Symbol("x")
    >>> [str(e) for e in nodes([x + x**2, x**2])]
    ['x', '2', 'x**2', 'x**2 + x']
    """
    visited: set[sp.Basic] = set()
    for root in expressions:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                yield node
            elif node not in visited:
                visited.add(node)
                stack.append((node, True))
                stack.extend([(child, False) for child in reversed(node.args) if child not in visited])


def free_symbols(expressions: Iterable[sp.Basic]) -> set[sp.Symbol]:
    """Free symbols of all the expressions.

    >>> x, y = sp.symbols("x y")
    >>> sorted(map(str, free_symbols([x, x + y**2])))
    ['x', 'y']
    """
    expressions = list(expressions)
    found: set[sp.Symbol] = set()
    for node in nodes(expressions):
        if isinstance(node, sp.Symbol):
            found.add(node)
        elif isinstance(node, BINDING):  # only the tree determines which symbols are free
            return set().union(*(e.free_symbols for e in expressions))
    return found


def replace(expressions: Iterable[sp.Expr], swap: Mapping[sp.Basic, sp.Basic]) -> list[sp.Expr]:
    """The expressions with some subexpressions replaced; sums and shared subexpressions remain unchanged.

    >>> x, y, z = sp.symbols("x y z")
    >>> replace([x * (y + z), x], {x: sp.Integer(2)})
    [2*(y + z), 2]
    """
    expressions = list(expressions)
    new: dict[sp.Basic, sp.Basic] = {}
    for node in nodes(expressions):
        if node in swap:
            new[node] = swap[node]
            continue
        args = [new[a] for a in node.args]
        if all(a is b for a, b in zip(args, node.args, strict=True)):
            new[node] = node
        elif node.is_Mul:
            new[node] = _product(args)
        else:
            new[node] = node.func(*args)
    return [new[e] for e in expressions]


def _product(factors: list[sp.Basic]) -> sp.Basic:
    """A product in which sympy does not multiply a number into a sum."""
    kept = [f for f in factors if f is not sp.S.One]
    if len(kept) == 2 and kept[0].is_Number and kept[1].is_Add and kept[0] is not sp.S.Zero:
        return sp.Mul(*kept, evaluate=False)
    return sp.Mul(*kept)


def pack(expressions: Iterable[sp.Basic]) -> tuple[list[Any], list[int]]:
    """The graph as a list for pickling, which by itself would multiply numbers into sums, and the places of the expressions."""
    expressions = list(expressions)
    number: dict[sp.Basic, int] = {}
    records: list[Any] = []
    for node in nodes(expressions):
        number[node] = len(records)
        records.append((node.func, [number[a] for a in node.args]) if node.args else node)
    return records, [number[e] for e in expressions]


def unpack(packed: tuple[list[Any], list[int]]) -> list[sp.Expr]:
    """The expressions that were packed, exactly.

    >>> x, y = sp.symbols("x y")
    >>> e = sp.Mul(2, x + y, evaluate=False)
    >>> unpack(pack([e]))[0] == e
    True
    """
    built: list[Any] = []
    for record in packed[0]:
        if not isinstance(record, tuple):
            built.append(record)
            continue
        function, places = record
        args = [built[k] for k in places]
        built.append(function._from_args(args) if function in (sp.Add, sp.Mul) else function(*args))
    return [built[k] for k in packed[1]]


def fingerprint(expressions: Iterable[sp.Basic]) -> str:
    """Hexadecimal digest of the expressions, the same for equal ones in every process.

    >>> x, y = sp.symbols("x y")
    >>> fingerprint([x + y]) == fingerprint([y + x]), fingerprint([x + y]) == fingerprint([x - y])
    (True, False)
    """
    expressions = list(expressions)
    number: dict[sp.Basic, int] = {}
    digest = hashlib.sha256()
    for node in nodes(expressions):
        number[node] = len(number)
        inner = f"{node.func.__name__}{[number[a] for a in node.args]}" if node.args else sp.srepr(node)
        digest.update(f"{inner}\0".encode())
    digest.update(str([number[e] for e in expressions]).encode())
    return digest.hexdigest()
