"""Inputs and events of networks in exact simulation: delays, priorities, schedules, counts."""

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from tests.simulation.sampled import QUICK, agrees, moments

X = sp.Symbol("X")


# ---- inputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hold", "linear", "cubic"])
def test_births_at_the_rate_of_an_input_are_poisson(kind):
    """Means and variances are the integral of the input, found by quadrature of its own values."""
    u = sd.Path("u", [0, 1, 2.5, 4], [20, 30, 24, 40], kind)
    net = sd.ReactionNetwork([sd.Reaction({}, {X: 1}, u, mass_action=False)], initial={X: 0}, observables={"rate": u})
    times = [0, 0.5, 1, 3, 4]
    data = moments(net, times)
    fine = np.linspace(0, 4, 400_001)
    values = u.curves[0]((fine[1:] + fine[:-1]) / 2)
    for j, now in enumerate(times[1:], start=1):
        mean = values[fine[1:] <= now + 1e-9].sum() * 1e-5
        assert agrees((float(data.X_mean[j]), float(data.X_var[j])), mean, mean)
    assert np.allclose(data.rate_mean, u.curves[0](np.array(times)))


def test_inputs_delays_and_events_at_once():
    """Births of the rate u begin a unit of time before they are there; the course is a sweep; a dose comes at 2."""
    u = sd.Path("u", [0, 1, 3], [10, 50, 50], "hold")
    births = sd.Reaction({}, {X: 1}, u, mass_action=False, delay=1)
    net = sd.ReactionNetwork([births], initial={X: 0}, events=sd.dose(X, 100, start=2))
    courses = [u, sd.Path("u", [0, 1.5, 3], [40, 0, 0], "hold")]
    data = sd.simulate(net, [0, 1, 2, 3], inputs={u: courses}, trajectories=5000, seed=1, reduce=["mean", "var"], **QUICK)
    for row, course in enumerate([[0, 0, 10, 60], [0, 0, 40, 60]]):
        for j in range(4):
            extra = 100 * (j >= 2)
            found = float(data.X_mean[row, j]) - extra, float(data.X_var[row, j])
            assert agrees(found, course[j], course[j], 5000)


def test_the_langevin_equation_follows_inputs():
    u = sd.Path("u", [0, 2, 4], [100, 300, 300])
    net = sd.ReactionNetwork([sd.Reaction({}, {X: 1}, u, mass_action=False), ({X: 1}, {}, 1)], initial={X: 100})
    data = moments(net, [0, 2, 4], 4000, method="langevin", step=0.01)
    # m' = 100 + 100 t - m has the solution 100 t + 100 exp(-t) from m = 100
    two = 200 + 100 * math.exp(-2)
    assert np.allclose(data.X_mean, [100, two, 300 + (two - 300) * math.exp(-2)], atol=4 * math.sqrt(300 / 4000) + 0.5)


def test_what_follows_no_inputs_of_networks_refuses_them():
    u = sd.Path("u", [0, 1], [1, 2])
    net = sd.ReactionNetwork([sd.Reaction({}, {X: 1}, u, mass_action=False)], initial={X: 0})
    for ask in (lambda: net.moments(2), net.master_equation, net.langevin):
        with pytest.raises(DeclarationError, match="u is an input over time"):
            ask()
    with pytest.raises(DeclarationError, match="only rates and events may depend on inputs"):
        sd.ReactionNetwork([sd.Reaction({}, {X: 1}, 1, delay=u)])
    assert "u = 0" not in sd.networks.network_html(net)
    ode = sd.simulate(net.rate_equations(), [0, 1], rtol=1e-9, **QUICK)
    assert math.isclose(float(ode.X[-1]), 1.5, rel_tol=1e-6)


# ---- events ------------------------------------------------------------------------------------


def test_events_of_networks_are_counted_with_their_times():
    """Pure birth of rate 1, set back at 5: the times of the counts add up, in lanes, alone and in the tree."""
    text = "0 -> X, 2; X(0) = 0; when X >= 5, X = 0; at 0 every 4, X = X + 1"
    net = sd.ReactionNetwork.from_text(text)
    times = np.linspace(0, 10, 2001)
    many = [
        sd.simulate(net, times, trajectories=9, seed=3, layout=sd.Layout(lanes=lanes, threads=1), **QUICK) for lanes in (1, 8)
    ]
    assert all(np.array_equal(many[0][v], many[1][v], equal_nan=True) for v in ("X", "fired", "fired_at"))
    data = many[0]
    assert data.fired_at[:, 1, :3].values.tolist() == [[0, 4, 8]] * 9
    for row in range(9):
        drops = times[1:][np.diff(data.X[row].values) <= -3]
        found = data.fired_at[row, 0].values
        found = found[np.isfinite(found)]
        assert found.size == data.fired[row, 0].item() > 0
        assert np.allclose(found, drops, atol=0.0051)


