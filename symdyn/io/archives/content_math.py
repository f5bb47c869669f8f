"""Formulas of SED-ML, content MathML, as text that `read_formula` reads."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from symdyn.errors import DeclarationError

__all__ = ["infix"]

_BETWEEN = {"plus": " + ", "times": "*", "and": " && ", "or": " || "}
_RELATIONS = {"lt": "<", "leq": "<=", "gt": ">", "geq": ">=", "eq": "==", "neq": "!="}
_FUNCTIONS = {
    "exp": "exp", "ln": "ln", "abs": "abs", "min": "min", "max": "max", "sin": "sin", "cos": "cos", "tan": "tan",
    "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
}  # fmt: skip
_BASES = ("degree", "logbase")
_NUMBERS = {"pi": "(4*arctan(1))", "exponentiale": "exp(1)"}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def infix(node: Element, where: str) -> str:
    """The text of a formula.

    Raises
    ------
    DeclarationError
        For what is not read, by name.

    Examples
    --------
    >>> from xml.etree.ElementTree import fromstring
    >>> infix(fromstring("<math><apply><divide/><ci>a</ci><apply><plus/><ci>b</ci><cn>2</cn></apply></apply></math>"), "f")
    '(a/(b + (2)))'
    """
    kind, text = node.tag.rpartition("}")[2], (node.text or "").strip()
    children = [*node]
    if kind == "math" and len(children) == 1:
        return infix(children[0], where)
    if kind == "ci":
        if not _NAME.fullmatch(text):
            raise DeclarationError(f"{where} has the identifier {text!r}; expected letters, digits and _")
        return text
    if kind == "cn":
        return _number(node, text, where)
    if kind in ("true", "false"):
        return kind
    if kind in _NUMBERS:
        return _NUMBERS[kind]
    if kind == "piecewise":
        pieces = [infix(x, where) for child in children for x in child]
        if len(pieces) % 2 == 0:
            raise DeclarationError(f"{where} has a piecewise without otherwise: it has no value where no condition holds")
        return f"piecewise({', '.join(pieces)})"
    if kind == "apply" and children and children[0].tag.endswith("csymbol"):
        called = children[0].get("definitionURL") or (children[0].text or "").strip()
        raise DeclarationError(f"{where} has the function {called!r} over time or repeats, which is not read")
    if kind == "apply" and children:
        return _applied(children[0].tag.rpartition("}")[2], children[1:], where)
    raise DeclarationError(f"{where} has the element {kind}, which is not read")


def _number(node: Element, text: str, where: str) -> str:
    parts = [text, *((child.tail or "").strip() for child in node)]
    kind = node.get("type", "real")
    joined = {"e-notation": "e", "rational": "/"}.get(kind, "") if len(parts) == 2 else ""
    if kind not in ("real", "integer", "e-notation", "rational") or (len(parts) > 1 and not joined):
        raise DeclarationError(f"{where} has a number of the type {kind!r}; expected real, integer, e-notation or rational")
    if wrong := [p for p in parts if not _PLAIN.fullmatch(p)]:
        raise DeclarationError(f"{where} has the number {wrong[0]!r}; expected digits")
    return f"({joined.join(parts)})"


def _applied(operator: str, children: list[Element], where: str) -> str:
    kinds = [c.tag.rpartition("}")[2] for c in children]
    if empty := [k for k, c in zip(kinds, children, strict=True) if k in _BASES and len(c) != 1]:
        raise DeclarationError(f"{where} has the element {empty[0]} without a value")
    base = {k: infix(c[0], where) for k, c in zip(kinds, children, strict=True) if k in _BASES}
    a = [infix(c, where) for k, c in zip(kinds, children, strict=True) if k not in _BASES]
    if operator in _BETWEEN and a:
        return f"({_BETWEEN[operator].join(a)})"
    if operator in _RELATIONS and len(a) == 2:
        return f"({a[0]} {_RELATIONS[operator]} {a[1]})"
    if operator in _FUNCTIONS and a:
        return f"{_FUNCTIONS[operator]}({', '.join(a)})"
    if len(a) == 1:
        one = {
            "minus": f"(-{a[0]})", "not": f"(!{a[0]})", "log": f"(ln({a[0]})/ln({base.get('logbase', '10')}))",
            "root": f"({a[0]}^(1/{base.get('degree', '2')}))",
        }  # fmt: skip
        if operator in one:
            return one[operator]
    two = {"minus": "-", "divide": "/", "power": "^"}
    if operator in two and len(a) == 2:
        return f"({a[0]}{two[operator]}{a[1]})"
    raise DeclarationError(f"{where} has the function {operator} of {len(a)} arguments, which is not read")
