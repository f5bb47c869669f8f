"""Reading the sides of statements: whatever sympy cannot bear is an error of the text."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdyn.errors import ParseError
from symdyn.text.grammar import Scope, read_comparison, read_expression
from symdyn.text.lexer import Token
from symdyn.text.terms import Node, TermBuilder

__all__ = ["read_condition_side", "read_side"]


def read_side(terms: TermBuilder, tokens: list[Token], scope: Scope) -> Node:
    """Read an expression.

    Raises
    ------
    ParseError
        Pointing at the first place that does not fit the grammar, or if it is no real number.
    """
    return _built(terms, tokens, scope, read_expression)


def read_condition_side(terms: TermBuilder, tokens: list[Token], scope: Scope) -> Node:
    """Read a comparison, or several joined by and, or, not.

    Raises
    ------
    ParseError
        Pointing at the first place that does not fit the grammar.
    """
    return _built(terms, tokens, scope, read_comparison)


def _built(
    terms: TermBuilder, tokens: list[Token], scope: Scope, read: Callable[[TermBuilder, list[Token], Scope], Node]
) -> Node:
    try:
        node = read(terms, tokens, scope)
        complex_or_infinite = node.expr.has(sp.I, sp.zoo, sp.oo, sp.nan, -sp.oo)
    except ParseError:
        raise
    except (ArithmeticError, MemoryError, NotImplementedError, RecursionError, TypeError, ValueError) as error:
        message = f"this expression could not be built ({type(error).__name__}); simplify it"
        raise ParseError(message, terms.text, tokens[0].start) from None
    if complex_or_infinite:
        raise ParseError("this is not a real number (infinite, undefined or complex)", terms.text, tokens[0].start)
    return node
