"""Stochastic equations with delays against steps made by hand, closed solutions, and themselves, bit by bit."""

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import solve_discrete_lyapunov

import symdyn as sd
from symdyn.models.text import text_of

t, x, w, tau, a, b, s = sp.symbols("t x w tau a b s")
X = sp.Function("x")
STEP = 0.05


def run(system, times, **options):
    return sd.simulate(system, times, progress=False, **{"step": STEP, "seed": 3, **options})


def delayed(times, values, at):
    """The path by straight lines, and the history 1 + t before it."""
    return 1 + at if at < 0 else float(np.interp(at, times, values))


@pytest.mark.parametrize("method", ["euler-maruyama", "heun"])
@pytest.mark.parametrize("lag", [0.4, 0.37, STEP])
def test_steps_made_by_hand(method, lag):
    """The state w is the Wiener process itself; the delay is a multiple of the step, none, or the step."""
    times = STEP * np.arange(41)
    system = sd.SDESystem(
        {x: -sp.sin(X(t - tau)) - 0.3 * x, w: 0}, {x: [0.3 + 0.2 * X(t - tau) * x], w: [1]}, {tau: lag},
        history={x: 1 + t}, initial={w: 0}, observables={"late": 2 * X(t - 0.5)},
    )  # fmt: skip
    data = run(system, times, method=method)
    path, stratonovich = [1.0], method == "heun"
    for k, dW in enumerate(np.diff(data.w.values)):
        before, after = (delayed(times[: k + 1], path, at - lag) for at in times[k : k + 2])

        def change(y, past, dW=dW):
            noise = 0.3 + 0.2 * past * y
            return STEP * (-np.sin(past) - 0.3 * y - stratonovich * 0.1 * past * noise) + noise * dW

        moved = change(path[-1], before)
        if stratonovich:
            moved = (moved + change(path[-1] + moved, after)) / 2
        path.append(path[-1] + moved)
    np.testing.assert_allclose(data.x, path, rtol=0, atol=1e-13)
    np.testing.assert_allclose(data.late, [2 * delayed(times, path, at - 0.5) for at in times], rtol=0, atol=1e-13)


def test_mean_and_stationary_variance():
    """The mean follows the equation without noise; the variance is that of Küchler & Mensch, Stoch. Stoch. Rep. 40 (1992) 23.

    On [0, r] the covariance is A cos(q u) + B sin(q u) with q^2 = b^2 - a^2, K'(0) = -s^2/2 = a K(0) + b K(r).  The variance of
    the steps, of which the present state and those of the last unit of time make a Markov chain, tends to that.
    """
    values = {a: -0.5, b: -1.0, s: 0.7, tau: 1.0}
    system = sd.SDESystem({x: a * x + b * X(t - tau)}, {x: s}, values, initial={x: 1})
    times = np.array([0, 0.5, 1.0, 1.5, 20.0])
    data = run(system, times, trajectories=4000)
    rate = sd.ODESystem({x: a * x + b * X(t - tau)}, {a: -0.5, b: -1.0, tau: 1.0}, initial={x: 1})
    error = data.x.std("trajectory").values / np.sqrt(4000)
    mean = sd.simulate(rate, times, rtol=1e-9, progress=False).x.values
    assert (abs(data.x.mean("trajectory") - mean) < 4 * error + STEP).all()  # the step's error, of order 1

    def variance(lags):
        moved, noise = np.eye(lags + 1, k=-1), np.zeros((lags + 1, lags + 1))
        moved[0, 0], moved[0, -1], noise[0, 0] = 1 - 0.5 / lags, -1.0 / lags, 0.49 / lags
        return solve_discrete_lyapunov(moved, noise)[0, 0]

    q = np.sqrt(0.75)
    exact = 0.49 * (1 + np.sin(q) / q) / (2 * (0.5 + np.cos(q)))
    assert 2 * variance(40) - variance(20) == pytest.approx(exact, rel=2e-3)
    assert float(data.x[:, -1].var()) == pytest.approx(variance(20), rel=4 * np.sqrt(2 / 4000))
    assert 1.15 * exact < 0.49 / (2 * 0.5)  # without the delay


