"""The Taylor-series method: accuracy down to rounding, orders, exact series, failures, and what it does not apply to."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.special import ellipj
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

import symdyn as sd
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.families.taylor import TAYLOR
from symdyn.methods.registry import METHODS
from symdyn.models import zoo

x, y, u, v, t, a = sp.symbols("x y u v t a")
RADIUS = (x**2 + y**2) ** sp.Rational(3, 2)
KEPLER = sd.ODESystem({x: u, y: v, u: -x / RADIUS, v: -y / RADIUS})
PENDULUM = sd.ODESystem({x: v, v: -sp.sin(x)})
LOGISTIC = sd.ODESystem({x: a * x * (1 - x)}, {a: 1.3}, initial={x: 0.01})


def run(system, initial, times, *, tol=1e-13, parameters=None, lanes="auto", **options):
    kernel = sd.compile(system, method="taylor", lanes=lanes)
    initial = np.atleast_2d(np.asarray(initial, float))
    values = np.zeros((len(initial), 0)) if parameters is None else parameters
    return kernel(initial, values, times, rtol=tol, atol=tol, **options)


def kepler(eccentricity, times):
    """Positions by Kepler's equation, from the pericentre, with period 2 pi."""
    with mpmath.workdps(40):
        e = mpmath.mpf(eccentricity)
        found = []
        for time in map(mpmath.mpf, times):
            angle = mpmath.findroot(lambda z, time=time: z - e * mpmath.sin(z) - time, time + e * mpmath.sin(time))
            found.append([float(mpmath.cos(angle) - e), float(mpmath.sqrt(1 - e**2) * mpmath.sin(angle))])
    return np.array(found)


def pericentre(eccentricity):
    e = np.asarray(eccentricity)
    return np.stack([1 - e, 0 * e, 0 * e, np.sqrt((1 + e) / (1 - e))], axis=-1)


def energy(values):
    return (values[..., 2] ** 2 + values[..., 3] ** 2) / 2 - 1 / np.hypot(values[..., 0], values[..., 1])


# ---- accuracy ----------------------------------------------------------------------------------


def test_kepler_orbit_to_thirteen_digits_at_every_output():
    times = np.linspace(0, 10, 301)
    found = run(KEPLER, pericentre(0.5), times, tol=1e-15).values[0]
    assert np.abs(found[:, :2] - kepler(0.5, times)).max() < 2e-13


def test_pendulum_against_elliptic_functions():
    """sin(x/2) = k sn(t, k) from x = 0 with x' = 2k."""
    times, k = np.linspace(0, 20, 401), 0.8
    found = run(PENDULUM, [0, 2 * k], times, tol=1e-14).values[0]
    sn, cn, *_ = ellipj(times, k**2)
    np.testing.assert_allclose(np.sin(found[:, 0] / 2), k * sn, atol=3e-13)
    np.testing.assert_allclose(found[:, 1], 2 * k * cn, atol=5e-13)


def test_lorenz_against_multiple_precision():
    system = zoo.lorenz()
    beta, rho, sigma = (system.defaults[p] for p in system.parameters)
    start = [system.initial[s] for s in system.states]
    with mpmath.workdps(25):
        b, r, s = map(mpmath.mpf, (beta, rho, sigma))
        exact = mpmath.odefun(lambda _, q: [s * (q[1] - q[0]), q[0] * (r - q[2]) - q[1], q[0] * q[1] - b * q[2]], 0, start)
        expected = [float(q) for q in exact(1)]
    found = run(system, start, [0, 0.3, 1], tol=1e-15, parameters=[[beta, rho, sigma]]).values[0, -1]
    np.testing.assert_allclose(found, expected, rtol=2e-13)


@pytest.mark.parametrize("tol", 10.0 ** -np.arange(4, 15))
def test_the_error_follows_the_tolerance_and_the_number_of_steps_hardly_does(tol):
    times = np.linspace(0, 15, 101)
    exact = 1 / (1 + 99 * np.exp(-1.3 * times))
    found = run(LOGISTIC, [0.01], times, tol=tol, parameters=[[1.3]])
    error = np.abs(found.values[0, :, 0] - exact).max()
    assert error < max(5 * tol, 3e-15)
    assert 8 <= found.steps[0] <= 16
    assert found.rejected[0] == 0


