"""Bridges against closed forms, the conditions of optimality, and other computations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import quad_vec
from scipy.linalg import expm
from symdyn_kernels.sinkhorn import cost, sinkhorn

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower

x, y, t = sp.symbols("x y t")
Normal, Mixture, bridge = sd.transport.Normal, sd.transport.GaussianMixture, sd.transport.schroedinger_bridge
S0, S1 = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.4, -0.1], [-0.1, 0.8]])
SPIRAL = np.array([[-0.4, -2.0], [2.0, -0.4]])


def brownian(square: float) -> sd.SDESystem:
    return sd.SDESystem({x: 0}, {x: sp.sqrt(square)})


def drift(system: sd.SDESystem, time: float, points: np.ndarray) -> np.ndarray:
    """Values (n, N) at points (n, N)."""
    program = lower("drift", [("t", (system.time,)), ("y", system.states)], list(system.drift), [""] * len(system.states))
    return np.array([np.broadcast_to(v, points.shape[1:]) for v in evaluate(program, [np.float64(time)], points)])


# C is (sqrt(4 S0 S1 + eps^2) - eps)/2; the numbers of the second row are those of eps = 2
@pytest.mark.parametrize(
    ("eps", "cross", "variances", "slope"),
    [
        (0.5, 0.3090169944, (0.7877563729, 0.5920084972, 0.4127563729), -1.05572809),
        (2.0, 0.1180339887, (0.9973877458, 0.8715169944, 0.6223877458), -1.5777087640),
    ],
)
def test_a_bridge_between_normals_has_the_numbers_of_the_closed_form(eps, cross, variances, slope):
    for method in ("closed-form", "ipf", "imf"):
        tolerance = None if method == "closed-form" else 1e-11
        found = bridge(brownian(eps), start=Normal(0, 1), end=Normal(0, 0.5), method=method, tolerance=tolerance)
        error = 2e-8 if method == "imf" else 2e-9  # of its steps in time
        assert found.cross_covariance[0, 0] == pytest.approx(cross, abs=error)
        spread = [float(found.marginal(s).stds[0][0]) ** 2 for s in (0.25, 0.5, 0.75)]
        assert spread == pytest.approx(variances, abs=error)
        assert drift(found.system, 0.5, np.array([[1.0]]))[0, 0] == pytest.approx(slope, abs=1e-7)


def test_iterations_converge_at_the_rates_of_the_theory():
    """Sinkhorn's iteration contracts by (C/S0 C/S1) of the limit, here .3090^2 / (1 0.25) squared is .146."""
    ends = {"start": Normal(0, 1), "end": Normal(0, 0.5)}
    trace = bridge(brownian(0.5), **ends, method="ipf", tolerance=1e-12).trace
    correlation = 0.3090169944**2 / 0.25
    assert trace[8] / trace[7] == pytest.approx(correlation**2, rel=0.01)
    assert [int(np.argmax(trace < e)) + 1 for e in (1e-3, 1e-8)] == [5, 11]
    assert len(bridge(brownian(0.5), **ends, method="imf", tolerance=1e-3).trace) == 4
    assert len(bridge(brownian(2.0), **ends, method="ipf", tolerance=1e-3).trace) == 2


def coupled() -> tuple[sd.SDESystem, np.ndarray, np.ndarray]:
    """A spiral, its flow over .8, and the noise that it gathers."""
    reference = sd.SDESystem({x: -0.4 * x - 2 * y + 0.6, y: 2 * x - 0.4 * y - 0.2}, [[0.3, 0], [0.1, 0.3]])
    g = np.array(reference.diffusion.tolist(), dtype=float)
    noise = quad_vec(lambda s: expm(SPIRAL * s) @ g @ g.T @ expm(SPIRAL * s).T, 0, 0.8, epsabs=1e-13)[0]
    return reference, expm(0.8 * SPIRAL), noise


