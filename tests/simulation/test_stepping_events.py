"""Events and inputs of stochastic differential equations and of maps, in steps of one length."""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.special import erfcx

import symdyn as sd
from symdyn.errors import CompileError, DeclarationError

x, y, t, k, s, T = sp.symbols("x y t k s T")
QUICK = {"progress": False}


# ---- schedules and inputs on one Brownian path -------------------------------------------------


def growth_with_doses(**options):
    """Geometric Brownian motion with an exact solution between doses, and its driving path as a state."""
    drift, noise = {x: k * x, y: 0}, [[s * x], [1]]
    doses = sd.dose(x, 0.5, start=0.25, every=0.5, times=2)
    return sd.SDESystem(drift, noise, {k: 0.6, s: 0.8}, initial={x: 1, y: 0}, events=doses, **options)


def exact_after_doses(w, times):
    """x(1) from the path W at 0, 0.25, 0.75, 1."""
    value = 1.0
    for j in range(3):
        dt, dw = times[j + 1] - times[j], w[:, j + 1] - w[:, j]
        value = value * np.exp((0.6 - 0.32) * dt + 0.8 * dw) + (0.5 if j < 2 else 0.0)
    return value


@pytest.mark.parametrize(("method", "order"), [("euler-maruyama", 0.5), ("milstein", 1.0)])
def test_doses_keep_the_strong_order(method, order):
    times, finest = np.array([0, 0.25, 0.75, 1.0]), 2.0**-9
    kind = {"euler-maruyama": sd.methods.EulerMaruyama, "milstein": sd.methods.Milstein}[method]
    errors = []
    for step in (2.0**-4, 2.0**-6, 2.0**-8):
        data = sd.simulate(
            growth_with_doses(), times, method=kind(brownian_step=finest), step=step, trajectories=400, seed=3, **QUICK
        )
        assert (data.fired == 2).all()
        errors.append(np.sqrt(np.mean((data.x[:, -1].values - exact_after_doses(data.y.values, times)) ** 2)))
    found = np.log2(errors[0] / errors[-1]) / 4
    assert abs(found - order) < 0.15


def test_a_dose_between_outputs_is_met_exactly():
    """Without noise at work, exp(k (T - t)) D of each dose; steps end at doses that no output time shows."""
    system = growth_with_doses().with_parameters(k=0, s=0)
    data = sd.simulate(system, [0, 0.2, 0.25, 0.3, 1], step=0.3, seed=1, **QUICK)
    assert data.x.values.tolist() == [1, 1, 1.5, 1.5, 2]
    assert data.fired_at.values[0, :3].tolist()[:2] == [0.25, 0.75]


def test_ornstein_uhlenbeck_with_a_step_input():
    """Mean m' = u - m with u = 1, then 3 from t = 1 on; variance s^2 (1 - exp(-2 t)) / 2."""
    u = sd.Path("u", [0, 1, 2], [1, 3, 3], "hold")
    system = sd.SDESystem({x: u - x}, {x: s}, {s: 0.5}, initial={x: 0}, observables={"now": u})
    grid = np.array([0, 0.5, 1, 1.7, 2])
    data = sd.simulate(system, grid, method="sra1", step=0.05, trajectories=20000, seed=4, reduce=["mean", "var"], **QUICK)
    first = 1 - np.exp(-np.minimum(grid, 1))
    mean = np.where(grid < 1, first, 3 + (first - 3) * np.exp(-np.maximum(grid - 1, 0)))
    variance = 0.125 * (1 - np.exp(-2 * grid))
    assert np.abs(data.x_mean - mean).max() < 4 * math.sqrt(0.125 / 20000) + 2e-3
    assert np.abs(data.x_var - variance).max() < 4 * 0.125 * math.sqrt(2 / 20000) + 2e-3
    assert data.now_mean.values.tolist() == [1, 1, 3, 3, 3]


def test_courses_of_an_input_are_a_sweep():
    u = sd.Path("u", [0, 1], [1, 1])
    system = sd.SDESystem({x: u}, {x: s}, {s: 0}, initial={x: 0})
    data = sd.simulate(system, [0, 1], inputs={"u": [u, sd.Path("u", [0, 0.4, 1], [0, 0, 6])]}, step=0.001, seed=1, **QUICK)
    assert np.allclose(data.x[:, -1], [1, 1.8], atol=4e-3)  # areas; Euler's sums are of order 1


