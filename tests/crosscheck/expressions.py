"""Right-hand sides of random expressions: compiled code against intervals that contain the exact value."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import mpmath
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import symdyn as sd
from symdyn.errors import ParseError
from tests.crosscheck.enclosure import ONE, TWO, Interval, Tree, Unclear, enclosed

__all__ = ["by_llvm", "by_numba", "expressions", "text_of"]

#: Values of x and y, one pair for each of eight lanes.
POINTS = np.array([[0.7, 1.3], [2.1, -0.4], [-1.7, 0.9], [0.05, 3.2], [-0.3, -0.8], [14.5, 0.6], [1.1, 41.3], [-6.4, -2.75]])


def expressions(leaves: int = 8, *, pieces: bool = True) -> st.SearchStrategy[Tree]:
    """Right-hand sides in x and y; `pieces` says whether some are defined by pieces, which no text of symdyn holds."""
    numbers = st.builds(lambda p, q: ("number", Fraction(p, q)), st.integers(1, 9), st.integers(1, 9))
    begin = st.just(("x",)) | st.just(("y",)) | numbers

    def grown(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        smooth = (
            st.tuples(st.sampled_from(("+", "-", "*", "/")), parts, parts)
            | st.tuples(st.sampled_from(tuple(ONE)), parts)
            | st.tuples(st.sampled_from(tuple(TWO)), parts, parts)
            | st.tuples(st.just("^"), parts, st.sampled_from((2, 3, 5, -1, -2)))
        )
        pieced = st.tuples(st.just("piecewise"), parts, st.sampled_from(("<", ">=")), parts, parts, parts)
        return smooth | pieced if pieces else smooth

    return st.recursive(begin, grown, max_leaves=leaves)


def text_of(tree: Tree) -> str:
    """The text of an expression.

    >>> text_of(("+", ("x",), ("sin", ("number", Fraction(1, 3)))))
    '(x + sin((1/3)))'
    """
    kind, *parts = tree
    if kind in ("x", "y"):
        return str(kind)
    if kind == "number":
        return f"({parts[0]})"
    if kind == "^":
        return f"({text_of(parts[0])})^({parts[1]})"
    if kind == "piecewise":
        value, relation, left, right, otherwise = parts
        return f"piecewise({text_of(value)}, {text_of(left)} {relation} {text_of(right)}, {text_of(otherwise)})"
    inner = [text_of(part) for part in parts]
    if kind in ("+", "-", "*", "/"):
        return f"({inner[0]} {kind} {inner[1]})"
    return f"{kind}({', '.join(inner)})"


def by_llvm(tree: Tree) -> None:
    """One expression, in one lane and in eight."""
    clear = _clear(tree)
    assume(clear)
    for lanes in (1, 8):
        _compare([tree], [clear], "llvm", lanes)


def by_numba(trees: Sequence[Tree]) -> None:
    """Several expressions in one module, which takes a second to compile."""
    clear = [_clear(tree) for tree in trees]
    assume(any(clear))
    _compare(trees, clear, "numba", 8)


def _clear(tree: Tree) -> dict[int, Interval]:
    """What the value must lie in, by point, where that can be said."""
    found = {}
    with mpmath.workdps(50):
        for k, (a, b) in enumerate(POINTS):
            try:
                found[k] = enclosed(tree, float(a), float(b))
            except Unclear:
                continue
    return found


def _compare(trees: Sequence[Tree], clear: Sequence[dict[int, Interval]], backend: str, lanes: int) -> None:
    texts = [text_of(tree) for tree in trees]
    lines = [f"z{k}' = {text}" for k, text in enumerate(texts)]
    try:
        system = sd.ODESystem.from_text("\n".join([*lines, "x' = 0", "y' = 0"]))
    except ParseError as error:
        # constants of branches that are not taken, and what the grammar does not hold
        assume(not any(words in str(error) for words in ("not a real number", "too large", "cannot be compared")))
        raise
    # one step of Euler's method from 0 is h f, and h is 1
    start = np.column_stack([np.zeros((len(POINTS), len(trees))), POINTS])
    kernel = sd.compile(system, method="euler", backend=backend, lanes=lanes)
    states = kernel(start, np.empty((len(POINTS), 0)), [0.0, 1.0], step=1.0).values[:, 1]
    for k, (text, points) in enumerate(zip(texts, clear, strict=True)):
        for at, (low, high) in points.items():
            # other values of a trajectory that is not a number somewhere are not kept
            if not all(at in others for others in clear):
                continue
            found = float(states[at, k])
            assert low <= found <= high, (
                f"{text} at x, y = {POINTS[at]} by {backend} in {lanes} lanes: {found!r}; exactly {mpmath.nstr(low, 20)} "
                f"to {mpmath.nstr(high, 20)}"
            )
