"""Shuffled events act in every order with the same chance, on every driver."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy import stats

import symdyn as sd
from symdyn.derive.sensitivities import sensitivities

t, x, y, z, k = sp.symbols("t x y z k")


def test_shuffled_events_act_in_every_order_with_the_same_chance():
    listed = [sd.Event(t >= 2, {y: 10 * y + i}, priority=k, shuffled=True) for i in (1, 2, 3)]
    first, last = sd.Event(t >= 2, {y: 4}, priority=5), sd.Event(t >= 2, {y: 10 * y + 5}, shuffled=True)
    model = sd.ODESystem({x: 1, y: 0}, {k: 1}, initial={x: 0, y: 0}, events=[*listed, last, first])
    run = {"t": [0, 3], "trajectories": 6000, "seed": 5, "progress": False}
    data = sd.simulate(model, **run)
    orders, counts = np.unique(data.y[:, -1], return_counts=True)
    assert orders.tolist() == [41235, 41325, 42135, 42315, 43125, 43215]
    assert stats.chisquare(counts).pvalue > 1e-3
    xr.testing.assert_identical(data, sd.simulate(model, **run, layout=sd.Layout(lanes=8, threads=2, chunk=700)))
    assert (sd.simulate(model, **{**run, "seed": 6}).y != data.y).any()
    again = sd.ODESystem.from_text(str(model))
    assert again.events == model.events
    assert "priority k shuffled true" in str(model)
    network = sd.ReactionNetwork.from_text(
        "X -> 0, k; k = 1e-9; X(0) = 0; when t >= 2 priority 1 shuffled true, X = 10*X + 1; "
        "when t >= 2 priority 1 shuffled true, X = 10*X + 2"
    )
    ends, counts = np.unique(sd.simulate(network, **run).X[:, -1], return_counts=True)
    assert ends.tolist() == [12, 21]
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("method", ["rk4", "taylor", "euler-maruyama", "iterate", "tau", "langevin", "hybrid"])
def test_every_driver_puts_shuffled_events_in_random_order(method):
    """Of two equally likely orders each has a binomial number of trajectories, whatever the lanes and chunks."""
    rise = {"taylor": 1.0, "rk4": 1.0, "euler-maruyama": 1.0}.get(method, 0.0)
    turns = [sd.Event(t >= 2, {y: 10 * y + i}, priority=1, shuffled=True) for i in (1, 2)]
    common = {"initial": {x: 0, y: 0}, "events": turns}
    if method == "iterate":
        model = sd.DiscreteSystem({x: x + 1, y: y}, **common)
    elif method == "euler-maruyama":
        model = sd.SDESystem({x: rise, y: 0}, {x: 0.1, y: 0}, **common)
    elif rise:
        model = sd.ODESystem({x: rise, y: 0}, **common)
    else:
        model = sd.ReactionNetwork([sd.Reaction({}, {x: 1}, 1)], species=[x, y], **common)
    options = {} if method in ("iterate", "tau", "hybrid", "taylor") else {"step": 0.25}
    run = {"t": [0, 3], "trajectories": 400, "seed": 5, "progress": False, "method": method, **options}
    ends = sd.simulate(model, **run).y[:, -1]
    assert set(ends.values) == {12, 21}
    assert abs(float((ends == 12).sum()) - 200) < 4 * 10
    xr.testing.assert_identical(ends, sd.simulate(model, **run, layout=sd.Layout(threads=2, chunk=70)).y[:, -1])


def test_random_orders_of_one_trajectory_are_independent():
    """Two events take turns at random: how often one follows the other, and which acts, are binomial."""
    turns = [sd.Event(x >= 1, {x: 0, y: y + s, z: 2 * z + s}, priority=1, persistent=False, shuffled=True) for s in (0, 1)]
    model = sd.ODESystem({x: 1, y: 0, z: 0}, initial={x: 0, y: 0, z: 0}, events=turns)
    data = sd.simulate(model, [0, 40.5], trajectories=500, seed=1, progress=False)
    bits = data.z.values[:, -1].astype(np.int64)[:, None] >> np.arange(40) & 1
    assert (bits.sum(axis=1) == data.y[:, -1]).all()
    for coins in (bits, bits[:, 1:] ^ bits[:, :-1], bits[1:] ^ bits[:-1]):
        assert abs(coins.mean() - 0.5) < 4 * 0.5 / np.sqrt(coins.size)


def test_sensitivities_refuse_shuffled_events():
    model = sd.ODESystem({x: -k * x}, {k: 1}, initial={x: 1}, events=sd.Event(x < 0.5, {x: 1}, shuffled=True))
    with pytest.raises(sd.DeclarationError, match="acts in random order"):
        sensitivities(model)
