"""Loops over leaps and generations, with Python functions in the place of models: against the laws of their processes."""

from __future__ import annotations

import importlib
import math
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def loops(shared, monkeypatch):
    """Runs a network by leaps, with Python functions in the place of compiled propensities."""
    leaping = importlib.import_module("symdyn_kernels.shared.leaping")

    def run(
        rates, changes, x, times, *, orders, dependent, seeds=(0,), jacobian=None, holds=None, pairs=None, bursts=(), **given
    ):
        n, reactions = len(x), len(changes)
        flat = [(e, d) for change in changes for e, d in change.items()]
        model = SimpleNamespace(
            species=n, reactions=reactions, bursts=len(bursts), timed=given.pop("timed", 0), implicit=int(jacobian is not None)
        )
        network = SimpleNamespace(
            model=model, ptr=np.cumsum([0, *map(len, changes)]), changed=[e for e, _ in flat],
            fixed=[float(d) for _, d in flat], burst=[-1] * len(flat),
            dptr=np.cumsum([0, *map(len, dependent)]), dspecies=[e for d in dependent for e in d],
            pair=pairs or [-1] * reactions, kind=[0] * len(bursts), watched=[0.0] * n, means=[0.0] * len(bursts),
            mean=[0.0] * len(flat), second=[0.0] * len(flat), stop=[given.pop("stop", 0)],
        )  # fmt: skip

        def evaluate(model, t, x, a):
            a[:] = rates(t, x)
            return a, -1.0 if min(a) < 0 else sum(a)

        def newton_step(model, t, shift, y, residual, step):
            step[:] = np.linalg.solve(shift * np.eye(n) - jacobian, residual)
            return step

        for module in (leaping, shared.leaps, shared.equilibria):
            monkeypatch.setattr(module, "evaluate", evaluate)
        for module in (leaping, shared.leaps):
            monkeypatch.setattr(module, "holds", lambda model, t, x: holds is not None and holds(t, x))
        monkeypatch.setattr(leaping, "orders_at", lambda model, t, x, o: [*map(float, orders), *bursts])
        monkeypatch.setattr(shared.equilibria, "newton_step", newton_step)
        options = {"epsilon": 0.03, "max_steps": 10**6} | given
        values, found = np.full((len(seeds), len(times), n), np.nan), []
        with np.errstate(over="ignore", divide="ignore"):
            for i, seed in enumerate(seeds):
                space = leaping.Space(
                    *(np.zeros(n) for _ in range(3)), *(np.zeros(reactions) for _ in range(2)),
                    *(np.zeros(reactions, int) for _ in range(3)), tuple(np.zeros(n) for _ in range(4)),
                )  # fmt: skip
                stream = importlib.import_module("symdyn_kernels.shared.streams").open_stream(seed, i)
                found.append(leaping.leap_through(
                    network, stream, np.array(x, float), np.zeros(n), np.zeros(reactions), np.zeros(reactions),
                    np.zeros(reactions, int), space, np.array(times, float), options["epsilon"], options["max_steps"], i,
                    values,
                ))  # fmt: skip
        return values, found

    return run


def turnover(birth, death, **options):
    """0 -> A, A -> 0."""
    changes = {"changes": [{0: 1}, {0: -1}], "orders": [0, 1], "dependent": [[], [0]]}
    return {"rates": lambda t, x: [birth, death * x[0]]} | changes | options


def moments_of_turnover(birth, death, x, t):
    left = math.exp(-death * t)
    return birth / death * (1 - left) + x * left, birth / death * (1 - left) + x * left * (1 - left)


@pytest.mark.parametrize(
    ("birth", "x", "runs", "epsilon", "leaps"), [(1e4, 2e4, 80, 0.006, True), (5.0, 3.0, 600, 0.03, False)]
)
def test_numbers_have_mean_and_variance_of_the_master_equation(loops, birth, x, runs, epsilon, leaps):
    times = [0.0, 0.3, 1.0]
    values, found = loops(**turnover(birth, 1.0), x=[x], times=times, seeds=range(runs), epsilon=epsilon)
    assert (values[:, 0, 0] == x).all()
    for k, t in enumerate(times[1:], 1):
        mean, variance = moments_of_turnover(birth, 1.0, x, t)
        assert abs(values[:, k, 0].mean() - mean) < 4.5 * math.sqrt(variance / runs)
        assert abs(values[:, k, 0].var() / variance - 1) < 4.5 * math.sqrt((2 + 1 / variance) / runs)
    for f in found:
        assert (f.code, f.q, f.implicit, f.passage) == (0, 3, 0, math.inf)
        assert (f.leaps > 0, f.events > 0) == (leaps, not leaps)
    if leaps:  # the length is epsilon x/|drift|: so many are the integral of its inverse, log(x(0)/x(1))/epsilon
        assert found[0].calls == 2 * found[0].leaps + found[0].rejected
        assert found[0].leaps == pytest.approx(math.log(x / moments_of_turnover(birth, 1.0, x, 1.0)[0]) / epsilon, rel=0.1)


