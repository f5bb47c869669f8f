"""Bounds on XML before libsbml reads it, whose recursion would end the process."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from symdyn.errors import DeclarationError

__all__ = ["DEEPEST", "bounded"]

#: Most elements within each other; formulas are bounded further (`symdyn.io._mathml`).
DEEPEST = 500


def bounded(text: str) -> None:
    """Refuse a text that is not well-formed XML, nests its elements more than `DEEPEST` deep, or declares entities.

    Raises
    ------
    DeclarationError
        With line and column.

    Examples
    --------
    >>> bounded("<a><b/></a>")
    >>> bounded("<a>" * 501 + "</a>" * 501)
    Traceback (most recent call last):
    symdyn.errors.DeclarationError: line 1, column 1501: elements are nested more than 500 deep
    """
    parser = expat.ParserCreate()
    depth = 0

    def refuse(reason: str) -> None:
        raise DeclarationError(f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber + 1}: {reason}")

    def begin(name: str, attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            refuse(f"elements are nested more than {DEEPEST} deep")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.StartDoctypeDeclHandler = lambda *_: refuse("a document type is declared, which SBML has not; remove <!DOCTYPE ...>")
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise DeclarationError(f"line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}") from None
