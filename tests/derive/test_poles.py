"""Poles of the rates of stochastic equations, and steps across them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import gamma

import symdyn as sd
from symdyn.derive.poles import poles

x, y, a = sp.symbols("x y a")


@pytest.mark.parametrize(
    ("drift", "noise", "found"),
    [
        (a / (8 * x) - a * x / 2, 1, {x}),
        (1 / (x - y) ** 2, 1, {x - y}),
        (x / (a + x), 1 / (1 + y**2), {a + x}),  # 1 + y^2 keeps its sign
        (sp.sin(x) / x**2, 1, {x}),
        (1 / (x**2 - x), 1, {x, x - 1}),
        (sp.sin(x) / x, 1, set()),
        (x * (x - 1) / (x - 1), 1, set()),
        ((x + 40) / (1 - sp.exp(-(x + 40) / 10)), 1, set()),  # removable, and no polynomial
        (sp.exp(-x) / a, x, set()),
        (sp.exp(x) / x - 1 / x, 1, set()),  # removable in their sum
        ((x**2 - 0.09) / (x - 0.3), 1, set()),
    ],
)
def test_poles_of_rates(drift, noise, found):
    system = sd.SDESystem({x: drift, y: -y}, {x: noise, y: 1}, {a: 1} if drift.has(a) else {})
    signs = {p / sp.Poly(p, x, y).LC() for p in poles(system)}
    assert {sp.expand(p) for p in signs} == {sp.expand(p / sp.Poly(p, x, y).LC()) for p in found}


@pytest.mark.parametrize("options", [{"step": 0.05}, {"rtol": 1e-2, "atol": 1e-2}])
def test_steps_across_a_pole_end_the_trajectory(options):
    # the square root of a CIR process that reaches 0: dy = ((4 a b - s^2)/(8 y) - a y/2) dt + s/2 dW with a = b = 1, s = 1.5
    root = sd.SDESystem({y: sp.Rational(7, 32) / y - y / 2}, {y: sp.Rational(3, 4)}, initial={y: 0.45})
    method = sd.methods.Sra1(brownian="tree") if "rtol" in options else "sra1"
    run = sd.simulate(
        root, np.linspace(0, 1, 11), method=method, trajectories=400, seed=1, progress=False, on_failure="nan", **options
    )
    ended = ~np.isfinite(run.y.values[:, -1])
    assert 0 < ended.sum() < 400
    assert not (run.y.values < 0).any()
    assert (run.status.values[ended] != 0).all()
    with pytest.raises(sd.SymdynError, match="The rates have poles where y = 0: a step across one"):
        sd.simulate(root, [0, 1], method=method, trajectories=400, seed=1, progress=False, **options)


SCHEMES = [{"step": 0.01, "method": "euler-maruyama"}, {"step": 0.01, "method": sd.methods.Sra1(brownian="tree")}]


def ended(system, **options):
    """The share of 200 trajectories that failed, and the run."""
    run = sd.simulate(system, [0, 3], trajectories=200, seed=1, progress=False, on_failure="nan", **options)
    return float((run.status.values != 0).mean()), run


@pytest.mark.parametrize("options", SCHEMES)
def test_a_boundary_before_the_pole_ends_the_trajectory(options):
    # a Bessel process of dimension -1, which is at 0 after 1/(2 G), G of the gamma distribution with the shape 3/2
    share, run = ended(sd.SDESystem({x: -1 / x}, {x: 1}, initial={x: 1}), until=x <= 0.05, **options)
    assert share == 0
    assert np.isfinite(run.x.values).all()
    assert (run.first_passage.values < 1).mean() == pytest.approx(gamma.sf(1 / 2, 3 / 2), abs=0.08)


def test_an_event_before_the_pole_takes_place():
    system = sd.SDESystem({x: -1 / x}, {x: 1}, initial={x: 1}).replace(events=(sd.Event(x <= 0.05, {x: 1}),))
    share, run = ended(system, **SCHEMES[0])
    assert share == 0
    assert (run.x.values > 0).all()


@pytest.mark.parametrize("options", SCHEMES)
def test_parameters_take_a_pole_away(options):
    # the square root of a CIR process with 4 a b = s^2 is a process of Ornstein and Uhlenbeck, which crosses 0
    b, s = sp.symbols("b s")
    root = sd.SDESystem({x: (4 * a * b - s**2) / (8 * x) - a * x / 2}, {x: s / 2}, {a: 1, b: 0.3, s: np.sqrt(1.2)})
    plain = sd.SDESystem({x: -a * x / 2}, {x: s / 2}, {a: 1, s: np.sqrt(1.2)}, initial={x: 0.2})
    share, run = ended(root, initial={x: 0.2}, **options)
    assert share == 0
    assert (run.x.values[:, -1] < 0).any()
    assert run.x.values == pytest.approx(ended(plain, **options)[1].x.values, abs=1e-9)
    assert ended(root, initial={x: 0.2}, parameters={b: 0.5}, **options)[0] > 0


def test_a_pole_that_moves_is_compared_at_both_times():
    t = sp.Symbol("t")
    share, run = ended(sd.SDESystem({x: 1 / (x + 10 * t)}, {x: 1}, initial={x: 1}), **SCHEMES[0])
    assert share == 0
    assert run.x.values.min() < -1


def test_lanes_and_scalar_steps_end_alike():
    system = sd.SDESystem({x: 1 / x - x}, {x: 1}, initial={x: 0.3})
    share, run = ended(system, step=0.05, method="euler-maruyama")
    other = ended(system, step=0.05, method="euler-maruyama", layout=sd.Layout(lanes=1))[1]
    assert 0 < share < 1
    assert np.array_equal(run.x.values, other.x.values, equal_nan=True)


def test_the_message_names_what_mends_it():
    system = sd.SDESystem({x: 1 / x}, {x: 1}, initial={x: 0.1})
    options = {"method": sd.methods.Sra1(brownian="tree"), "trajectories": 50, "seed": 1, "progress": False}
    with pytest.raises(sd.SymdynError, match="Try other values, a shorter step, smaller tolerances, another method"):
        sd.simulate(system, [0, 3], rtol=0.1, atol=0.1, **options)
    few = sd.methods.Sra1(brownian="tree", max_steps=20)
    with pytest.raises(sd.SymdynError, match=r"max_steps=\.\.\.\)\), greater tolerances, another method"):
        sd.simulate(system, [0, 3], rtol=1e-6, atol=1e-6, **{**options, "method": few})
