"""Tokens to an expression: a Pratt parser on a stack of its own, so that no text can exhaust Python's.

=========================  ========
operator, loosest first    binds
=========================  ========
``or``                     1, left
``and``                    2, left
``not``                    3, prefix
``< <= > >= == !=``        4, not chained
``+ -``                    5, left
``* /``                    6, left
``- +``                    7, prefix
``^ **``                   8, right
=========================  ========
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import sympy as sp

from symdyn.text.derivatives import derivative_name
from symdyn.text.functions import ELSEWHERE, FUNCTIONS, SOFT
from symdyn.text.lexer import MAX_DEPTH, Token
from symdyn.text.rate_laws import RATE_LAWS
from symdyn.text.terms import Node, TermBuilder

__all__ = ["RESERVED", "TIMES", "Scope", "read_comparison", "read_expression"]

_CONSTANTS = frozenset({"True", "False", "None"})
_WORDS = frozenset({"and", "or", "not"})
#: Names that are functions wherever they stand.
_HARD = frozenset({*FUNCTIONS, "piecewise", "pow"}) - SOFT
#: Names that mean something in the grammar and cannot be declared.
RESERVED = (_HARD - {"pow"}) | _CONSTANTS | _WORDS

_RANK = {"or": 1, "and": 2, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4}
_RANK |= {"+": 5, "-": 5, "*": 6, "/": 6, "^": 8, "**": 8}
_NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = 3, 4, 5, 6, 7, 8
_MAX_SIGNS = 20
#: What models call time; a model that is read does not know.
TIMES = ("t", "time")


@dataclass
class Scope:
    """What a model declares, and what its expressions turn out to use.

    Attributes
    ----------
    states, parameters : collections of names
    index : str or None
        In a map, the name in ``x[t+1]``: ``x[t]`` then means ``x``.
    orders : mapping of str to int
        Of states whose equation is of order 2 or more; their derivatives of lower order are states too.
    histories : bool
        Whether states have a history, so that a call of one is the state at another time even if that depends on states alone.
    used, called : dict
        Every plain name and every unknown term met, with the place where it was met first.
    functions : dict
        The same of functions whose names may also be plain.
    """

    states: Collection[str] = ()
    parameters: Collection[str] = ()
    index: str | None = None
    orders: Mapping[str, int] = field(default_factory=dict)
    histories: bool = False
    used: dict[str, int] = field(default_factory=dict)
    called: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)


@dataclass
class _Pending:
    """An operator or bracket whose last operand is still to come; `rank` 0 marks brackets and calls."""

    rank: int
    token: Token
    parts: list[Node] = field(default_factory=list)
    operators: list[Token] = field(default_factory=list)
    call: str | None = None


def read_expression(terms: TermBuilder, tokens: list[Token], scope: Scope) -> Node:
    """The expression that `tokens`, closed by an ``end`` token, spell.

    Raises
    ------
    ParseError
        Pointing at the first token that does not fit.
    """
    node = _Reader(terms, tokens, scope).read()
    return _number(terms, node)


def read_comparison(terms: TermBuilder, tokens: list[Token], scope: Scope) -> Node:
    """The condition that `tokens`, closed by an ``end`` token, spell.

    Raises
    ------
    ParseError
        Pointing at the first token that does not fit.
    """
    node = _Reader(terms, tokens, scope).read()
    if not node.condition:
        terms.fail("expected a condition, such as X <= 0 or X > 5 and Y == 0; this stands for a number", node.start)
    return node


def _number(terms: TermBuilder, node: Node) -> Node:
    if node.condition:
        message = "a comparison stands for no number; write piecewise(value, condition, ..., otherwise)"
        terms.fail(message, node.start)
    return node


class _Reader:
    """One pass over the tokens of one expression."""

    def __init__(self, terms: TermBuilder, tokens: list[Token], scope: Scope) -> None:
        self.terms = terms
        self.tokens = tokens
        self.scope = scope
        self.at = 0
        self.stack: list[_Pending] = []
        self.powers = 0
        self.signs = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def next(self, ahead: int = 1) -> Token:
        """The token `ahead` of the current one, or the end."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def fail(self, message: str, token: Token) -> NoReturn:
        self.terms.fail(message, token.start)

    def read(self) -> Node:
        operand: Node | None = None
        while operand is None or self.token.kind != "end":
            if operand is None:
                operand = self.operand()
            elif self.token.text in _RANK:
                self.infix(operand)
                operand = None
            elif self.token.text in (")", ","):
                operand = self.bracket(operand)
            else:
                self.misplaced()
        return self.reduce(operand, 1)

    # ---- where an operand is expected --------------------------------------------------------------

    def operand(self) -> Node | None:
        """A number or name, or None after a sign or an opening bracket: an operand is still to come."""
        token = self.token
        if token.kind == "number":
            self.at += 1
            return self.terms.number(token.text, token.start)
        if token.text == "(":
            self.at += 1
            self.stack.append(_Pending(0, token))
            return None
        if token.text in ("+", "-", "not"):
            self.signs = self.signs + 1 if self.at and self.tokens[self.at - 1].text in ("+", "-", "not") else 0
            if self.signs > _MAX_SIGNS:
                self.fail("too many signs in a row; write one", token)
            self.at += 1
            self.stack.append(_Pending(_NOT if token.text == "not" else _SIGN, token))
            return None
        if token.kind != "name" or token.text in _WORDS:
            self.missing(token)
        return self.name(token)

    def missing(self, token: Token) -> NoReturn:
        before = self.tokens[self.at - 1].text if self.at else ""
        after = f" after {before!r}" if before else ""
        if token.kind == "end":
            self.fail(f"a number, name or bracket is missing{after}; the expression ends here", token)
        if token.text == ")" and before == "(":
            self.fail("nothing stands between ( and ); write an expression", token)
        if token.text == "'":
            self.fail("a quote begins no expression: text in quotes is not part of a model", token)
        if token.text == "[":
            self.fail("square brackets only mark the time step, x[t+1]; group with ( )", token)
        self.fail(f"expected a number, name or bracket{after}, got {token.text!r}", token)

    def name(self, token: Token) -> Node | None:
        name, scope = token.text, self.scope
        if self.next().text in ("(", "[") and scope.index and name in scope.states:
            return self.indexed(token)
        self.at += 1
        if self.token.text == "'" and name in scope.orders:
            return self.primed(token)
        if self.token.text == "'" and self.next().text == "(" and name in scope.states:  # the slope at another time
            self.at += 1
            name = f"{name}'"
        if self.token.text == "[":
            self.fail(f"square brackets only mark the time step in a map; write {name} or {name}(...)", self.token)
        if self.token.text == "(":
            self.check_callable(token)
            if name not in _HARD and token.text not in scope.states:
                (scope.functions if name in SOFT else scope.called).setdefault(name, token.start)
            self.stack.append(_Pending(0, token, call=name))
            self.at += 1
            return None
        if name in RESERVED and name not in _CONSTANTS:
            self.fail(f"{name} is a function; write {name}(...)", token)
        if name in _CONSTANTS:
            self.fail(f"{name} is not a number; write 1 or 0, or a condition such as x > 1", token)
        if name == "pi" and name not in scope.states and name not in scope.parameters:
            return Node(sp.pi, self.terms.real(float(sp.pi), token.start), token.start)
        if name == scope.index and name not in TIMES:
            self.fail(f"{name} counts the steps; as a number it is the time {TIMES[0]}", token)
        scope.used.setdefault(name, token.start)
        return Node(sp.Symbol(name), None, token.start)

    def primed(self, token: Token) -> Node:
        """``x'`` of a state whose equation is of higher order: the state that is its derivative."""
        begin = self.at
        while self.token.text == "'":
            self.at += 1
        primes, order = self.at - begin, self.scope.orders[token.text]
        if primes >= order:
            written = token.text + primes * "'"
            self.fail(f"{written} is no state, as {token.text} has an equation of order {order}; solve for the highest", token)
        return Node(sp.Symbol(derivative_name(token.text, primes)), None, token.start)

    def indexed(self, token: Token) -> Node:
        """``x[t]`` or ``x(t)`` in a map, the state x now, or ``x[t-1]``, that of a step before."""
        name, index = token.text, self.scope.index
        inside = [self.next(i).text for i in (2, 3)]
        lag = self.next(4) if inside == [index, "-"] else self.token
        if lag.kind == "number" and lag.text.isdecimal() and len(lag.text) < 10 and self.next(5).text in (")", "]"):
            self.at += 6
            self.scope.used.setdefault(name, token.start)
            return Node(sp.Function(name)(sp.Symbol(TIMES[0]) - int(lag.text)), None, token.start)
        if inside[0] != index or inside[1] not in (")", "]"):
            if self.next().text == "(" and inside[0] != index:
                self.fail(f"{name} is a state; write {name}*(...) or, for its value now, {name}[{index}]", token)
            self.fail(f"only {name}[{index}], the value now, and {name}[{index}-1], steps before, may stand here", token)
        self.at += 4
        self.scope.used.setdefault(name, token.start)
        return Node(sp.Symbol(name), None, token.start)

    def check_callable(self, token: Token) -> None:
        """A call is of the whitelist or an unknown term; anything that looks like a mistake is refused."""
        name = token.text
        if name in self.scope.states and (self.scope.histories or self.timed()):
            return
        for kind, names in (("state", self.scope.states), ("parameter", self.scope.parameters)):
            if name in names:
                self.fail(f"{name} is a {kind}, not a function; write {name}*(...) or {name}", token)
        if name in _HARD or name in SOFT:
            return
        if name == "delay":
            self.fail("delay is not a function; a state with a delay is written x(t - 1)", token)
        if law := next((known for known in RATE_LAWS if name.lower() == known), None):
            self.fail(f"{name} is not a function; write {RATE_LAWS[law].signature(law)}", token)
        if name in ELSEWHERE:
            self.fail(f"{name} is not a function of the grammar; write {ELSEWHERE[name]}", token)
        if near := next((known for known in (*FUNCTIONS, "piecewise") if known in _HARD and _near(name, known)), None):
            message = f"{name} is not a function; did you mean {near}?"
            self.fail(f"{message} (An unknown term needs a name less like it.)", token)
        if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
            self.fail(f"{name} is a word of Python, not a function here; an unknown term needs another name", token)

    def timed(self) -> bool:
        """Whether the arguments of a call, whose name was just read, contain time, and more than this."""
        depth, count = 0, 0
        found = False
        for token in self.tokens[self.at :]:
            depth += (token.text == "(") - (token.text == ")")
            found |= token.text in TIMES
            count += 1
            if depth == 0:
                break
        return found and count > 3

    # ---- where an operator is expected -------------------------------------------------------------

    def infix(self, left: Node) -> None:
        token = self.token
        rank = _RANK[token.text]
        # a power waits for what stands right of it: x^y^z is x^(y^z)
        operand = self.reduce(left, rank + 1)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.rank == rank and rank != _POWER:
            if rank == _COMPARE:
                self.fail("comparisons are not chained; write x < y and y < z", token)
            top.parts.append(operand)
            top.operators.append(token)
        else:
            self.powers += rank == _POWER
            if self.powers > MAX_DEPTH:
                self.fail(f"more than {MAX_DEPTH} powers in one another; name a part", token)
            self.stack.append(_Pending(rank, token, [operand], [token]))
        self.at += 1

    def bracket(self, operand: Node) -> Node | None:
        """A comma or a closing bracket."""
        token = self.token
        operand = self.reduce(operand, 1)
        if not self.stack or (token.text == "," and self.stack[-1].call is None):
            self.fail(f"{token.text!r} has no place here; commas separate the arguments of a function", token)
        self.at += 1
        top = self.stack[-1]
        top.parts.append(operand)
        if token.text == ",":
            return None
        self.stack.pop()
        if top.call is None:
            return operand._replace(start=top.token.start) if not operand.condition else operand
        return self.apply(top.call, top)

    def apply(self, name: str, call: _Pending) -> Node:
        place = call.token.start
        if name == "piecewise":
            for part in call.parts[::2] if len(call.parts) % 2 else ():
                _number(self.terms, part)
            return self.terms.piecewise(call.parts, place)
        parts = [_number(self.terms, part) for part in call.parts]
        if name == "pow":
            if len(parts) != 2:
                self.terms.fail(f"pow takes 2 arguments, got {len(parts)}", place)
            return self.terms.power(parts[0], parts[1], place)._replace(start=place)
        if name in FUNCTIONS:
            return self.terms.call(name, parts, place)
        if name in RATE_LAWS:
            return self.terms.rate_law(name, parts, place)
        return self.terms.unknown(name, parts, place)

    def misplaced(self) -> NoReturn:
        token, before = self.token, self.tokens[self.at - 1].text
        if token.kind == "number" or token.kind == "name" or token.text == "(":
            if keyword.iskeyword(before):
                self.fail(f"{before!r} is a word of Python, which is no part of a model; write formulas only", token)
            sides = ["(...)" if text in ("(", ")") else text for text in (before, token.text)]
            message = f"an operator is missing between {before!r} and {token.text!r}"
            self.fail(f"{message}; write {sides[0]}*{sides[1]} for a product", token)
        if token.text == "=":
            self.fail("a second = in one statement; one equation a line, and == compares inside conditions", token)
        if token.text == ":=":
            self.fail("an observable is declared at the start of a line, total := x + y; := has no place inside", token)
        if token.text == "'":
            self.fail("a derivative stands on the left side only, x' = ...; an expression has no quotes", token)
        if token.text == "[":
            self.fail("square brackets only mark the time step, x[t+1]; group with ( )", token)
        self.fail(f"unexpected {token.text!r}; expected an operator or the end of the statement", token)

    # ---- closing what is pending -------------------------------------------------------------------

    def reduce(self, operand: Node, rank: int) -> Node:
        """Close every pending operator that binds at least as tightly as `rank`."""
        while self.stack and self.stack[-1].rank >= rank:
            operand = self.close(self.stack.pop(), operand)
        return operand

    def close(self, top: _Pending, last: Node) -> Node:
        terms, place = self.terms, top.token.start
        parts = [*top.parts, last]
        if top.rank <= _NOT:
            for part in parts:
                if not part.condition:
                    terms.fail(f"{top.token.text!r} joins conditions such as x > 1, not numbers", part.start)
            return terms.logic(top.token.text, parts, place)
        parts = [_number(terms, part) for part in parts]
        if top.rank == _COMPARE:
            return terms.compare(parts[0], top.token.text, parts[1], place)
        if top.rank == _SIGN:
            return last._replace(start=place) if top.token.text == "+" else terms.negative(last, place)
        if top.rank == _POWER:
            self.powers -= 1
            return terms.power(parts[0], parts[1], place)
        signs = [1, *(-1 if o.text in ("-", "/") else 1 for o in top.operators)]
        places = [parts[0].start, *(o.start for o in top.operators)]
        return (terms.add if top.rank == _SUM else terms.multiply)(parts, signs, places)


def _near(name: str, known: str) -> bool:
    """Whether `name` is `known` but for its case or one letter; one- and two-letter functions are no measure."""
    if name.lower() == known.lower():
        return True
    if len(known) < 3 or abs(len(name) - len(known)) > 1:
        return False
    short, long = sorted((name, known), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) <= 1
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
