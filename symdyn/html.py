"""Tables and formulas in HTML, as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from symdyn import attached

__all__ = ["formula", "methods", "table"]

_HEAD = "text-align: left; padding: 2px 10px; border-bottom: 1px solid #999"
_CELL = "text-align: left; padding: 2px 10px"


def formula(latex: str) -> str:
    """A formula that notebooks set as mathematics.

    >>> formula("x < y")
    '$x &lt; y$'
    """
    return f"${escape(latex)}$"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose heads and cells are HTML.

    >>> table(["a"], [["1"], ["2"]]).count("<tr>")
    3
    """
    top = "".join(f'<th style="{_HEAD}">{h}</th>' for h in heads)
    body = "".join("<tr>" + "".join(f'<td style="{_CELL}">{c}</td>' for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def methods(cls: type) -> str:
    """The methods that `symdyn.verbs` gives a class, as a line.

    >>> from symdyn.attached import MapVerbs
    >>> line = methods(type("Map", (MapVerbs,), {}))
    >>> line.startswith('<div style="opacity: 0.6">methods: '), "modified_equation" in line
    (True, True)
    """
    names = [n for base in cls.__mro__ if base.__module__ == attached.__name__ for n in vars(base) if not n.startswith("_")]
    return f'<div style="opacity: 0.6">methods: {", ".join(names)}</div>' if names else ""