# ---- conditions --------------------------------------------------------------------------------


def siegert_rate(mean, sigma, threshold, reset):
    """Firing rate of V' = mean - V + sigma xi with a reset (Siegert, Phys. Rev. 81 (1951) 617; Ricciardi 1977)."""
    low, high = (reset - mean) / sigma, (threshold - mean) / sigma
    area, _ = quad(lambda v: erfcx(-v), low, high)  # exp(v^2) (1 + erf v)
    return 1 / (math.sqrt(math.pi) * area)


@pytest.mark.parametrize(("mean", "noise"), [(0.8, 0.5), (1.5, 0.3)])
def test_noisy_integrate_and_fire_fires_at_siegerts_rate(mean, noise):
    system = sd.SDESystem({x: mean - x}, {x: noise}, initial={x: 0}, events=sd.Event(x >= 1, {x: 0}, record=0))
    data = sd.simulate(system, [0, 20, 220], step=0.005, trajectories=200, seed=7, **QUICK)
    early = sd.simulate(system, [0, 20], step=0.005, trajectories=200, seed=7, **QUICK)
    counts = (data.fired - early.fired).values.ravel() / 200
    rate, error = counts.mean(), counts.std(ddof=1) / math.sqrt(counts.size)
    expected = siegert_rate(mean, noise, 1, 0)
    assert abs(rate - expected) < 4 * error + 0.01 * expected  # the moved boundary leaves an error of the order of the step


def test_a_condition_acts_once_while_it_is_true():
    """The event changes another state: it counts one passage of the drift through 1, not every step beyond it."""
    system = sd.SDESystem({x: 1, y: 0}, {x: s}, {s: 1e-3}, initial={x: 0, y: 0}, events=sd.Event(x > 1, {y: y + 1}))
    data = sd.simulate(system, [0, 3], step=0.01, trajectories=20, seed=1, **QUICK)
    assert (data.y[:, -1] == 1).all()
    assert np.allclose(data.fired_at[:, 0, 0], 1, atol=0.03)


def test_delays_priorities_and_chains():
    events = [
        sd.Event(x > 1, {x: 0}, delay=0.25),
        sd.Event(t >= 2, {y: y + 3}, priority=1),
        sd.Event(t >= 2, {y: 2 * y}, priority=2),
    ]
    system = sd.SDESystem({x: 1, y: 0}, {x: s}, {s: 0}, initial={x: 0, y: 1}, events=events)
    data = sd.simulate(system, [0, 1.2, 1.5, 2, 2.25], step=0.125, seed=1, **QUICK)
    # ten steps to 1.2, the ninth to 1.08; x is set to 0 at 1.33
    assert np.allclose(data.x, [0, 1.2, 0.17, 0.67, 0.92])
    assert data.y.values.tolist() == [1, 1, 1, 5, 5]  # doubled first
    assert data.fired.values.tolist() == [1, 1, 1]


def test_until_ends_trajectories_with_events():
    system = sd.SDESystem({x: 1}, {x: s}, {s: 0}, initial={x: 0}, events=sd.dose(x, 5, start=1.5))
    data = sd.simulate(system, [0, 1, 2, 3], until="x >= 6", step=0.1, seed=1, **QUICK)
    assert np.allclose(data.x, [0, 1, 6.5, 6.5])
    assert math.isclose(float(data.first_passage), 1.5)
    early = sd.simulate(system, [0, 1, 2, 3], until="x >= 1/2", step=0.1, seed=1, **QUICK)
    assert np.allclose(early.x, [0, 0.5, 0.5, 0.5])
    assert early.fired.item() == 0


