"""Delayed reactions in exact simulation, against exact laws and an implementation by hand."""

import heapq
import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.stats import chisquare, poisson
from symdyn_kernels.status import ABOVE_BOUND, NOT_FINITE

import symdyn as sd
from symdyn.codegen.families.jump import JumpFamily
from symdyn.errors import DeclarationError, SymdynError
from tests.simulation.sampled import QUICK, agrees, moments

X, Y, k = sp.symbols("X Y k")


# ---- exact laws --------------------------------------------------------------------------------


def test_delayed_birth_has_a_poisson_law_at_all_times():
    """Of 0 -> Y after tau and Y -> 0 the number is Poisson, with the mean k/g (1 - exp(-g (t - tau)))."""
    net = sd.ReactionNetwork.from_text("0 -> Y, k delay tau; Y -> 0, g; k = 20; g = 1; tau = 2; Y(0) = 0")
    times = [0, 1.9, 2.5, 4, 12]
    data = moments(net, times)
    for j, now in enumerate(times):
        mean = 20 * (1 - math.exp(-max(now - 2, 0)))
        assert agrees((float(data.Y_mean[j]), float(data.Y_var[j])), mean, mean)
    last = sd.simulate(net, [0, 12], trajectories=20000, seed=2, **QUICK).Y[:, -1].values.astype(int)
    edges = np.arange(11, 30)
    counts = np.array([(last <= edges[0]).sum(), *((last == e).sum() for e in edges[1:]), (last > edges[-1]).sum()])
    chances = np.array([poisson.cdf(edges[0], 20), *poisson.pmf(edges[1:], 20), poisson.sf(edges[-1], 20)])
    assert chisquare(counts, chances * counts.sum()).pvalue > 1e-3


def test_consumed_reactants_are_gone_at_once_and_products_come_later():
    """Each of 100 molecules leaves A at the rate c and is B a time tau later: both numbers are binomial."""
    net = sd.ReactionNetwork.from_text("A -> B, c delay 3/2; c = 0.7; A(0) = 100; B(0) = 0")
    times = [0, 1, 2, 4]
    data = moments(net, times)
    for name, lag, gone in (("A", 0, False), ("B", 1.5, True)):
        for j, now in enumerate(times):
            p = 1 - math.exp(-0.7 * max(now - lag, 0))
            p = p if gone else 1 - p
            assert agrees((float(data[f"{name}_mean"][j]), float(data[f"{name}_var"][j])), 100 * p, 100 * p * (1 - p))


@pytest.mark.parametrize(("word", "under_way"), [("", 0), (" consuming false", 1)])
def test_removal_at_the_beginning_and_at_the_end(word, under_way):
    """Births and removals at the rate k: removals that are under way at tau later, Poisson of mean k tau, are still there."""
    net = sd.ReactionNetwork.from_text(f"0 -> A, k; A => 0, k delay 2{word}; k = 5; A(0) = 100")
    times = [0, 1, 2, 5]
    data = moments(net, times)
    for j, now in enumerate(times):
        removals = 5 * max(now - 2, 0) if under_way else 5 * now
        assert agrees((float(data.A_mean[j]), float(data.A_var[j])), 100 + 5 * now - removals, 5 * now + removals)


def test_numbers_under_way_are_those_of_a_queue_with_infinitely_many_servers():
    """M/D/infinity: customers of the rate k stay for tau; their number is Poisson(k min(t, tau)), whatever the kind."""
    text = "0 -> A + T, k; T -> B, fast delay tau; k = 4; tau = 3; fast = 1e6; A(0) = 0; T(0) = 0; B(0) = 0; inside := A - B"
    data = moments(sd.ReactionNetwork.from_text(text), [0, 1, 3, 9])
    for j, now in enumerate([0, 1, 3, 9]):
        mean = 4 * min(now, 3)
        assert agrees((float(data.inside_mean[j]), float(data.inside_var[j])), mean, mean)


def test_delays_of_parameters_and_states_are_a_sweep():
    """Births of the mean k (t - tau) where the delay is that at the beginning of each reaction."""
    net = sd.ReactionNetwork.from_text("0 -> Y, k delay tau*Z; k = 30; Z(0) = 2; Z -> Z, 1; Y(0) = 0")
    data = moments(net, [0, 4], 4000, parameters={"tau": [0, 0.5, 1, 3]})
    assert np.allclose(data.Y_mean[:, 1], [120, 90, 60, 0], atol=4 * math.sqrt(120 / 4000))


def test_bursts_are_produced_at_completion():
    """A compound Poisson number: mean k (t - tau) b, variance k (t - tau) (b + 2 b^2)."""
    net = sd.ReactionNetwork.from_text("0 -> geometric(3) P, k delay 1; k = 6; P(0) = 0")
    data = moments(net, [0, 1, 5])
    assert float(data.P_mean[1]) == 0
    assert abs(float(data.P_mean[2]) - 72) < 4 * math.sqrt(24 * 21 / 20000)
    assert abs(float(data.P_var[2]) / (24 * 21) - 1) < 0.06


