"""Exact stochastic simulation against exact answers.

Seeds are fixed.  Means and variances must be within 4 standard errors of what theory says, and a chi-square test of a whole
distribution must not be worse than one in ten thousand.
"""

import numpy as np
import pytest
import sympy as sp
from scipy import linalg, stats

import symdyn as sd
from tests.simulation.counted import MANY, N, among, fits, near, network, poisson

# ---- distributions -----------------------------------------------------------------------------


def test_birth_and_death_is_poisson_at_all_times():
    net = network("0 -> X, k; X -> 0, d", {"X": 0}, parameters={"k": 10.0, "d": 0.8})
    data = sd.simulate(net, [0, 0.5, 2, 20], trajectories=N, seed=1)
    for time in (0.5, 2, 20):
        assert fits(data.X.sel(time=time), poisson(10 / 0.8 * (1 - np.exp(-0.8 * time))))
    assert data.attrs["method"] == "ssa"
    assert data.attrs["seed"] == 1


@pytest.mark.parametrize("combinatoric", [False, True])
def test_dimerisation_against_the_matrix_exponential(combinatoric):
    net = network("2 A <-> B, k, r", {"A": 20, "B": 0}, parameters={"k": 0.1, "r": 1.0}, combinatoric=combinatoric)
    b = np.arange(11)
    up = 0.1 * (20 - 2 * b) * (19 - 2 * b) / (2 if combinatoric else 1)
    generator = np.diag(-up - b) + np.diag(up[:-1], -1) + np.diag(b[1:].astype(float), 1)
    data = sd.simulate(net, [0, 0.2, 20], trajectories=N, seed=2)
    for time in (0.2, 20):
        assert fits(data.B.sel(time=time), linalg.expm(generator * time)[:, 0])
    assert (data.A + 2 * data.B == 20).all()  # on every path
    if not combinatoric:  # stationary moments of the target sheet
        assert near(data.A.sel(time=20), 7.90080, 5.97414)


def test_geometric_and_poisson_bursts():
    """Compound Poisson sums: mean k t <m>, variance k t <m^2>."""
    net = network("0 -> geometric(b) X, k; 0 -> poisson(c) Y, k", {"X": 0, "Y": 0}, parameters={"b": 3.0, "c": 2.0, "k": 2.0})
    data = sd.simulate(net, [0, 1.5], trajectories=N, seed=3)
    assert near(data.X.sel(time=1.5), 9.0, 3 * (3 + 2 * 9))
    assert near(data.Y.sel(time=1.5), 6.0, 3 * (2 + 4))
    assert (data.X.sel(time=1.5) == 0).mean() == pytest.approx(np.exp(-3 * (1 - 1 / 4)), abs=4 * 0.3 / np.sqrt(N))


def test_the_bursty_gene_of_the_sheet():
    text = "H => G, kon*(1 - G); G => H, koff*G*P^2; G -> G + geometric(b) P, kp; P -> 0, 1"
    values = {"kon": 0.05, "koff": 0.001, "b": 70, "kp": 200 * (0.001 * 200**2 + 0.05) / (0.05 * 70)}
    data = sd.simulate(network(text, {"G": 1, "H": 0, "P": 1}, parameters=values), [0, 1, 2, 6], trajectories=N, seed=5)
    for time, mean, deviation in ((1, 286.52, 129.04), (2, 123.39, 106.14), (6, 37.11, 120.11)):
        assert near(data.P.sel(time=time), mean, error=deviation / np.sqrt(400_000))
    assert (data.G + data.H == 1).all()


def test_brusselator_of_the_sheet():
    text = "2 X + Y -> 3 X, 0.9; X -> Y, 2; 0 -> X, 1; X -> 0, 1"
    net = network(text, {"X": 1, "Y": 1}, volume="V", parameters={"V": 100})
    data = sd.simulate(net, [0, 1, 5, 10], trajectories=4000, seed=6)
    for time, x, y in ((1, 32.60, 46.16), (5, 52.13, 263.06), (10, 105.44, 183.79)):
        assert near(data.X.sel(time=time), x, error=0.15)
        assert near(data.Y.sel(time=time), y, error=0.2)


# ---- rates in time -----------------------------------------------------------------------------

ENTRAINED = {
    1: (1.413, 4.212, 1.570, 2.733), 5: (5.631, 10.013, 21.74, 28.55), 10: (5.529, 16.051, 38.56, 61.71),
    20: (2.828, 13.048, 12.71, 27.00), 40: (2.431, 16.347, 12.20, 26.90), 60: None, 100: (4.995, 13.787, 30.07, 52.48),
}  # fmt: skip


