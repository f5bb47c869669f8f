"""Exact simulation of networks of hundreds of reactions, against exact answers."""

import numpy as np
import pytest
from scipy import integrate, linalg, special, stats

import symdyn as sd
from symdyn.codegen.hubs import hubs
from tests.simulation.counted import MANY, N, among, fits, near, network, poisson

# ---- large networks ----------------------------------------------------------------------------


def test_a_large_network_of_copies_agrees_with_the_exact_distribution():
    """Fifty independent copies of a birth, a death and a burst: 150 reactions, found in the tree of sums."""
    copies, count = 50, 400
    lines = [f"0 -> X{i}, k; X{i} -> 0, d; 0 -> geometric(b) Y{i}, k" for i in range(copies)]
    initial = {f"{s}{i}": 0 for i in range(copies) for s in "XY"}
    net = network("\n".join(lines), initial, parameters={"k": 4.0, "d": 1.0, "b": 2.0})
    data = sd.simulate(net, [0, 0.7], trajectories=count, seed=17)
    x = np.concatenate([data[f"X{i}"].sel(time=0.7) for i in range(copies)])
    y = np.concatenate([data[f"Y{i}"].sel(time=0.7) for i in range(copies)])
    assert fits(x, poisson(4 * (1 - np.exp(-0.7)), most=30))
    assert near(y, 2.8 * 2, 2.8 * (2 + 2 * 4))


def test_bounds_over_boxes_leave_distributions_exact():
    """Copies of four birth and death processes against their master equations: mass action, a bound of intervals, pairs, and a
    rate that is infinite between two numbers, where boxes have to shrink."""
    cases = {
        "A": ("0 -> A, 40; A -> 0, 1", lambda n: 40 + 0 * n, lambda n: n, 1),
        "B": ("0 => B, 400/(10 + B); B -> 0, 1/2", lambda n: 400 / (10 + n), lambda n: n / 2, 1),
        "C": ("0 -> C, 30; 2 C -> 0, 1/10", lambda n: 30 + 0 * n, lambda n: n * (n - 1) / 10, 2),
        "D": ("0 => D, 30/(D - 17/2)^2; D -> 0, 1/4", lambda n: 30 / (n - 8.5) ** 2, lambda n: n / 4, 1),
    }
    copies, start, n = 20, 10, np.arange(120.0)
    lines = [text.replace(s, f"{s}{i}") for s, (text, *_) in cases.items() for i in range(copies)]
    net = network("\n".join(lines), {f"{s}{i}": start for s in cases for i in range(copies)})
    data = sd.simulate(net, [0, 0.8], trajectories=400, seed=21)
    events = 0.0
    for s, (_, birth, death, lost) in cases.items():
        up, down = birth(n), death(n)
        generator = np.diag(up[:-1], -1) + np.diag(down[lost:], lost) - np.diag(np.append(up[:-1], 0) + down)
        p = linalg.expm(0.8 * generator)[:, start]
        assert fits(np.concatenate([data[f"{s}{i}"].sel(time=0.8) for i in range(copies)]), p)
        steps = np.linspace(0, 0.8, 81)
        rates = [(up + down) @ linalg.expm(t * generator)[:, start] for t in steps]
        events += copies * integrate.simpson(rates, x=steps)
    assert float(data.steps.mean()) == pytest.approx(events, abs=4 * float(data.steps.std()) / 20)
    assert (data.rejected > 0).all()


def test_a_large_chain_against_the_means_of_independent_molecules():
    n, f, r = 80, 3.0, 2.0
    lines = [f"S{i} <-> S{i + 1}, f, r" for i in range(n - 1)]
    net = network("\n".join(lines), {f"S{i}": 200 * (i == 0) for i in range(n)}, parameters={"f": f, "r": r})
    data = sd.simulate(net, [0, 1, 2], trajectories=300, seed=18)
    hops = np.diag([f] * (n - 1), -1) + np.diag([r] * (n - 1), 1)
    p = linalg.expm(2 * (hops - np.diag(hops.sum(axis=0))))[:, 0]
    total = sum(data[f"S{i}"] for i in range(n))
    assert (total == 200).all()
    for i in (0, 1, 3, 6):
        assert near(data[f"S{i}"].sel(time=2), 200 * p[i], 200 * p[i] * (1 - p[i]))