def test_delays_priorities_and_values_of_the_trigger():
    net = sd.ReactionNetwork.from_text(
        """0 -> Z, 1e-9; Z(0) = 0; X(0) = 1; Y(0) = 0; W(0) = 0
        when t >= 1 delay 2 from_trigger true, Y = 10*X
        when t >= 2, X = X + 1
        when t >= 4 priority 1, W = W + 3
        when t >= 4 priority 2, W = 2*W + 1"""
    )
    data = sd.simulate(net, [0, 1, 2.5, 3, 3.9, 4], seed=1, **QUICK)
    assert data.Y.values.tolist() == [0, 0, 0, 10, 10, 10]  # X was 1 at the trigger
    assert data.X.values.tolist() == [1, 1, 2, 2, 2, 2]
    assert data.W.values.tolist() == [0, 0, 0, 0, 0, 4]
    assert data.fired_at[:, 0].values.tolist() == [3, 2, 4, 4]


def test_an_event_that_does_not_persist_is_dropped_when_its_condition_falls():
    """X leaves at the rate 1 from 1; whether it is still there after the delay has the probability exp(-1/2)."""
    text = "X -> 0, 1; X(0) = 1; Y(0) = 0; when X > 0 and t >= 1/4 delay 1/2 persistent false, Y = 1"
    data = sd.simulate(sd.ReactionNetwork.from_text(text), [0, 2], trajectories=4000, seed=1, **QUICK)
    p = math.exp(-0.75)
    assert abs(float(data.Y[:, 1].mean()) - p) < 4 * math.sqrt(p * (1 - p) / 4000)


@pytest.mark.parametrize("delay", ["", "; X -> Y, 1 delay 1"])  # one program, or a tree
def test_schedules_that_are_none_are_refused_in_lanes_and_in_the_tree(delay):
    net = sd.ReactionNetwork.from_text(f"X -> 0, 1; X(0) = 10; Y(0) = 0; 0 -> Y, 1; gap = 1; at 0 every gap, X = X + 1{delay}")
    for gap in (0, -1):
        with pytest.raises(DeclarationError, match=f"start 0, every {gap} and times inf; expected a finite start"):
            sd.simulate(net, [0, 2], parameters={"gap": gap}, seed=1, **QUICK)


def test_large_networks_follow_schedules():
    """A chain of 300 species, filled every 2 units of time; what is in it has no other source."""
    names = [f"S{i}" for i in range(300)]
    reactions = [sd.Reaction({a: 1}, {b: 1}, 5) for a, b in pairwise(names)]
    net = sd.ReactionNetwork(reactions, initial=dict.fromkeys(names, 0), events=sd.dose("S0", 7, start=1, every=2, times=3))
    data = sd.simulate(net, [0, 0.5, 1, 2, 3, 5, 9], trajectories=3, seed=1, **QUICK)
    total = sum(data[name] for name in names)
    assert total.values.tolist() == [[0, 0, 7, 7, 14, 21, 21]] * 3
    assert data.fired_at[0, 0, :4].values.tolist()[:3] == [1, 3, 5]
    assert np.isnan(data.fired_at[0, 0, 3])


def test_repeats_and_resumption(tmp_path):
    net = sd.ReactionNetwork.from_text(
        "0 -> X, 5 delay 1; X -> 0, 0.2; X(0) = 0; when X > 15 delay 1/2, X = 3; at 2 every 3, X = X + 2"
    )
    arguments = {"t": np.linspace(0, 20, 11), "trajectories": 12, "seed": 4}
    one = sd.simulate(net, layout=sd.Layout(threads=1), **arguments, **QUICK)
    other = sd.simulate(net, layout=sd.Layout(threads=2, chunk=5), store=tmp_path / "r.zarr", **arguments, **QUICK)
    assert all(np.array_equal(one[v], other[v], equal_nan=True) for v in ("X", "fired", "fired_at", "steps"))
    assert (one.fired > 0).all()


