"""Constants of right-hand sides and Jacobians: the same mathematics, computed once for a trajectory."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.families import family_of
from symdyn.codegen.hoist import hoisted
from symdyn.codegen.lower import Lowering, lower
from symdyn.codegen.partials import Partials

x, y, t, a, b, c, n = sp.symbols("x y t a b c n")
TIGHT = {"rtol": 1e-10, "atol": 1e-12, "progress": False}
HILL = sd.ODESystem(
    {x: a * c**n / (c**n + y**n) - sp.log(2) / b * x, y: a * b / c * x - sp.exp(-a / b) * y / (a + b)},
    parameters={a: 1.5, b: 2.0, c: 0.7, n: 2.5}, initial={x: 0.3, y: 0.9},
)  # fmt: skip


def programs(system, method):
    scheme = sd.METHODS[method]
    return family_of(scheme).programs(system, scheme)


def test_no_function_of_parameters_alone_is_left_in_what_steps_call():
    made = programs(HILL, "rodas5p")
    assert [p.name for p in made.programs] == ["rhs", "factor", "solve", "constants"]
    for p in made.programs[:2]:
        alone: list[bool] = []
        for op, args, _ in p.operations:
            alone.append(p.blocks[args[0]][0] == "p" if op == "input" else all(alone[k] for k in args))
            assert not alone[-1] or op in ("input", "const", "neg", "gt", "lt", "select"), op  # choices of a power at zero
    assert made.facts["constants"] == len(made.programs[3].outputs) > 5


def test_the_numbers_are_those_of_the_equations():
    """Beside the equations in 40 digits, to the rounding of a few operations."""
    made = programs(HILL, "rodas5p")
    rhs, constants = made.programs[0], made.programs[3]
    values = {x: 0.31, y: 0.87, a: 1.3, b: 2.1, c: 0.6, n: 2.7}
    given = [values[p] for p in HILL.parameters]
    rows = [*given, *evaluate(constants, (), (), given)]
    found = evaluate(rhs, [0.0], [values[s] for s in HILL.states], rows)
    exact = [float(f.subs({s: sp.Float(v, 40) for s, v in values.items()}).evalf(40)) for f in HILL.drift]
    np.testing.assert_allclose(found, exact, rtol=4e-16)


def test_what_may_change_along_a_trajectory_stays():
    """Only the first parameters are constant: those after them are coefficients of inputs and values of the past."""
    program = lower("rhs", [("lane", []), ("y", [x]), ("p", [a, b, c])], [x * sp.exp(a * b) * sp.sqrt(c)], ["dx"])
    (rhs,), constants = hoisted([program], ["rhs"], 2)
    assert {o.op for o in constants.operations} == {"input", "mul", "exp"}
    assert "sqrt" in {o.op for o in rhs.operations}
    assert rhs.blocks[2][1] == ("a", "b", "c", "constant 0")
    assert hoisted([program], ["rhs"], 0) == ([program], None)


def test_jumps_stay_where_the_formula_has_them():
    """49 (1/49) is below 1 in doubles, and 49/49 is not: quotients that jumps depend on are left as they are written."""
    k, period = sp.symbols("k T")
    system = sd.ODESystem({x: k * a / b * sp.floor(t / period) + x * sp.Piecewise((0, t / period >= 1), (0, True))})
    rhs, constants = (programs(system, "tsit5").programs[i] for i in (0, -1))
    values = {k: 2.0, a: 3.0, b: 4.0, period: 49.0}
    given = [values[p] for p in system.parameters]
    (rate,) = evaluate(rhs, [49.0], [0.0], [*given, *evaluate(constants, (), (), given)])
    assert 49 * (1 / 49) < 1
    assert rate == 1.5


@pytest.mark.parametrize("method", ["dop853", "rodas5p"])
def test_lanes_and_single_runs_have_the_same_bits_in_systems_of_more_than_eight_states(method):
    """Constants are computed by the same functions, and blocks of eight states are stored transposed."""
    states = sp.symbols("z0:11")
    drift = {s: a * b / c * states[i - 1] - (1 + i) * sp.exp(-a / n) * s for i, s in enumerate(states)}
    system = sd.ODESystem(drift, {a: 1.0, b: 2.0, c: 3.0, n: 2.0})
    random = np.random.default_rng(0)
    initial, parameters = random.uniform(0.5, 2, (13, 11)), random.uniform(1, 2, (13, 4))
    times = np.sort(random.uniform(0, 2, 40))
    alone = sd.compile(system, method=method, lanes=1)(initial, parameters, times, rtol=1e-8)
    for lanes in (8, 16, 32):
        kernel = sd.compile(system, method=method, lanes=lanes)
        for count in (13, 5):
            found = kernel(initial[:count], parameters[:count], times, rtol=1e-8)
            assert found.values.tobytes() == alone.values[:count].tobytes()


def test_inputs_events_and_delays_beside_constants():
    """x' = -(a b/c) x with a = 2, b = 3, c = 4, by closed solutions: driven, with doses, and with a delay."""
    rate, values = 1.5, {a: 2.0, b: 3.0, c: 4.0}
    u = sd.Path("u", [0, 1, 3], [0, 1, 1], kind="linear")
    driven = sd.ODESystem({x: a * b / c * u}, parameters=values, initial={x: 0})
    found = sd.simulate(driven, [0, 0.5, 2], **TIGHT)
    np.testing.assert_allclose(found.x, [0, rate / 8, rate * 1.5], atol=1e-9)
    dosed = sd.ODESystem({x: -a * b / c * x}, parameters=values, initial={x: 1}, events=sd.dose(x, 1, start=1))
    found = sd.simulate(dosed, [0, 2], parameters={a: [2.0, 4.0]}, **TIGHT)
    for row, k in zip(found.x, (1.5, 3.0), strict=True):
        assert abs(float(row[1]) - (math.exp(-2 * k) + math.exp(-k))) < 1e-9
    delayed = sd.ODESystem({x: -a * b / c * sp.Function("x")(t - 1)}, parameters=values, history={x: 1})
    found = sd.simulate(delayed, [0, 1, 2], **TIGHT)  # by steps: 1 - k t, then with k (t - 1) (1 - k (t - 1)/2) less
    np.testing.assert_allclose(found.x[1:], [1 - rate, 1 - rate - rate * (1 - rate / 2)], atol=1e-8)