@pytest.mark.parametrize(
    ("method", "noise", "least", "most"),
    [
        (sd.methods.EulerMaruyama, 0.5, 0.85, 1.15),
        (sd.methods.EulerMaruyama, x, 0.4, 0.7),
        (sd.methods.Milstein, x, 0.85, 1.15),
    ],
)
def test_strong_orders(method, noise, least, most):
    """On one path each, with a delay that is no multiple of the steps."""
    system = sd.SDESystem({x: -2 * X(t - 0.7)}, {x: noise}, history={x: 1 + sp.sin(3 * t)})

    def ends(method, k):
        fine = method(brownian_step=2.0**-11)
        return run(system, [0, 2], method=fine, step=2.0**-k, trajectories=500, seed=1).x[:, -1].values

    exact = ends(sd.methods.Milstein, 11)
    errors = [np.sqrt(((ends(method, k) - exact) ** 2).mean()) for k in (5, 7)]
    assert least < np.log2(errors[0] / errors[1]) / 2 < most


def test_same_bits_in_lanes_threads_and_chunks():
    system = sd.SDESystem(
        {x: -X(t - tau)}, {x: 0.3 * X(t - 1)}, {tau: 0.37}, history={x: sp.cos(t)}, observables={"late": X(t - 0.6)},
        events=[sd.Event(X(t - 0.5) < 0.5, {x: x + 1})],
    )  # fmt: skip
    sweep, times = {tau: np.linspace(0.1, 0.6, 5)}, np.linspace(0, 2, 9)
    one = run(system, times, parameters=sweep, trajectories=4)
    for lanes, threads, chunk in ((1, 1, 3), (8, 2, 7), (32, 2, 20)):
        layout = sd.Layout(lanes=lanes, threads=threads, chunk=chunk)
        again = run(system, times, parameters=sweep, trajectories=4, layout=layout)
        assert (again.x == one.x).all()
        assert (again.late == one.late).all()


def test_events_conditions_and_observables_of_the_past():
    """x = t, but for noise below rounding, until x(t - 1) passes 1 and x jumps."""
    jumps = sd.Event(X(t - 1) >= 0.95, {x: x - 10})
    system = sd.SDESystem({x: 1}, {x: 1e-12}, initial={x: 0}, observables={"y": X(t - 0.55)}, events=jumps)
    data = run(system, [0, 1, 1.9, 2.2, 2.5, 2.7, 3], step=0.1)
    np.testing.assert_allclose(data.x, [0, 1, 1.9, -7.8, -7.5, -7.3, -7], atol=1e-9)
    np.testing.assert_allclose(data.y, [0, 0.45, 1.35, 1.65, 1.95, -7.85, -7.55], atol=1e-9)
    plain = sd.SDESystem({x: 1}, {x: 1e-12}, initial={x: 0}, observables={"y": X(t - 1)})
    for until in ("y > 0.95", X(t - 1) > 0.95):
        ended = run(plain, [0, 1, 3], until=until, step=0.1)
        assert float(ended.first_passage) == pytest.approx(2.0)
        assert ended.y.values.tolist() == pytest.approx([0, 0, 1])


