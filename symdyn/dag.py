"""Expressions as graphs: equal subexpressions are visited once, however often they occur.

Nested moment closures have trees that are thousands of times larger than their graphs: traversing the tree is not feasible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import is_not
from typing import Any

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.relational import Relational
from sympy.printing.str import StrPrinter

from symdyn.errors import DeclarationError

__all__ = [
    "Visited",
    "decimals",
    "fingerprint",
    "free_symbols",
    "in_order",
    "nodes",
    "pack",
    "put_in",
    "refuse_growth",
    "replace",
    "replacing",
    "settled",
    "size",
    "texts",
    "unpack",
    "written_exactly",
    "written_out",
]

#: Nodes of the largest expression that rules built on each other may become.
LARGEST = 100_000

#: What binds symbols.
BINDING = (ExprWithLimits, sp.Lambda, sp.Subs)


class Visited:
    """What `nodes` came across: the first of equal subexpressions, by itself and by the address of each of them."""

    __slots__ = ("at", "first", "others")

    def __init__(self) -> None:
        self.first: dict[sp.Basic, sp.Basic] = {}
        self.at: dict[int, sp.Basic] = {}
        #: Those that are equal to a first one, so that no address is given to another object.
        self.others: list[sp.Basic] = []


def nodes(expressions: Iterable[sp.Basic], visited: Visited | None = None) -> Iterator[sp.Basic]:
    """Every different subexpression, operands before what is made of them, without those that were `visited` before.

    What sympy made twice is given the same operands, so that equal subexpressions are compared by their addresses from then on:
    comparing graphs that share nothing takes the time of their trees.

    >>> x = sp.Symbol("x")
    >>> [str(e) for e in nodes([x + x**2, x**2])]
    ['x', '2', 'x**2', 'x**2 + x']
    """
    visited = Visited() if visited is None else visited
    first, at = visited.first, visited.at
    for root in expressions:
        stack: list[tuple[sp.Basic, tuple[sp.Basic, ...] | None]] = [(root, None)]
        while stack:
            node, args = stack.pop()
            if id(node) in at:
                continue
            if args is None:
                args = node.args
                if args:  # another traverse may give it other ones before these were visited
                    stack.append((node, args))
                    stack.extend([(child, None) for child in reversed(args)])
                    continue
            if args:
                same = [at[id(a)] for a in args]
                if any(map(is_not, same, node.args)):
                    node._args = tuple(same)
            count = len(first)
            at[id(node)] = found = first.setdefault(node, node)  # sympy computes the hash of a number anew each time
            if len(first) > count:
                yield node
            elif found is not node:
                visited.others.append(node)


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
    return [*map(replacing(swap), expressions)]


def replacing(swap: Mapping[sp.Basic, sp.Basic], *, distributed: bool = False) -> Callable[[Any], Any]:
    """`replace` as a function of one expression, which knows what earlier ones share with it.

    Where products are `distributed`, sympy multiplies numbers into sums, as it does in texts that are read.
    """
    new: dict[sp.Basic, sp.Basic] = {}
    visited = Visited()

    def replaced(e: Any) -> Any:
        for node in nodes([e], visited):
            if node in swap:
                new[node] = swap[node]
                continue
            args = [new[a] for a in node.args]
            if all(a is b for a, b in zip(args, node.args, strict=True)):
                new[node] = node
            elif node.is_Mul and not distributed:
                new[node] = _product(args)
            else:
                new[node] = node.func(*args)
        return new[e]

    return replaced


def settled(expressions: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The expressions with every condition of pieces in a form that sympy leaves as it is.

    sympy brings conditions to a canonical form whenever it rebuilds pieces, and for one in forty comparisons of sums goes round
    in a circle; these become comparisons with zero.

    >>> a, b, k = sp.symbols("a b k")
    >>> settled([sp.Piecewise((1, a - k > b - a), (a, True), evaluate=False)])
    [Piecewise((1, -2*a + b + k < 0), (a, True))]
    """
    expressions = list(expressions)
    forms = {node: node.canonical for node in nodes(expressions) if isinstance(node, Relational)}
    circular = {r: r.func(r.lhs - r.rhs, 0) for r, form in forms.items() if form.canonical != form}
    return replace(expressions, circular) if circular else expressions


def size(e: sp.Basic, of: Mapping[sp.Basic, int] | None = None) -> int:
    """Number of nodes of the tree of an expression, computed on its graph; `of` has the sizes of symbols that stand for others.

    >>> x = sp.Symbol("x")
    >>> size(x + x**2), size(x + x**2, {x: 1000})
    (5, 2003)
    """
    sizes: dict[sp.Basic, int] = dict(of or {})
    for node in nodes([e]):
        if node not in sizes:
            sizes[node] = 1 + sum(sizes[a] for a in node.args)
    return sizes[e]