def test_the_plan_of_a_coupled_reference_is_optimal():
    """The joint precision is that of the kernel beside its diagonal blocks, F^T Q^-1, and the marginals are those given."""
    reference, flow, noise = coupled()
    found = bridge(reference, start=Normal([2, 0], covariance=S0), end=Normal([-1, 1], covariance=S1), span=(0, 0.8))
    joint = found.coupling.covariances[0]
    np.testing.assert_allclose(np.linalg.inv(joint)[:2, 2:], -flow.T @ np.linalg.inv(noise), rtol=1e-9)
    np.testing.assert_allclose(joint[:2, :2], S0, atol=1e-13)
    np.testing.assert_allclose(joint[2:, 2:], S1, atol=1e-13)
    again = bridge(
        reference,
        start=Normal([2, 0], covariance=S0),
        end=Normal([-1, 1], covariance=S1),
        span=(0, 0.8),
        method="imf",
        tolerance=1e-9,
    )
    np.testing.assert_allclose(again.cross_covariance, found.cross_covariance, atol=1e-7)


def test_the_flow_of_a_bridge_goes_through_its_marginals():
    """It is affine: where three points go gives the mean and the covariance."""
    found = bridge(coupled()[0], start=Normal([2, 0], covariance=S0), end=Normal([-1, 1], covariance=S1), span=(0, 0.8))
    start = np.array([[2.0, 0.0], [3.0, 0.0], [2.0, 1.0]])
    run = sd.simulate(
        found.system.probability_flow(found), [0, 0.3, 0.8], rtol=1e-10, atol=1e-12, progress=False, trajectories=3,
        initial={k: xr.DataArray(start[:, i], dims="trajectory") for i, k in enumerate("xy")},
    )  # fmt: skip
    for k, time in ((1, 0.3), (2, 0.8)):
        points = np.stack([run.x[:, k], run.y[:, k]], axis=1)
        moved = (points[1:] - points[0]).T
        now = found.marginal(time)
        np.testing.assert_allclose(points[0], np.array(now.means[0], dtype=float), atol=1e-8)
        np.testing.assert_allclose(moved @ S0 @ moved.T, now.covariances[0], atol=1e-8)
    np.testing.assert_allclose(now.covariances[0], S1, atol=1e-12)


def test_backwards_a_bridge_is_the_bridge_between_the_exchanged_ends():
    still, grid = sd.SDESystem({x: 0, y: 0}, {x: 0.8, y: 0.8}), np.array([[0.3, -1.0, 2.0], [0.1, 0.7, -0.4]])
    ends = Normal([1, -1], covariance=S0), Normal([0, 2], covariance=S1)
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 1
    for a, b in (ends, clouds):
        exactly = {} if a is ends[0] else {"tolerance": 1e-12}
        one, other = bridge(still, start=a, end=b, **exactly), bridge(still, start=b, end=a, **exactly)
        for time in (0.1, 0.6):
            np.testing.assert_allclose(drift(one.backward, time, grid), drift(other.forward, time, grid), atol=1e-9)


def test_schedules_in_time_are_references():
    """VP: alpha(1) = exp(-int b/2), and the noise 1 - alpha^2."""
    b = 0.1 + 19.9 * t
    found = bridge(sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b)}), start=Normal(1, 0.2), end=Normal(-1, 0.5), span=(0, 0.4))
    alpha = np.exp(-(0.1 * 0.4 + 19.9 * 0.4**2 / 2) / 2)
    joint = found.coupling.covariances[0]
    assert np.linalg.inv(joint)[0, 1] == pytest.approx(-alpha / (1 - alpha**2), rel=1e-9)


def test_between_two_points_each_the_drift_is_a_hyperbolic_tangent():
    """By symmetry the potential at -1 and 1 is one number, so that E[x1 | x] = tanh(x/(1 - t)) for noise 1."""
    found = bridge(brownian(1), start=[-1.0, 1.0], end=[-1.0, 1.0], tolerance=1e-12)
    points = np.array([[-30.0, -0.7, 0.2, 1.1, 40.0]])
    for time in (0.0, 0.6, 0.999):
        ahead = np.tanh(points / (1 - time))
        np.testing.assert_allclose(drift(found.system, time, points), (ahead - points) / (1 - time), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.coupling[0, 1], 1 / (2 + 2 * np.exp(2)), rtol=1e-9)


