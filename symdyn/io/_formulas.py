"""Formulas as SBML and Antimony write them: sympy expressions to nodes of MathML, and these to XML and to text."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.io.exchange.model import Delayed

__all__ = ["FormulaNode", "as_text", "as_xml", "digits", "node_of"]

MATHML = "http://www.w3.org/1998/Math/MathML"
SYMBOLS = "http://www.sbml.org/sbml/symbols/"
#: Functions and relations under the names of MathML.
NAMES: dict[Any, str] = {
    sp.exp: "exp",
    sp.log: "ln",
    sp.Abs: "abs",
    sp.floor: "floor",
    sp.ceiling: "ceiling",
    Delayed: "delay",
    **{getattr(sp, f): f for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "sec", "csc", "cot", "sech", "csch", "coth")},
    **{getattr(sp, f"a{f}"): f"arc{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    sp.Eq: "eq",
    sp.Ne: "neq",
    sp.Lt: "lt",
    sp.Le: "leq",
    sp.Gt: "gt",
    sp.Ge: "geq",
    sp.And: "and",
    sp.Or: "or",
    sp.Not: "not",
}
CONSTANTS = {sp.oo: "inf", -sp.oo: "-inf", sp.nan: "nan", sp.pi: "pi", sp.E: "exponentiale", sp.true: "true", sp.false: "false"}
#: Operators of a text, and how strongly they bind (`or` as `and`, for libsbml); functions and numbers are closed in themselves.
OPERATORS = {
    "or": (" || ", 2), "and": (" && ", 2), "eq": (" == ", 3), "neq": (" != ", 3), "lt": (" < ", 3), "leq": (" <= ", 3),
    "gt": (" > ", 3), "geq": (" >= ", 3), "plus": (" + ", 4), "times": ("*", 5), "divide": ("/", 5), "minus": ("-", 5),
    "not": ("!", 6), "power": ("^", 7),
}  # fmt: skip
CLOSED = 9


class FormulaNode(NamedTuple):
    """An operator with its operands, or a number, a name, the time or a constant."""

    kind: str
    parts: tuple[FormulaNode, ...] = ()
    value: Any = None


def digits(value: float) -> str:
    """The shortest decimal that is read as that number.

    >>> digits(2.0), digits(0.1 + 0.2), digits(1e-7)
    ('2', '0.30000000000000004', '1e-07')
    """
    return repr(float(value)).removesuffix(".0")


def node_of(e: Any, time: sp.Symbol, where: str) -> FormulaNode:
    """The node of an expression or a condition.

    Raises
    ------
    DeclarationError
        For functions that SBML does not have; `where` names the formula.
    """
    e = e if isinstance(e, sp.Basic) else expression(e)
    dag.refuse_growth(dag.size(e), where)
    return _node(e, time, where)


def _node(e: sp.Basic, time: sp.Symbol, where: str) -> FormulaNode:
    def join(kind: str, *parts: sp.Basic) -> FormulaNode:
        return FormulaNode(kind, tuple(_node(p, time, where) for p in parts))

    if e == time:
        return FormulaNode("time")
    if isinstance(e, sp.Symbol):
        return FormulaNode("name", value=e.name)
    if isinstance(e, sp.Integer) and abs(int(e)) < 2**31:
        return FormulaNode("number", value=int(e))
    if isinstance(e, (sp.Integer, sp.Float)):
        if not abs(e) <= sys.float_info.max:
            raise DeclarationError(f"{where} contains the number {e.n(3)}, which is no finite float64")
        return FormulaNode("number", value=float(e))
    if isinstance(e, sp.Rational):
        return join("divide", sp.Integer(e.p), sp.Integer(e.q))
    if e in CONSTANTS:
        return FormulaNode(CONSTANTS[e])
    if isinstance(e, sp.Add):
        return join("plus", *e.as_ordered_terms())
    if isinstance(e, sp.Mul):
        below = [f for f in e.args if f.is_Pow and f.exp.is_Number and f.exp.is_negative]
        above = [f for f in e.args if f not in below]
        if below:
            return join("divide", sp.Mul(*above), sp.Mul(*(f.base**-f.exp for f in below)))
        return FormulaNode("minus", (_node(sp.Mul(*above[1:]), time, where),)) if above[0] == -1 else join("times", *above)
    if isinstance(e, sp.Pow):
        if e.exp.is_Number and e.exp.is_negative:
            return join("divide", sp.S.One, e.base**-e.exp)
        return join("power", *e.args)
    if isinstance(e, sp.Piecewise):
        flat = [part for pair in e.args for part in (pair.expr, pair.cond)]
        return join("piecewise", *(flat[:-1] if flat[-1] == sp.true else flat))
    if (pieces := _pieces(e)) is not None:
        return _node(pieces, time, where)
    if e.func not in NAMES:
        raise DeclarationError(f"{where} contains {e}; SBML and Antimony have no {e.func.__name__}")
    return join(NAMES[e.func], *e.args)


def _pieces(e: Any) -> sp.Basic | None:
    """Functions that level 3 version 1 lacks, by those that it has."""
    if isinstance(e, sp.ITE):
        condition, a, b = e.args
        return sp.Or(sp.And(condition, a), sp.And(sp.Not(condition), b))
    if isinstance(e, (sp.Max, sp.Min)):
        compared = sp.Ge if isinstance(e, sp.Max) else sp.Le
        *pairs, last = ((a, sp.And(*(compared(a, b) for b in e.args if b != a))) for a in e.args)
        return sp.Piecewise(*pairs, (last[0], True), evaluate=False)
    if isinstance(e, sp.sign):
        x = e.args[0]
        return sp.Piecewise((1, x > 0), (-1, x < 0), (0, True), evaluate=False)
    if isinstance(e, sp.Heaviside):
        x = e.args[0]
        return sp.Piecewise((1, x > 0), (0, x < 0), (e.args[1], True), evaluate=False)
    if isinstance(e, sp.Mod):
        x, y = e.args
        return x - y * sp.floor(x / y)
    return None


def as_xml(node: FormulaNode) -> Element:
    """The element ``<math>`` of a node."""
    found = Element("math", {"xmlns": MATHML})
    _grow(found, node)
    return found


def _grow(home: Element, node: FormulaNode) -> None:
    if node.kind == "number":
        mantissa, _, exponent = digits(node.value).partition("e")
        kind = {"type": "e-notation"} if exponent else {"type": "integer"} if isinstance(node.value, int) else {}
        number = SubElement(home, "cn", kind)
        number.text = mantissa
        if exponent:
            SubElement(number, "sep").tail = exponent
    elif node.kind == "name":
        SubElement(home, "ci").text = node.value
    elif node.kind == "time":
        _symbol(home, "time")
    elif node.kind == "piecewise":
        inside = SubElement(home, "piecewise")
        for value, condition in zip(node.parts[0::2], node.parts[1::2], strict=False):
            piece = SubElement(inside, "piece")
            _grow(piece, value)
            _grow(piece, condition)
        if len(node.parts) % 2:
            _grow(SubElement(inside, "otherwise"), node.parts[-1])
    elif not node.parts:
        SubElement(home, node.kind)
    else:
        inside = SubElement(home, "apply")
        _symbol(inside, node.kind) if node.kind == "delay" else SubElement(inside, node.kind)
        for part in node.parts:
            _grow(inside, part)


def _symbol(home: Element, name: str) -> None:
    SubElement(home, "csymbol", {"encoding": "text", "definitionURL": SYMBOLS + name}).text = name


def as_text(node: FormulaNode) -> str:
    """The text of a node, as Antimony reads it.

    >>> x, k, t = sp.symbols("x k t")
    >>> as_text(node_of((x - k) ** 2 / (1 + sp.exp(-x * t)), t, "a rate"))
    '(-k + x)^2/(1 + exp(-time*x))'
    """
    return _text(node)[0]


def _text(node: FormulaNode) -> tuple[str, int]:
    """Text and how strongly it is bound."""
    if node.kind == "number":
        return digits(node.value), 4 if node.value < 0 else CLOSED
    if node.kind == "name":
        return node.value, CLOSED
    if node.kind in OPERATORS:
        operator, strength = OPERATORS[node.kind]
        if len(node.parts) == 1 and node.kind in ("minus", "not"):
            return operator + _within(node.parts[0], strength), 4 if node.kind == "minus" else strength
        if node.kind == "plus":
            first, *others = node.parts
            return _within(first, strength) + "".join(_added(p) for p in others), strength
        return operator.join(_within(p, strength + (i > 0 or node.kind != "times")) for i, p in enumerate(node.parts)), strength
    if len(node.parts) == 1 and node.parts[0].kind == "divide":  # libsbml takes (1/3) for a number, and f(1/3) for f beside it
        return f"{node.kind}(({_text(node.parts[0])[0]}))", CLOSED
    return node.kind + (f"({', '.join(_text(p)[0] for p in node.parts)})" if node.parts else ""), CLOSED


def _within(node: FormulaNode, strength: int) -> str:
    text, own = _text(node)
    return text if own >= strength else f"({text})"


def _added(node: FormulaNode) -> str:
    if node.kind == "minus":
        return f" - {_within(node.parts[0], 5)}"
    if node.kind == "number" and node.value < 0:
        return f" - {digits(-node.value)}"
    return f" + {_within(node, 5)}"
