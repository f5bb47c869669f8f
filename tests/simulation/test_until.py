"""Conditions that end trajectories of differential equations and maps, against exact times of passage."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.methods.runge_kutta import ExplicitRungeKutta

x, v, a, t, k, begin = sp.symbols("x v a t k begin")
QUIET = {"progress": False}
ADAPTIVE = [m for m, s in sd.METHODS.items() if family_of(s).adaptive and s.applies(sd.ODESystem({x: -x})) is None]
EQUAL = [m for m, s in sd.METHODS.items() if isinstance(s, ExplicitRungeKutta) and not s.adaptive]
RATES = np.linspace(0.3, 2, 23)
DECAY = sd.ODESystem({x: -a * x}, initial={x: 3}, parameters={a: 1})
FALL = sd.ODESystem({x: v, v: -a}, initial={x: 10, v: 0}, parameters={a: 9.81})


@pytest.mark.parametrize("method", ADAPTIVE)
def test_exponential_decay_passes_a_level(method):
    times = np.linspace(0, 4, 9)
    data = sd.simulate(DECAY, times, parameters={a: RATES}, method=method, until="x < 1", rtol=1e-8, atol=1e-10, **QUIET)
    exact = np.log(3) / RATES
    passed = exact <= 4
    assert (data.first_passage.values[~passed] == np.inf).all()
    np.testing.assert_allclose(data.first_passage.values[passed], exact[passed], rtol=1e-6)
    expected = np.where(passed[:, None] & (times >= exact[:, None]), 1.0, 3 * np.exp(-np.outer(RATES, times)))
    np.testing.assert_allclose(data.x.transpose("a", "time").values, expected, rtol=1e-6)
    assert (data.status == 0).all()
    assert data.attrs["until"] == "x < 1"
    assert "end of every step" in data.attrs["until_checked"]


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_body_falls_to_the_ground(method):
    """x = 10 - g t^2/2 is a polynomial that every method integrates exactly, so that the time is right to rounding."""
    data = sd.simulate(FALL, [0, 1, 2, 5], method=method, until=x <= 0, **QUIET)
    assert float(data.first_passage) == pytest.approx(np.sqrt(20 / 9.81), rel=1e-12)
    assert data.x.values == pytest.approx([10, 10 - 9.81 / 2, 0, 0], abs=1e-12)
    assert data.v.values[2:] == pytest.approx([-np.sqrt(20 * 9.81)] * 2, rel=1e-12)
    thrown = sd.simulate(FALL, [0, 5], initial={x: 0, v: 7}, method=method, until=x < 0, **QUIET)
    assert float(thrown.first_passage) == pytest.approx(2 * 7 / 9.81, rel=1e-9)


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize(
    ("condition", "exact"),
    [
        ((x < 2) & (t > 1), 1.0),
        ((x < 1) & (t > 1), np.log(3)),
        ((x < 2) | (t > 1), np.log(1.5)),
        ((x < 1) | (t > 1), 1.0),
        (~((x >= 2) & (t <= 1)), np.log(1.5)),
        (sp.And(x < 2, sp.Or(t >= 2, x <= sp.Rational(1, 2))), np.log(6)),
        (t >= sp.Rational(17, 10), 1.7),
        (x**2 + a > 100, np.inf),
    ],
)
def test_conditions_are_joined(method, condition, exact):
    data = sd.simulate(DECAY, [0, 0.3, 3], method=method, until=condition, rtol=1e-9, atol=1e-12, **QUIET)
    assert float(data.first_passage) == pytest.approx(exact, rel=1e-8)
    assert float(data.x[-1]) == pytest.approx(3 * np.exp(-min(exact, 3)), rel=1e-8)


@pytest.mark.parametrize("method", [*ADAPTIVE, *EQUAL])
def test_a_condition_that_is_true_at_first(method):
    values = {"initial": {x: [3.0, 0.5, 1.0]}, "method": method}
    data = sd.simulate(DECAY, [1, 2, 4], until="x < 1", **values, **QUIET)
    within = 2e-3 if method == "euler" else 1e-5
    assert data.first_passage.values == pytest.approx([1 + np.log(3), 1, 1], rel=within)  # just below 1 for the last
    np.testing.assert_allclose(data.x.sel(time=4).values, [1, 0.5, 1], rtol=1e-5)
    assert data.x.sel(x0=0.5).values.tolist() == [0.5] * 3
    one = sd.simulate(DECAY, [1], until="x < 1", **values, **QUIET)
    assert one.first_passage.values.tolist() == [np.inf, 1, np.inf]


@pytest.mark.parametrize("method", ADAPTIVE)
def test_outputs_at_the_passage_and_after_it(method):
    """x' = 1 from 0: x = t up to 2, an output time, and 2 from there on."""
    data = sd.simulate(sd.ODESystem({x: 1 + 0 * x}, initial={x: 0}), [0, 1, 2, 3], method=method, until=x >= 2, **QUIET)
    assert float(data.first_passage) == pytest.approx(2, rel=1e-14)
    assert data.x.values == pytest.approx([0, 1, 2, 2], rel=1e-14)