def test_rates_that_depend_on_time():
    """Births of the rate k (1 + cos t), thinned: Poisson with the integral up to t - tau."""
    net = sd.ReactionNetwork.from_text("0 => Y, k*(1 + cos(t)) delay 1; k = 10; Y(0) = 0")
    data = moments(net, [0, 4])
    mean = 10 * (3 + math.sin(3))
    assert agrees((float(data.Y_mean[1]), float(data.Y_var[1])), mean, mean)


def test_a_rate_that_becomes_infinite_ends_the_trajectory():
    """The number by t is Poisson of mean log 2/(2 - t), so that reactions go on without end before t = 2, though not many."""
    net = sd.ReactionNetwork.from_text("0 => X, 1/(2 - t) delay 1/2; X(0) = 0")
    most = sd.methods.Ssa(max_steps=10_000)
    data = sd.simulate(net, [0, 1, 3], trajectories=100, seed=1, method=most, on_failure="nan", **QUICK)
    assert (data.status == NOT_FINITE).all()
    assert (data.steps < 100).all()
    assert (data.rejected < 1000).all()
    assert np.isnan(data.X[:, 2]).all()
    assert np.isfinite(data.X[:, 1]).all()


def slow_autoregulation(rng, count, end):
    """Gene regulation with delays of transcription, one event after the other, in plain Python."""
    k, K, d, g, kp, gp, tau = 12.0, 20.0, 2.0, 0.4, 1.5, 0.3, 2.5
    total = []
    for _ in range(count):
        now, m, p, waiting = 0.0, 0, 0, []
        while True:
            rates = [k / (1 + (p / K) ** d), g * m, kp * m, gp * p]
            after = now + rng.exponential(1 / sum(rates))
            if waiting and waiting[0] <= min(after, end):
                now = heapq.heappop(waiting)
                m += 1
                continue
            if after > end:
                break
            now, chosen = after, rng.choice(4, p=np.array(rates) / sum(rates))
            if chosen == 0:
                heapq.heappush(waiting, now + tau)
            m, p = m - (chosen == 1), p + (chosen == 2) - (chosen == 3)
        total.append((m, p))
    return np.array(total)


def test_delayed_autoregulation_against_an_independent_implementation():
    net = sd.ReactionNetwork.from_text(
        """0 => M, k/(1 + (P/K)^2) delay tau
        M -> 0, 0.4; M -> M + P, 1.5; P -> 0, 0.3
        k = 12; K = 20; tau = 2.5; M(0) = 0; P(0) = 0"""
    )
    data = sd.simulate(net, [0, 6], trajectories=8000, seed=5, **QUICK)
    slow = slow_autoregulation(np.random.default_rng(1), 400, 6.0)
    for name, column in (("M", 0), ("P", 1)):
        fast = data[name][:, -1].values
        error = math.sqrt(fast.var() / fast.size + slow[:, column].var() / len(slow))
        assert abs(fast.mean() - slow[:, column].mean()) < 4 * error


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("0 => X, 20 + X^2/(1 + X); X -> Y, 0.1 delay 1", True),  # a candidate fires above its bound
        ("0 -> X, 20; 0 => Y, max(0, X - 5); Y -> 0, 1 delay 1", False),  # the bound is 0: it is never a candidate
    ],
)
def test_a_propensity_above_its_bound_ends_in_a_status(monkeypatch, text, since):
    """Bounds that are not computed anew when species leave their boxes are too low after a while."""
    launch = JumpFamily.launch

    def stale(self, run, batch, task):
        launch(self, run, batch, replace(task, facts={**task.facts, "called": [0] * len(task.system.states)}))

    net = sd.ReactionNetwork.from_text(f"{text}; X(0) = 0; Y(0) = 0")
    options = {"trajectories": 4, "seed": 1, "on_failure": "nan", **QUICK}
    fine = sd.simulate(net, [0, 1e-3, 5], **options)
    monkeypatch.setattr(JumpFamily, "launch", stale)
    found = sd.simulate(net, [0, 1e-3, 5], **options)
    assert not fine.status.any()
    assert (found.status == ABOVE_BOUND).all()
    assert np.isfinite(found.X[:, 1]).all() == since  # where no candidate tells since when, nothing is kept
    assert np.isnan(found.X[:, 2]).all()


