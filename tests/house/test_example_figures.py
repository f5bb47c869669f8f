"""Figures of examples have one look: that of `sd.style`, the colours of the library, and the width of a page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
#: Colours that need no list: greys and both ends of them.
NEUTRAL = re.compile(r"(0?\.\d+|k|w|black|white|none)")
#: What takes a colour.
TAKES = re.compile(r"(color|colors|c|mfc|mec|facecolor|edgecolor|ecolor|markerfacecolor|markeredgecolor)")
NAMED = re.compile(r"#[0-9A-Fa-f]{3,8}|C\d|tab:\w+|xkcd:.*")
#: Inches of the text of a page: there letters of 9 points are read, and of a README.
PAGE = 7.5


def commented(source: str, node: ast.AST) -> bool:
    """Whether a comment says why, at the end of the lines of a node or in the line above."""
    lines = source.splitlines()
    return any("# " in line for line in lines[max(node.lineno - 2, 0) : node.end_lineno])


def own_colours(source: str) -> list[str]:
    """Literal colours without a comment, with their line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        values = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMED.fullmatch(node.value):
            values = [node]
        elif isinstance(node, ast.keyword) and node.arg is not None and TAKES.fullmatch(node.arg):
            value = getattr(node.value, "value", None)  # of a constant; what is computed has constants of its own
            own = isinstance(value, str) and not NEUTRAL.fullmatch(value) and not NAMED.fullmatch(value)
            values = [node.value] if own else []
        found += [f"line {n.lineno}: {n.value}" for n in values if not commented(source, n)]
    return found


def drawers(source: str) -> list[ast.FunctionDef]:
    """Functions that make a figure."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    return [f for f in functions if re.search(r"plt\.(subplots|figure|subplot_mosaic)\(", ast.unparse(f))]


@pytest.mark.parametrize(
    ("line", "count"),
    [('ax.plot(x, color="#1b6ca8")', 1), ('ax.plot(x, color="red")', 1), ('ax.plot(x, color="0.5", mec="white")', 0),
     ('INK = "C0"', 1), ('ax.bar(x, y, color="gold")  # of the flag', 0), ("ax.plot(x, color=BLUE)", 0),
     ('ax.plot(x, color=COLOURS["red"])', 0)],
)  # fmt: skip
def test_own_colours_are_found(line, count):
    assert len(own_colours(line)) == count


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_has_the_look_of_the_library(path):
    source = path.read_text()
    assert own_colours(source) == [], "take the colours of symdyn.figure_style, or say in a comment why not"
    for function in drawers(source):
        text = ast.unparse(function)
        assert "sd.style()" in text, f"{function.name} draws without sd.style()"
        widths = [float(w) for w in re.findall(r"figsize=\(([\d.]+)", text)]
        assert 0 < max(widths, default=0) <= PAGE, f"{function.name}: figsize has no width up to that of a page, {PAGE} inches"
    assert "rcParams" not in source