@pytest.mark.parametrize(("others", "count"), [(0, 10_000), (200, 2000)])
def test_entrained_brusselator_of_the_sheet(others, count):
    text = among(others, "2 X + Y -> 3 X, 0.9; X -> Y, piecewise(2 + sin(t), t <= tau, 2); 0 -> X, 1; X -> 0, 1")
    net = network(text, {"X": 1, "Y": 1}, volume="V", parameters={"V": 5, "tau": 40})
    theirs = 200_000
    data = sd.simulate(net, [0, *ENTRAINED], trajectories=count, seed=7)
    for time, values in ENTRAINED.items():
        for k, name in enumerate("XY" if values else ""):
            x = data[name].sel(time=time).values
            mean, variance = values[k], values[2 + k]
            fourth = ((x - x.mean()) ** 4).mean()
            assert abs(x.mean() - mean) < 4 * np.sqrt(x.var() * (1 / count + 1 / theirs))
            assert abs(x.var() - variance) < 4 * np.sqrt((fourth - x.var() ** 2) * (1 / count + 1 / theirs))


@pytest.mark.parametrize(
    ("rate", "integral"),
    [
        ("4*(1 + sin(3*t))", lambda s: 4 * s + 4 / 3 * (1 - np.cos(3 * s))),
        ("piecewise(0, t < 0.5, 9, t < 0.6, 3)", lambda s: 9 * np.clip(s - 0.5, 0, 0.1) + 3 * np.clip(s - 0.6, 0, None)),
        ("20*exp(-20*(t - 1)^2)", lambda s: 20 * np.sqrt(np.pi / 20) * stats.norm.cdf((s - 1) * np.sqrt(40))),
        ("5*t/(1 + t)", lambda s: 5 * (s - np.log(1 + s))),
    ],
)
@MANY
def test_inhomogeneous_poisson_process(others, rate, integral):
    data = sd.simulate(network(among(others, f"0 -> X, {rate}"), {"X": 0}), [0, 0.55, 1, 2.5], trajectories=N, seed=8)
    before = data.X.sel(time=0)
    for time in (0.55, 1, 2.5):
        assert fits(data.X.sel(time=time) - before, poisson(integral(time), most=60))
    increments = data.X.diff("time")
    assert fits(increments.sel(time=2.5), poisson(integral(2.5) - integral(1), most=60))


# ---- stopping ----------------------------------------------------------------------------------


def test_extinction_of_pure_death():
    """T is the largest of n exponentials: P(T <= t) = (1 - exp(-d t))^n, mean sum of 1/(d k)."""
    net = network("X -> 0, d", {"X": 12}, parameters={"d": 0.5})
    data = sd.simulate(net, [0, 1, 100], trajectories=N, seed=9, until="X <= 0")
    k = np.arange(1, 13)
    assert near(data.first_passage, (1 / (0.5 * k)).sum(), (1 / (0.5 * k) ** 2).sum())
    assert stats.kstest(data.first_passage, lambda s: (1 - np.exp(-0.5 * s)) ** 12).pvalue > 1e-4
    assert (data.steps == 12).all()


def test_extinction_of_birth_and_death_before_the_end():
    l, m, n, end = 0.8, 1.0, 5, 6.0
    net = network("X -> 2 X, l; X -> 0, m", {"X": n}, parameters={"l": l, "m": m})
    X, m_symbol = sp.Symbol("X"), sp.Symbol("m")
    data = sd.simulate(net, [0, 3, end], trajectories=N, seed=10, until=sp.Lt(X, m_symbol))
    decay = np.exp((m - l) * np.array([3, end]))
    exact = (m * (decay - 1) / (m * decay - l)) ** n
    assert (data.first_passage <= 3).mean() == pytest.approx(exact[0], abs=4 * 0.5 / np.sqrt(N))
    assert np.isfinite(data.first_passage).mean() == pytest.approx(exact[1], abs=4 * 0.5 / np.sqrt(N))
    assert ((data.X.sel(time=end) == 0) == np.isfinite(data.first_passage)).all()


@MANY
def test_a_trajectory_stays_where_it_stopped(others):
    net = network(among(others, "0 -> X, 5"), {"X": 0})
    data = sd.simulate(net, [0, 1, 2, 3], trajectories=500, seed=11, until="X >= 4 or t >= 3/2")
    assert data.attrs["until"] == "(X >= 4) or (t >= 3/2)"
    assert data.first_passage.max() == 1.5
    assert data.X.max() == 4
    assert (data.X.sel(time=2) == data.X.sel(time=3)).all()
    assert (data.X.sel(time=3).values[data.first_passage < 1.5] == 4).all()
    twice = network("0 -> X, 5; double := 2*X", {"X": 0})
    assert sd.simulate(twice, [0, 9], seed=11, until="double >= 7").X.isel(time=-1) == 4
    there = sd.simulate(net, [1, 2], initial={"X": 7}, until="X >= 4")
    assert there.first_passage == 1
    assert (there.X == 7).all()


