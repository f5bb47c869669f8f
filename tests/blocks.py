"""Code blocks of pages in Markdown: they run in their order in one namespace, and what a page says they print is compared.

A block ```` ```output ```` holds what the block of Python before it prints, and a line ``% assert ...``, which the site does
not show, is a check at its place.
"""

from __future__ import annotations

import contextlib
import io
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

PIECE = re.compile(r"^( *)```(python|output)\n(.*?)^\1```|^% (assert [^\n]*)$", flags=re.S | re.M)


class Piece(NamedTuple):
    """A block of code, the output of the one before, or a check."""

    kind: str
    text: str
    line: int


def pieces(page: str) -> Iterator[Piece]:
    """What of a page is run or compared, in its order."""
    for found in PIECE.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        if found[4]:
            yield Piece("check", found[4], line)
        else:
            yield Piece(found[2], textwrap.dedent(found[3]), line)


def python_blocks(page: str) -> list[str]:
    """The blocks of Python alone."""
    return [piece.text for piece in pieces(page) if piece.kind == "python"]


def run(page: str, name: str = "page") -> dict:
    """Run a page, and give back its namespace."""
    names: dict = {"__name__": "__page__"}
    said = ""
    for kind, text, line in pieces(page):
        if kind == "output":
            assert said.split() == text.split(), f"{name}, line {line}: the block before prints\n{said}"
            continue
        code = compile("\n" * (line - (kind == "check")) + text, name, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(code, names)  # our own page, not a user's text
        said = stream.getvalue() if kind == "python" else said
    return names