@pytest.mark.parametrize("order", [5, 8, 12])
def test_observed_order(order):
    """At a fixed order p the error goes with the power -p of the number of steps."""
    kernel, times = sd.compile(KEPLER, method="taylor", lanes=8), np.array([0, 6.0])
    scheme = replace(METHODS["taylor"], slope=0, extra=order, least=1)
    exact, steps, errors = kepler(0.2, times)[-1], [], []
    for tol in 10.0 ** -np.arange(4, 14, 0.5):
        batch = Batch(pericentre([0.2]), np.zeros((1, 0)), times, np.arange(1))
        found, functions = Run.empty(1, 2, 4), kernel.functions(8)
        options = Options(rtol=tol, atol=tol)
        task = Launch("taylor", scheme, KEPLER, functions.addresses, functions.facts, 8, options, Signals.new())
        TAYLOR.launch(found, batch, task)
        error = np.abs(found.values[0, -1, :2] - exact).max()
        if 1e-12 < error < 1e-4:
            steps.append(found.steps[0])
            errors.append(error)
    assert len(steps) >= 5
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] > order - 0.5


def test_energy_errors_of_rounding_grow_like_a_random_walk():
    """Each step rounds the states by a relative 1e-16, in independent directions."""
    eccentricities = np.random.default_rng(1).uniform(0.3, 0.6, 64)
    found = run(KEPLER, pericentre(eccentricities), 2 * np.pi * np.array([0, 10, 100, 1000]), tol=1e-18)
    values = energy(found.values)
    error = np.sqrt(((values / values[:, :1] - 1) ** 2).mean(axis=0))[1:]
    steps = found.steps.mean() * np.array([0.01, 0.1, 1.0])
    assert (error < 3e-16 * np.sqrt(steps)).all()


# ---- series that end, begin at zero, or are short ------------------------------------------------


def test_polynomials_are_exact():
    times = np.linspace(0, 3, 31)
    system = sd.ODESystem({x: 3 * t**2 - 2 * t, y: sp.S(1), v: sp.S(0), u: y})
    found = run(system, [1, 0, 7, 0], times, tol=1e-6)
    expected = np.stack([1 + times**3 - times**2, times, 0 * times + 7, times**2 / 2], axis=-1)
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-14, atol=1e-14)
    assert found.steps[0] <= 6
    assert found.rejected[0] == 0


@pytest.mark.parametrize("rate", [1e-9, 1.0, 1e9, 1e15])
def test_the_first_step_finds_the_scale_of_time(rate):
    """From zero nothing tells the scale of time but the series itself."""
    times = np.linspace(0, 10, 21) / rate
    found = run(sd.ODESystem({x: a * sp.cos(a * t)}, {a: rate}), [0], times, tol=1e-10, parameters=[[rate]])
    np.testing.assert_allclose(found.values[0, :, 0], np.sin(rate * times), atol=1e-8)
    assert found.steps[0] < 25


def test_a_pulse_far_away_is_seen_with_a_longest_step():
    """The integral of a Gaussian; nothing at t = 0 tells of it."""
    system = sd.ODESystem({x: sp.exp(-((t - 50) ** 2))})
    for method in ("taylor", "dop853", "tsit5", "rodas5p"):
        kernel = sd.compile(system, method=method)
        found = kernel([[0.0]], np.zeros((1, 0)), [0.0, 100.0], rtol=1e-9, atol=1e-9, max_step=1.0)
        assert found.values[0, -1, 0] == pytest.approx(np.sqrt(np.pi), abs=1e-6)
        assert found.steps[0] >= 100


def test_the_longest_step_belongs_to_adaptive_methods():
    data = sd.simulate(LOGISTIC, [0, 10], method=sd.methods.Taylor(max_step=0.5))
    assert int(data.steps) >= 20
    with pytest.raises(sd.DeclarationError, match="max_step has no effect on 'ssa'; it belongs to bs32, dop853, etdrk4, imex"):
        sd.simulate(zoo.schloegl(), [0, 1], method=sd.methods.AdaptiveOptions(max_step=0.5))
    with pytest.raises(sd.DeclarationError, match="max_step is -1; expected a positive number"):
        sd.methods.Taylor(max_step=-1)


# ---- lanes -------------------------------------------------------------------------------------


