"""Poles of the rates of stochastic equations, and steps across them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.derive.poles import poles

x, y, a = sp.symbols("x y a")


@pytest.mark.parametrize(
    ("drift", "noise", "found"),
    [
        (a / (8 * x) - a * x / 2, 1, {x}),
        (1 / (x - y) ** 2, 1, {x - y}),
        (x / (a + x), 1 / (1 + y**2), {a + x, 1 + y**2}),
        (sp.sin(x) / x, 1, set()),
        (x * (x - 1) / (x - 1), 1, set()),
        ((x + 40) / (1 - sp.exp(-(x + 40) / 10)), 1, set()),  # removable, and no polynomial
        (sp.exp(-x) / a, x, set()),
    ],
)
def test_poles_of_rates(drift, noise, found):
    system = sd.SDESystem({x: drift, y: -y}, {x: noise, y: 1}, {a: 1} if sp.sympify(drift).has(a) else {})
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