def test_lanes_threads_chunks_and_resumption_change_no_bit(tmp_path):
    u = sd.Path("u", [0, 1, 4], [0.5, 2, 1])
    system = sd.SDESystem(
        {x: u - x, y: 0}, {x: s}, {s: 0.4}, initial={x: 0, y: 0},
        events=[sd.Event(x > 0.8, {x: 0, y: y + 1}), sd.dose(x, T, start=T, every=T, times=None)],
    )  # fmt: skip
    arguments = {"t": np.linspace(0, 4, 9), "parameters": {T: [0.3, 0.45, 1]}, "trajectories": 11, "seed": 5, "step": 0.02}
    one = sd.simulate(system, **arguments, layout=sd.Layout(lanes=1, threads=1), **QUICK)
    for layout in (sd.Layout(lanes=8, threads=2), sd.Layout(lanes=16, chunk=5)):
        other = sd.simulate(system, **arguments, layout=layout, **QUICK)
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in ("x", "y", "fired", "fired_at", "steps"))
    stored = sd.simulate(system, **arguments, store=tmp_path / "run.zarr", layout=sd.Layout(chunk=7), **QUICK)
    assert np.array_equal(stored.fired_at, one.fired_at, equal_nan=True)


def test_failures_have_a_status():
    bad = sd.SDESystem({x: 1}, {x: s}, {s: 0}, initial={x: 0}, events=sd.Event(x > 1, {x: 0}, delay=-1))
    data = sd.simulate(bad, [0, 0.5, 2], seed=1, on_failure="nan", **QUICK)
    assert (data.status.item(), np.isnan(data.x.values).tolist()) == (10, [False, False, True])
    burst = sd.SDESystem({x: x**3}, {x: s}, {s: 0}, initial={x: 1}, events=sd.dose(x, 1, start=9))
    data = sd.simulate(burst, [0, 0.1, 5], seed=1, on_failure="nan", **QUICK)
    assert (data.status.item(), np.isnan(data.x.values).tolist()) == (3, [False, False, True])


# ---- maps --------------------------------------------------------------------------------------


