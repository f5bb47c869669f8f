"""The chemical Langevin equation as a method for networks: weak accuracy, bursts, positivity."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd


def run(net, t, initial, *, trajectories=20_000, **options):
    return sd.simulate(net, t, initial=initial, trajectories=trajectories, seed=3, method="langevin", progress=False, **options)


def assert_moments(sample, mean, variance, *, bias=0.0):
    count = len(sample)
    assert abs(sample.mean() - mean) < 4.5 * np.sqrt(variance / count) + bias * abs(mean)
    error = np.sqrt(((sample - sample.mean()) ** 2).var() / count)
    assert abs(sample.var() - variance) < 4.5 * error + bias * variance


def test_linear_networks_have_exact_first_two_moments():
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 500, "g": 1})
    data = run(net, [0, 1, 5], {"X": 100})
    for t in (1, 5):
        e = np.exp(-t)
        # of order h = 0.005 is the error of Euler's rule
        assert_moments(data.X.sel(time=t).values, 100 * e + 500 * (1 - e), 100 * e * (1 - e) + 500 * (1 - e), bias=0.005)
    assert data.attrs["step"] == 0.005
    assert (data.steps == 1000).all()


@pytest.mark.parametrize(("burst", "square"), [("geometric", 2.0), ("poisson", 1.0)])
def test_bursts_bring_their_variance_and_no_correlation(burst, square):
    """``X`` and a burst of ``Y`` together: shot noise for Y, and Cov(X, Y) = k b (1 - exp(-2 t))/2."""
    net = sd.ReactionNetwork.from_text(f"0 -> X + {burst}(b) Y, k; X -> 0, 1; Y -> 0, 1", parameters={"k": 400, "b": 5})
    data = run(net, [0, 2], {"X": 400, "Y": 2000})
    x, y = data.X.values[:, 1], data.Y.values[:, 1]
    e = np.exp(-2)
    assert_moments(x, 400, 400 * e * (1 - e) + 400 * (1 - e), bias=0.005)
    assert_moments(y, 2000, 2000 * e * (1 - e) + 400 * square * 25 * (1 - e * e) / 2 + 2000 * (1 - e), bias=0.005)
    covariance = 400 * 5 * (1 - e * e) / 2
    products = (x - x.mean()) * (y - y.mean())
    assert abs(products.mean() - covariance) < 4.5 * products.std() / np.sqrt(x.size) + 0.005 * covariance


def test_halving_the_step_halves_the_bias():
    """Decay by coarse steps: the mean is ``(1 - h)^(1/h)`` times the start, exactly Euler's."""
    net = sd.ReactionNetwork.from_text("X -> 0, 1")
    for step in (0.2, 0.1):
        x = run(net, [0, 1], {"X": 1e6}, trajectories=2000, step=step).X.values[:, 1]
        assert abs(x.mean() - 1e6 * (1 - step) ** (1 / step)) < 4.5 * x.std() / np.sqrt(x.size)


def test_numbers_stay_at_zero_or_above_and_finite():
    net = sd.ReactionNetwork.from_text("2 X -> 0, 1; 0 -> X, 1; X + Y -> 0, 0.3; 0 -> Y, 1")
    data = run(net, np.linspace(0, 20, 11), {"X": 3, "Y": 2}, trajectories=500)
    for name in "XY":
        assert np.isfinite(data[name].values).all()
        assert data[name].values.min() >= 0
        assert data[name].values.min() < 0.1  # it got there


def test_a_blow_up_shows():
    net = sd.ReactionNetwork.from_text("2 X -> 3 X, 1")
    with pytest.raises(sd.SimulationError, match="infinite or not a number"):
        run(net, [0, 1, 5], {"X": 20}, trajectories=4)


def test_same_bits_whatever_the_layout():
    net = sd.ReactionNetwork.from_text("2 X -> 0, 1; 0 -> X, 100")
    runs = [
        run(net, [0, 1], {"X": 10}, trajectories=20, layout=sd.Layout(**layout)).X.values.tobytes()
        for layout in ({}, {"threads": 2}, {"chunk": 7}, {"lanes": 8}, {"lanes": 1})
    ]
    assert len(set(runs)) == 1


def test_other_systems_are_refused():
    with pytest.raises(sd.CompileError, match="takes systems of reactions; this ODESystem"):
        sd.simulate(sd.ODESystem({sp.Symbol("x"): 1}), [0, 1], initial={"x": 0}, method="langevin")
