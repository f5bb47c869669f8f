"""Reading events: what states become when a condition turns true, or at given times.

::

    when X > 50, X = 0, Y = Y + 1              # at the moment when the condition turns true
    when X > 50 delay 2 priority 1, X = 0      # two units of time after it; before others that act at the same time
    at 0 every 12 times 20, A = A + 100        # at 0, 12, ..., 228

After the condition stand, in any order, ``delay`` and ``priority`` with an expression, and ``persistent``, ``initial``,
``from_trigger`` and ``shuffled`` with ``true`` or ``false``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from symdyn.errors import ParseError
from symdyn.text.grammar import Scope
from symdyn.text.lexer import Token
from symdyn.text.sides import read_condition_side, read_side
from symdyn.text.terms import TermBuilder

__all__ = ["FLAGS", "EventText", "clauses", "closed", "flag", "is_event", "read_event", "split_at_commas"]

_WHEN, _AT = "when", "at"
VALUES, FLAGS, REPEATS = ("delay", "priority"), ("persistent", "initial", "from_trigger", "shuffled"), ("every", "times")
_FORM = "when X > 50, X = 0, Y = Y + 1 (or: at 0 every 12 times 20, X = X + 100)"


@dataclass(frozen=True)
class EventText:
    """A condition, or a first time with what `REPEATS` name, and what states become; `options` by the words of the grammar."""

    trigger: sp.Basic
    assignments: dict[str, sp.Expr]
    options: dict[str, sp.Expr | bool] = field(default_factory=dict)
    timed: bool = False


def is_event(tokens: list[Token]) -> bool:
    """Whether a statement declares an event: its first word is no name that gets a value.

    >>> from symdyn.text.lexer import tokenize
    >>> is_event(tokenize("when x > 1, x = 0")), is_event(tokenize("at = 3")), is_event(tokenize("at' = 3"))
    (True, False, False)
    >>> is_event(tokenize("when (x > 1), x = 0")), is_event(tokenize("at(0) = 3"))
    (True, False)
    """
    first, *rest = (t.text for t in tokens[:5])
    initial = rest[:1] == ["("] and rest[2:] == [")", "="]
    return first in (_WHEN, _AT) and rest[0] not in ("=", ":=", "'", "[") and not initial


def split_at_commas(tokens: Iterable[Token]) -> list[list[Token]]:
    """The parts between commas outside brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for t in tokens:
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
        if t.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(t)
    return parts


def closed(tokens: list[Token]) -> list[Token]:
    """Tokens of an expression with the ``end`` that the reader expects."""
    return [*tokens, Token("end", "", tokens[-1].end, tokens[-1].end)]


def read_event(text: str, tokens: list[Token], terms: TermBuilder, scope: Scope) -> EventText:
    """An event from the tokens of its statement.

    Raises
    ------
    ParseError
        Pointing at the first place that could not be read.
    """
    parts = split_at_commas(tokens[1:-1])
    if len(parts) < 2 or not all(parts):
        place = parts[0][0].start if parts[0] else len(text)
        raise ParseError(f"an event is a condition and what becomes of states; write {_FORM}", text, place)
    timed = tokens[0].text == _AT
    first, found = clauses(text, parts[0], REPEATS if timed else (*VALUES, *FLAGS), f"an event is written {_FORM}")
    read = read_side if timed else read_condition_side
    trigger = read(terms, closed(first), scope).expr
    options: dict[str, sp.Expr | bool] = {}
    for word, value in found:
        if word.text in FLAGS:
            options[word.text] = flag(text, word, value)
        else:
            options[word.text] = read_side(terms, closed(value), scope).expr
    assignments: dict[str, sp.Expr] = {}
    for p in parts[1:]:
        if len(p) < 3 or p[1].text != "=":
            raise ParseError(f"expected an assignment to a state; an event is written {_FORM}", text, p[0].start)
        name = p[0].text
        if name not in scope.states or name in assignments:
            fault = "is assigned twice" if name in assignments else (
                f"has no equation and no reaction here, and events change states alone: in equations {name}' = 0 with "
                f"{name}(0) = ... makes it one, and a rate may hold a jump in time such as {name}*(1 + heaviside(t - 5))"
            )  # fmt: skip
            raise ParseError(f"{name} {fault}; an event is written {_FORM}", text, p[0].start)
        assignments[name] = read_side(terms, closed(p[2:]), scope).expr
    return EventText(trigger, assignments, options, timed)


def flag(text: str, word: Token, value: list[Token]) -> bool:
    """What follows a word that is true or false.

    Raises
    ------
    ParseError
        For anything else.
    """
    if len(value) != 1 or value[0].text.lower() not in ("true", "false"):
        raise ParseError(f"{word.text} is followed by true or false", text, word.start)
    return value[0].text.lower() == "true"


def clauses(
    text: str, tokens: list[Token], words: tuple[str, ...], form: str
) -> tuple[list[Token], list[tuple[Token, list[Token]]]]:
    """What stands before the first of some words, and each word with what follows it.

    A word counts where an operand has just ended, at which no name of a state could stand.

    Raises
    ------
    ParseError
        For a word that occurs twice, or is followed by nothing; `form` says how it is written.
    """
    first: list[Token] = []
    found: list[tuple[Token, list[Token]]] = []
    depth = 0
    for k, token in enumerate(tokens):
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        before = tokens[k - 1] if k else None
        ends = before is not None and (before.kind == "number" or before.text in (")", "]") or _names(before))
        if depth == 0 and ends and token.text in words:
            if any(word.text == token.text for word, _ in found):
                raise ParseError(f"{token.text} occurs twice in one statement; remove one", text, token.start)
            found.append((token, []))
        elif found:
            found[-1][1].append(token)
        else:
            first.append(token)
    empty = next((word for word, value in found if not value), None)
    if empty is not None:
        raise ParseError(f"nothing follows {empty.text}; {form}", text, empty.start)
    return first, found


def _names(token: Token) -> bool:
    return token.kind == "name" and token.text not in ("and", "or", "not")
