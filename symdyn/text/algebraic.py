"""Reading algebraic equations, ``0 = z + z^3 - x for z``, and which state each determines where the text does not say it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from symdyn.errors import ParseError
from symdyn.pairing import matched
from symdyn.text.functions import SOFT
from symdyn.text.grammar import RESERVED
from symdyn.text.lexer import Token

__all__ = ["AlgebraicText", "is_algebraic", "read_algebraic"]

_FOR = "for"
_FORM = "0 = z + z^3 - x for z"


class AlgebraicText(NamedTuple):
    """The state that an equation determines, and the tokens of its right side with the ``end``."""

    unknown: str
    right: list[Token]


def is_algebraic(tokens: list[Token]) -> bool:
    """Whether a statement is an algebraic equation.

    >>> from symdyn.text.lexer import tokenize
    >>> is_algebraic(tokenize("0 = x - y")), is_algebraic(tokenize("x = 3"))
    (True, False)
    """
    return tokens[0].text == "0" and tokens[1].text == "="


def read_algebraic(
    text: str, listed: list[list[Token]], declared: Collection[str], begun: Collection[str]
) -> list[AlgebraicText]:  # fmt: skip
    """The equations among the statements of a text, in order.

    Where the state is not named, it is a name in the equation that nothing else declares; several equations take several such
    names if there are as many, or as many of them with initial values.

    Parameters
    ----------
    text : str
    listed : list of list of Token
        Their statements.
    declared : collection of str
        Names that other statements declare, and that of the time.
    begun : collection of str
        Names that have an initial value.

    Raises
    ------
    ParseError
        For an equation without right side, and where the state is not clear.
    """
    found: list[AlgebraicText | None] = []
    for tokens in listed:
        right = tokens[2:]
        if right[0].kind == "end":
            raise ParseError(f"the right side is missing; an algebraic equation is written {_FORM}", text, right[0].start)
        place = next((i for i, t in enumerate(right) if t.text == _FOR), None)
        if place is None:
            found.append(None)
            continue
        if place == 0 or len(right) != place + 3 or right[place + 1].kind != "name":
            raise ParseError(
                f"for is followed by one state; an algebraic equation is written {_FORM}", text, right[place].start
            )
        found.append(AlgebraicText(right[place + 1].text, [*right[:place], right[-1]]))
    taken = {*declared, *(e.unknown for e in found if e is not None)}
    open_ones = [k for k, e in enumerate(found) if e is None]
    names = [_names(listed[k][2:], taken) for k in open_ones]
    for chosen in ({n for row in names for n in row}, {n for row in names for n in row if n in begun}):
        partners, rivals = matched([[n for n in row if n in chosen] for row in names])
        if len(chosen) == len(names) and not rivals:
            for k, row in enumerate(open_ones):
                found[row] = AlgebraicText(partners[k], listed[row][2:])
            break
    else:
        if open_ones:
            known = ", ".join(dict.fromkeys(n for row in names for n in row)) or "none"
            raise ParseError(
                f"it is not clear which state this equation determines (names without a declaration: {known}); write {_FORM}",
                text, listed[open_ones[0]][0].start,
            )  # fmt: skip
    return [e for e in found if e is not None]


def _names(tokens: list[Token], taken: Collection[str]) -> list[str]:
    """Names in an expression that may be states."""
    names = (t.text for t, after in pairwise(tokens) if t.kind == "name" and after.text != "(")
    return [n for n in dict.fromkeys(names) if n not in taken and n not in RESERVED | SOFT | {"pi"}]