def test_text_and_files_have_delays_and_histories(tmp_path):
    text = (
        "dx = -x(t - tau)*dt + s*x(t - 2)*dW\nwhen x(t - 1) > 2, x = 0\nx(t <= 0) = cos(t)\ny := x(t - 3)\ntau = 1.0\ns = 0.5\n"
    )
    system = sd.SDESystem.from_text(text)
    assert text_of(system)
    assert sd.SDESystem.from_text(text_of(system)) == system
    assert system.digest != sd.SDESystem.from_text(text.replace("cos", "sin")).digest
    assert r"x(t \le 0) &= \cos{\left(t \right)}" in system.latex()
    data = run(system, [0, 1], trajectories=9, store=tmp_path / "run", layout=sd.Layout(chunk=4))
    assert (data.x == run(system, [0, 1], trajectories=9).x).all()
    late = system.with_events(sd.dose("x", 1, every=1, times=2))
    assert late.history == system.history
    assert len(late.events) == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sd.SDESystem({x: -X(t - x**2)}, {x: 1}), "a state whose delay depends on x"),
        (lambda: sd.SDESystem({x: -X(t / 2)}, {x: 1}), "a state whose delay depends on t"),
        (lambda: sd.SDESystem({x: -X(t + 1)}, {x: 1}), "looks into the future"),
        (lambda: sd.SDESystem({x: -x}, {x: 1}, history={x: 1}), "the history of x has no effect"),
        (lambda: sd.SDESystem.from_text("dx = -x'(t - 1)*dt + dW"), "the slope of a state"),
        (lambda: sd.SDESystem({x: sp.Function("f")(x)}, {x: 1}).with_terms({"f": X(t + 1)}), "looks into the future"),
    ],
)
def test_delays_that_fixed_steps_cannot_have(build, message):
    with pytest.raises(sd.DeclarationError, match=message):
        build()


def test_methods_that_take_no_delays_say_so():
    system = sd.SDESystem({x: -X(t - tau)}, {x: 1}, {tau: 0.3}, initial={x: 1})
    for method in ("sra1", "shark", "slowrk"):
        with pytest.raises(sd.CompileError, match=r"the delay x\(t - tau\).*use 'euler-maruyama', 'heun' or 'milstein'"):
            run(system, [0, 1], method=method)
    noisy = sd.SDESystem({x: -x}, {x: X(t - tau)}, {tau: 0.3}, initial={x: 1})
    with pytest.raises(sd.CompileError, match=r"its noise depends on x\(t - tau\).*use 'euler-maruyama' or 'heun'"):
        run(noisy, [0, 1], method="milstein")
    with pytest.raises(sd.CompileError, match="without events, inputs and delays"):
        run(system, [0, 1], method=sd.methods.Heun(brownian="tree"))
    with pytest.raises(sd.DeclarationError, match=r"the step 0.5 is longer than the delay 0.3.*take step=0.3"):
        run(system, [0, 1], step=0.5)
    with pytest.raises(sd.DeclarationError, match="the delay tau is 0"):
        run(system, [0, 1], parameters={tau: 0})
    with pytest.raises(sd.DeclarationError, match="delays"):
        system.moments(2)
    for refuse in (sd.SDESystem({x: -x * X(t - 1)}, {x: x}).exponent_at_zero, lambda: sd.analysis.steady_states(system)):
        with pytest.raises(
            sd.DeclarationError, match=r"has the delay x\(t - 1\), with which|got SDESystem; this one has delays$"
        ):
            refuse()


def test_a_delay_as_long_as_a_step_but_for_rounding():
    system = sd.SDESystem({x: -X(t - tau)}, {x: 0.1}, initial={x: 1})
    found = [run(system, [0, 1], step=0.1, parameters={tau: delay}).x for delay in (0.1, 1 - 0.9)]
    np.testing.assert_allclose(*found, rtol=1e-14)


def test_too_many_steps_within_a_delay_also_where_an_event_happens():
    """The first 131,072 steps end at the event; 117,965 of them lie within the delay."""
    system = sd.SDESystem({x: -X(t - 0.9)}, {x: 0.1}, initial={x: 1}, events=sd.dose(x, 1, every=1, start=1))
    with pytest.raises(sd.SimulationError, match=r"more than 65536 steps lay within.*Try other values, a longer step, another"):
        run(system, [0, 1.5], step=2.0**-17)
