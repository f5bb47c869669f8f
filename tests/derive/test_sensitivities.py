"""Sensitivities against exact solutions, and against finite differences of another solver."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.derive.sensitivities import fresh_symbol, sensitivities

x, y, a, b, k, t = sp.symbols("x y a b k t")


def solve(extended, initial, parameters, times):
    kernel = sd.compile(extended.system)
    row = [[parameters[p.name] for p in extended.system.parameters]]
    run = kernel(extended.initial(np.array([initial])), row, times, rtol=1e-11, atol=1e-13)
    assert run.status[0] == 0
    return extended.split(run.values[0])


def test_linear_decay_with_source():
    # x' = b - a x: x = b/a + (x0 - b/a) exp(-a t)
    extended = sensitivities(sd.ODESystem({x: b - a * x}))
    times = np.linspace(0, 3, 7)
    states, slopes = solve(extended, [2.0], {"a": 0.7, "b": 1.3}, times)
    e, level = np.exp(-0.7 * times), 1.3 / 0.7
    np.testing.assert_allclose(states[:, 0], level + (2 - level) * e, rtol=1e-9)
    by_a = -1.3 / 0.49 * (1 - e) - (2 - level) * times * e
    columns = [c.name for c in extended.columns]
    assert columns == ["a", "b", "x"]
    np.testing.assert_allclose(slopes[:, 0, 0], by_a, atol=1e-9)
    np.testing.assert_allclose(slopes[:, 0, 1], (1 - e) / 0.7, atol=1e-9)
    np.testing.assert_allclose(slopes[:, 0, 2], e, atol=1e-9)
    assert sensitivities(extended.base, initial=False).columns == extended.columns[:2]
    many = np.arange(24.0).reshape(2, 3, 4)  # trajectories, times, and one state with three derivatives
    for found, expected in zip(extended.split(many), (many[..., :1], many[..., None, 1:]), strict=True):
        assert np.array_equal(found, expected)


def test_logistic_growth():
    # x = k / (1 + (k/x0 - 1) exp(-a t)), differentiated by sympy
    x0 = sp.Symbol("x0")
    exact = k / (1 + (k / x0 - 1) * sp.exp(-a * t))
    extended = sensitivities(sd.ODESystem({x: a * x * (1 - x / k)}))
    times = np.linspace(0, 6, 9)
    _, slopes = solve(extended, [0.3], {"a": 0.9, "k": 2.5}, times)
    for column, symbol in zip(extended.columns, (a, k, x0), strict=True):
        expected = sp.lambdify(t, exact.diff(symbol).subs({a: 0.9, k: 2.5, x0: 0.3}), "numpy")(times)
        np.testing.assert_allclose(slopes[:, 0, extended.columns.index(column)], expected, atol=1e-9)


def test_forced_predator_and_prey_against_finite_differences_of_scipy():
    extended = sensitivities(sd.ODESystem({x: a * x - b * x * y + sp.sin(t), y: b * x * y - k * y}), ["b", a])
    times = np.linspace(0, 4, 5)
    values = {"a": 1.1, "b": 0.6, "k": 0.8}
    _, slopes = solve(extended, [1.0, 1.5], values, times)

    def run(initial, p):
        def rhs(s, u):
            return [p["a"] * u[0] - p["b"] * u[0] * u[1] + np.sin(s), p["b"] * u[0] * u[1] - p["k"] * u[1]]

        return solve_ivp(rhs, (0, 4), initial, t_eval=times, rtol=1e-12, atol=1e-13, method="LSODA").y.T

    h = 1e-5
    assert [c.name for c in extended.columns] == ["b", "a", "x", "y"]
    for column, name in enumerate(("b", "a")):
        up, down = ({**values, name: values[name] + s * h} for s in (1, -1))
        expected = (run([1.0, 1.5], up) - run([1.0, 1.5], down)) / (2 * h)
        np.testing.assert_allclose(slopes[..., column], expected, atol=2e-5)
    for column, shift in ((2, np.array([h, 0])), (3, np.array([0, h]))):
        expected = (run(np.array([1.0, 1.5]) + shift, values) - run(np.array([1.0, 1.5]) - shift, values)) / (2 * h)
        np.testing.assert_allclose(slopes[..., column], expected, atol=2e-5)


def test_the_extended_system_is_an_ordinary_one():
    dxa = sp.Symbol("dx_da")
    base = sd.ODESystem({x: -a * x * dxa}, parameters={a: 2.0, dxa: 1.0}, initial={x: 3.0})
    extended = sensitivities(base, [a])
    assert extended.names[x, a].name == "dx_da_"  # dx_da is a parameter already
    assert extended.system.initial[extended.names[x, x]] == 1.0
    data = sd.simulate(extended.system, [0.0, 0.5], progress=False)
    assert float(data["dx_dx"][..., -1]) == pytest.approx(np.exp(-1.0), rel=1e-5)
    assert "sensitivities to a, x" in extended.system.provenance[-1]


def test_a_linear_map():
    # x[t+1] = a x + b: x = a^t x0 + b (a^t - 1)/(a - 1), differentiated by sympy
    x0 = sp.Symbol("x0")
    exact = a**t * x0 + b * (a**t - 1) / (a - 1)
    extended = sensitivities(sd.DiscreteSystem({x: a * x + b}))
    assert isinstance(extended.system, sd.DiscreteSystem)
    assert [c.name for c in extended.columns] == ["a", "b", "x"]
    times = np.arange(9.0)
    states, slopes = solve(extended, [2.0], {"a": 0.8, "b": 1.3}, times)
    values = {a: 0.8, b: 1.3, x0: 2.0}
    np.testing.assert_allclose(states[:, 0], [float(exact.subs({**values, t: i})) for i in range(9)], rtol=1e-12)
    for column, symbol in enumerate((a, b, x0)):
        expected = [float(exact.diff(symbol).subs({**values, t: i})) for i in range(9)]
        np.testing.assert_allclose(slopes[:, 0, column], expected, rtol=1e-11, atol=1e-12)


def test_flour_beetles_against_finite_differences():
    # larvae, pupae and adults that eat each other (Costantino et al. 1997), iterated by a loop of Python
    L, P, A, c, d = sp.symbols("L P A c d")
    system = sd.DiscreteSystem({L: a * A * sp.exp(-c * L - d * A), P: 0.8 * L, A: P * sp.exp(-b * A) + 0.99 * A})
    extended = sensitivities(system)
    values, start = {"a": 6.6, "b": 0.005, "c": 0.012, "d": 0.0115}, [250.0, 5.0, 100.0]

    def run(start, p):
        rows = [np.array(start)]
        for _ in range(6):
            u, v, w = rows[-1]
            grown = p["a"] * w * np.exp(-p["c"] * u - p["d"] * w)
            rows.append(np.array([grown, 0.8 * u, v * np.exp(-p["b"] * w) + 0.99 * w]))
        return np.stack(rows)

    states, slopes = solve(extended, start, values, np.arange(7.0))
    np.testing.assert_allclose(states, run(start, values), rtol=1e-12)
    for column, symbol in enumerate(extended.columns[:4]):
        h = 1e-6 * values[symbol.name]
        up, down = ({**values, symbol.name: values[symbol.name] + s * h} for s in (1, -1))
        np.testing.assert_allclose(slopes[..., column], (run(start, up) - run(start, down)) / (2 * h), rtol=1e-6, atol=1e-6)
    for i in range(3):
        shift = 1e-4 * np.eye(3)[i]
        expected = (run(start + shift, values) - run(start - shift, values)) / 2e-4
        np.testing.assert_allclose(slopes[..., 4 + i], expected, rtol=1e-6, atol=1e-7)


def test_a_map_that_stops_at_zero_forgets_what_came_before():
    # x[t+1] = max(x - a, 0) from 2.5 with a = 1: 2.5, 1.5, 0.5, 0, and then nothing matters
    extended = sensitivities(sd.DiscreteSystem({x: sp.Max(x - a, 0)}))
    states, slopes = solve(extended, [2.5], {"a": 1.0}, np.arange(5.0))
    np.testing.assert_allclose(states[:, 0], [2.5, 1.5, 0.5, 0, 0])
    np.testing.assert_allclose(slopes[:, 0], [[0, 1], [-1, 1], [-2, 1], [0, 0], [0, 0]])


def test_sensitivities_of_a_state_called_w_are_no_random_numbers():
    W = sp.Symbol("W")
    extended = sensitivities(sd.DiscreteSystem({W: a * W}, {a: 0.5}, initial={W: 1}))
    assert [s.name for s in extended.system.states] == ["W", "d_W_da", "d_W_dW"]
    assert extended.system.defaults == {a: 0.5}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: sensitivities(sd.SDESystem({x: a * x}, {x: 1})),
            "needs an ODESystem or a DiscreteSystem without random numbers, got SDESystem",
        ),
        (lambda: sensitivities(sd.DiscreteSystem({x: a * x + sp.Symbol("dW")})), "this one draws dW in every step"),
        (lambda: sensitivities(sd.ODESystem({x: sp.Function("f")(x)})), r"unknown terms \(f\(x\)\)"),
        (lambda: sensitivities(sd.ODESystem({x: a * x}), ["c"]), "'c' is not a parameter of this system"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()


def test_fresh_symbols_are_taken_from_then_on():
    taken = {"a"}
    assert [fresh_symbol("a", taken).name for _ in range(3)] == ["a_", "a__", "a___"]