def test_a_harvest_every_five_years():
    model = sd.MatrixModel(
        [[sp.Rational(3, 2)]], ["n"], initial=[64], events=sd.dose("n", -sp.Symbol("n") / 2, start=5, every=5, times=None)
    )
    data = sd.simulate(model, range(11), **QUICK)
    assert data.n.values.tolist() == [64 * 1.5**year / 2 ** (year // 5) for year in range(11)]
    assert data.fired_at.values[0, :2].tolist() == [5, 10]


def test_conditions_and_delays_of_maps():
    """Doubling; a number above 10 triggers a fall to 1 two steps later, when it has grown by a factor of 4."""
    system = sd.DiscreteSystem.from_text("x[t+1] = 2*x; x(0) = 1; when x > 10 delay 2, x = 1")
    data = sd.simulate(system, range(9), **QUICK)
    assert data.x.values.tolist() == [1, 2, 4, 8, 16, 32, 1, 2, 4]
    again = sd.DiscreteSystem.from_text(data.attrs["model"])
    assert again == system


def test_times_between_steps_act_at_the_next_step():
    system = sd.DiscreteSystem({x: x + 1}, initial={x: 0}, events=sd.dose(x, 10, start=2.5))
    assert sd.simulate(system, range(5), **QUICK).x.values.tolist() == [0, 1, 2, 13, 14]


def test_inputs_of_maps_are_those_at_the_beginning_of_a_step():
    u = sd.Path("u", [0, 2, 4], [0, 4, 4])
    system = sd.DiscreteSystem({x: x + u}, initial={x: 0})
    data = sd.simulate(system, range(5), **QUICK)
    assert data.x.values.tolist() == [0, 0, 2, 6, 10]  # u is 0, 2, 4, 4


def test_random_maps_with_events_repeat():
    dW = sp.Symbol("dW")
    system = sd.DiscreteSystem({x: x * sp.exp(0.3 * dW)}, initial={x: 1}, events=sd.Event(x > 2, {x: 1}))
    runs = [sd.simulate(system, range(40), trajectories=9, seed=2, layout=sd.Layout(lanes=lanes), **QUICK) for lanes in (1, 8)]
    assert np.array_equal(runs[0].x, runs[1].x)
    assert runs[0].x.max() <= 2
    assert (runs[0].fired > 0).any()


# ---- what is refused ---------------------------------------------------------------------------


def test_what_does_not_know_events_refuses_them():
    event = sd.Event(x > 1, {x: 0})
    noisy = sd.SDESystem({x: -x}, {x: 1}, initial={x: 1}, events=event)
    matrix = sd.MatrixModel([[2]], ["x"], initial=[1], events=event)
    with pytest.raises(DeclarationError, match="events"):
        noisy.moments(2)
    with pytest.raises(CompileError, match="inline=True is for models without events"):
        sd.simulate(noisy, [0, 1], layout=sd.Layout(inline=True), **QUICK)
    for ask in (lambda: matrix.growth_factor, matrix.demographic, lambda: sd.leslie.stochastic_growth_rate(matrix)):
        with pytest.raises(DeclarationError, match="the model has events"):
            ask()
    with pytest.raises(DeclarationError, match="holds dW"):
        sd.DiscreteSystem({x: x}, events=sd.Event(x > 1, {x: sp.Symbol("dW")}))
    driven = sd.MatrixModel([[sd.Path("u", [0, 9], [1, 2])]], ["x"], initial=[1])
    with pytest.raises(DeclarationError, match="u is an input over time"):
        driven.growth_factor  # noqa: B018


# ---- of ordinary differential equations ---------------------------------------------------------


@pytest.mark.parametrize(("method", "order"), [("rk4", 4), ("euler", 1)])
def test_events_in_steps_of_one_length_are_located_with_the_order_of_the_method(method, order):
    """v' = 3/2 - v fires at multiples of log 3."""
    neuron = sd.ODESystem({x: 1.5 - x}, events=sd.Event(x >= 1, {x: 0}), initial={x: 0})
    errors = []
    for step in (0.05, 0.025, 0.0125):
        data = sd.simulate(neuron, [0, 5], method=method, step=step, **QUICK)
        errors.append(np.abs(data.fired_at[0, :4] - math.log(3) * np.arange(1, 5)).max().item())
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([order, order], abs=0.15)


def test_steps_of_one_length_follow_doses_inputs_and_a_condition_that_falls_and_turns_again():
    """Constant acceleration is exact under rk4: bounces at 1, 2, 2.5 and 2.75; areas below a ramp and a held record."""
    ball = sd.ODESystem({x: y, y: -1}, events=sd.Event(x <= 0, {y: -y / 2}), initial={x: 0.5, y: 0})
    data = sd.simulate(ball, [0, 2.8], method="rk4", step=0.4, **QUICK)
    np.testing.assert_allclose(data.fired_at[0, :4], [1, 2, 2.5, 2.75], atol=1e-12)
    ramp, held = sd.Path("u", [0, 1, 3], [0, 2, 2]), sd.Path("h", [0, 1, 2.5, 3], [1, -1, 3, 3], kind="hold")
    events = [
        sd.dose(x, 1, every=0.7, times=3, start=0.3),
        sd.Event(held < 0, {y: y + 1}, delay=0.2),
        sd.Event(ramp > 1, {y: 5}),
    ]
    driven = sd.ODESystem({x: ramp + held, y: 0}, events=events, initial={x: 0, y: 0})
    data = sd.simulate(driven, [0, 0.4, 1, 2, 3], method="rk4", step=0.3, **QUICK)
    np.testing.assert_allclose(data.x, [0, 1.56, 4, 6, 9], atol=1e-12)
    np.testing.assert_allclose(data.fired_at[:, 0], [0.3, 1.2, 0.5], atol=1e-12)
    assert data.y.values.tolist() == [0, 0, 5, 6, 6]


@pytest.mark.parametrize(("at", "until", "expected"), [(0.55, 0.58, (-0.55, np.inf, 1)), (0.58, 0.55, (0.55, 0.55, 0))])
def test_of_an_event_and_an_end_in_one_step_the_first_happens(at, until, expected):
    system = sd.ODESystem({x: 1}, events=sd.Event(x >= at, {x: -1}), initial={x: 0})
    data = sd.simulate(system, [0, 1], method="rk4", step=0.1, until=f"x > {until}", **QUICK)
    found = data.x[-1].item(), data.first_passage.item(), data.fired.item()
    assert found == pytest.approx(expected, abs=1e-12)


def test_cards_locate_no_conditions_in_steps_of_one_length():
    neuron = sd.ODESystem({x: 1.5 - x}, events=sd.Event(x >= 1, {x: 0}), initial={x: 0})
    with pytest.raises(sd.CompileError, match="locates no conditions"):
        sd.compile(neuron, method="rk4", target="cuda")
    assert sd.compile(sd.ODESystem({x: -x}, events=sd.dose(x, 1)), method="rk4", target="cuda").target == "cuda"