@pytest.mark.parametrize("method", [m for m in ADAPTIVE if m != "taylor"])
@pytest.mark.parametrize("level", [0.25, 1.0, 5.0])
def test_a_pulse_and_a_condition(method, level):
    """x' = 1 in a pulse of length 1 that begins anywhere, so that the level is passed `level` later; 0 before and after."""
    pulse = sp.Piecewise((1, (t > begin) & (t < begin + 1)), (0, True))
    begins = np.array([0.0, 0.7, 3.0, 9.5, 12.0])
    data = sd.simulate(
        sd.ODESystem({x: pulse}, initial={x: 0}, parameters={begin: 0}), np.linspace(0, 10, 11), parameters={begin: begins},
        method=method, until=x >= level * (1 - 1e-9), **QUIET,
    )  # fmt: skip
    exact = np.where(begins + level <= 10, begins + level, np.inf) if level <= 1 else np.full(5, np.inf)
    np.testing.assert_allclose(data.first_passage.values, exact, rtol=1e-8)


@pytest.mark.parametrize("method", ["dop853", "tsit5", "rodas5p"])
def test_a_condition_that_becomes_true_at_a_jump(method):
    """The rate changes from 1 to -1 at 5; steps end there, so that the condition is true as the next one begins."""
    system = sd.ODESystem({x: sp.Piecewise((1, t < 5), (-1, True))}, initial={x: 0})
    data = sd.simulate(system, [0, 4, 8], method=method, until=(t > 5) & (x > 0), **QUIET)
    assert float(data.first_passage) == pytest.approx(5, rel=1e-12)
    assert data.x.values == pytest.approx([0, 4, 5], rel=1e-12)


@pytest.mark.parametrize("method", [*ADAPTIVE, *EQUAL])
def test_lanes_threads_and_inlined_models_give_the_same_bits(method):
    times, initial = np.linspace(0, 6, 7), np.random.default_rng(0).uniform(0.5, 2, (45, 2))
    system = sd.ODESystem({x: x - x * v, v: x * v - v / 2 + sp.sin(t) / 4})
    condition = (x > 3) | ((v > sp.Rational(5, 2)) & (t > 1))
    runs = [
        sd.compile(system, method=method, lanes=w, until=condition)(initial, np.empty((45, 0)), times, step=0.05)
        for w in (1, 8, 16, 32)
    ]
    if "inline" in family_of(sd.METHODS[method]).reads(sd.METHODS[method]):
        inlined = sd.compile(system, method=method, lanes=8, until=condition, inline=True)
        runs.append(inlined(initial, np.empty((45, 0)), times, step=0.05))
    assert 5 < np.isfinite(runs[0].passage).sum() < 45
    for other in runs[1:]:
        assert all(p.tobytes() == q.tobytes() for p, q in zip(runs[0], other, strict=True))


