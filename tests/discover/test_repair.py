"""Repair: a declared system that is partly wrong, and what the data want changed in it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.changes import additive_terms
from symdyn.discover.options import RecoverOptions

x, y, a, b, c, d, h, r, K = sp.symbols("x y a b c d h r K")
f = sp.Function("f")
VALUES = {a: 1.0, b: 0.5, c: 0.3, d: 0.8}
RIGHT = sd.ODESystem({x: a * x - b * x * y, y: c * x * y - d * y}, parameters=VALUES)
CROWDED = sd.ODESystem({x: a * x - b * x * y - x**2 / 10, y: c * x * y - d * y}, parameters=VALUES)
TIMES = np.linspace(0, 12, 41)


def table(system, times, initial, *, noise=0.02, seed=1):
    tolerances = {} if system.whole_steps else {"rtol": 1e-10, "atol": 1e-12}
    run = sd.simulate(system, times, initial=initial, **tolerances, progress=False)
    random = np.random.RandomState(seed)
    return {"t": times} | {s: v + noise * v.mean() * random.randn(len(times)) for s in system.names for v in [run[s].values]}


def repair(system, data, library=2, **options):
    return sd.recover(system, data, library=library, options=RecoverOptions(repair=True), progress=False, **options)


def rows(found):
    return found.intervals.set_index("constant")


@pytest.mark.parametrize("seed", range(3))
def test_a_system_that_is_right_stays_as_it_is(seed):
    found = repair(RIGHT, table(RIGHT, TIMES, {x: 2, y: 1}, seed=seed))
    assert found.changes == ()
    assert found.system.drift == RIGHT.drift
    assert found.system.defaults == VALUES
    assert found.table["weight"][0] > 0.5
    assert "nothing changed" in repr(found)
    assert list(rows(found).index) == ["x(0)", "y(0)"]
    assert not any(found.terms.values())


def test_a_wrong_constant_is_mended_and_keeps_its_name():
    found = repair(RIGHT, table(RIGHT.with_parameters({b: 0.7}), TIMES, {x: 2, y: 1}))
    (change,) = found.changes
    assert change.startswith("coefficient of -x*y in the equation of x, b, 0.5 → 0.")
    assert found.system.drift == RIGHT.drift
    row = rows(found).loc["coefficient of -x*y in the equation of x, b,"]
    assert row["lower"] < 0.7 < row["upper"]
    assert found.system.defaults[b] == pytest.approx(row["value"])
    assert {p: v for p, v in found.system.defaults.items() if p != b} == {p: v for p, v in VALUES.items() if p != b}


def test_a_missing_term_is_added():
    found = repair(RIGHT, table(CROWDED, TIMES, {x: 2, y: 1}))
    (change,) = found.changes
    assert change.startswith("added -")
    assert change.endswith("*x**2 to the equation of x")
    assert float((found.system.drift[0] - RIGHT.drift[0]).coeff(x, 2)) == pytest.approx(-0.1, rel=0.05)
    assert found.system.drift[1] == RIGHT.drift[1]
    assert float(found.terms["change_of_x"].coeff(x, 2)) == pytest.approx(-0.1, rel=0.05)
    run = sd.simulate(found.system, TIMES, progress=False)
    exact = sd.simulate(CROWDED, TIMES, initial={x: 2, y: 1}, progress=False)
    np.testing.assert_allclose(run.x.values, exact.x.values, rtol=0.1)


def test_a_term_that_does_not_belong_is_dropped():
    found = repair(CROWDED, table(RIGHT, TIMES, {x: 2, y: 1}))
    assert found.changes == ("dropped -x**2/10 from the equation of x",)
    assert found.system.drift == RIGHT.drift
    assert found.table["parameters"][0] == 0
    shares = found.inclusion.set_index(["unknown", "term"])["weight"]
    assert shares["x", "-x**2/10"] > 0.99


def test_a_term_of_the_wrong_form_is_exchanged():
    wrong = sd.ODESystem({x: a * x - b * x * y, y: c * x - d * y}, parameters=VALUES)
    found = repair(wrong, table(RIGHT, TIMES, {x: 2, y: 1}))
    dropped, added = found.changes
    assert dropped == "dropped c*x from the equation of y"
    assert added.endswith("*x*y to the equation of y")
    assert float(sp.expand(found.system.drift[1]).coeff(x * y)) == pytest.approx(0.3, rel=0.02)
    assert found.system.drift[1].coeff(x, 1).coeff(y, 0) == 0


def test_a_parameter_below_the_line_or_in_two_places_is_changed_as_a_whole():
    times = np.linspace(0, 8, 25)
    logistic = sd.ODESystem({x: r * x * (1 - x / K)}, parameters={r: 1.0, K: 10.0})
    found = repair(logistic, table(logistic.with_parameters({K: 7.0}), times, {x: 0.5}), library=3)
    assert [text.split(" → ")[0] for text in found.changes] == ["K 10"]
    assert found.system.defaults[K] == pytest.approx(7.0, rel=0.02)
    assert rows(found).loc["K", "lower"] < 7.0 < rows(found).loc["K", "upper"]
    faster = repair(logistic, table(logistic.with_parameters({r: 1.3}), times, {x: 0.5}), library=3)
    assert [text.split(" → ")[0] for text in faster.changes] == ["r 1"]
    assert faster.system.drift == logistic.drift


def test_parameters_without_value_are_fitted_along():
    open_ = sd.ODESystem({x: a * x - b * x * y, y: c * x * y - d * y}, parameters={a: 1.0, b: 0.5, c: 0.3})
    found = repair(open_, table(CROWDED, TIMES, {x: 2, y: 1}), bounds={d: (0.1, 5)})
    assert [text.partition(" ")[0] for text in found.changes] == ["added"]
    assert found.system.defaults[d] == pytest.approx(0.8, rel=0.03)


def test_only_the_named_equations_of_a_map_are_changed():
    # x[t+1] = 1.4 x - 0.4 x**2/K with the competitor's pressure missing
    ricker = sd.DiscreteSystem({x: x * (2 - x), y: y * (sp.Rational(3, 2) - y)})
    truth = sd.DiscreteSystem({x: x * (2 - x - y / 2), y: y * (sp.Rational(3, 2) - y)})
    data = table(truth, np.arange(26.0), {x: 0.1, y: 0.05}, noise=0.01)
    found = repair(ricker, data, unknown=["x"])
    (change,) = found.changes
    assert change.endswith("*x*y to the equation of x")
    assert float(sp.expand(found.system.map[0]).coeff(x * y)) == pytest.approx(-0.5, rel=0.05)
    assert found.system.map[1] == ricker.map[1]
    assert set(found.inclusion["unknown"]) == {"x"}


def test_terms_are_those_of_the_products_multiplied_out():
    assert set(additive_terms(r * x * (1 - x / K) + sp.exp(x * (1 - y)))) == {r * x, -r * x**2 / K, sp.exp(x * (1 - y))}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: repair(sd.ODESystem({x: f(x)}), data), r"needs a complete system, this one has the unknown terms f\(x\)"),
        (lambda data: repair(RIGHT, data, unknown=["z"]), "'z' is not a state of this system"),
        (lambda data: repair(RIGHT, data, library=[x / (1 + h * x)]), r"of a repair holds the constant h"),
        (lambda data: sd.recover(RIGHT, data, progress=False), r"which of its terms are wrong with options=RecoverOptions"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(sd.SymdynError, match=message):
        call(table(RIGHT, TIMES, {x: 2, y: 1}))


@pytest.mark.parametrize("seed", range(2))
def test_what_runs_away_along_the_data_is_repaired(seed):
    # without the reaction that uses it up, y of the Brusselator drives x to infinity within a few intervals
    brusselator = sd.ODESystem({x: 1 - 4 * x + x**2 * y, y: 3 * x - x**2 * y})
    broken = sd.ODESystem({x: 1 - 4 * x + x**2 * y, y: 3 * x})
    found = repair(broken, table(brusselator, np.linspace(0, 15, 81), {x: 1, y: 1}, seed=seed), library=3)
    (change,) = found.changes
    assert change.startswith("added -")
    assert change.endswith("*x**2*y to the equation of y")
    assert float(found.terms["change_of_y"].coeff(x**2 * y)) == pytest.approx(-1.0, rel=0.02)


def test_a_term_that_runs_away_is_exchanged():
    predation = sd.ODESystem({x: x / 2 - 0.03 * x * y, y: 0.03 * x * y - 0.8 * y})
    broken = sd.ODESystem({x: x / 2 + 0.00028 * x**2 * y, y: 0.03 * x * y - 0.8 * y})
    found = repair(broken, table(predation, np.linspace(0, 20, 81), {x: 30, y: 4}), library=3)
    assert {text.split(" ")[0] for text in found.changes} == {"dropped", "added"}
    side = sp.Poly(found.system.drift[0], x, y)
    assert set(side.monoms()) == {(1, 0), (1, 1)}
    assert float(side.coeff_monomial(x * y)) == pytest.approx(-0.03, rel=0.02)
    assert found.system.drift[1] == broken.drift[1]