@MANY
def test_events_of_networks(others):
    """Linear birth and death, set back to 50 at t = 25: mean and variance of n0 independent lines before and after."""
    l, m = 0.1, 0.11

    def moments(n, s):
        growth = np.exp((l - m) * s)
        return n * growth, n * (l + m) / (l - m) * growth * (growth - 1)

    text = among(others, "X -> 2 X, l; X -> 0, m; when t >= 25, X = 50")
    net = network(text, {"X": 100}, parameters={"l": l, "m": m})
    data = sd.simulate(net, [0, 20, 25, 45], trajectories=N, seed=12)
    assert near(data.X.sel(time=20), *moments(100, 20))
    assert (data.X.sel(time=25) == 50).all()
    assert near(data.X.sel(time=45), *moments(50, 20))
    # the moment at which time alone changes a condition; in the tree also candidates refused
    assert ((data.rejected == 1) | (others > 0) & (data.rejected >= 1)).all()
    reset = network(among(others, "0 -> X, 1; Y(0) = 0; when X > 3, X = 0, Y = Y + 1"), {"X": 0, "Y": 0})
    data = sd.simulate(reset, [0, 30], trajectories=N, seed=13)
    assert fits(4 * data.Y.sel(time=30) + data.X.sel(time=30), poisson(30))


# ---- where nothing happens, or must not ----------------------------------------------------------


def test_a_dead_network_is_frozen():
    data = sd.simulate(network("X -> 0, 1", {"X": 9}), [0, 50, 100], trajectories=40, seed=14)
    assert (data.X.sel(time=[50, 100]) == 0).all()
    assert (data.steps == 9).all()


def test_no_reaction_takes_what_is_not_there():
    """Zero-order loss, whose propensity does not vanish by itself: the time to lose 3 of them is a gamma variable."""
    net = network("X => 0, k; 2 Y => Z, k", {"X": 3, "Y": 5, "Z": 0}, parameters={"k": 1.0})
    data = sd.simulate(net, [0, 2, 200], trajectories=N, seed=15)
    assert (data.X.sel(time=2) == 0).mean() == pytest.approx(stats.gamma.cdf(2, 3), abs=4 * 0.5 / np.sqrt(N))
    assert (data.isel(time=-1).X == 0).all()
    assert (data.isel(time=-1).Y == 1).all()
    assert (data.steps == 5).all()


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(
    "text",
    [
        "2 A -> 0, 3", "2 A -> A, 5; 2 A -> 0, 8/3", "2 A -> 0, 2 + sin(t)",
        "; ".join(f"2 A{i} -> 0, 2" for i in range(256)).replace("A0", "A"),
    ],
    ids=["one", "two", "in time", "large"],
)  # fmt: skip
def test_pairs_of_molecules_that_are_gone(text, lanes):
    """A propensity n (n - 1) is -0.0 without molecules: no event follows, at no time before."""
    net = sd.ReactionNetwork.from_text(text)
    data = sd.simulate(
        net, [0, 1, 50, 51], initial=dict.fromkeys(net.states, 4), trajectories=16, seed=1,
        layout=sd.Layout(lanes=lanes), method=sd.methods.Ssa(max_steps=10_000),
    )  # fmt: skip
    last = data.A.isel(time=[-2, -1])
    assert last.isin([0, 1]).all()
    assert (last == 0).any()
    assert (last.isel(time=0) == last.isel(time=1)).all()


@pytest.mark.parametrize(("others", "lanes"), [(0, 1), (0, 8), (200, 1)])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 -> X, 5; 0 => Y, 4 - X", "negative"),
        ("0 -> X, 5*k", "negative"),
        ("0 -> X, 5; 0 => Y, 1/(X - 3)^2", "infinite or not a number"),
        ("0 -> X, 5; 0 => Y, (2 - X)*(3 + sin(t))", "negative"),
        ("0 -> X, 5; 0 => Y, 1 - t/4", "negative"),
        ("0 -> X, 5; 0 => Y, (2 + sin(t))/(X - 3)^2", "infinite or not a number"),
        ("0 -> X, 5; when X > 3, X = X/3", "fraction of a molecule"),
        ("0 -> X, 5; when t > 3/2, X = X - 1000", "negative"),
    ],
)
def test_impossible_propensities_are_named(text, message, others, lanes):
    net = network(
        among(others, text), {"X": 0, **({"Y": 0} if "Y" in text else {})}, parameters={"k": -1.0} if "k" in text else {}
    )
    with pytest.raises(sd.SimulationError, match=message) as caught:
        sd.simulate(net, [0, 1, 50], trajectories=9, seed=16, layout=sd.Layout(lanes=lanes))
    assert np.isnan(caught.value.dataset.X.isel(time=-1)).all()