def test_a_run_that_is_stopped_is_the_beginning_of_the_run_that_is_not():
    times = np.linspace(0, 4, 41)
    stopped, free = (sd.simulate(DECAY, times, method="tsit5", until=until, **QUIET) for until in ("x < 1", None))
    before = times < np.log(3)
    assert stopped.x.values[before].tobytes() == free.x.values[before].tobytes()


def test_the_passage_of_a_stiff_trajectory_is_that_of_the_method_it_is_passed_on_to():
    """Van der Pol: explicit steps give up, and rodas5p begins again; both find the same passage of x = 0."""
    vdp = sd.ODESystem.from_text("x' = y; y' = mu*(1 - x^2)*y - x; mu = 100; x(0) = 2; y(0) = 0")
    options = {"until": "x < 0", "rtol": 1e-8, "atol": 1e-8, **QUIET}
    default = sd.simulate(vdp, [0, 200], **options)
    assert "1 passed on to rodas5p" in default.attrs["stiff_trajectories"]
    implicit = sd.simulate(vdp, [0, 200], method="rodas5p", **options)
    explicit = sd.simulate(vdp, [0, 200], method="tsit5", **options)
    assert float(default.first_passage) == float(implicit.first_passage)
    assert float(explicit.first_passage) == pytest.approx(float(implicit.first_passage), rel=1e-5)


@pytest.mark.parametrize("method", EQUAL)
def test_steps_of_one_length_find_the_passage_with_their_order(method):
    """The cubic through both ends of a step is off by the fourth power of the step."""
    steps, errors = 0.4 / 2 ** np.arange(1, 6), []
    for h in steps:
        data = sd.simulate(DECAY, [0, 8], parameters={a: RATES}, method=method, until="x < 1", step=h, **QUIET)
        errors.append(np.abs(data.first_passage.values - np.log(3) / RATES).max())
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(sd.METHODS[method].order, abs=0.25)


@pytest.mark.parametrize("method", EQUAL)
def test_steps_of_one_length_find_where_joined_conditions_meet(method):
    """Where one part passes before the other in the same step the margin has a kink; x' = 1 is integrated exactly."""
    ramp = sd.ODESystem({x: 1 + 0 * x}, initial={x: 0})
    for condition, exact in (
        ((x > 2.3) & (t > 2.6), 2.6),
        ((x > 2.6) & (x**3 > 2.3**3), 2.6),
        ((x > 2.6) | (t**2 > 2.3**2), 2.3),
    ):
        data = sd.simulate(ramp, [0, 1, 5], method=method, until=condition, step=1.0, **QUIET)
        assert float(data.first_passage) == pytest.approx(exact, abs=2e-3)
        assert data.x.values[1:] == pytest.approx([1, exact], abs=2e-3)


# ---- with noise --------------------------------------------------------------------------------


def mean_passage(system, step, count, **options):
    data = sd.simulate(system, [0, 60], trajectories=count, step=step, seed=3, **options, **QUIET)
    found = data.first_passage.values
    assert np.isfinite(found).all()
    return found.mean(), found.std() / np.sqrt(count)


@pytest.mark.parametrize("method", ["euler-maruyama", "milstein", "heun", "sra1"])
def test_brownian_motion_with_drift_passes_a_level_in_the_mean_after_level_over_drift(method):
    r"""E T = b/mu; without the shift of the boundary it would be later by 0.58 sigma sqrt(h)/mu, which is 0.18 here."""
    walk = sd.SDESystem({x: sp.Float(1.0)}, {x: [sp.Float(1.0)]}, initial={x: 0})
    found, error = mean_passage(walk, 0.1, 40_000, method=method, until="x > 2")
    assert error < 0.008
    assert found == pytest.approx(2.0, abs=4 * error + 0.02)


