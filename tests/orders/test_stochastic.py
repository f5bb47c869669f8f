"""Strong and weak orders of the stochastic schemes, laws against theory, and bits that depend on the seed alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import sympy as sp
from numba import carray, cfunc, types
from scipy.integrate import quad
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.arguments.stepping import SteppingArguments, SteppingSizes
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS

import symdyn as sd
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.stepping_program import step_program
from symdyn.errors import CompileError, DeclarationError, SimulationError
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols

x, y, w, z, t = sp.symbols("x y w z t")
k, s, mu, sigma = sp.symbols("k s mu sigma")

FINEST = 512  # Brownian pieces of the unit of time in studies of strong order


def final(data, name: str) -> np.ndarray:
    """States of all trajectories at the last time."""
    return data[name].isel(time=-1).values.ravel()


def strong_errors(system, method: str, exact, pieces, trajectories=3000) -> np.ndarray:
    """Mean absolute error at t = 1 for steps of `pieces` Brownian pieces each, all on the same paths."""
    errors = []
    for n in pieces:
        data = sd.simulate(
            system,
            [0, 1],
            trajectories=trajectories,
            seed=3,
            step=n / FINEST,
            method=sd.METHODS[method].options(brownian_step=1 / FINEST),
        )
        errors.append(np.mean(np.abs(final(data, "x") - exact(data))))
    return np.array(errors)


def slope(errors, steps) -> float:
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def geometric(interpretation: str) -> tuple:
    """Geometric Brownian motion with its Wiener process as a second state, and its exact solution."""
    system = sd.SDESystem(
        {x: mu * x, w: 0},
        [[sigma * x], [1]],
        {mu: 0.5, sigma: 0.8},
        initial={x: 1, w: 0},
        interpretation=interpretation,
    )
    rate = 0.5 - (0.32 if interpretation == "ito" else 0)
    return system, lambda data: np.exp(rate + 0.8 * final(data, "w"))


@pytest.mark.parametrize("interpretation", ["ito", "stratonovich"])
@pytest.mark.parametrize(("method", "order"), [("euler-maruyama", 0.5), ("milstein", 1.0), ("heun", 1.0)])
def test_strong_order_on_geometric_brownian_motion(method, order, interpretation):
    system, exact = geometric(interpretation)
    pieces = (4, 8, 16, 32)
    errors = strong_errors(system, method, exact, pieces)
    assert slope(errors, pieces) == pytest.approx(order, abs=0.1)
    assert METHODS[method].strong_order <= order


def test_milstein_has_strong_order_one_with_two_commuting_noises():
    s1, s2, v = *sp.symbols("s1 s2"), sp.Symbol("v")
    system = sd.SDESystem(
        {x: mu * x, w: 0, v: 0},
        [[s1 * x, s2 * x], [1, 0], [0, 1]],
        {mu: 0.5, s1: 0.8, s2: 0.6},
        initial={x: 1, w: 0, v: 0},
    )
    pieces = (4, 8, 16, 32)
    errors = strong_errors(
        system, "milstein", lambda data: np.exp(0.8 * final(data, "w") + 0.6 * final(data, "v")), pieces
    )  # mu - (s1^2 + s2^2)/2 = 0
    assert slope(errors, pieces) == pytest.approx(1, abs=0.1)


def test_sra1_has_strong_order_three_halves_with_noise_that_depends_on_time():
    # Kloeden & Platen (1992), eq. 4.4.6: dX = (b/sqrt(1+t) - X/(2(1+t))) dt + a b/sqrt(1+t) dW
    a, b = 0.4, 1.5
    system = sd.SDESystem(
        {x: b / sp.sqrt(1 + t) - x / (2 * (1 + t)), w: 0}, [[a * b / sp.sqrt(1 + t)], [1]], initial={x: 1, w: 0}
    )

    def exact(data):
        return 1 / np.sqrt(2) + b / np.sqrt(2) * (1 + a * final(data, "w"))

    pieces = (16, 32, 64, 128)
    assert slope(strong_errors(system, "sra1", exact, pieces), pieces) > 1.4
    assert slope(strong_errors(system, "euler-maruyama", exact, pieces), pieces) == pytest.approx(1, abs=0.1)


def test_sra1_has_strong_order_three_halves_for_a_nonlinear_drift_and_two_noises():
    system = sd.SDESystem({x: x - x**3 + sp.sin(y), y: x**2 - y}, [[0.4, 0.3], [0, 0.5]], initial={x: 1, y: 0})
    path = {"trajectories": 1000, "seed": 5, "method": sd.methods.Sra1(brownian_step=1 / 2048)}
    fine = sd.simulate(system, [0, 1], step=1 / 2048, **path)
    pieces = np.array([16, 32, 64, 128])
    errors = []
    for n in pieces:
        data = sd.simulate(system, [0, 1], step=n / 2048, **path)
        errors.append(np.mean([np.abs(final(data, name) - final(fine, name)) for name in "xy"]))
    assert 1.4 < slope(errors, pieces) < 2.1


def test_increments_and_their_integrals_have_their_joint_law_and_compose():
    # SRA1 is exact for z' = w, dw = dW: after one step z = dZ
    system = sd.SDESystem({z: w, w: 0}, [[0], [1]], initial={z: 0, w: 0})
    options = {"trajectories": 40000, "seed": 11, "method": sd.methods.Sra1(brownian_step=0.5)}
    once = sd.simulate(system, [0, 4], step=4, **options)
    often = sd.simulate(system, [0, 4], step=0.5, **options)
    for name in "zw":
        assert np.allclose(final(once, name), final(often, name), rtol=1e-12, atol=1e-12)
    # Var w = T, Cov(w, z) = T^2/2, Var z = T^3/3
    exact = np.array([[4, 8], [8, 64 / 3]])
    found = np.cov(final(once, "w"), final(once, "z"))
    spread = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / 40000)
    assert np.all(np.abs(found - exact) < 4 * spread)


@cfunc(types.void(*[types.CPointer(types.float64)] * 4))
def integrals_of_a_step(lane, y, p, out):
    """Eight lanes: the new states are dW, dZ and dY."""
    rows, new = carray(lane, (6, 8)), carray(out, (3, 8))
    for k in range(8):
        new[0, k], new[1, k], new[2, k] = rows[3, k], rows[4, k], rows[5, k]


@pytest.mark.parametrize("pieces", [1, 3])
def test_second_integrals_have_their_joint_law_whatever_the_pieces(pieces):
    count, h = 40_000, 0.3
    run = Run.empty(count, 2, 3)
    batch = Batch(np.zeros((count, 3)), np.zeros((count, 0)), np.array([0.0, h]), np.arange(count))
    sizes = SteppingSizes(3, 0, 1, 2, 8)
    plain_driver("stepping").chunk(
        SteppingArguments(integrals_of_a_step.address, sizes, batch, 7, h, pieces, run, Signals.new())
    )
    found = run.values[:, 1] / h ** np.array([0.5, 1.5, 2.5])
    # of W, int W and int int W over [0, 1]: the integral over s of (1 - s)^j/j! (1 - s)^k/k!
    exact = np.array([[1, 1 / 2, 1 / 6], [1 / 2, 1 / 3, 1 / 8], [1 / 6, 1 / 8, 1 / 20]])
    spread = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / count)
    assert np.all(np.abs(np.cov(found.T) - exact) < 4.5 * spread)
    second_area = found[:, 2] - found[:, 1] / 2 + found[:, 0] / 12
    assert np.var(second_area) == pytest.approx(1 / 720, rel=4.5 * np.sqrt(2 / count))
    assert np.abs(np.corrcoef(second_area, found[:, 0])[0, 1]) < 4.5 / np.sqrt(count)
    assert np.abs(np.corrcoef(second_area, found[:, 1] - found[:, 0] / 2)[0, 1]) < 4.5 / np.sqrt(count)


def test_quicsort_has_strong_order_three_along_a_stream():
    force = {x: y, y: x - x**3 - 2 * y + sp.sin(t)}
    system = sd.SDESystem(force, {y: 1}, initial={x: 1, y: 0})
    path = {"trajectories": 400, "seed": 5, "progress": False, "method": sd.methods.Quicsort(brownian_step=1 / 512)}
    fine = sd.simulate(system, [0, 1], step=1 / 512, **path)
    pieces = np.array([8, 16, 32, 64])
    errors = []
    for n in pieces:
        data = sd.simulate(system, [0, 1], step=n / 512, **path)
        errors.append(np.mean([np.abs(final(data, name) - final(fine, name)) for name in "xy"]))
    assert slope(errors, pieces) == pytest.approx(3, abs=0.25)


def test_increments_of_different_noises_and_times_are_independent():
    states = sp.symbols("b1:4")
    system = sd.SDESystem(dict.fromkeys(states, 0), sp.eye(3), initial=dict.fromkeys(states, 0))
    data = sd.simulate(system, [0, 0.25, 0.5, 0.75, 1], trajectories=20000, seed=2, method="euler-maruyama", step=0.05)
    values = np.stack([data[b.name].values.reshape(20000, 5) for b in states], axis=1)
    increments = np.diff(values, axis=2).reshape(20000, 12)
    # entries of the sample covariance deviate by sqrt(1/N), the variances by sqrt(2/N)
    assert np.max(np.abs(np.cov(increments.T) / 0.25 - np.eye(12))) < 4.5 * np.sqrt(2 / 20000)


@pytest.mark.parametrize(
    ("method", "rate", "noise", "order"),
    [
        ("euler-maruyama", 1.5, 0.1 * x, 1),
        ("milstein", 1.5, 0.1 * x, 1),
        ("heun", -1, sp.Float(0.02), 2),  # without noise Heun's scheme is of second order
        ("sra1", -1, sp.Float(0.02), 2),
    ],
)
def test_weak_order_of_the_mean_of_a_linear_equation(method, rate, noise, order):
    system = sd.SDESystem({x: rate * x}, {x: noise}, initial={x: 1})
    steps = np.array([1 / 4, 1 / 8, 1 / 16])
    errors = []
    for h in steps:
        data = sd.simulate(system, [0, 1], trajectories=400000, seed=7, method=method, step=h)
        # the mean of the scheme itself: the drift acts once, or in a Taylor polynomial of second order
        factor = 1 + rate * h + (order == 2) * (rate * h) ** 2 / 2
        values = final(data, "x")
        assert abs(values.mean() - factor ** round(1 / h)) < 4 * values.std() / np.sqrt(values.size)
        errors.append(abs(values.mean() - np.exp(rate)))
    assert slope(errors, steps) == pytest.approx(order, abs=0.3)
    assert METHODS[method].weak_order <= order


@pytest.mark.parametrize(
    ("method", "step", "variance"),
    [
        (
            "euler-maruyama",
            0.5,
            0.36 * 0.5 / (1 - 0.5**2),
        ),  # stationary variance of the scheme, s^2 h/(1 - (1 - k h)^2)
        ("milstein", 0.01, 0.18),
        ("heun", 0.02, 0.18),
        ("sra1", 0.05, 0.18),
    ],
)
def test_stationary_variance_of_the_ornstein_uhlenbeck_process(method, step, variance):
    system = sd.SDESystem({x: -k * x}, {x: s}, {k: 1, s: 0.6}, initial={x: 0})
    values = final(sd.simulate(system, [0, 8], trajectories=20000, seed=4, method=method, step=step), "x")
    bias = 0.01 if method == "milstein" else 0.002  # first and second order in the step
    assert abs(np.var(values) / variance - 1) < 4 * np.sqrt(2 / values.size) + bias


def test_stationary_law_of_the_double_well():
    system = sd.SDESystem({x: x - x**3}, {x: s}, {s: 0.8}, initial={x: 0})
    values = final(sd.simulate(system, [0, 12], trajectories=20000, seed=8, method="heun", step=0.02), "x")

    def density(q, power):
        return q**power * np.exp(2 * (q**2 / 2 - q**4 / 4) / 0.8**2)

    moments = [quad(density, -5, 5, args=(n,))[0] / quad(density, -5, 5, args=(0,))[0] for n in range(9)]
    for n in (1, 2, 3, 4):
        deviation = np.sqrt((moments[2 * n] - moments[n] ** 2) / values.size)
        assert abs(np.mean(values**n) - moments[n]) < 4 * deviation


@pytest.mark.parametrize("method", ["euler-maruyama", "milstein", "heun"])
def test_an_equation_and_its_conversion_are_the_same_process(method):
    system, _ = geometric("stratonovich")
    options = {"trajectories": 64, "seed": 1, "method": method, "step": 1 / 64}
    declared, converted = (final(sd.simulate(q, [0, 1], **options), "x") for q in (system, system.ito()))
    assert np.allclose(declared, converted, rtol=1e-12)


@pytest.mark.parametrize("method", ["milstein", "sra1"])
def test_bits_depend_on_seed_and_trajectory_alone(method):
    noise = [[s, 0, 0.2], [0.1, s, 0]] if method == "sra1" else [[s * x, 0, 0.3 * x], [0, s * y, 0]]
    system = sd.SDESystem({x: x - x**3 + y, y: -x}, noise, {s: 0.4}, initial={x: 1, y: 0})
    times = np.linspace(0, 1, 4)

    def values(trajectories=45, seed=6, **options):
        chosen, layout = sd.METHODS[method].options(brownian_step=0.01), sd.Layout(**options)
        data = sd.simulate(system, times, trajectories=trajectories, seed=seed, method=chosen, step=0.03, layout=layout)
        return np.stack([data[name].values.reshape(trajectories, 4) for name in "xy"])

    reference = values(lanes=8, threads=1)
    for lanes in (1, 8, 16, 32):
        for threads in (1, 2):
            assert np.array_equal(values(lanes=lanes, threads=threads), reference)
    for size in (7, 16, 1000):
        assert np.array_equal(values(chunk=size, threads=2), reference)
    assert np.array_equal(values(trajectories=300)[:, :45], reference)
    assert not np.any(values(seed=7)[:, :, 1:] == reference[:, :, 1:])
    assert np.unique(reference[0, :, -1]).size == 45


def test_a_trajectory_that_runs_away_is_nan_from_there_on_and_the_others_are_kept():
    system = sd.SDESystem({x: x**2}, {x: s}, {s: 0.05}, initial={x: 0.5})  # near 1/(2 - t): infinite soon after t = 2
    with pytest.raises(SimulationError) as caught:
        sd.simulate(system, [0, 1, 10], trajectories=20, method="euler-maruyama", step=0.01)
    data = caught.value.dataset
    assert np.all(np.isfinite(data["x"].isel(time=[0, 1])))
    assert np.any(np.isnan(data["x"].isel(time=2)))
    assert np.array_equal(np.isnan(data["x"].isel(time=2)).values.ravel(), data["status"].values.ravel() != 0)


@pytest.mark.parametrize(
    ("method", "system", "message"),
    [
        (
            "milstein",
            sd.SDESystem({x: 0, y: 0}, [[1, 0], [0, x]]),
            "noises 1 and 2 do not commute in the equation of y",
        ),
        ("sra1", sd.SDESystem({x: 0}, {x: x}), "noise must be additive, but depends on x"),
        ("heun", sd.ODESystem({x: x}), "takes systems of rates of change and Wiener noise; this ODESystem has rates of change"),
        (
            "iterate",
            sd.SDESystem({x: 0}, {x: 1}),
            "takes systems of next values; this SDESystem has rates of change and Wiener noise",
        ),
    ],
)
def test_schemes_refuse_what_they_cannot_integrate(method, system, message):
    with pytest.raises(CompileError, match=message):
        step_program(system, METHODS[method])


def test_noises_that_commute_only_after_simplification_are_accepted():
    # the second noise is twice the first, written in another way
    assert METHODS["milstein"].applies(sd.SDESystem({x: 0}, [[sp.sin(x) * sp.cos(x), sp.sin(2 * x)]])) is None
    assert METHODS["milstein"].applies(sd.SDESystem({x: 0}, [[sp.sin(x), sp.cos(x)]])) is not None


def test_the_noise_of_milsteins_scheme_may_hold_absolute_values():
    # L g = sqrt|x| * sign(x)/(2 sqrt|x|) = sign(x)/2, so that x' = x + sqrt|x| dW + sign(x) (dW^2 - h)/4
    system = sd.SDESystem({x: 0}, {x: sp.sqrt(sp.Abs(x))})
    h, root, dW = sp.symbols("h root dW")
    (new,) = METHODS["milstein"].step(system, StepSymbols(h, root, (dW,)))
    for value in (-4.0, 9.0):
        expected = value + abs(value) ** 0.5 * 0.3 + np.sign(value) * (0.3**2 - 0.05) / 4
        assert float(new.subs({x: value, h: 0.05, dW: 0.3})) == pytest.approx(expected, rel=1e-14)


def test_the_step_has_rows_for_integrals_only_where_they_are_needed():
    system = sd.SDESystem({x: -x, sp.Symbol("h"): 0}, [[1, 1], [0, 1]])
    assert step_program(system, METHODS["euler-maruyama"]).blocks[0][1] == ("t", "h_", "sqrt_h", "dW1", "dW2")
    assert step_program(system, METHODS["sra1"]).blocks[0][1] == ("t", "h_", "sqrt_h", "dW1", "dW2", "dZ1", "dZ2")


@pytest.mark.parametrize("integrals", [3, -1, True, 1.0])
def test_a_scheme_reads_no_integrals_that_no_driver_draws(integrals):
    with pytest.raises(DeclarationError, match=f"integrals is {integrals}; expected"):
        dataclasses.replace(METHODS["sra1"], integrals=integrals)


def test_maps_are_iterated_exactly():
    fibonacci = sd.DiscreteSystem({x: y, y: x + y}, initial={x: 0, y: 1})
    data = sd.simulate(fibonacci, np.arange(0, 61, 20))
    assert list(data["x"].values.ravel()) == [0, 6765, 102334155, 1548008755920]
    triangular = sd.DiscreteSystem({x: x + t}, initial={x: 0})
    assert list(sd.simulate(triangular, [0, 10, 100])["x"].values.ravel()) == [0, 45, 4950]


@cfunc(types.void(*[types.CPointer(types.float64)] * 4))
def probe(lane, y, p, out):
    """Eight lanes: adds t*h to the first state and p*dW to the second, which is infinite above t = 1 where p > 9."""
    rows, states, new = carray(lane, (4, 8)), carray(y, (2, 8)), carray(out, (2, 8))
    for k in range(8):
        new[0, k] = states[0, k] + rows[0, k] * rows[1, k]
        new[1, k] = states[1, k] + p[k] * rows[3, k] + (np.inf if p[k] > 9 and rows[0, k] > 1 else 0.0)


def drive(parameters, times, *, step, stop=0):
    """Run the driver on `probe`; every result starts from a value that it must overwrite."""
    n = len(parameters)
    run = Run.empty(n, len(times), 2)
    for array in (run.values, run.status, run.steps):
        array.fill(77)
    batch = Batch(np.zeros((n, 2)), np.array(parameters)[:, None], np.array(times), np.arange(n))
    signals = Signals.new(np.array([stop]))
    sizes = SteppingSizes(2, 1, 1, 0, 8)
    finished = plain_driver("stepping").chunk(SteppingArguments(probe.address, sizes, batch, 1, step, 1, run, signals))
    assert finished == signals.done[0]
    return run.values, run.status, run.steps, finished


def test_each_gap_is_divided_into_the_fewest_equal_steps():
    out, status, steps, finished = drive([1.0] * 11, [0.5, 1.5, 1.5, 1.75], step=0.3)
    # four steps of 1/4, none, one of 1/4: left sums of t dt
    first = 0.25 * (0.5 + 0.75 + 1.0 + 1.25)
    assert np.allclose(out[:, :, 0], [0, first, first, first + 0.25 * 1.5], rtol=1e-15)
    assert finished == 11
    assert set(status) == {SUCCESS}
    assert set(steps) == {5}


def test_ten_steps_of_a_tenth_fit_into_one_in_spite_of_rounding():
    assert set(drive([1.0], [0.3, 1.3], step=0.1)[2]) == {10}


def test_a_state_that_is_not_finite_ends_its_trajectory_alone():
    out, status, steps, finished = drive([1.0, 10.0, 1.0], [0.0, 1.0, 2.0, 3.0], step=0.5)
    assert list(status) == [SUCCESS, NOT_FINITE, SUCCESS]
    assert list(steps) == [6, 4, 6]
    assert np.isnan(out[1, 2:]).all()
    assert np.isfinite(out[1, :2]).all()
    assert np.isfinite(out[[0, 2]]).all()
    assert finished == 3


def test_an_interrupted_run_is_nan_and_says_so():
    out, status, steps, finished = drive([1.0] * 20, [0.0, 1.0], step=0.5, stop=1)
    assert np.isnan(out).all()
    assert set(status) == {INTERRUPTED}
    assert set(steps) == {0}
    assert finished == 0