def test_rates_that_depend_on_time_are_thinned(loops):
    growth = {"changes": [{0: 1}, {0: -1}], "orders": [0, 1], "dependent": [[], [0]], "timed": 1, "x": [0.0]}
    values, found = loops(rates=lambda t, x: [30.0 * t, 0.0], times=[0.0, 0.5, 1.0], seeds=range(20), **growth)
    for k, mean in ((1, 3.75), (2, 15.0)):  # Poisson with the integral of the rate
        assert abs(values[:, k, 0].mean() - mean) < 4.5 * math.sqrt(mean / 20)
    assert all(f.leaps == 0 and f.events == v for f, v in zip(found, values[:, 2, 0], strict=True))
    values, found = loops(rates=lambda t, x: [3e7 * t, 0.0], times=[0.0, 1.0], **growth)
    assert abs(values[0, 1, 0] - 1.5e7) < 4.5 * math.sqrt(1.5e7)
    assert found[0].leaps >= 1000
    values, _ = loops(rates=lambda t, x: [0.0 if t < 0.5 else 1e6, 0.0], times=[0.0, 0.4, 1.0], **growth)
    assert values[0, 1, 0] == 0
    assert abs(values[0, 2, 0] - 5e5) < 4.5 * math.sqrt(5e5) + 1e3  # a piece of a thousandth may begin late


def test_leaps_across_an_equilibrium_keep_its_law_and_the_total(loops):
    """A <-> B, much faster than the outputs: binomial, whatever the beginning."""
    rate, total = 1e5, 1000.0
    values, found = loops(
        lambda t, x: [rate * x[0], rate * x[1]], [{0: -1, 1: 1}, {0: 1, 1: -1}], [500.0, 500.0], [0.0, 1.0, 2.0],
        orders=[1, 1], dependent=[[0], [1]], seeds=range(40), pairs=[1, 0], jacobian=rate * np.array([[-1.0, 1], [1, -1]]),
    )  # fmt: skip
    assert (values.sum(axis=2) == total).all()
    assert all(f.implicit > 0 and f.implicit <= f.leaps < 10_000 for f in found)
    late = values[:, 1:, 0].ravel()
    assert abs(late.mean() - total / 2) < 4.5 * math.sqrt(total / 4 / late.size)
    assert abs(late.var() / (total / 4) - 1) < 4.5 * math.sqrt(2 / late.size)


def test_a_trajectory_ends_by_its_condition_or_by_a_failure(loops):
    from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

    times = [0.0, 1.0, 2.0]

    def ended(system, x=(10.0,), **options):
        values, (found,) = loops(**system, x=list(x), times=times, **options)
        return values[0, :, 0], found

    values, found = ended(turnover(0.0, 0.0))
    assert (found.code, found.events, found.leaps, values.tolist()) == (SUCCESS, 0, 0, [10.0, 10.0, 10.0])
    values, found = ended(turnover(50.0, 0.0), holds=lambda t, x: x[0] >= 12)
    assert (found.code, values.tolist()) == (SUCCESS, [10.0, 12.0, 12.0])
    assert 0 < found.passage < 1
    assert found.events == 2
    values, found = ended(turnover(50.0, 0.0), holds=lambda t, x: t >= 1.0)
    assert found.passage == 1.0
    assert values[1] == values[2] > 10
    assert ended(turnover(50.0, 0.0), holds=lambda t, x: True)[1].passage == 0.0
    assert ended(turnover(50.0, 0.0), stop=1)[1].code == INTERRUPTED
    _, found = ended(turnover(1e3, 0.0), max_steps=25)
    assert (found.code, found.events, found.q) == (TOO_MANY_STEPS, 25, 1)
    assert ended(turnover(-1.0, 0.0))[1].code == NEGATIVE
    assert ended(turnover(math.inf, 0.0))[1].code == ended(turnover(math.nan, 0.0))[1].code == NOT_FINITE
    assert ended(turnover(1.0, 0.0), bursts=[-0.5])[1].code == NEGATIVE
    # a rate that does not vanish with the last molecule
    assert ended({**turnover(0.0, 0.0), "rates": lambda t, x: [0.0, 40.0]}, x=(3.0,))[1].code == NEGATIVE
    values, found = ended({**turnover(0.0, 0.0), "rates": lambda t, x: [0.0, 40.0], "timed": 1}, x=(3.0,))
    assert found.code == NEGATIVE
    assert np.isnan(values[1:]).all()


