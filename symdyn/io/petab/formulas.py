"""Formulas of PEtab as expressions: its operators and functions through the grammar of models, with names of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError, ParseError
from symdyn.text.grammar import Scope
from symdyn.text.lexer import MAX_EXPRESSION, split_statements, tokenize
from symdyn.text.sides import read_side
from symdyn.text.terms import TermBuilder

__all__ = ["read_formula", "read_number"]

#: Functions of PEtab that the grammar has by the same name.
FUNCTIONS = frozenset(
    {
        "abs", "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh", "atan",
        "atanh",
        "cos", "cosh", "cot", "coth", "csc", "csch", "exp", "ln", "log", "log10", "log2", "max", "min", "piecewise", "pow",
        "sec", "sech", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
    }
)  # fmt: skip
_PART = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)(?P<call>\s*\()?"
    r"|(?P<mark>&&|\|\||!=|!|.)",
    re.DOTALL,
)
_MARKS = {"&&": " and ", "||": " or ", "!": " not "}
_BOOLEANS = {"true": "(0 < 1)", "false": "(1 < 0)"}


def read_number(text: str) -> float | None:
    """The number that a cell holds, NaN and infinities included, or None if it holds something else.

    >>> read_number("1e-3"), read_number("inf"), read_number("k1"), read_number("1_0")
    (0.001, inf, None, None)
    """
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def read_formula(text: str, names: Mapping[str, sp.Expr], where: str) -> sp.Expr:
    """The expression that a formula spells.

    Parameters
    ----------
    text : str
    names : mapping of str to Expr
        What each identifier stands for; other identifiers are errors.
    where : str
        What the formula is, for messages.

    Raises
    ------
    DeclarationError
        If it is no formula of PEtab.

    Examples
    --------
    >>> a, b = sp.symbols("a b")
    >>> read_formula("piecewise(a, !(b__1 > 2), log10(100)*b)", {"a": a, "b": a + 1, "b__1": b}, "the noise of x")
    Piecewise((a, b <= 2), (2*a + 2, True))
    """
    if len(text) > MAX_EXPRESSION:
        raise DeclarationError(f"{where} has {len(text)} characters, more than {MAX_EXPRESSION}")
    if (number := read_number(text)) is not None and number == number and abs(number) != float("inf"):
        return sp.Integer(int(number)) if number == int(number) and abs(number) < 2**53 else sp.Float(number)
    used: dict[str, str] = {}
    written, joined = [], {""}
    for part in _PART.finditer(text):
        name, mark = part["name"], part["mark"]
        joined.add({"&&": "and", "||": "or"}.get(mark or "", ""))
        if name is None:
            written.append(_MARKS.get(mark, part[0]) if mark else part[0])
        elif part["call"]:
            if name not in FUNCTIONS:
                raise DeclarationError(
                    f"{where}: {name} is no function of PEtab; its functions: {', '.join(sorted(FUNCTIONS))}"
                )
            written.append(part[0])
        elif name in names:
            written.append(used.setdefault(name, f"v{len(used)}"))
        elif name in _BOOLEANS:
            written.append(_BOOLEANS[name])
        else:
            raise DeclarationError(f"{where}: nothing is called {name!r} in the model, the parameters or the observables")
    if {"and", "or"} <= joined and _mixed(text):
        raise DeclarationError(f"{where}: && and || stand side by side; write parentheses")
    line = "".join(written)
    try:
        statements = split_statements(line, tokenize(line))
        if len(statements) != 1:
            raise DeclarationError(f"{where} is {text!r}; expected a formula")
        built: Any = read_side(TermBuilder(line), statements[0], Scope(states=(), parameters=tuple(used.values()))).expr
    except ParseError as error:
        raise DeclarationError(f"{where} is {text!r}: {error.reason}") from None
    swap = {sp.Symbol(short): names[name] for name, short in used.items()}
    try:
        found: sp.Expr = built.xreplace(swap)
    except (TypeError, ValueError):
        raise DeclarationError(f"{where} compares what is no real number") from None
    return found


def _mixed(text: str) -> bool:
    """Whether both && and || stand between the same brackets."""
    levels: list[set[str]] = [set()]
    for mark in re.findall(r"&&|\|\||[(),]", text):
        if mark == "(":
            levels.append(set())
        elif mark == ")" and len(levels) > 1:
            levels.pop()
        elif mark == ",":
            levels[-1] = set()
        else:
            levels[-1].add(mark)
            if {"&&", "||"} <= levels[-1]:
                return True
    return False
