"""Text to tokens and statements: the first half of reading a model, with the limits that keep hostile text harmless."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from symdyn.errors import DeclarationError, ParseError

__all__ = ["MAX_DEPTH", "MAX_DIGITS", "MAX_EXPRESSION", "MAX_NAME", "MAX_TEXT", "Token", "split_statements", "tokenize"]

#: Limits on a text, a statement, a name (characters), a number (digits) and brackets within brackets.
MAX_TEXT = 100_000
MAX_EXPRESSION = 20_000
MAX_NAME = 100
MAX_DIGITS = 40
MAX_DEPTH = 100

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPERATOR = re.compile(r"<->|<=>|->|=>|\*\*|:=|<=|>=|==|!=|[-+*/^<>=(),;'\[\]]")
_BREAK = re.compile(r"[\r\n]")
_CLOSES = {")": "(", "]": "["}

#: A line that ends with one of these goes on in the next line.
_CONTINUES = frozenset(
    ["+", "-", "*", "/", "^", "**", "<", "<=", ">", ">=", "==", "!=", ",", "->", "=>", "<->", "<=>", "and", "or", "not"]
)

#: How to mend characters that people write and the grammar does not have.
_MEND = {
    ".": "names have no parts and nothing has attributes; write one name, such as x_max, and numbers as 0.5",
    '"': "text in quotes is not part of a model",
    "{": "braces are not part of the grammar; group with ( )",
    "}": "braces are not part of the grammar; group with ( )",
    ":": "write := to declare an observable, and when x > 1, x = 0 for an event; reactions have no labels, and there are no "
    "lambdas, slices or types",
    "!": "write not, or != for 'differs from'",
    "&": "write and",
    "|": "write or, and abs(x) for |x|",
    "%": "write x - y*floor(x/y) for a remainder, and x/100 for per cent",
    "−": "write - for minus",
    "–": "write - for minus",
    "×": "write * for a product",
    "·": "write * for a product",
    "⋅": "write * for a product",
    "÷": "write / for a quotient",
    "→": "write -> for a reaction",
    "⇌": "write <-> for a reversible reaction",
    "∅": "write 0 for nothing",
    "²": "write ^2",
    "³": "write ^3",
    "√": "write sqrt(x)",
    "’": "write ' for a derivative",
    "′": "write ' for a derivative",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "\u00a0": "write an ordinary space",
}


class Token(NamedTuple):
    """A number, name, operator, line break or the end, with its place in the text."""

    kind: str
    text: str
    start: int
    end: int


def tokenize(text: str, characters: int = MAX_TEXT) -> list[Token]:
    """Split `text`, of so many characters at most, into tokens; names are brought to Unicode's NFKC form, comments are dropped.

    Raises
    ------
    ParseError
        For a text that is too long and at the first character, name or number that no model may hold.
    """
    if not isinstance(text, str):
        raise ParseError(f"got {type(text).__name__} where the text of a model belongs; pass a str")
    if isinstance(characters, bool) or not isinstance(characters, int) or characters < 1:
        raise DeclarationError(f"characters is {characters!r}; expected a whole number from 1, the largest length of a text")
    if len(text) > characters:
        message = f"the text has {len(text)} characters, more than {characters}; raise characters= if you trust its author"
        raise ParseError(message, text, characters)
    tokens = []
    at = 0
    while at < len(text):
        start, character = at, text[at]
        if character in " \t":
            at += 1
        elif character == "#":
            found = _BREAK.search(text, at)
            at = len(text) if found is None else found.start()
        elif character in "\r\n":
            at += 1
            tokens.append(Token("break", "\n", start, at))
        elif found := _NUMBER.match(text, at):
            at = found.end()
            if sum(c.isdigit() for c in found[0]) > MAX_DIGITS:
                raise ParseError(f"a number has more than {MAX_DIGITS} digits; write fewer", text, start)
            tokens.append(Token("number", found[0], start, at))
        elif character.isidentifier():
            at += 1
            while at < len(text) and ("a" + text[at]).isidentifier():
                at += 1
            tokens.append(Token("name", _name(text, start, at), start, at))
        elif found := _OPERATOR.match(text, at):
            at = found.end()
            tokens.append(Token("operator", found[0], start, at))
        else:
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            mend = _MEND.get(character) or f"{unicodedata.name(character, 'this character')} has no meaning in a model"
            raise ParseError(f"unexpected {shown}: {mend}", text, start)
    return tokens


def _name(text: str, start: int, end: int) -> str:
    """The checked, normalised name at ``text[start:end]``."""
    name = unicodedata.normalize("NFKC", text[start:end])
    if max(len(name), end - start) > MAX_NAME:
        raise ParseError(f"a name has {end - start} characters; use at most {MAX_NAME}", text, start)
    if "__" in name:
        raise ParseError(f"the name {name!r} has two underscores in a row, which are reserved; use one", text, start)
    if not name.isidentifier():
        raise ParseError(f"{text[start:end]!r} is not a name; use letters, digits and _", text, start)
    return name


def split_statements(text: str, tokens: list[Token]) -> list[list[Token]]:
    """Group tokens into statements, each closed by an ``end`` token; brackets are matched and their depth limited.

    A statement ends at ``;`` and at a line break, unless a bracket is open or the line ends with an operator.
    """
    statements: list[list[Token]] = []
    current: list[Token] = []
    opened: list[Token] = []
    for token in [*tokens, Token("operator", ";", len(text), len(text))]:
        if token.text in ("(", "["):
            opened.append(token)
            if len(opened) > MAX_DEPTH:
                raise ParseError(f"brackets are nested more than {MAX_DEPTH} deep; name a part", text, token.start)
        elif token.text in _CLOSES:
            if not opened or opened[-1].text != _CLOSES[token.text]:
                message = f"{token.text} closes no {_CLOSES[token.text]}; remove it or open one"
                raise ParseError(message, text, token.start)
            opened.pop()
        if token.text == ";" and opened:
            raise ParseError(f"{opened[-1].text} is never closed; add the closing bracket", text, opened[-1].start)
        goes_on = opened or (current and current[-1].text in _CONTINUES)
        if token.text == ";" or (token.kind == "break" and not goes_on):
            if current:
                last = current[-1].end
                statements.append([*current, Token("end", "", last, last)])
            current = []
        elif token.kind != "break":
            current.append(token)
            if token.end - current[0].start > MAX_EXPRESSION:
                message = f"a statement has more than {MAX_EXPRESSION} characters; name a part"
                raise ParseError(message, text, token.start)
    return statements
