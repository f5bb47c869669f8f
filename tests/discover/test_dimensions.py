"""Which terms units allow."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp

from symdyn.discover.units import consistent_terms, read_unit
from symdyn.errors import RecoveryError

x, y, z, h, n = sp.symbols("x y z h n")


@pytest.mark.parametrize(
    ("text", "powers"),
    [
        ("mM", {"mM": 1}),
        ("1/s", {"s": -1}),
        ("kg*m^2/s^2", {"kg": 1, "m": 2, "s": -2}),
        ("mol/(L s)", {"mol": 1, "L": -1, "s": -1}),
        ("°C % h^-1", {"°C": 1, "%": 1, "h": -1}),
        ("m·s(K)^0.5", {"m": 1, "s": 1, "K": Fraction(1, 2)}),
        ("m**(1/2)", {"m": Fraction(1, 2)}),
        ("m^-1 * m", {}),
        ("", {}),
        ({"m": 2, "s": 0}, {"m": 2}),
        (1, {}),
    ],
)
def test_units_are_read(text, powers):
    assert read_unit(text) == powers


@pytest.mark.parametrize("text", ["mM//s", "m^", "(m", "2*m", "m^x", "m)", "__import__('os')", 3.5, {"m": "a"}])
def test_what_is_no_unit_is_named(text):
    with pytest.raises(RecoveryError, match=r"unit .*(expected|not all numbers)"):
        read_unit(text)


def test_coefficients_take_the_unit_that_is_missing():
    units = {x: "mM", y: "cells/L"}
    assert consistent_terms([sp.Integer(1), x, x**2 * y, 1 / x], units) == (1, x, x**2 * y, 1 / x)


def test_sums_and_arguments_must_agree():
    units = {x: "mM", y: "mM", z: "s"}
    good = [x / (h + x), x**n / (h**n + x**n), sp.exp(-z * h), sp.exp(-x / y), sp.Max(x, y), (x + y) ** 2, sp.sin(h * z) * x]
    bad = [x + z, sp.exp(x), sp.log(z), x / (1 + x), sp.tanh(x + y), sp.Max(x, z), x**y]
    assert consistent_terms([*good, *bad], units) == tuple(good)


def test_a_constant_cannot_have_two_units():
    # h would have to be a concentration in the first factor and a time in the second
    with pytest.raises(RecoveryError, match="no candidate term agrees with the units"):
        consistent_terms([(h + x) * (h + z)], {x: "mM", z: "s"})


def test_piecewise_and_comparisons():
    cases = sp.Piecewise((x, x > h), (y, True))
    assert consistent_terms([cases], {x: "m", y: "m"}) == (cases,)
    with pytest.raises(RecoveryError, match="no candidate term"):
        consistent_terms([cases], {x: "m", y: "s"})


def test_text_is_no_term():
    with pytest.raises(Exception, match="got the text"):
        consistent_terms(["x"], {x: "m"})
