"""Delayed reactions in exact simulation, and events of networks with delays, priorities, schedules and counts."""

import heapq
import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from scipy.stats import chisquare, poisson
from symdyn_kernels.status import ABOVE_BOUND, NOT_FINITE

import symdyn as sd
from symdyn.codegen.families.jump import JumpFamily
from symdyn.errors import DeclarationError, SymdynError

QUICK = {"progress": False}
X, Y, k, t = sp.symbols("X Y k t")


def moments(network, times, count=20000, **options):
    return sd.simulate(network, times, trajectories=count, seed=1, reduce=["mean", "var"], **options, **QUICK)


def agrees(found, mean, variance, count=20000):
    """Mean and variance of nearly normal numbers, within four standard errors."""
    return abs(found[0] - mean) <= 4 * math.sqrt(variance / count) and abs(found[1] - variance) <= 4 * variance * math.sqrt(
        2.5 / count
    )


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
        launch(self, run, batch, task._replace(facts={**task.facts, "called": [0] * len(task.system.states)}))

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
