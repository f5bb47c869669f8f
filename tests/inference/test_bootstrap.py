"""Samples of a bootstrap against what conditions and linear regression say of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, k = sp.symbols("x k")
DECAY = sd.ODESystem({x: -k * x}, initial={x: 1})


def test_the_bootstrap_gives_parameters_as_a_condition_has_them():
    t = np.linspace(0, 3, 8)
    data = {name: {"t": t, "x": np.exp(-r * t) + 0.01 * np.cos(7 * t)} for name, r in (("one", 0.5), ("two", 1.0))}
    fit = sd.fit(DECAY, data, conditions={"one": {}, "two": {k: 2 * k}}, starts=2)
    one, two = (fit.bootstrap(5, trajectory=j)["parameters"]["k"].values for j in (0, 1))
    np.testing.assert_allclose(two, 2 * one)
    np.testing.assert_allclose(one, 0.5, rtol=0.1)


def test_the_bootstrap_gives_scales_of_observables_beside_the_parameters():
    """Of y = c exp(-k t) + noise with known k: the scale has the deviation of linear regression."""
    c, t = sp.Symbol("c"), np.linspace(0, 3, 40)
    shape = np.exp(-0.5 * t)
    data = {"t": t, "y": 2 * shape + 0.1 * np.random.default_rng(0).normal(size=40)}
    system = sd.ODESystem({x: -k * x}, initial={x: 1}, parameters={k: 0.5})
    samples = sd.fit(system, data, observables={"y": c * x}, parameters=[c], noise="normal").bootstrap(300)
    assert list(samples.others) == ["c"]
    assert "c" not in samples["parameters"]
    best = (shape @ data["y"]) / (shape @ shape)
    left = np.sqrt(((data["y"] - best * shape) ** 2).sum() / 39 / (shape @ shape))
    assert float(samples.others["c"].mean()) == pytest.approx(best, abs=0.2 * left)
    assert float(samples.others["c"].std()) == pytest.approx(left, rel=0.15)
    assert re.search(r"c +mean", str(samples))