@pytest.mark.parametrize("more", ["", "when X > 1000 delay 1, X = 0"])  # without a delay it is one program, with it a tree
def test_a_dose_at_the_first_time_ends_trajectories(more):
    net = sd.ReactionNetwork.from_text(f"X -> 0, 0.3; X(0) = 0; at 0, X = X + 5; {more}")
    data = sd.simulate(net, [0, 1, 30], until="X >= 5", seed=1, **QUICK)
    assert data.first_passage.item() == 0
    assert data.X.values.tolist() == [5, 5, 5]


def test_conditions_end_trajectories_of_delayed_networks():
    net = sd.ReactionNetwork.from_text("0 -> X, 10 delay 2; X(0) = 0")
    data = sd.simulate(net, [0, 1, 9], until="X >= 3", trajectories=2000, seed=1, **QUICK)
    assert (data.X[:, -1] == 3).all()
    mean = 2 + 3 / 10  # after the delay a time of the gamma distribution
    assert abs(float(data.first_passage.mean()) - mean) < 4 * math.sqrt(3 / 100 / 2000)


def test_the_langevin_equation_follows_events():
    """Immigration and death with doses: means and variances of the diffusion are those of the jump process."""
    net = sd.ReactionNetwork.from_text(
        "0 -> X, 40; X -> 0, 1; X(0) = 40; at 1 every 1 times 2, X = X + 30; when t >= 3, X = 40"
    )
    data = moments(net, [0, 1, 1.5, 2.5, 3, 4], 4000, method="langevin", step=0.01)
    mean = [40, 70, 40 + 30 * math.exp(-0.5), 40 + 30 * (math.exp(-1.5) + math.exp(-0.5)), 40, 40]
    assert np.allclose(data.X_mean, mean, atol=4 * math.sqrt(70 / 4000) + 0.15)
    assert float(data.X_var[4]) == 0
    assert abs(float(data.X_var[5]) - 40 * (1 - math.exp(-2)) - 0) < 4
    one = sd.simulate(net, [0, 4], method="langevin", step=0.1, seed=1, **QUICK)
    assert one.fired.values.tolist() == [2, 1]
    assert one.fired_at[:, 0].values.tolist() == [1, 3]


@pytest.mark.parametrize(("at", "status"), [("3", 6), ("2.5", 3), ("5", 6)])  # at an output, between two, at the last
@pytest.mark.parametrize("until", [None, "X <= 0"])
def test_an_event_that_leaves_a_negative_number_fails_under_the_langevin_equation(at, status, until):
    net = sd.ReactionNetwork.from_text(f"X -> 0, 0.1; X(0) = 30; at {at}, X = X - 100")
    data = sd.simulate(net, range(6), method="langevin", seed=1, until=until, on_failure="nan", **QUICK)
    assert data.status.item() == status
    assert np.isnan(data.X[3:] if at != "5" else data.X[5:]).all()
    assert (data.X[:3] > 0).all()


def test_many_reactions_are_under_way_and_complete_in_the_order_of_their_times():
    """Some 2000 at once; and delays that fall, so that all that begins before 5 is completed at 5."""
    busy = moments(sd.ReactionNetwork.from_text("0 -> Y, 1000 delay 2; Y(0) = 0"), [0, 1.9, 4], 300)
    assert float(busy.Y_mean[1]) == 0
    assert abs(float(busy.Y_mean[2]) - 2000) < 4 * math.sqrt(2000 / 300)
    net = sd.ReactionNetwork.from_text("0 -> Y, 10 delay max(0, 5 - t); Y -> Z, 2 delay 1/(1 + t); Y(0) = 0; Z(0) = 0")
    falling = moments(net, [0, 4.999, 5.0001, 5.5], 4000)
    assert falling.Y_mean[1] == falling.Z_mean[1] == 0
    assert abs(float(falling.Y_mean[2]) - 50) < 4 * math.sqrt(50 / 4000) + 0.02
    inside = 50 * math.exp(-1) + 5 * (1 - math.exp(-1))  # linear decay at the rate 2 with births of the rate 10 from 5 on
    assert abs(float(falling.Y_mean[3]) - inside) < 4 * math.sqrt(inside / 4000) + 0.02