@MANY
@pytest.mark.parametrize("rate", ["100", "50*(2 + sin(t))"])
def test_events_are_limited(others, rate):
    net = network(among(others, f"0 -> X, {rate}"), {"X": 0})
    with pytest.raises(sd.SimulationError, match="max_steps"):
        sd.simulate(net, [0, 10], method=sd.methods.Ssa(max_steps=50), trajectories=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial": {"X": 1.5}}, "initial value of X is 1.5; a number of molecules is a whole number"),
        ({"initial": {"X": [1, -2]}}, "is -2"),
        ({"step": 0.1}, "step has no effect on 'ssa'; it belongs to align, etdrk4, euler"),
        ({"until": "X +"}, "missing"),
        ({"until": "X + 1"}, "expected a condition"),
        ({"until": "Z < 1"}, "'Z' is not a symbol of this system|Z"),
        ({"until": 3}, "expected a comparison"),
        ({"until": "t^2 > 3"}, "cannot be found"),
    ],
)
def test_bad_input_meets_one_clear_error(arguments, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.simulate(network("0 -> X, 1", {"X": 0}), [0, 1], **arguments)


def test_large_poisson_bursts_are_refused():
    net = network("0 -> poisson(b) X, 1", {"X": 0}, parameters={"b": 900.0})
    with pytest.raises(
        sd.DeclarationError, match="Poisson burst has the mean 900; this method draws bursts of means up to 700"
    ):
        sd.simulate(net, [0, 1])


# ---- layout and reductions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reactions", "last"), [(3, ""), (150, ""), (200, "; 0 -> Y, 3*sin(t)^2; when Y > 30, Y = 9; when t >= 1.5, X = 4")]
)
def test_bitwise_equal_for_any_layout(reactions, last):
    more = "".join(f"; X -> X + Y, 0.01*{i}" for i in range(reactions - 3)) + last
    net = network(f"0 -> X, a; X -> 0, 1; Y -> 0, 0.3{more}", {"X": 3, "Y": 2}, parameters={"a": 5.0})
    settings = dict(parameters={"a": [2.0, 7.0]}, trajectories=70, seed=21, until="Y > 40")
    first = sd.simulate(net, [0, 1, 2, 5], layout=sd.Layout(threads=1), **settings)
    for layout in ({"threads": 3}, {"chunk": 11}, {"lanes": 1}, {"lanes": 8, "threads": 2}):
        assert sd.simulate(net, [0, 1, 2, 5], layout=sd.Layout(**layout), **settings).identical(first)
    few = sd.simulate(net, [0, 1, 2, 5], **{**settings, "trajectories": 20})
    assert few.X.equals(first.X.isel(trajectory=slice(20)))


def test_histograms_of_whole_numbers_have_a_bin_for_each():
    net = network("0 -> X, 8; X -> 0, 1", {"X": 0})
    for count in (900, 3000):
        whole = sd.simulate(net, [0, 4], trajectories=count, seed=22).X.sel(time=4).values.astype(int)
        levels = (0.1, 0.5, 0.9)
        reduced = sd.simulate(
            net, [0, 4], trajectories=count, seed=22, reduce={"histogram": 40, "quantile": levels, "mean": None}
        )
        edges = reduced.X_edges.sel(time=4).values
        assert (edges == np.floor(edges)).all()
        assert (np.diff(edges) == 1).all()
        counts = np.bincount(whole, minlength=int(edges[-1]))[int(edges[0]) :]
        assert (reduced.X_histogram.sel(time=4).values == counts[:40]).all()
        assert reduced.X_mean.sel(time=4) == pytest.approx(whole.mean(), rel=1e-12)
        exact = np.quantile(whole, levels, method="inverted_cdf")
        assert (reduced.X_quantile.sel(time=4).values == exact).all()
    spread = sd.simulate(network("0 -> X, 500", {"X": 0}), [0, 4], trajectories=2000, seed=23, reduce={"histogram": 16})
    width = np.diff(spread.X_edges.sel(time=4).values)
    assert (width == width[0]).all()
    assert width[0] >= 1
    assert np.log2(width[0]).is_integer()
