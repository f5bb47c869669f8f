"""Statements of models: what their left sides declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from symdyn.errors import ParseError
from symdyn.text.derivatives import derivative_name
from symdyn.text.grammar import RESERVED, TIMES
from symdyn.text.lexer import Token

__all__ = ["NOISE", "PRIME", "Statement", "first_differential", "is_differential", "left_side"]

PRIME = "'"
#: Highest order of an equation.
MAX_ORDER = 10
NOISE = re.compile(r"dW\w*")
FORMS = "x' = ..., dx/dt = ..., x[t+1] = ..., dx = f*dt + g*dW, a = 1, x(0) = 1, x(t <= 0) = 1 or total := ..."
#: When a history is known, without blanks.
SPAN = re.compile(r"\((-?{0})<=(\w+)<=(-?{0})\)".format(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"))


@dataclass(frozen=True)
class Statement:
    """A left side that has been parsed and its right side.

    `kind` is a style or 'parameter', 'initial', 'history', 'observable' or 'algebraic'; `order` is the number of primes; the
    `name` of an initial value of a derivative is that of its state, that of an algebraic equation what it determines.  The
    `span` of a history is when it is known, if not always.
    """

    kind: str
    name: str
    start: int
    right: list[Token]
    index: str | None = None
    order: int = 0
    span: tuple[float, float] | None = None


def left_side(text: str, tokens: list[Token]) -> Statement:
    """Understand what a statement declares from the tokens before its ``=`` or ``:=``.

    Raises
    ------
    ParseError
        Where these declare nothing.

    Examples
    --------
    >>> from symdyn.text.lexer import tokenize
    >>> read = left_side("x'' = -x", tokenize("x'' = -x"))
    >>> read.kind, read.name, read.order
    ('prime', 'x', 2)
    """
    first = tokens[0]
    cut = next((i for i, token in enumerate(tokens) if token.text in ("=", ":=")), None)
    if cut is None:
        if arrow := next((token for token in tokens if token.text in ("->", "<->", "=>")), None):
            raise ParseError(f"{arrow.text} is that of a reaction, which ReactionNetwork.from_text reads", text, arrow.start)
        raise ParseError(f"this states nothing; expected one of {FORMS}", text, first.start)
    left, right = tokens[:cut], tokens[cut + 1 :]
    if not left:
        raise ParseError(f"nothing stands left of {tokens[cut].text}; expected one of {FORMS}", text, first.start)
    if right[0].kind == "end":
        message = f"the right side is missing; write {text[first.start : tokens[cut].end]} followed by an expression"
        raise ParseError(message, text, right[0].start)
    kind, name, index, order = _form(text, left, right, observable=tokens[cut].text == ":=")
    if name in RESERVED:
        raise ParseError(f"{name} belongs to the grammar and cannot be declared; rename it", text, first.start)
    return Statement(kind, name, first.start, right, index, order, _span(left) if kind == "history" else None)


def _form(text: str, left: list[Token], right: list[Token], *, observable: bool) -> tuple[str, str, str | None, int]:
    """Kind, name, index and number of primes of a left side."""
    first = left[0]
    words = [token.text for token in left]
    name, rest = words[0], words[1:]
    shape = ["a" if token.kind == "name" else token.text for token in left]
    if shape[0] != "a" or (observable and rest):
        form = "total := x + y" if observable else f"one of {FORMS}"
        raise ParseError(f"this left side is not understood; expected {form}", text, first.start)
    if observable:
        return "observable", name, None, 0
    primes = next((i for i, word in enumerate(rest) if word != PRIME), len(rest))
    if primes > MAX_ORDER:
        raise ParseError(f"a derivative of order {primes}; the highest is {MAX_ORDER}", text, first.start)
    if primes and primes == len(rest):
        return "prime", name, None, primes
    if rest[primes:] in (["(", "0", ")"], ["[", "0", "]"]):
        return "initial", derivative_name(name, primes), None, primes
    if (len(rest) == 5 and rest[0] == "(" and rest[2:] == ["<=", "0", ")"] and rest[1] in TIMES) or _span(left):
        return "history", name, None, 0
    if rest == ["/", "dt"] and name.startswith("d") and name[1:].isidentifier():
        return "prime", name[1:], None, 1
    if shape[1:] in (["(", "a", "+", "1", ")"], ["[", "a", "+", "1", "]"]):
        return "next", name, words[2], 0
    if shape[1:] in (["(", "a", ")"], ["[", "a", "]"]):
        t = words[2]
        message = f"write {name}' = ... or {name}[{t}+1] = ... for an equation, {name}(0) = ... for an initial value"
        raise ParseError(message, text, first.start)
    if rest:
        raise ParseError(f"this left side is not understood; expected one of {FORMS}", text, left[1].start)
    differential = name.startswith("d") and name[1:].isidentifier() and first_differential(right) is not None
    return ("differential", name[1:], None, 0) if differential else ("parameter", name, None, 0)


def _span(left: list[Token]) -> tuple[float, float] | None:
    """When a history is known: the numbers of ``x(1900 <= t <= 1907)``."""
    found = SPAN.fullmatch("".join(token.text for token in left[1:]))
    return (float(found[1]), float(found[3])) if found is not None and found[2] in TIMES else None


def is_differential(name: str) -> bool:
    """Whether a name is dt, or that of noise.

    >>> [is_differential(name) for name in ("dt", "dW", "dW2", "dx")]
    [True, True, True, False]
    """
    return name == "dt" or NOISE.fullmatch(name) is not None


def first_differential(tokens: list[Token], test: Callable[[str], object] = is_differential) -> Token | None:
    """The first of the names among tokens that passes a test."""
    return next((t for t in tokens if t.kind == "name" and test(t.text)), None)
