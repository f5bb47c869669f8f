"""Delay differential equations against closed solutions, other solvers and themselves, bit by bit."""

from math import factorial

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.special import lambertw

import symdyn as sd
from symdyn.codegen.delay_program import sums_of_delays
from symdyn.codegen.stops import stops_within
from symdyn.models.text import text_of
from tests.simulation.delayed import METHODS, run

t, x, y, tau, k = sp.symbols("t x y tau k")
X, Y = sp.Function("x"), sp.Function("y")
#: x' = -x(t - tau) has solutions exp(a t) cos(b t) for every branch of Lambert's function.
ROOT = complex(lambertw(-1.0 + 0j))
WAVE = sp.exp(ROOT.real * t) * sp.cos(ROOT.imag * t)


def wave(times):
    return np.exp(ROOT.real * times) * np.cos(ROOT.imag * times)


def steps_of_the_equation(time):
    """The solution of x' = -x(t - 1), x = 1 before, by the method of steps: a polynomial between whole numbers."""
    return sum((-1) ** j * (time - j + 1) ** j / factorial(j) for j in range(int(np.floor(time)) + 2))


@pytest.mark.parametrize("method", METHODS)
def test_polynomials_of_the_method_of_steps(method):
    data = run(sd.ODESystem({x: -X(t - 1)}, history={x: 1}), times := np.linspace(0, 6, 61), method)
    np.testing.assert_allclose(data.x, [steps_of_the_equation(s) for s in times], atol=3e-9)


@pytest.mark.parametrize(
    ("method", "least", "error"),
    [(sd.methods.Tsit5, 4.6, 1e-4), (sd.methods.Dop853, 7.0, 1e-7), (sd.methods.Rodas5p, 4.4, 1e-3)],
)
def test_order_of_convergence(method, least, error):
    """In steps of one length, but for the first after each stop, with a history that the equation goes on from smoothly."""
    system, times, errors = sd.ODESystem({x: -X(t - 1)}, history={x: WAVE}), np.array([0.0, *np.linspace(6, 10, 41)]), []
    for h in (0.8, 0.4, 0.2):
        data = sd.simulate(system, times, method=method(max_step=h), rtol=1.0, atol=1.0, progress=False)
        errors.append(float(abs(data.x - wave(times))[1:].max()))
    assert errors[0] < error
    assert np.log2(errors[0] / errors[2]) / 2 > least


