"""Units of a system: what its equations demand of them, and which terms a recovery looks at."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.learned import formula_terms
from symdyn.discover.options import RecoverOptions, Request
from symdyn.discover.pipeline import Pipeline
from symdyn.discover.units import SystemUnits
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations

x, y, h, k = sp.symbols("x y h k")
f = sp.Function("f")
T = np.linspace(0, 4, 21)
DATA = {"t": T, "x": 1 / (1 + 4 * np.exp(-T))}


def test_equations_determine_units_that_were_not_given():
    system = sd.ODESystem(
        {x: f(x) - k * x / (h + x), y: 0.3 * x - y * sp.Symbol("d")}, dict.fromkeys((k, h, sp.Symbol("d")), 1.0)
    )
    known = SystemUnits(system, {"x": "mM", "t": "s"}).units
    assert known["h"] == {"mM": 1}
    assert known["k"] == known["f"] == {"mM": 1, "s": -1}
    assert known["d"] == {"s": -1}
    assert "y" not in known


def test_units_that_contradict_the_equations_are_refused():
    system = sd.ODESystem({x: f(x) - k * x}, {k: 1.0})
    with pytest.raises(RecoveryError, match=r"the units contradict the equation of x, .*k: s\).*write a rate as a parameter"):
        SystemUnits(system, {"x": "mM", "t": "s", "k": "s"})
    with pytest.raises(RecoveryError, match="the equation of x"):
        SystemUnits(sd.ODESystem({x: f(x) - 2 * x}), {"x": "mM", "t": "s"})
    SystemUnits(sd.ODESystem({x: f(x) - 2.5 * x}), {"x": "mM", "t": "s"})  # a rate as a number
    SystemUnits(sd.DiscreteSystem({x: 2 * x + f(x)}), {"x": "mM", "t": "s"})  # the next state is no rate
    with pytest.raises(RecoveryError, match=r"units names 'xx', which is no .*Did you mean 'x'"):
        SystemUnits(system, {"xx": "mM"}).check_names([])


def _proposed(system, options, library=None):
    seen = observations(system, DATA)
    pipeline = Pipeline(system, seen, None, Request(library=library, options=options))
    return [term.shape for term in pipeline.propose(None)[0]]


def test_a_recovery_looks_only_at_terms_that_units_allow():
    system = sd.ODESystem({x: f(x)})
    options = RecoverOptions(degree=2, functions=("sin", "exp"), units={"x": "mM", "t": "s"})
    assert _proposed(system, options) == [1, x, x**2]
    assert sp.sin(x) in _proposed(system, RecoverOptions(degree=2, functions=("sin", "exp"), units={"x": 1}))
    assert _proposed(system, options, [x, x / (1 + x), x / (h + x)]) == [x, x / (h + x)]
    with pytest.raises(RecoveryError, match="units names 'K'"):
        _proposed(system, RecoverOptions(units={"x": "mM", "K": "mM"}), [x, x / (h + x)])


def test_formulas_of_a_regressor_are_held_to_the_units():
    allows = SystemUnits(sd.ODESystem({x: f(x)}), {"x": "mM", "t": "s"}).allows
    found, terms = [2.0 * x, 1.5 * sp.sin(x), 3.0 * sp.sin(0.5 * x), x / (1 + x)], []
    parts = formula_terms(f(x), found[:3], terms, set(), np.array([[1.0], [2.0]]), allows)
    assert [term.shape.func for term in terms] == [sp.Symbol, sp.sin]
    assert len(parts) == 2
    assert not allows(found[3])
    assert allows(x / (1.5 + x))
    assert allows(x**0.5)


def test_units_reach_recover():
    found = sd.recover(
        sd.ODESystem({x: f(x)}), DATA, surrogate=None, progress=False,
        options=RecoverOptions(functions=("exp",), units={"x": "mM", "t": "s"}),
    )  # fmt: skip
    assert set(found.inclusion["term"]) == {"1", "x", "x**2", "x**3"}
    assert float(found.terms[f(x)].coeff(x, 2)) == pytest.approx(-1, abs=1e-3)