def population(**given):
    facts = {
        "species": 1, "noises": 0, "entries": 0, "births": 1, "parents": 1, "varying": 0, "absorbing": 0, "bptr": [0, 1],
        "parent": [0], "born": [0], "stop": [0],
    }  # fmt: skip
    return SimpleNamespace(**facts | given)


def test_populations_grow_by_poisson_offspring_and_immigrants(shared, monkeypatch):
    """E x(n) = m^n x(0) + c (m^n - 1)/(m - 1)."""
    from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, PROBABILITY, SUCCESS

    branching, streams = shared.branching, importlib.import_module("symdyn_kernels.shared.streams")

    def nobody(cycle, s, x, y, r, chances):
        y[:] = 0.0
        return SUCCESS, y, s

    def record(cycle, x, i, q, values):
        values[i, q] = x

    monkeypatch.setattr(branching, "outcomes", nobody)
    monkeypatch.setattr(branching, "record", record)

    def lived(times, r, x=5.0, runs=1, holds=None, **given):
        monkeypatch.setattr(branching, "holds", lambda cycle, t, x: holds is not None and holds(t, x))
        monkeypatch.setattr(branching, "rates_at", lambda cycle, t, z, x, r: [r[0] + 0.5, r[1]])
        values, found = np.full((runs, len(times), 1), np.nan), []
        with np.errstate(over="ignore"):
            for i in range(runs):
                s = streams.open_stream(3, i)
                arrays = (np.array([x]), np.zeros(1), np.zeros(4), list(r), None, np.array(times, float))
                found.append(branching.live_through(population(**given), s, *arrays, i, values))
        return values[:, :, 0], found

    values, found = lived([0, 1, 3], [1.5, 2.0], runs=800)
    assert all((f.code, f.q, f.steps, f.passage) == (SUCCESS, 3, 3, math.inf) for f in found)
    assert (values[:, 0] == 5).all()
    for k, n in ((1, 1), (2, 3)):
        mean = 1.5**n * 5 + 2 * (1.5**n - 1) / 0.5
        assert abs(values[:, k].mean() - mean) < 4.5 * values[:, k].std() / math.sqrt(800)
    # rates that change by 1/2 at every step: m = 1/2, 1, 3/2
    values, _ = lived([0, 3], [0.0, 0.0], x=100.0, runs=400, varying=1)
    assert abs(values[:, 1].mean() - 75) < 4.5 * values[:, 1].std() / math.sqrt(400)
    values, (found,) = lived([0, 2, 40, 50], [0.2, 0.0], absorbing=1)
    assert values[0, 2:].tolist() == [0.0, 0.0]
    assert found.steps < 40
    assert lived([0, 2, 40], [0.2, 0.0])[1][0].steps == 40
    values, (found,) = lived([0, 2, 4, 6], [2.0, 0.0], holds=lambda t, x: t >= 3)
    assert (found.passage, found.steps) == (3.0, 3)
    assert values[0, 2] == values[0, 3]
    assert lived([0, 2], [2.0, 0.0], holds=lambda t, x: True)[1][0][1:] == (2, 0, 0.0)
    assert lived([0, 2], [2.0, 0.0], stop=[1])[1][0].code == INTERRUPTED
    assert lived([0, 2], [-2.0, 0.0])[1][0].code == PROBABILITY
    assert lived([0, 2], [-2.0, 0.0], x=0.0)[1][0].code == SUCCESS  # of nobody
    assert lived([0, 2], [2.0, -1.0])[1][0].code == PROBABILITY
    values, (found,) = lived([0, 1, 2], [2.0, math.inf])
    assert (found.code, found.q) == (NOT_FINITE, 1)
    assert np.isnan(values[0, 1:]).all()


def test_noise_of_an_environment_is_drawn_in_pairs(shared):
    streams = importlib.import_module("symdyn_kernels.shared.streams")
    with np.errstate(over="ignore"):
        s = streams.open_stream(1, 2)
        first, second, after = streams.next_normals(s)
        third, fourth, last = streams.next_normals(after)
        drawn = [first, second, third, fourth]
        for noises, end in ((4, last), (3, last), (2, after), (0, s)):
            expected = drawn[:noises] + [9.0] * (4 - noises)
            assert shared.branching.environment(population(noises=noises), s, [9.0] * 4) == (expected, end)