def test_lanes_agree_to_the_last_bit_whatever_their_neighbours_do():
    """Neighbours that blow up, and others that end early, change nothing."""
    system = sd.ODESystem({x: x**2 - sp.cos(t) * y, y: -y * sp.exp(-x) + a}, {a: 0.1})
    rng = np.random.default_rng(3)
    initial, parameters = rng.uniform(-1, 1.5, (40, 2)), rng.uniform(0, 1, (40, 1))
    times = np.linspace(0, 4, 33)
    runs = [run(system, initial, times, tol=1e-9, parameters=parameters, lanes=w) for w in (8, 1, 16, 32)]
    assert len(set(runs[0].status)) == 2  # some of them have a singularity
    for other in runs[1:]:
        assert other.values.tobytes() == runs[0].values.tobytes()
        assert (other.status == runs[0].status).all()
        assert (other.steps == runs[0].steps).all()
    alone = run(system, initial[7:8], times, tol=1e-9, parameters=parameters[7:8], lanes=16)
    assert alone.values.tobytes() == runs[0].values[7:8].tobytes()


# ---- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(
    ("rate", "start", "status", "until"),
    [
        (x**2, 1, STEP_TOO_SMALL, 1),  # 1/(1 - t)
        (-1 / x, 1, STEP_TOO_SMALL, 0.5),  # sqrt(1 - 2t)
        (-sp.sqrt(x), 1, None, 2),  # (1 - t/2)^2, and then anything but a number that is wrong
        (sp.sqrt(x), 0, NOT_FINITE, 0),
        (sp.log(x), -1, NOT_FINITE, 0),
        (1 / x, 0, NOT_FINITE, 0),
        (x ** sp.Rational(1, 3), 0, NOT_FINITE, 0),
    ],
)
def test_singular_points(lanes, rate, start, status, until):
    times = np.linspace(0, 3, 13)
    found = run(sd.ODESystem({x: rate}), [start], times, tol=1e-9, lanes=lanes)
    values = found.values[0, :, 0]
    if status is not None:
        assert found.status[0] == status
        assert np.isnan(values[times > until]).all()
    assert np.isfinite(values[(times < until) | (times == 0)]).all()
    exact = {x**2: lambda s: 1 / (1 - s), -1 / x: lambda s: np.sqrt(1 - 2 * s), -sp.sqrt(x): lambda s: (1 - s / 2) ** 2}
    if rate in exact:
        before = times < until
        np.testing.assert_allclose(values[before], exact[rate](times[before]), rtol=1e-7)


def test_too_many_steps():
    found = run(KEPLER, pericentre([0.5, 0.1]), [0, 1, 100], tol=1e-9, max_steps=30)
    assert (found.status == TOO_MANY_STEPS).all()
    assert (found.steps == 30).all()
    assert np.isfinite(found.values[:, 1]).all()
    assert np.isnan(found.values[:, 2]).all()


def test_a_failure_is_named():
    with pytest.raises(sd.SimulationError, match=r"step size fell to rounding level.*t = 0\.5"):
        sd.simulate(sd.ODESystem({x: x**2}), [0, 0.5, 2], initial={x: 1}, method="taylor")


# ---- what it applies to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate", [sp.Abs(x), sp.Max(x, 1), sp.Piecewise((x, t < 1), (0, True)), sp.floor(t), sp.sign(x) * a, sp.gamma(2 + x)]
)
def test_functions_without_a_series_are_refused_by_name(rate):
    with pytest.raises(sd.CompileError, match=r"has no Taylor series.*dop853"):
        sd.compile(sd.ODESystem({x: 1 - x * rate}), method="taylor")


def test_the_same_functions_of_parameters_are_numbers():
    system = sd.ODESystem({x: -x * (sp.Abs(a) + sp.Max(a, 0) + sp.gamma(3 + a) * sp.Heaviside(a))}, {a: -1.0}, initial={x: 1})
    data = sd.simulate(system, [0, 1], method="taylor", rtol=1e-12, atol=1e-12)
    assert float(data.x[-1]) == pytest.approx(np.exp(-1), rel=1e-11)


def test_a_dataset_notes_the_order():
    data = sd.simulate(LOGISTIC, [0, 1], method="taylor", rtol=1e-9)
    assert data.attrs["order"] == METHODS["taylor"].order(1e-9) == 17
    assert int(data.status) == SUCCESS