def test_sinkhorn_agrees_with_plain_scalings_and_survives_where_these_vanish():
    rng = np.random.default_rng(1)
    p, q = rng.normal(size=(40, 3)), rng.normal(size=(50, 3)) + 0.5
    a, b = np.full(40, 1 / 40), rng.dirichlet(np.ones(50))
    f, g, errors = sinkhorn(p, a, q, b, 1e-12, 1000)
    kernel = np.exp(-cost(p, q))
    u, v = np.ones(40), np.ones(50)
    for _ in range(1000):
        u = a / (kernel @ v)
        v = b / (kernel.T @ u)
    np.testing.assert_allclose(np.exp(f[:, None] + g) * kernel, u[:, None] * kernel * v, atol=1e-14)
    assert errors[-1] <= 1e-12
    far = 60.0  # exp(-60^2/2) is zero in double precision
    f, g, errors = sinkhorn(p, a, q + far, b, 1e-9, 3000)
    plan = np.exp(f[:, None] + g - cost(p, q + far))
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=1e-8)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-6)


def test_densities_on_grids_have_the_plan_of_the_closed_form():
    same = [Mixture([1, 2], [m, m], [s, s]) for m, s in ((0.0, 1.0), (1.0, 0.5))]
    found = bridge(brownian(0.5), start=same[0], end=same[1], tolerance=1e-11)
    exact = bridge(brownian(0.5), start=Normal(0, 1), end=Normal(1, 0.5))
    assert found.cross_covariance[0, 0] == pytest.approx(0.3090169944, abs=1e-9)
    grid = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(found.marginal(0.3).pdf(grid), exact.marginal(0.3).pdf(grid), atol=1e-9)
    np.testing.assert_allclose(drift(found.system, 0.3, grid[None]), drift(exact.system, 0.3, grid[None]), atol=1e-8)


def test_paths_between_mixtures_end_in_the_mixture():
    end = Mixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
    found = bridge(sd.SDESystem({x: -0.5 * x}, {x: 0.8}), start=Normal(1, 0.3), end=end)
    run = sd.simulate(
        found.system,
        [0, 0.5, 1],
        initial=found.initial(20_000, seed=1),
        trajectories=20_000,
        step=1 / 256,
        seed=2,
        progress=False,
    )
    ranks = np.sort(end.cdf(run.x.values[:, -1]))
    assert np.abs(ranks - (np.arange(20_000) + 0.5) / 20_000).max() < 0.015
    now, middle = found.marginal(0.5), run.x.values[:, 1]
    grid = np.linspace(-4, 4, 801)
    mass = now.pdf(grid) * 0.01
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    assert middle.mean() == pytest.approx(mass @ grid, abs=0.03)
    paths = found.paths([0, 0.5, 1], 20_000, seed=4)
    ends = paths.x.values[:, -1]
    assert (ends.mean(), ends.var()) == pytest.approx((0.2, 1.593), abs=0.04)  # sum of w m, and of w (s^2 + m^2) less .2^2
    assert np.corrcoef(paths.x[:, 0], paths.x[:, 1])[0, 1] == pytest.approx(np.corrcoef(run.x[:, 0], middle)[0, 1], abs=0.03)
    assert now.sample(20_000, seed=3).std() == pytest.approx(np.sqrt(mass @ grid**2 - (mass @ grid) ** 2), abs=0.02)