def test_the_order_of_the_mean_passage():
    """Errors of the order of the step, not of its root: a quarter of the step divides them by four."""
    walk = sd.SDESystem({x: sp.Float(2.0)}, {x: [sp.Float(1.0)]}, initial={x: 0})
    (coarse, first), (fine, second) = (mean_passage(walk, h, 400_000, until="x > 2") for h in (0.4, 0.1))
    assert first < 0.001
    order = np.log((coarse - 1) / (fine - 1)) / np.log(4)  # late by at most a step
    assert 0 < fine - 1 < 0.1
    assert order == pytest.approx(1, abs=0.2 + 4 * second / (fine - 1))


def test_the_exit_of_brownian_motion_from_an_interval():
    """From 0 out of (-1, 2): E T = 1*2, and the upper end is reached with probability 1/3."""
    walk = sd.SDESystem({x: sp.Float(0.0)}, {x: [sp.Float(1.0)]}, initial={x: 0})
    data = sd.simulate(walk, [0, 60], trajectories=40_000, step=0.05, seed=1, until="x > 2 or x < -1", **QUIET)
    assert float(data.first_passage.mean()) == pytest.approx(2.0, abs=4 * 2 / 200 + 0.01)
    assert float((data.x[:, -1] > 0.5).mean()) == pytest.approx(1 / 3, abs=4 * 0.47 / 200)


def test_time_alone_ends_a_noisy_trajectory_at_the_end_of_a_step():
    noise = sd.SDESystem({x: -x}, {x: [sp.Float(0.3)]}, initial={x: 1})
    stopped, free = (sd.simulate(noise, np.arange(5), step=0.25, seed=4, until=u, **QUIET) for u in ("t >= 2", None))
    assert float(stopped.first_passage) == 2.0
    assert stopped.x.values[:3].tolist() == free.x.values[:3].tolist()
    assert (stopped.x.values[2:] == stopped.x.values[2]).all()


# ---- maps --------------------------------------------------------------------------------------


def test_the_logistic_map():
    """At r = 4 the map of sin^2 is that of doubled angles: x_n = sin^2(2^n arcsin sqrt(x_0))."""
    logistic = sd.DiscreteSystem.from_text("x[t+1] = 4*x*(1 - x)")
    starts = np.random.default_rng(2).uniform(0, 1, 60)
    orbit = np.sin(2.0 ** np.arange(13)[:, None] * np.arcsin(np.sqrt(starts))) ** 2
    for condition, true in (("x > 0.95", orbit > 0.95), ("x < 0.1 and t > 2", (orbit < 0.1) & (np.arange(13) > 2)[:, None])):
        data = sd.simulate(logistic, np.arange(13), initial={"x": starts}, until=condition, **QUIET)
        first = np.where(true.any(axis=0), true.argmax(axis=0), np.inf)
        assert (data.first_passage.values == first).all()
        held = orbit[np.minimum(np.arange(13)[:, None], np.where(np.isinf(first), 12, first).astype(int)), np.arange(60)]
        np.testing.assert_allclose(data.x.transpose("time", "x0").values, held, atol=1e-9)


def test_a_map_may_meet_an_equality():
    halves = sd.DiscreteSystem.from_text("x[t+1] = floor(x/2); x(0) = 37")  # 37, 18, 9, 4, 2, 1, 0
    data = sd.simulate(halves, range(9), until=sp.Eq(sp.Symbol("x"), 2), **QUIET)
    assert float(data.first_passage) == 4
    assert data.x.values.tolist() == [37, 18, 9, 4, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("method", ["dop853", "taylor", "rk4"])
def test_an_equality_is_refused_where_states_are_continuous(method):
    with pytest.raises(
        sd.CompileError, match=r"the condition Eq\(x, 1\) cannot be located; expected .* for x == 1 write x >= 1"
    ):
        sd.simulate(DECAY, [0, 4], method=method, until=sp.Eq(x, 1), **QUIET)