def test_a_trajectory_may_end_where_a_rate_is_negative():
    """Three births of pairs at the rates 5, 3 and 1 reach 6, where the rate is -1, and the condition holds."""
    net = sd.ReactionNetwork.from_text("0 => 2 X, 5 - X; 0 -> Y, 1 delay 1; X(0) = 0; Y(0) = 0")
    run = sd.simulate(net, [0, 50], until="X >= 6", trajectories=400, seed=1, **QUICK)
    assert not run.status.any()
    assert (run.X[:, 1] == 6).all()
    error = math.sqrt((1 / 25 + 1 / 9 + 1) / 400)
    assert abs(float(run.first_passage.mean()) - (1 / 5 + 1 / 3 + 1)) < 4 * error


def test_a_reaction_of_rate_zero_never_happens():
    """Beside births of the rate 20 that are completed after 1; nothing else reads its reactant."""
    net = sd.ReactionNetwork.from_text("0 -> X, 20 delay 1; B -> 0, 0; X(0) = 0; B(0) = 7")
    run = sd.simulate(net, [0, 1, 5], trajectories=50, seed=1, **QUICK)
    assert (run.B == 7).all()
    assert abs(float(run.X[:, 2].mean()) - 80) < 4 * math.sqrt(80 / 50)


# ---- the language ------------------------------------------------------------------------------


def test_text_and_objects_are_the_same_and_read_back():
    text = "X -> Y, k delay 3 consuming false\nY <-> X, a delay 2*b, c\nk = 1; a = 1; b = 1; c = 1; X(0) = 1; Y(0) = 0"
    net = sd.ReactionNetwork.from_text(text)
    assert net.reactions[0] == sd.Reaction({X: 1}, {Y: 1}, k, delay=3, consuming=False)
    assert [str(r) for r in net.reactions] == ["X -> Y, k delay 3 consuming false", "Y -> X, a delay 2*b", "X -> Y, c"]
    assert sd.ReactionNetwork.from_text(str(net)).digest == net.digest
    assert net.replace(reactions=[sd.Reaction({X: 1}, {Y: 1}, k)]).digest != net.digest
    data = sd.simulate(net, [0, 1], seed=1, **QUICK)
    assert sd.ReactionNetwork.from_text(data.attrs["model"]) == net
    assert str(net.equations()[0]) == "X -> Y, k delay 3 consuming false"
    assert r"k\;\text{ delay 3 consuming false}" in sd.networks.network_html(net)


def test_catalysts_stay():
    """G is on both sides, and makes molecules at the rate k without pause."""
    data = moments(sd.ReactionNetwork.from_text("G -> G + M, k delay 1; k = 10; G(0) = 1; M(0) = 0"), [0, 4])
    assert agrees((float(data.M_mean[1]), float(data.M_var[1])), 30, 30)
    assert float(data.G_mean[1]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X -> Y, k delay", "nothing follows delay"),
        ("X -> Y, k delay 1 delay 2", "delay occurs twice"),
        ("X -> Y, k delay 2 consuming 3", "followed by true or false"),
        ("X -> Y, k consuming false", "consuming has an effect on delayed reactions alone"),
        ("X -> Y, k delay -1", "expected a number from 0"),
    ],
)
def test_texts_that_are_wrong_are_named(text, message):
    with pytest.raises(SymdynError, match=message):
        sd.ReactionNetwork.from_text(text)


def test_what_does_not_know_delays_refuses_them():
    net = sd.ReactionNetwork.from_text("X -> Y, k delay 3; k = 1; X(0) = 9; Y(0) = 0")
    for ask in (net.rate_equations, net.langevin, lambda: net.moments(2), net.master_equation, lambda: net.deficiency):
        with pytest.raises(DeclarationError, match="delayed reactions"):
            ask()
    for method in ("tau", "langevin", "hybrid", "tau-implicit"):
        with pytest.raises(SymdynError, match="delayed reactions"):
            sd.simulate(net, [0, 1], method=method, **QUICK)
    assert net.conservation_laws() == ()  # molecules under way are in no species


def test_negative_delays_and_numbers_fail_with_a_status():
    late = sd.ReactionNetwork.from_text("X -> Y, k delay 1 - X; k = 1; X(0) = 5; Y(0) = 0")
    assert sd.simulate(late, [0, 9], seed=1, on_failure="nan", **QUICK).status.item() == 10
    twice = sd.ReactionNetwork.from_text("X -> 0, k delay 5 consuming false; k = 1; X(0) = 1")  # begins again and again
    assert sd.simulate(twice, [0, 20], seed=1, on_failure="nan", **QUICK).status.item() == 6
    made = sd.ReactionNetwork.from_text("X -> Y, k delay 5 consuming false; k = 1; X(0) = 1; Y(0) = 0")
    failed = sd.simulate(made, [0, 20], seed=1, on_failure="nan", until="Y >= 2", **QUICK)  # where X is -1
    assert failed.status.item() == 6
    assert np.isnan(failed.first_passage.item())