def test_a_species_that_many_reactions_read_is_as_often_free_as_detailed_balance_says():
    """Three molecules that bind sixty places: of b that are bound P(b) ~ C(60, b) K^b / (3 - b)!."""
    places, count = 60, 3
    lines = [f"H + S{i} <-> C{i}, on, off" for i in range(places)]
    initial = {"H": count} | {f"{s}{i}": int(s == "S") for i in range(places) for s in "SC"}
    net = network("\n".join(lines), initial, parameters={"on": 0.2, "off": 6.0})
    data = sd.simulate(net, [0, 4], trajectories=4000, seed=22)
    bound = np.arange(count + 1)
    p = special.comb(places, bound) * (0.2 / 6) ** bound / special.factorial(count - bound)
    assert fits(data.H.sel(time=4).values, (p / p.sum())[::-1])
    assert all((data.H + sum(data[f"C{i}"] for i in range(places)) == count).values.ravel())


def test_two_hubs_and_their_places_are_as_often_free_as_detailed_balance_says():
    """Of n that bind sites of unequal affinities K, P(b bound) ~ e_b(K) / (n - b)! with the symmetric polynomials e."""
    sites, counts = 40, {"G": 3, "H": 24}
    on = np.linspace(0.02, 0.6, sites)
    lines = [f"{h} + {h}S{i} <-> {h}C{i}, {k!r}, 6" for h in counts for i, k in enumerate(on.tolist())]
    initial = counts | {f"{h}{s}{i}": int(s == "S") for h in counts for i in range(sites) for s in "SC"}
    net = network("\n".join(lines), initial)
    assert [(str(g.hub), g.last - g.first) for g in hubs(net).groups] == [("G", sites), ("H", sites)]
    data = sd.simulate(net, [0, 2], trajectories=1500, seed=31)
    for h, n in counts.items():
        e = np.array([1.0])
        for k in on / 6:
            e = np.append(e, 0) + k * np.append(0, e)
        p = e[: n + 1] / special.factorial(n - np.arange(n + 1))
        assert fits(n - data[h].sel(time=2), p / p.sum())
        for i in (0, sites - 1):  # one site against the others
            rest = e[:1]
            for k in np.delete(on, i) / 6:
                rest = np.append(rest, 0) + k * np.append(0, rest)
            bound = on[i] / 6 * rest[:n] / special.factorial(n - 1 - np.arange(n)) / p.sum()
            assert near(data[f"{h}C{i}"].sel(time=2), bound.sum())


def test_what_comes_anew_is_lost_by_a_hub_in_all_ways_at_their_rates():
    """Two molecules of H take each S from nothing on at the rate 2 (1/4 + 3/4), in two ways: Poisson at all times."""
    places, text = range(40), ("0 -> S#, 6", "H + S# -> H, 3/4", "H + S# -> H, 1/4")
    lines = [line.replace("#", str(i)) for line in text for i in places]
    initial = {"H": 2, "Z": 0} | {f"S{i}": 0 for i in places}
    assert not hubs(
        network("\n".join(lines), {"H": 2} | dict.fromkeys((f"S{i}" for i in places), 0))
    ).groups  # nothing changes H
    net = network("\n".join([*lines, "Z -> H, 1"]), initial)
    assert [(str(g.hub), g.last - g.first) for g in hubs(net).groups] == [("H", 80)]
    data = sd.simulate(net, [0, 0.3, 2], trajectories=300, seed=33)
    for time in (0.3, 2):
        left = np.concatenate([data[f"S{i}"].sel(time=time) for i in places])
        assert fits(left, poisson(3 * (1 - np.exp(-2 * time)), most=30))


@pytest.mark.parametrize("until", [None, "H <= 0"])
def test_what_takes_the_one_molecule_of_a_hub_and_when(until):
    """Reactions of every kind compete for it: each wins in proportion to its propensity, after an exponential time."""
    kinds = {"H": 1, "2 D + H": 12, "D + E + H": 8, "E + H": 2}  # pairs and so on of 4 D and 2 E
    names = [f"W{k}x{i}" for k in range(4) for i in range(12)]
    rates = 0.02 * (1 + np.add.outer(np.arange(4), np.arange(12))).ravel()
    text = [f"{kind} -> {name}, {c!r}" for kind, name, c in zip(np.repeat([*kinds], 12), names, rates.tolist(), strict=True)]
    initial = {"H": 1, "D": 4, "E": 2, "F": 0, "Z": 0} | dict.fromkeys(names, 0)
    net = network("\n".join(["0 -> F, 3", *text, *["Z -> 0, 1"] * 60]), initial)
    assert {str(g.hub) for g in hubs(net).groups} == {"H", "Z"}
    a = rates * np.repeat([*kinds.values()], 12)
    data = sd.simulate(net, [0, 0.02, 90], trajectories=8000, seed=32, until=until)
    won = [int(data[name].isel(time=-1).sum()) for name in names]
    assert sum(won) == 8000
    assert stats.chisquare(won, 8000 * a / a.sum()).pvalue > 1e-4
    assert near(data.H.sel(time=0.02), np.exp(-0.02 * a.sum()))
    if until:
        assert stats.kstest(data.first_passage, stats.expon(scale=1 / a.sum()).cdf).pvalue > 1e-4