def put_in(e: sp.Basic, values: Mapping[sp.Symbol, sp.Expr], what: str) -> Any:
    """`e` with values in the place of symbols.

    Raises
    ------
    DeclarationError
        If it would become larger than `LARGEST`: a few lines can stand for expressions that no computer holds; or if it
        would compare what is not real.
    """
    used = {s: values[s] for s in e.free_symbols if s in values}
    refuse_growth(size(e, {s: size(v) for s, v in used.items()}), what)
    try:
        return e.xreplace(used)
    except (TypeError, ValueError):  # of comparisons, maxima and minima of 1/0 or the root of -1
        raise DeclarationError(f"{what} compares numbers that are not real and finite, such as 1/0") from None
    except RecursionError:  # of pieces within the conditions of pieces
        raise DeclarationError(f"{what} has conditions that sympy rewrites without end; give them names of their own") from None


def refuse_growth(nodes: int, what: str) -> None:
    """Raise a `DeclarationError` where `what` has more nodes than `LARGEST`."""
    if nodes > LARGEST:
        raise DeclarationError(
            f"{what} has {nodes:.3g} symbols, numbers and operators when what it is built on is written out, "
            f"more than {LARGEST}"
        )


def written_out(rules: Mapping[sp.Symbol, sp.Expr], what: str) -> dict[sp.Symbol, sp.Expr]:
    """The rules without the symbols of each other.

    Raises
    ------
    DeclarationError
        If they go round in a circle, or one would become larger than `LARGEST`.

    Examples
    --------
    >>> x, a, b = sp.symbols("x a b")
    >>> written_out({b: a**2, a: x + 1}, "observable")
    {b: (x + 1)**2, a: x + 1}
    """
    done: dict[sp.Symbol, sp.Expr] = {}
    for symbol in in_order(rules, what):
        done[symbol] = put_in(rules[symbol], done, f"the {what} {symbol}")
    return {symbol: done[symbol] for symbol in rules}


def in_order(rules: Mapping[sp.Symbol, sp.Expr], what: str) -> list[sp.Symbol]:
    """The symbols of rules, each after those that its rule contains.

    Raises
    ------
    DeclarationError
        If the rules go round in a circle.

    Examples
    --------
    >>> x, a, b = sp.symbols("x a b")
    >>> in_order({b: a**2, a: x + 1}, "observable")
    [a, b]
    """
    done: dict[sp.Symbol, None] = {}
    for root in rules:
        path: dict[sp.Symbol, None] = {}
        waiting = [root]
        while waiting:
            symbol = waiting[-1]
            needed = [] if symbol in done else [s for s in free_symbols([rules[symbol]]) if s in rules and s not in done]
            if not needed:
                done[waiting.pop()] = None
            elif symbol in path:
                raise DeclarationError(f"the {what} {symbol} is defined by itself")
            else:
                path[symbol] = None
                waiting += needed
    return list(done)


def written_exactly(e: Any) -> Any:
    """`e` with every float as a symbol that is called like its shortest exact decimal; sympy prints 15 digits only.

    >>> x = sp.Symbol("x")
    >>> print(0.1 * x, written_exactly(0.1 * x))
    0.1*x 0.1*x
    >>> print(x < 0.1, written_exactly(x < 0.1))
    x < 0.1 x < 0.1
    """
    return replacing(decimals([e]), distributed=True)(e)


def decimals(expressions: Iterable[sp.Basic]) -> dict[sp.Basic, sp.Basic]:
    """For every float of the expressions what `written_exactly` writes."""
    floats = (f for f in nodes(expressions) if isinstance(f, sp.Float))
    return {f: sp.sign(f) * sp.Symbol(repr(abs(float(f)))) for f in floats}


class _Printer(StrPrinter):
    """Prints what occurs again once."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[sp.Basic, str] = {}

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if not isinstance(expr, sp.Basic) or not expr.args or kwargs:
            return str(super()._print(expr, **kwargs))
        if expr not in self._known:
            self._known[expr] = super()._print(expr)
        return self._known[expr]


def texts(expressions: Iterable[Any]) -> list[str]:
    """What `str` makes of each expression; terms are put in order once, however often a sum occurs.

    >>> x, y = sp.symbols("x y")
    >>> texts([sp.sin(y + x) * (x + y), -x])
    ['(x + y)*sin(x + y)', '-x']
    """
    printer = _Printer()
    return [printer.doprint(e) for e in expressions]


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
