"""Hybrid simulation: what jumps is exact, what flows has the right mean, and reactions move between the two."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
import xarray as xr
from scipy import stats

import symdyn as sd

GENE = sd.ReactionNetwork.from_text(
    "G <-> Gs, koff, kon; G -> G + P, k; P -> 0, d", parameters={"koff": 0.7, "kon": 0.4, "k": 20_000, "d": 1}
)
GENE_WITH_DOSES = GENE.with_events(sd.dose("P", 7, every=0.3, times=None)).with_initial(G=1, Gs=0, P=20_000)


def run(net, t, initial, *, trajectories=2000, method="hybrid", **options):
    return sd.simulate(net, t, initial=initial, trajectories=trajectories, seed=5, method=method, progress=False, **options)


def gene_moments(t):
    """<G>, <P>, <GP>, <P^2> of the switching gene from G = 1, P = 0: linear equations, by the exponential."""
    koff, kon, k, d = 0.7, 0.4, 20_000, 1
    A = np.array(
        [
            [-kon - koff, 0, 0, 0, kon],
            [k, -d, 0, 0, 0],
            [k, kon, -kon - koff - d, 0, 0],
            [k, d, 2 * k, -2 * d, 0],
            [0, 0, 0, 0, 0],
        ]
    )
    return scipy.linalg.expm(A * t) @ [1, 0, 0, 0, 1]


def test_rare_switching_and_an_abundant_protein():
    data = run(GENE, [0, 0.5, 2, 10], {"G": 1, "Gs": 0, "P": 0}, trajectories=4000)
    for t in (0.5, 2, 10):
        g, p, _, p2, _ = gene_moments(t)
        variance = p2 - p * p
        sample = data.P.sel(time=t).values
        assert abs(data.G.sel(time=t).values.mean() - g) < 4.5 * np.sqrt(g * (1 - g) / 4000)
        assert abs(sample.mean() - p) < 4.5 * np.sqrt(variance / 4000)
        spread = np.sqrt(((sample - sample.mean()) ** 2).var() / 4000)
        # the noise of the protein itself, up to its mean, is neglected
        assert -4.5 * spread - p < sample.var() - variance < 4.5 * spread
    genes = data.G.values
    assert set(np.unique(genes)) == {0.0, 1.0}
    assert (data.P.values % 1 != 0).any()
    assert data.steps.mean() < 20_000  # some 150 000 events


def test_waiting_times_are_exact_while_the_hazard_moves():
    """X decays from 10^6 as exp(-t) and makes M at the rate c X: M is Poisson with c 10^6 (1 - exp(-t))."""
    net = sd.ReactionNetwork.from_text("X -> 0, 1; X -> X + M, 2e-5")
    data = run(net, [0, 1, 3], {"X": 1e6, "M": 0}, trajectories=4000)
    for t in (1, 3):
        mean = 20 * (1 - np.exp(-t))
        m = data.M.sel(time=t).values
        assert abs(m.mean() - mean) < 4.5 * np.sqrt(mean / 4000)
        assert abs(m.var() - mean) < 4.5 * mean * np.sqrt((2 + 1 / mean) / 4000)
        np.testing.assert_allclose(data.X.sel(time=t), 1e6 * np.exp(-t), rtol=1e-5)


def test_first_passage_under_a_rate_in_time():
    """One molecule leaves at the rate t: it is still there with the probability exp(-t^2/2)."""
    net = sd.ReactionNetwork.from_text("A -> 0, t")
    data = run(net, [0, 0.5, 1, 2], {"A": 1}, trajectories=20_000)
    for t in (0.5, 1, 2):
        p = np.exp(-t * t / 2)
        assert abs(data.A.sel(time=t).values.mean() - p) < 4.5 * np.sqrt(p * (1 - p) / 20_000)


def test_decay_through_both_regimes_keeps_the_law_of_the_few():
    """5000 molecules decay: flow first, then jumps; from the switch at 556 on the numbers are binomial thinnings of it."""
    net = sd.ReactionNetwork.from_text("A -> 0, 1")
    data = run(net, [0, 1, 6], {"A": 5000}, trajectories=20_000)
    np.testing.assert_allclose(data.A.sel(time=1), 5000 * np.exp(-1), rtol=1e-5)
    few = data.A.sel(time=6).values
    mean = 5000 * np.exp(-6)
    assert (few == np.round(few)).all()
    assert abs(few.mean() - mean) < 4.5 * np.sqrt(mean / few.size)
    assert abs(few.var() - mean) < 4.5 * mean * np.sqrt((2 + 1 / mean) / few.size) + 0.03 * mean
    observed, expected = np.bincount(few.astype(int), minlength=40)[5:20], stats.binom.pmf(range(5, 20), 5000, np.exp(-6))
    assert (((observed - expected * few.size) ** 2) / (expected * few.size)).sum() < stats.chi2.isf(1e-5, 15)


def test_small_numbers_are_simulated_exactly():
    net = sd.ReactionNetwork.from_text("0 -> X, 8; X -> 0, 1")
    data = run(net, [0, 3], {"X": 2}, trajectories=20_000)
    e = np.exp(-3)
    x = data.X.values[:, 1]
    mean, variance = 2 * e + 8 * (1 - e), 2 * e * (1 - e) + 8 * (1 - e)
    assert abs(x.mean() - mean) < 4.5 * np.sqrt(variance / x.size)
    assert abs(x.var() - variance) < 4.5 * variance * np.sqrt(2.2 / x.size)
    assert (x == np.round(x)).all()


def test_against_exact_events_where_reactions_change_sides():
    """Prey and predators swing through abundance and scarcity: means agree, conserved totals are kept."""
    net = sd.ReactionNetwork.from_text("S + I -> 2 I, 2/N; I -> R, 1; R -> S, 0.05", parameters={"N": 3000})
    start, t = {"S": 2970, "I": 30, "R": 0}, [0, 3, 8, 15]
    data = run(net, t, start, trajectories=1500)
    exact = sd.simulate(net, t, initial=start, trajectories=3000, seed=6, progress=False)
    np.testing.assert_allclose(data.S + data.I + data.R, 3000, rtol=1e-12)
    for name in "SIR":
        for k in (1, 2, 3):
            a, b = data[name].values[:, k], exact[name].values[:, k]
            assert abs(a.mean() - b.mean()) < 4.5 * np.sqrt(a.var() / 1500 + b.var() / 3000) + 0.005 * b.mean()


def test_same_bits_whatever_the_layout():
    runs = [
        run(GENE, [0, 1, 2], {"G": 1, "Gs": 0, "P": 0}, trajectories=9, layout=sd.Layout(**layout)).P.values.tobytes()
        for layout in ({}, {"threads": 2}, {"chunk": 2}, {"lanes": 8}, {"lanes": 1})
    ]
    assert len(set(runs)) == 1


def test_epsilon_decides_what_flows():
    few = run(GENE, [0, 1], {"G": 1, "Gs": 0, "P": 0}, trajectories=3, method=sd.methods.Hybrid(epsilon=1e-3))
    assert (few.P.values % 1 == 0).all()  # nothing has a million molecules
    assert few.attrs["epsilon"] == 0.001


def test_failures_are_told():
    net = sd.ReactionNetwork.from_text("X => 0, X - 5.5; 0 -> Y, 1")
    with pytest.raises(sd.SimulationError, match="negative"):
        run(net, [0, 100], {"X": 20, "Y": 0}, trajectories=2)
    with pytest.raises(sd.SimulationError, match="max_steps"):
        run(GENE, [0, 10], {"G": 1, "Gs": 0, "P": 0}, trajectories=2, method=sd.methods.Hybrid(max_steps=100))
    with pytest.raises(sd.DeclarationError, match="step has no effect on 'hybrid'"):
        run(GENE, [0, 1], {"G": 1, "Gs": 0, "P": 0}, step=0.1)
    with pytest.raises(sd.CompileError, match="takes systems of reactions; this ODESystem"):
        sd.simulate(sd.ODESystem({sp.Symbol("x"): 1}), [0, 1], initial={"x": 0}, method="hybrid")


def test_events_of_what_flows_are_located_in_the_flow():
    """X decays from 100000, gets 50000 at 1, 3 and 5, and falls below 60000 three times; what is counted does not flow."""
    events = "at 1 every 2 times 3, X = X + 50000; when X < 60000, Y = Y + 1"
    net = sd.ReactionNetwork.from_text(f"X -> 0, 0.5; Y -> 0, 1e-12; {events}")
    times = np.array([0, 1, 2, 3, 5, 6])
    data = run(net, times, {"X": 100_000, "Y": 0}, trajectories=3, rtol=1e-9)
    given = np.array([1, 3, 5])
    exact = 1e5 * np.exp(-0.5 * times) + (5e4 * np.exp(-0.5 * (times[:, None] - given)) * (times[:, None] >= given)).sum(axis=1)
    np.testing.assert_allclose(data.X, np.broadcast_to(exact, (3, 6)), rtol=1e-8)
    after = [1e5 * np.exp(-0.5 * s) + 5e4 * np.exp(-0.5 * (s - given[given <= s])).sum() for s in given]
    np.testing.assert_allclose(data.fired_at[:, 1, :3], np.tile(given + 2 * np.log(np.array(after) / 6e4), (3, 1)), rtol=1e-8)
    np.testing.assert_array_equal(data.Y, np.tile([0, 0, 0, 1, 2, 3], (3, 1)))
    for layout in (sd.Layout(chunk=1), sd.Layout(threads=2)):
        again = sd.simulate(GENE_WITH_DOSES, [0, 1, 2], trajectories=6, seed=5, method="hybrid", layout=layout, progress=False)
        xr.testing.assert_identical(again.drop_attrs(), run(GENE_WITH_DOSES, [0, 1, 2], None, trajectories=6).drop_attrs())


def test_what_an_event_sets_is_a_number_of_molecules_once_it_no_longer_flows():
    """X falls to 60000 at 2 log(10/6), is then 60000/7 + 20, and at 5 it is 10, of which a binomial number is left at 6."""
    net = sd.ReactionNetwork.from_text("X -> 0, 0.5; when X < 60000, X = X/7 + 20; at 5, X = 10")
    data = run(net, [0, 2, 5, 6], {"X": 100_000}, rtol=1e-9)
    at = 2 * np.log(10 / 6)
    np.testing.assert_allclose(data.fired_at[:, 0, 0], at, rtol=1e-8)
    np.testing.assert_allclose(data.X[:, 1], (6e4 / 7 + 20) * np.exp(-0.5 * (2 - at)), rtol=1e-7)
    assert (data.X[:, 2] == 10).all()
    left, p = data.X[:, 3].values, np.exp(-0.5)
    assert (left % 1 == 0).all()
    assert abs(left.mean() - 10 * p) < 4.5 * np.sqrt(10 * p * (1 - p) / 2000)
    assert left.var() == pytest.approx(10 * p * (1 - p), rel=0.15)
    with pytest.raises(sd.SimulationError, match="fraction of a molecule"):
        run(sd.ReactionNetwork.from_text("X -> 0, 0.5; at 1, X = X/7 + 0.3"), [0, 2], {"X": 10}, trajectories=2)
    with pytest.raises(sd.SimulationError, match="became negative"):
        run(sd.ReactionNetwork.from_text("X -> 0, 0.5; at 1, X = X - 90000"), [0, 2], {"X": 100_000}, trajectories=2)


def test_events_of_what_jumps_are_exact():
    """X counts arrivals at rate 1 modulo 10: its tens are counted."""
    net = sd.ReactionNetwork.from_text("0 -> X, 1; when X >= 10, X = 0, Y = Y + 1; Y -> 0, 1e-12")
    data = run(net, [0, 95], {"X": 0, "Y": 0})
    arrivals = 10 * data.Y[:, -1] + data.X[:, -1]
    assert abs(arrivals.mean().item() - 95) < 4.5 * np.sqrt(95 / 2000)
    assert arrivals.var().item() == pytest.approx(95, rel=0.15)
    np.testing.assert_array_equal(data.fired[:, 0], data.Y[:, -1])
    stopped = run(net, [0, 95], {"X": 0, "Y": 0}, until="Y >= 3")  # the 30th arrival: a gamma time
    assert abs(stopped.first_passage.mean().item() - 30) < 4.5 * np.sqrt(30 / 2000)
    assert (stopped.Y[:, -1] == 3).all()