def test_reactions_beside_a_group_begin_complete_and_burst_as_declared():
    """Births after delays, in bursts, and after reactions of A that take time, declared between those of a group."""
    lines = []
    for i in range(40):
        lines.append(f"H + S{i} <-> C{i}, 1, 2")
        if i % 8 == 0:
            k = i // 8 + 1
            lines += [
                f"0 -> D{k}, {5 * k} delay {k}/10",
                f"0 -> poisson({k} + 1) B{k}, {k}",
                f"A -> A + E{k}, {k} delay {k}/8",
            ]
    species = [f"{s}{k}" for s in "DBE" for k in range(1, 6)]
    start = {"H": 3, "A": 2} | {f"{s}{i}": int(s == "S") for i in range(40) for s in "SC"} | dict.fromkeys(species, 0)
    net = network("\n".join(lines), start)
    assert [(str(g.hub), g.last - g.first) for g in hubs(net).groups] == [("H", 40)]
    data = sd.simulate(net, [0, 1], trajectories=1500, seed=34).isel(time=-1)
    for k in range(1, 6):
        assert near(data[f"D{k}"], born := 5 * k * (1 - k / 10), born)
        assert near(data[f"B{k}"], k * (k + 1), k * (k + 1) * (k + 2))
        assert near(data[f"E{k}"], born := 2 * k * (1 - k / 8), born)
    assert (data.H + sum(data[f"C{i}"] for i in range(40)) == 3).all()


@pytest.mark.parametrize(("rate", "hub"), [("0.0", 2), ("1e300", 0)])
def test_reactions_that_cannot_happen_disturb_no_other(rate, hub):
    lines = [f"H + S{i} -> S{i}, {rate}" for i in range(90)]
    start = {"H": hub, "X": 5} | {f"S{i}": 10**9 for i in range(90)}
    data = sd.simulate(network("\n".join([*lines, "X -> 0, 1"]), start), [0, 1], trajectories=400, seed=35)
    assert near(data.X.sel(time=1), 5 * np.exp(-1), 5 * np.exp(-1) * (1 - np.exp(-1)))


def test_a_large_network_stops_and_fails_like_a_small_one():
    lines = [f"X{i} -> 0, 1" for i in range(150)]
    net = network("\n".join(lines), {f"X{i}": 1 for i in range(150)})
    data = sd.simulate(net, [0, 100], trajectories=200, seed=19, until="X0 + X1 <= 0")
    assert near(data.first_passage, 1.5, 1.25)
    bad = network("\n".join([*lines, "X0 => 0, X1 - 0.5"]), {f"X{i}": 1 for i in range(150)})
    with pytest.raises(sd.SimulationError, match="negative"):
        sd.simulate(bad, [0, 100], trajectories=20, seed=20)


COPIES = 200


def copies(*lines):
    """A network of copies, whose reactions and events have `#` in the place of their number."""
    return "\n".join(line.replace("#", str(i)) for line in lines for i in range(COPIES))


def together(data, species, time):
    """The numbers of one species of all copies and trajectories."""
    return np.concatenate([data[f"{species}{i}"].sel(time=time) for i in range(COPIES)])


def test_every_rate_of_a_large_network_may_depend_on_time():
    """Birth at k(t) and death at d(t) from nothing: Poisson with the mean m' = k(t) - d(t) m, here at times of any phase."""
    net = network(copies("0 -> X#, k*(1 + sin(w*t))", "X# -> 0, 2 + cos(t)", "X#(0) = 0"), {}, parameters={"k": 5.0, "w": 3.0})
    data = sd.simulate(net, [0, 0.6, 2, 3], trajectories=80, seed=23)
    times = np.linspace(0, 3, 30_001)
    death = 2 * times + np.sin(times)
    mean = np.exp(-death) * integrate.cumulative_trapezoid(5 * (1 + np.sin(3 * times)) * np.exp(death), times, initial=0)
    for time in (0.6, 2, 3):
        assert fits(together(data, "X", time), poisson(np.interp(time, times, mean), most=40))
    assert (data.rejected < 0.2 * data.steps).all()  # windows follow the rates