def test_a_parameter_that_an_event_changes_is_a_state():
    """At t = 1 the rate a b doubles: its product with a parameter is no constant."""
    system = sd.ODESystem({x: -a * b * x, a: 0}, parameters={b: 0.5}, initial={x: 1, a: 1}, events=sd.Event(t >= 1, {a: 2}))
    found = sd.simulate(system, [0, 1, 2], **TIGHT)
    np.testing.assert_allclose(found.x, [1, math.exp(-0.5), math.exp(-1.5)], atol=1e-9)


@pytest.mark.parametrize(("base", "exponent"), [(0.3, 2.5), (0.0, 2.5), (0.0, 1.0), (0.0, 0.5), (2.0, -1.5), (1e-120, 1.5)])
def test_derivatives_of_powers_at_and_away_from_zero(base, exponent):
    build = Lowering([("lane", ()), ("y", (x,)), ("p", (n,))])
    k = build.value(x**n)
    slope, _ = Partials(build).power(k, build.value(x), build.value(n), exponent=False)
    (found,) = evaluate(build.program("f", [slope], ["slope"]), (), [base], [exponent])
    expected = exponent * base ** (exponent - 1) if base or exponent >= 1 else math.inf
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
def test_few_trajectories_of_one_parameter(count):
    """Their rows fill one call of a lane function or a part of it: x' = -exp(-a) sin(a) x, with two constants or one."""
    rate = sp.exp(-a) * x * sp.sin(a)
    system = sd.ODESystem({x: -rate, y: rate - sp.sqrt(a) * y}, {a: 1}, initial={x: 1, y: 0})
    values = np.linspace(0.5, 1.5, count)
    found = sd.simulate(system, [0, 2], parameters={a: values}, method="tsit5", **TIGHT)
    np.testing.assert_allclose(found.x.values[:, -1], np.exp(-2 * np.exp(-values) * np.sin(values)), rtol=1e-9)