@pytest.mark.parametrize("method", METHODS)
def test_delay_that_depends_on_the_state(method):
    """x' = x x(log x)/t, x = 1 up to t = 1, has x = t up to e and exp(t/e) up to e^2 (Neves; Paul's test set)."""
    times = np.linspace(1, np.e**2, 30)
    system = sd.ODESystem({x: x * X(sp.log(x)) / t}, history={x: 1})
    np.testing.assert_allclose(run(system, times, method).x, np.where(times <= np.e, times, np.exp(times / np.e)), rtol=2e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ahead", [t / 2, y / 2])
def test_steps_end_at_breakpoints_of_delays_that_vary(ahead, method):
    """x' = x(t/2) from x(1) = 1, 0 before, is a polynomial of the degrees 0, 1 and 2 up to 2, 4 and 8; y is the time."""
    times = np.linspace(1, 8, 29)
    known = np.select([times < 2, times < 4], [np.ones(29), times - 1], 3 + (times**2 - 16) / 4 - (times - 4))
    system = sd.ODESystem({x: X(ahead), y: 1}, history={x: 0}, initial={x: 1, y: 1})
    data = run(system, times, method, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(data.x, known, atol=3e-5)  # of what is not smooth the error would be that of the tolerance
    neves = sd.ODESystem({x: x * X(sp.log(x)) / t}, history={x: 1})
    times = np.linspace(1, np.e**2, 30)
    data = run(neves, times, method, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data.x, np.where(times <= np.e, times, np.exp(times / np.e)), rtol=3e-5)


@pytest.mark.parametrize("begin", [-5.0, -1.0, 0.0])
def test_breakpoints_before_the_time_0(begin):
    """The same as from 1, whatever the sign of the time."""
    times = np.linspace(1, 8, 29)
    known = np.select([times < 2, times < 4], [np.ones(29), times - 1], 3 + (times**2 - 16) / 4 - (times - 4))
    ahead = (t - begin + 1) / 2 + begin - 1
    system = sd.ODESystem({x: X(ahead)}, history={x: 0}, initial={x: 1})
    data = run(system, times + begin - 1, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(data.x, known, atol=3e-5)


def test_breakpoints_are_those_of_each_trajectory():
    """x' = x(y/k): the first jump comes again at k, then at k^2; each trajectory has the bits of a single run."""
    values = np.linspace(1.5, 3, 19)
    system = sd.ODESystem({x: X(y / k), y: 1}, {k: 2}, history={x: 0}, initial={x: 1, y: 1})
    times = np.linspace(1, 2.25, 11)
    data = run(system, times, parameters={k: values}, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(data.x, 1 + np.maximum(times - values[:, None], 0), atol=3e-6)
    for n in (0, 7, 18):
        alone = run(system, times, parameters={k: values[n]}, rtol=1e-3, atol=1e-3)
        assert alone.x.values.tobytes() == data.x[n].values.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_delay_that_vanishes(method):
    """log(t) and 1/t, whose delay t - exp(1 - 1/t) is 0 at t = 1: steps there look up themselves (Enright & Hayashi 1997)."""
    ahead = sp.exp(1 - y)
    system = sd.ODESystem({x: y, y: -Y(ahead) * y**2 * ahead}, history={x: sp.log(t), y: 1 / t})
    data = run(system, times := np.linspace(0.1, 5, 50), method)
    np.testing.assert_allclose(data.x, np.log(times), atol=2e-7)
    np.testing.assert_allclose(data.y, 1 / times, atol=2e-7)
    assert int(data.steps) < 400  # a step is not limited by the delay


def test_delay_proportional_to_time():
    """The pantograph equation x' = -x(t/2) has the solution sum of (-t)^n / (n! 2^(n(n-1)/2)) (Kato & McLeod 1971)."""
    times = np.linspace(0, 5, 11)
    series = sum((-times) ** n / (factorial(n) * 2.0 ** (n * (n - 1) / 2)) for n in range(40))
    for method in ("dop853", "rodas5p"):
        np.testing.assert_allclose(run(sd.ODESystem({x: -X(t / 2)}, initial={x: 1}), times, method).x, series, atol=2e-8)


def by_steps(rates, before, states, lags, end):
    """Method of steps with SciPy's DOP853: intervals as long as the greatest common divisor of all delays."""
    length = np.gcd.reduce([round(1000 * lag) for lag in lags]) / 1000
    pieces: list = []

    def past(s):
        return before(s) if s <= 0 or not pieces else pieces[min(int(s / length + 1e-9), len(pieces) - 1)](s)

    state = np.asarray(states, float)
    for j in range(round(end / length)):
        found = solve_ivp(
            lambda s, z: rates(s, z, [past(s - lag) for lag in lags]), (j * length, (j + 1) * length), state, "DOP853",
            rtol=1e-12, atol=1e-13, dense_output=True,
        )  # fmt: skip
        pieces.append(found.sol)
        state = found.y[:, -1]
    return lambda times: np.array([past(s - 1e-13) for s in times])


def test_mackey_glass_and_two_delays_against_the_method_of_steps():
    glass = sd.ODESystem({x: 2 * X(t - 2) / (1 + X(t - 2) ** 9.65) - x}, history={x: 0.5})
    times = np.linspace(0.5, 20, 40)
    known = by_steps(lambda s, z, d: 2 * d[0] / (1 + d[0] ** 9.65) - z, lambda s: np.array([0.5]), [0.5], [2], 20)(times)
    for method in METHODS:
        np.testing.assert_allclose(run(glass, [0, *times], method, rtol=1e-10).x[1:], known[:, 0], atol=2e-7)
    both = sd.ODESystem({x: -2 * X(t - 1) + Y(t - 0.5) * x, y: X(t - 0.5) - y}, history={x: sp.cos(t), y: t})
    known = by_steps(
        lambda s, z, d: [-2 * d[0][0] + d[1][1] * z[0], d[1][0] - z[1]], lambda s: np.array([np.cos(s), s]), [1, 0], [1, 0.5], 8
    )(times[times < 8])
    for method in METHODS:
        data = run(both, [0, *times[times < 8]], method, rtol=1e-10)
        np.testing.assert_allclose(np.stack([data.x, data.y], axis=1)[1:], known, atol=2e-7)


def test_stiff_delays():
    """x' = -1e4 (x - cos t) + x(t - 1) - cos(t - 1) - sin t has the solution cos t, and explicit steps would be tiny."""
    system = sd.ODESystem({x: -10_000 * (x - sp.cos(t)) + X(t - 1) - sp.cos(t - 1) - sp.sin(t)}, history={x: sp.cos(t)})
    data = run(system, times := np.linspace(0, 20, 41), "rodas5p")
    np.testing.assert_allclose(data.x, np.cos(times), atol=2e-8)
    assert int(data.steps) < 1000
    handed = run(system, times, None, rtol=1e-8)  # found stiff by dop853
    np.testing.assert_allclose(handed.x, np.cos(times), atol=2e-7)
    assert "rodas5p" in str(handed.attrs)


def test_jump_at_the_first_time_propagates():
    """History 0 and x(0) = 1: x' = x(t - 1) is 0 up to 1, then 1 up to 2, then t - 1."""
    data = run(sd.ODESystem({x: X(t - 1)}, history={x: 0}, initial={x: 1}), [0, 0.5, 1, 1.5, 2, 3], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(data.x, [1, 1, 1, 1.5, 2, 3.5], atol=1e-13)


def test_kinks_of_the_history_and_of_time_propagate():
    """Steps end where these are delayed, so that polynomials are integrated exactly."""
    system = sd.ODESystem({x: X(t - 1)}, history={x: sp.Piecewise((0, t < -0.3), (1, True))}, initial={x: 0})
    np.testing.assert_allclose(run(system, [0, 0.7, 1, 1.7], rtol=1e-3, atol=1e-3).x, [0, 0, 0.3, 0.3], atol=1e-12)
    pulse = sd.ODESystem({x: sp.Heaviside(t - 0.2), y: X(t - 1)}, initial={x: 0, y: 0})
    np.testing.assert_allclose(run(pulse, [0, 1.2, 3.2], rtol=1e-3, atol=1e-3).y, [0, 0, 2], atol=1e-12)
    stops = stops_within(np.empty((1, 0)), np.array([0.0, 3.0]), None, delays=sd.compile(system, method="tsit5").delays)
    assert sums_of_delays(1, 5).ravel().tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(stops[0, :, 0], [1, 2, 3], atol=1e-13)


def test_each_trajectory_has_its_own_delay_and_the_same_bits(tmp_path):
    system = sd.ODESystem({x: -k * X(t - tau)}, {k: 1}, history={x: WAVE})
    times, sweep = np.linspace(0, 8, 17), np.linspace(0.3, 2, 40)
    data = run(system, times, parameters={tau: sweep})
    np.testing.assert_array_equal(data.x, [run(system, times, parameters={tau: v}).x for v in sweep])
    for lanes in (1, 8, 32):
        again = run(system, times, parameters={tau: sweep}, layout=sd.Layout(lanes=lanes, threads=2, chunk=7))
        np.testing.assert_array_equal(again.x, data.x)
    stored = run(system, times, parameters={tau: sweep}, layout=sd.Layout(chunk=16), store=tmp_path / "delays.zarr")
    np.testing.assert_array_equal(stored.x, data.x)
    resumed = run(system, times, parameters={tau: sweep}, layout=sd.Layout(chunk=16), store=tmp_path / "delays.zarr")
    np.testing.assert_array_equal(resumed.x, data.x)
    varying = sd.ODESystem({x: -X(t - tau * sp.exp(-(x**2)))}, initial={x: 1})  # lanes repeat their steps at different times
    data = run(varying, times, parameters={tau: sweep})
    np.testing.assert_array_equal(data.x, [run(varying, times, parameters={tau: v}).x for v in sweep])


def test_the_default_history_is_the_initial_value_of_each_trajectory():
    data = run(sd.ODESystem({x: -X(t - 1)}), [0, 1], initial={x: [1.0, 3.0]})
    np.testing.assert_allclose(data.x[:, -1], [0, 0], atol=1e-12)  # x(1) = x(0) - x(0)
    late = run(sd.ODESystem({x: -X(t - 1)}, history={x: t}), [5, 6])  # begins with the history at the first time
    np.testing.assert_allclose(late.x, [5, 5 - 4.5], atol=1e-12)


def test_until_and_observables():
    system = sd.ODESystem({x: -X(t - 1)}, history={x: 1}, observables={"twice": 2 * x})
    data = run(system, [0, 3], until="x <= -0.25")
    np.testing.assert_allclose(float(data.first_passage), 2 - np.sqrt(0.5), rtol=1e-8)  # where 1 - t + (t - 1)^2/2 = -1/4
    assert "twice" in data


@pytest.mark.parametrize("method", ["tsit5", "dop853"])
def test_neutral_equation(method):
    """x' = x + x(t - 1) - x'(t - 1)/4, x = -t before 0 (Paul's test set), by the method of steps in exact arithmetic."""
    piece, times = -t, np.linspace(0, 4, 41)
    known = np.zeros(41)
    for k in range(4):
        before, start = piece.subs(t, t - 1), piece.subs(t, k)
        rest = sp.integrate(sp.expand(sp.exp(-t) * (before - sp.diff(before, t) / 4)), t)
        piece = sp.expand(sp.exp(t) * (rest - rest.subs(t, k) + start * sp.exp(-k)))
        here = (times >= k) & (times <= k + 1)
        known[here] = [float(piece.subs(t, s)) for s in times[here]]
    system = sd.ODESystem({x: x + X(t - 1) - X(t - 1).diff(t) / 4}, history={x: -t})
    assert sd.ODESystem.from_text("x' = x + x(t - 1) - x'(t - 1)/4; x(t <= 0) = -t") == system
    np.testing.assert_allclose(run(system, times, method).x, known, rtol=2e-8, atol=1e-11)
    with pytest.raises(sd.CompileError, match="slopes of states at other times"):
        run(system, times, "rodas5p")
    with pytest.raises(sd.DeclarationError, match="delays"):
        sd.analysis.steady_states(system)


def test_jumps_of_slopes_stay_as_they_are():
    """x' = x'(t - tau), x' = 1 before 0 and a jump by -1/2 there for x' = x'(t - tau) - H(t)/2: slopes fall by 1/2 each tau."""
    taus, times = np.array([0.3, 0.7, 1.0]), np.linspace(0, 6, 25)
    system = sd.ODESystem({x: X(t - tau).diff(t) - sp.S.Half}, {tau: 1}, history={x: t})
    turns = np.floor(times / taus[:, None] + 1e-12)
    slopes = 1 - (np.arange(25) + 1) / 2
    sums = np.concatenate([[0], np.cumsum(slopes)])
    known = sums[turns.astype(int)] * taus[:, None] + slopes[turns.astype(int)] * (times - turns * taus[:, None])
    data = run(system, times, parameters={tau: taus}, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(data.x, known, atol=1e-9)


def test_failures_say_what_happened():
    ahead = sd.ODESystem({x: X(t + x - 0.5)}, initial={x: 1})
    with pytest.raises(sd.SimulationError, match="a delay was negative"):
        run(ahead, [0, 1])
    fine = sd.methods.Tsit5(max_step=5e-6)
    with pytest.raises(sd.SimulationError, match="65536 steps lay within the longest delay"):
        sd.simulate(sd.ODESystem({x: -X(t - 1)}, initial={x: 1}), [0, 1], method=fine, progress=False)
    with pytest.raises(sd.DeclarationError, match="the delay tau is -1; expected a positive number"):
        run(sd.ODESystem({x: -X(t - tau)}, {tau: -1}, initial={x: 1}), [0, 1])


@pytest.mark.parametrize(
    ("equations", "options", "message"),
    [
        ({x: X(t + 1)}, {}, "looks into the future"),
        ({x: X(y), y: 1}, {}, "call of the state x; write the symbol x"),
        ({x: X(0)}, {}, "call of the state x"),
        ({x: X(t - 1, 2)}, {}, "call of the state x"),
        ({x: X(t - X(t - 1))}, {}, "depends on x\\(t - 1\\), a state at another time"),
        ({x: -x}, {"history": {x: 1}}, "no effect"),
        ({x: X(t - 1)}, {"history": {y: 1}}, "not a state"),
        ({x: X(t - 1)}, {"history": {x: x + 1}}, "contains the state x"),
        ({x: X(t - 1)}, {"history": {x: X(t - 1)}}, "contains the term"),
        ({x: X(t - 1)}, {"history": 1}, "expected a mapping"),
        ({x: -x}, {"observables": {"z": X(t + 2)}}, "looks into the future"),
        ({x: -x}, {"events": sd.Event(X(y) > 1, {x: 0})}, "call of the state x"),
        ({x: -x}, {"events": sd.Event(x > 1, {x: 0}, delay=X(t - X(t - 1)))}, "a state at another time"),
        ({x: -x, y: 1}, {"initial": {x: Y(t + 1)}}, "looks into the future"),
        ({x: -x, y: 1}, {"initial": {x: Y(t - tau)}}, "whose delay tau may be negative"),
        ({x: -x, y: 1}, {"initial": {x: Y(t - y)}}, "whose delay y may be negative"),
        ({x: X(t - y).diff(t), y: 1}, {}, r"x'\(t - y\) is not supported: expected the first derivative"),
        ({x: X(t - 1).diff(t, 2)}, {}, "derivative"),
        ({x: X(t - 1).diff(t)}, {"events": sd.Event(x > 1, {x: 0})}, "sets x, whose slope at another time"),
        ({x: X(t - 1).diff(t), y: 1}, {"events": sd.Event(sp.Function("x'")(t - 1) > 1, {y: 0})}, "slope .* in an event"),
        ({x: X(t).diff(t)}, {}, "derivative"),
    ],
)  # fmt: skip
def test_declarations_that_mean_nothing_are_refused(equations, options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.ODESystem(equations, **options)


def test_terms_bring_in_delays_that_are_checked():
    f, g = sp.Function("f"), sp.Function("g")
    plain = sd.ODESystem({x: -f(x)})
    assert plain.with_terms({f: X(t - 1)}).delays == (X(t - 1),)
    for term, message in ((X(t + 1), "looks into the future"), (X(x), "is a call of the state x")):
        with pytest.raises(sd.DeclarationError, match=message):
            plain.with_terms({f(x): term})
    z = sp.Symbol("z")
    with pytest.raises(sd.DeclarationError, match="which these equations determine"):
        sd.ODESystem({x: -z}, algebraic={z: z - g(x, z)}).with_terms({g(x, z): X(t - z)})


def test_what_does_not_know_delays_refuses_them():
    system = sd.ODESystem({x: -X(t - 1)}, initial={x: 1})
    for method in ("taylor", "rk4"):
        with pytest.raises(sd.CompileError, match="delays"):
            run(system, [0, 1], method)
    with pytest.raises(sd.CompileError, match="delays"):
        run(system, [0, 1], "tsit5", layout=sd.Layout(inline=True))
    for refusing in (
        lambda: system.moments(2),
        lambda: sd.analysis.steady_states(system),
        lambda: sd.analysis.stability(system, {"x": 0}),
        lambda: sd.analysis.lyapunov_exponents(system),
        lambda: sd.analysis.limit_cycle(system),
        lambda: sd.analysis.blow_up(system, t_end=1),
        lambda: sd.BulkCellSystem(
            domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=system, secreted="x", influx=1, efflux=1
        ),
        lambda: sd.recover(system, sd.simulate(system, np.linspace(0, 1, 20), progress=False)),
        lambda: sd.DiscreteSystem({x: X(t - k)}),
        lambda: sd.ReactionNetwork([({x: 1}, {}, X(t - 1))]),
    ):  # fmt: skip
        with pytest.raises(sd.SymdynError, match="delay"):
            refusing()


def test_inputs_and_delays():
    u = sd.Path("u", [0, 1, 2, 5], [1, 0, 1, 0], kind="hold")
    data = run(sd.ODESystem({x: u, y: X(t - 0.5)}, initial={x: 0, y: 0}), [0, 1.5, 2.5, 3.5], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(data.y, [0, 0.5, 1.5, 3], atol=1e-12)  # of x = t, then 1, then t - 1


def test_text_reads_back():
    system = sd.ODESystem({x: -X(t - tau) + y, y: X(sp.log(y)) * 0.1}, {tau: 1.5}, history={x: sp.cos(0.1 * t)}, initial={y: 2})
    text = text_of(system)
    assert text is not None
    assert "x(t <= 0) = cos(0.1*t)" in text
    again = sd.ODESystem.from_text(text)
    assert again == system
    assert again.digest != system.replace(history={}).digest
    assert sd.ODESystem.from_text("x' = -x(t - 1)").delays == (X(t - 1),)
    with pytest.raises(sd.ParseError, match="x is a state, not a function"):
        sd.ODESystem.from_text("x' = -x(1 - y); y' = 1")
    with pytest.raises(sd.ParseError, match="two histories"):
        sd.ODESystem.from_text("x' = -x(t - 1); x(t <= 0) = 1; x(t <= 0) = 2")
    with pytest.raises(sd.DeclarationError, match="no delays and no history"):
        sd.PDESystem.from_text("x' = -x; x(t <= 0) = 1", domain=(0, 1))
    with pytest.raises(sd.ParseError, match="has a history but no equation"):
        sd.ODESystem.from_text("x' = -x(t - 1); z(t <= 0) = 1")


def test_copies_keep_delays():
    import pickle

    f = sp.Function("f")
    system = sd.ODESystem({x: -k * X(t - tau) + f(x)}, {k: 2, tau: 1}, history={x: sp.cos(y * t)})
    assert system.unknowns == (f(x),)
    assert set(system.parameters) == {k, tau, y}
    filled = system.with_terms({f: x**2}).with_parameters(k=3).with_initial(x=1)
    assert filled.delays == (X(t - tau),)
    assert filled.parts == {"drift", "delays"}
    assert dict(filled.history) == {x: sp.cos(y * t)}
    assert set(filled.parameters) == {k, tau, y}
    assert pickle.loads(pickle.dumps(filled)) == filled
    assert "x(t <= 0) = cos(t*y)" in repr(filled)
    assert r"\le 0" in filled._repr_latex_()