def test_the_time_to_lose_all_at_a_rate_in_time():
    """The last of n independent lives: P(T <= t) = (1 - exp(-D(t)))^n with the integral D of the rate."""
    net = network(among(200, "X -> 0, (1 + sin(4*t))/2"), {"X": 12})
    data = sd.simulate(net, [0, 1, 100], trajectories=4000, seed=24, until="X <= 0")
    assert stats.kstest(data.first_passage, lambda s: (1 - np.exp(-(s + (1 - np.cos(4 * s)) / 4) / 2)) ** 12).pvalue > 1e-4
    assert (data.steps == 12).all()


def test_events_of_a_large_network_follow_from_one_another():
    """Digits of a counter to the base 3, each an event that triggers the next: on every path they count the births."""
    counter = copies(
        "0 -> X#, 2", "when X# >= 3, X# = 0, Y# = Y# + 1", "when Y# >= 3, Y# = 0, Z# = Z# + 1", "Y#(0) = 0; Z#(0) = 0"
    )
    net = network(counter, {f"X{i}": 0 for i in range(COPIES)})
    data = sd.simulate(net, [0, 1, 7], trajectories=25, seed=25)
    for time in (1, 7):
        x, y, z = (together(data, s, time) for s in "XYZ")
        assert max(x.max(), y.max()) == 2
        assert fits(x + 3 * y + 9 * z, poisson(2 * time, most=60))
    counted = sum(k * data[f"{s}{i}"].isel(time=-1) for i in range(COPIES) for s, k in zip("XYZ", (1, 3, 9), strict=True))
    assert (counted == data.steps).all()
    assert (data.rejected == 0).all()


def test_events_of_a_large_network_see_time_and_rates_see_events():
    """Births at (1 + Y) k(t), and Y doses at given times: Poisson with the integral of the rate between the doses."""
    text = "0 => X, (1 + Y)*(2 + cos(t)); when t >= 1/2, Y = 3; when t > 5/4 and Y > 2, Y = 0; Y(0) = 0; 0 => Z, Y"
    once = "when X > 1, W = W + 1; W => 0, 0"  # what holds on triggers nothing, whatever else happens
    net = network(among(200, f"{text}; {once}"), {"X": 0, "Z": 0, "W": 0})
    data = sd.simulate(net, [0, 0.5, 1.25, 2], trajectories=N, seed=26)
    assert ((data.X > 1) == data.W).all()
    assert (data.Y.isel(trajectory=0) == [0, 3, 3, 0]).all()
    pieces = np.diff(2 * np.array([0, 0.5, 1.25, 2]) + np.sin([0, 0.5, 1.25, 2])) * [1, 4, 1]
    for time, mean in zip((0.5, 1.25, 2), np.cumsum(pieces), strict=True):
        assert fits(data.X.sel(time=time), poisson(mean, most=60))
    assert fits(data.Z.sel(time=2), poisson(3 * 0.75, most=40))


@MANY
def test_a_condition_that_species_and_time_share(others):
    """Of births at b, T = 1 + X(T)/4 in any case; three lives that end at d pass t = X(t) by a death or at whole times."""
    b, d, count = 1.5, 0.4, 4000
    births = sd.simulate(
        network(among(others, f"0 -> X, {b}"), {"X": 0}), [0, 99], trajectories=count, seed=27, until="t >= 1 + X/4"
    )
    assert (births.first_passage == 1 + births.X.isel(time=-1) / 4).all()
    lives = sd.simulate(network(among(others, f"X -> 0, {d}"), {"X": 3}), [0, 99], trajectories=count, seed=28, until="t >= X")
    assert (lives.first_passage >= lives.X.isel(time=-1)).all()
    alive = stats.binom(3, np.exp(-d * np.array([1, 2])))
    for found, probability in [
        (births.first_passage == 1, np.exp(-b)),
        (births.first_passage == 1.25, b * np.exp(-1.25 * b)),
        (lives.first_passage > 1, alive.sf(1)[0]),
        (lives.first_passage == 1, alive.pmf(1)[0]),
        (lives.first_passage > 2, alive.pmf(3)[1]),
    ]:
        assert found.mean() == pytest.approx(probability, abs=4 * np.sqrt(probability * (1 - probability) / count))
