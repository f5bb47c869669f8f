"""A sample of random models, the same in each run; ``python -m tests.crosscheck`` draws as many as one likes."""

from __future__ import annotations

import mpmath
import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("libsbml")

from tests.crosscheck.checks import CHECKS, Check
from tests.crosscheck.enclosure import Unclear, enclosed
from tests.crosscheck.expressions import expressions
from tests.crosscheck.running import agreeing


@pytest.mark.parametrize("name", CHECKS)
def test_two_ways_agree(name):
    count, disagreement = agreeing(CHECKS[name], max_examples=CHECKS[name].sample, derandomize=True)
    if disagreement is not None:
        raise disagreement
    assert count >= CHECKS[name].sample / 2


def test_a_disagreement_shrinks_to_the_smallest_model():
    def compare(tree):
        kind, *parts = tree
        assert kind != "sin", f"{tree} differs"
        for part in parts:
            if isinstance(part, tuple):
                compare(part)

    _, disagreement = agreeing(Check(compare, expressions(), 1.0, 1), max_examples=2000, derandomize=True)
    assert str(disagreement).startswith("('sin', ('x',)) differs")


X, Y = ("x",), ("y",)


@pytest.mark.parametrize(
    ("tree", "exact"),
    [
        (("gamma", X), lambda x, y: mpmath.gamma(x)), (("tan", ("/", X, Y)), lambda x, y: mpmath.tan(x / y)),
        (("mod", X, Y), lambda x, y: x - y * mpmath.floor(x / y)), (("atan2", X, Y), mpmath.atan2),
        (("csch", ("^", X, -2)), lambda x, y: mpmath.csch(x**-2)), (("pow", ("abs", X), Y), lambda x, y: abs(x) ** y),
        (("piecewise", X, "<", Y, X, Y), lambda x, y: x if y < x else y),
    ],
)  # fmt: skip
def test_intervals_contain_the_value_and_are_narrow(tree, exact):
    with mpmath.workdps(50):
        for point in ((0.7, 1.3), (-1.7, 0.9), (-2.5, -0.8)):
            low, high = enclosed(tree, *point)
            value = exact(*map(mpmath.mpf, point))
            assert low <= value <= high
            assert high - low < 1e-11 * abs(value)


@pytest.mark.parametrize("tree", [("log", X), ("tan", ("^", Y, 5)), ("floor", ("-", X, X)), ("/", Y, ("+", X, ("abs", X)))])
def test_what_rounding_decides_is_unclear(tree):
    with mpmath.workdps(50), pytest.raises(Unclear):
        enclosed(tree, -1.5, 1e4)
