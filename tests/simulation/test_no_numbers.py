"""What is not a number, or infinite between outputs, is a failed trajectory in every driver."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

x, y = sp.symbols("x y")
STARTS = xr.DataArray([4.0, 0.3, 2.0], dims="trajectory")


def _status(system, times=(0, 1, 2), **options):
    settings = dict(initial={x: STARTS}, on_failure="nan", progress=False)
    return sd.simulate(system, list(times), **(settings | options)).status.values.tolist()


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p", "taylor"])
def test_a_condition_of_no_number_fails_in_adaptive_methods(method):
    """x = x0 - t, so that sqrt(x) is no number after t = x0: of 4 never, of 0.3 in the first unit, of 2 at the last time."""
    fall = sd.ODESystem({x: -1})
    assert _status(fall, (0, 1, 1.9), method=method, until="sqrt(x) >= 3") == [0, 3, 0]


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_condition_of_no_number_fails_in_fixed_steps(lanes):
    fall = sd.DiscreteSystem({x: x - 1})
    assert _status(fall, (0, 1), until="sqrt(x) >= 3", layout=sd.Layout(lanes=lanes)) == [0, 3, 0]


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("times", [(0, 1, 2, 3), (0, 3)])
def test_a_map_that_passes_through_infinity_fails_whatever_the_outputs(times, lanes):
    """1/(x - 2) is infinite from 2, and 0 after that; neither 4 nor 0.3 comes to 2."""
    data = sd.simulate(
        sd.DiscreteSystem({x: 1 / (x - 2)}), list(times), initial={x: STARTS}, on_failure="nan", layout=sd.Layout(lanes=lanes)
    )
    assert data.status.values.tolist() == [0, 0, 3]
    assert np.isnan(data.x.values[2, -1])


def test_more_molecules_than_can_be_counted_are_a_failure():
    net = sd.ReactionNetwork.from_text("0 -> geometric(b) X, 1; X -> 0, 1e-20", parameters={"b": 2.0**52}, initial={"X": 0})
    with pytest.raises(sd.SimulationError, match=r"exceeded 2\^53, above which single molecules cannot be counted"):
        sd.simulate(net, [0, 20], trajectories=4, seed=1, progress=False)


@pytest.mark.parametrize("mean", [0.01, 3.0, 1e9, 1e13])
def test_geometric_bursts_of_any_mean(mean):
    """Of 2000 single bursts, mean and variance b (1 + b) of a geometric number; the fourth moment bounds the error of both."""
    net = sd.ReactionNetwork.from_text("A -> geometric(b) X, 1", parameters={"b": mean}, initial={"A": 1, "X": 0})
    data = sd.simulate(net, [0, 60], trajectories=20000, seed=2, progress=False)
    found = data.X.values[:, 1]
    assert abs(found.mean() / mean - 1) < 4.5 * np.sqrt((1 + 1 / mean) / found.size)
    # P(X >= b log 2) = (b/(1 + b))^ceil(b log 2): the median
    half = np.ceil(mean * np.log(2))
    share = np.exp(-half * np.log1p(1 / mean))
    assert abs((found >= half).mean() - share) < 4.5 * np.sqrt(share * (1 - share) / found.size) + 1e-12