def test_clouds_in_two_dimensions_have_the_plan_of_their_moments():
    """1000 points: the closed form within three standard errors of a covariance."""
    rng = np.random.default_rng(0)
    a, b = rng.multivariate_normal([0, 0], S0, 1000), rng.multivariate_normal([1, -1], S1, 1000)
    found = bridge(sd.SDESystem({x: 0, y: 0}, {x: 1, y: 1}), start=a, end={"x": b[:, 0], "y": b[:, 1]})
    exact = np.array([[0.2849, 0.0892], [0.0446, 0.2849]])
    assert np.abs(found.cross_covariance - exact).max() < 3 * 0.02
    assert found.coupling.sum(axis=1) == pytest.approx(np.full(1000, 1e-3), abs=1e-6)
    run = sd.simulate(
        found.system, [0, 1], initial=found.initial(500, seed=1), trajectories=500, step=0.01, seed=1, progress=False
    )
    ends = np.stack([run.x[:, -1], run.y[:, -1]])
    assert np.abs(np.cov(ends) - np.cov(b.T)).max() < 0.15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": sd.SDESystem({x: -(x**3)}, {x: 1})}, "the drift of x, -x\\*\\*3, is not linear"),
        ({"reference": sd.SDESystem({x: -x}, {x: x})}, "noise of the reference depends on states"),
        ({"reference": sd.ODESystem({x: -x})}, "the reference is a ODESystem; expected an SDESystem"),
        ({"reference": sd.SDESystem({x: -sp.Symbol("k") * x}, {x: 1})}, "parameter k of the reference has no value"),
        ({"start": Normal([0, 0], 1)}, "start has 2 dimensions; expected 1"),
        ({"start": [0.0]}, r"start has points of the shape \(1, 1\)"),
        ({"end": {"z": [1.0, 2.0]}}, "end has z; expected points by x"),
        ({"end": [0.0, np.nan]}, "end has points that are not finite"),
        ({"end": "normal"}, "end is a str; expected a GaussianMixture, Normal, or points"),
        ({"span": (1, 0)}, "two finite times, the start before the end"),
        ({"method": "sinkhorn"}, "known: closed-form, ipf, imf"),
        ({"method": "imf", "end": [0.0, 1.0]}, "the method 'imf' is for two normal distributions"),
        ({"tolerance": 0}, "tolerance"),
        ({"iterations": 3}, "iterations= has no effect on a closed form"),
    ],
)
def test_wrong_inputs_are_refused(change, message):
    given = {"reference": brownian(1), "start": Normal(0, 1), "end": Normal(1, 1), **change}
    with pytest.raises(sd.DeclarationError, match=message):
        bridge(given.pop("reference"), **given)


def test_noise_that_does_not_reach_a_state_and_iterations_without_an_end_are_refused():
    with pytest.raises(sd.DeclarationError, match="does not reach all directions of x, y"):
        bridge(sd.SDESystem({x: -x, y: -y}, {x: 1}), start=Normal([0, 0], 1), end=Normal([1, 1], 1))
    with pytest.raises(sd.SimulationError, match="has not converged: after 3 iterations"):
        bridge(brownian(0.01), start=Normal(0, 1), end=Normal(0, 0.5), method="ipf", iterations=3)
    with pytest.raises(sd.DeclarationError, match="expected one between 0 and 1"):
        bridge(brownian(1), start=[0.0, 1.0], end=[0.0, 1.0]).marginal(1)


def test_noise_that_reaches_a_state_by_another_is_enough():
    """Underdamped Langevin dynamics: the noise is in the velocity alone."""
    langevin = sd.SDESystem({x: y, y: -y}, {y: 1})
    found = bridge(langevin, start=Normal([0, 0], [0.3, 0.5]), end=Normal([1, 0], [0.2, 0.5]))
    joint, flow = found.coupling.covariances[0], expm(np.array([[0.0, 1.0], [0.0, -1.0]]))
    noise = quad_vec(lambda s: np.outer(v := expm(np.array([[0.0, 1.0], [0.0, -1.0]]) * s)[:, 1], v), 0, 1, epsabs=1e-13)[0]
    np.testing.assert_allclose(np.linalg.inv(joint)[:2, 2:], -flow.T @ np.linalg.inv(noise), rtol=1e-6)
