"""The columns of candidate terms: first values, bounds, signs, and what belongs to which term."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.inference.data import observations
from symdyn.inference.natural_sizes import natural_sizes
from symdyn.inference.parameters import LibraryTerm, free_columns

x, h, k, r, q = sp.symbols("x h k r q")
f, g = sp.Function("f")(x), sp.Function("g")(x)
SYSTEM = sd.ODESystem({x: -r * x + q + f + g}, {q: 2.0})
TERMS = (
    LibraryTerm(f, x),
    LibraryTerm(f, x / (h + x), {h: (1.0, 2.0)}),
    LibraryTerm(g, sp.exp(-h * x - k), {h: (3.0,), k: (-1.0,)}),
)


def test_terms_share_constants_and_parameters_belong_to_every_candidate():
    found = free_columns(SYSTEM, TERMS)
    assert [str(c) for c in found.columns] == ["f_0", "f_1", "g_2", "h", "k", "r"]
    assert found.starts[h] == (1.0, 2.0, 3.0)
    chosen = np.eye(3, dtype=bool)
    active = [{str(c) for c, on in zip(found.columns, row, strict=True) if on} for row in found.active(chosen)]
    assert active == [{"f_0", "r"}, {"f_1", "h", "r"}, {"g_2", "h", "k", "r"}]
    assert (found.active(chosen[1]) == found.active(chosen)[1]).all()
    assert found.expressions(chosen[1], {h: 5}) == {f: sp.Symbol("f_1") * x / (5 + x), g: 0}


def test_a_constant_keeps_its_sign_unless_bounds_say_otherwise():
    place = {str(c): i for i, c in enumerate(free_columns(SYSTEM, TERMS).columns)}
    for options, limits in (
        ({}, {"h": (0, np.inf), "k": (-np.inf, 0), "r": (-np.inf, np.inf)}),
        ({"guesses": {"h": -2.0, k: 4}}, {"h": (-np.inf, 0), "k": (0, np.inf)}),
        ({"bounds": {k: (None, 7), "r": (0, 1)}}, {"h": (0, np.inf), "k": (-np.inf, 7), "r": (0, 1)}),
    ):
        found = free_columns(SYSTEM, TERMS, **options)
        assert {n: (found.low[place[n]], found.high[place[n]]) for n in limits} == limits


def test_first_values_are_guesses_then_declared_values_then_between_bounds():
    bounds = {"h": (1, 16), "r": (-4, 4), "q": (0, 5)}
    found = free_columns(SYSTEM, TERMS, fit=["q"], guesses={"k": -3}, bounds=bounds)
    assert {str(c): found.starts[c] for c in (k, r, q)} == {"k": (-3.0,), "r": (-2.0, 0.0, 2.0), "q": (2.0,)}
    assert found.starts[h] == pytest.approx((2, 4, 8))
    assert set(map(str, found.free)) == {"q", "r"}
    half = found.scaled(np.full(len(found.columns), 2.0))
    assert (2 * half.guesses == found.guesses).all()
    assert (2 * half.high == found.high).all()


def test_names_and_parameters_without_effect_are_refused():
    for options in ({"guesses": {"hh": 1}}, {"bounds": {"hh": (0, 1)}}, {"bounds": {x: (0, 1)}}, {"fit": [x]}):
        with pytest.raises(DeclarationError, match="is not a parameter"):
            free_columns(SYSTEM, TERMS, **options)
    assert free_columns(SYSTEM, TERMS, bounds={x: (0, 1)}, initial=SYSTEM.states).given == {x: (0.0, 1.0)}
    with pytest.raises(RecoveryError, match="the parameter r does not enter the equations of the states"):
        free_columns(SYSTEM, TERMS).check_entering([q * x])


@pytest.mark.parametrize(
    ("text", "sizes"),
    [  # x is 100, and rates are x/4, with spans of 16 and steps of 1
        ("x' = a*x - b*x*y; y' = c*x*y - d*y; y(0) = 5", {"a": 0.25, "b": 0.05, "c": 0.0025, "d": 0.25}),
        ("x' = v*x^n/(K^n + x^n) - d*x", {"v": 25, "K": 100, "d": 0.25}),
        ("x' = piecewise(a, t < s, 0) - k*max(x, b)", {"a": 25, "s": 4, "k": 0.25, "b": 100}),
        ("x' = a*heaviside(t - s)*sin(w*t + p)", {"a": 25, "s": 4, "w": 0.25, "p": 1}),
        ("x' = u - k*x(t - d)*exp(-E/T); T = 300; x(t <= 0) = 1", {"u": 25, "k": 0.25, "d": 4, "E": 300}),
        ("x' = a*f(x)", {"a": 5}),  # of which f has the other half
        ("x' = 3", {}),
    ],
)
def test_parameters_have_the_sizes_at_which_terms_balance(text, sizes):
    system = sd.ODESystem.from_text(text)
    data = {"t": np.arange(17.0), "x": np.full(17, 100.0)}
    found = natural_sizes(system, observations(system, data))
    assert {p.name: v for p, v in found.items()} == pytest.approx(sizes)
