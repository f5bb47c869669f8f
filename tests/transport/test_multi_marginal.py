"""Snapshots of a spiral that is known: errors of Brownian and of refined references, against exact moments."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad_vec
from scipy.linalg import expm

import symdyn as sd

x, y = sp.symbols("x y")
TURN = np.array([[-0.4, -2.0], [2.0, -0.4]])
PUSH = np.array([0.6, -0.2])
NAMES = sp.symbols("a11 a12 a21 a22 b1 b2")
FAMILY = sd.SDESystem({x: NAMES[0] * x + NAMES[1] * y + NAMES[4], y: NAMES[2] * x + NAMES[3] * y + NAMES[5]}, {x: 0.3, y: 0.3})


def moments(time: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of dx = (A x + b) dt + .3 dW from N((2, 0), diag(.1, .05))."""
    flow = expm(TURN * time)
    rest = np.linalg.solve(TURN, PUSH)
    noise = quad_vec(lambda s: 0.09 * expm(TURN * s) @ expm(TURN * s).T, 0, time, epsabs=1e-13)[0] if time else 0.0
    return flow @ (np.array([2.0, 0.0]) + rest) - rest, flow @ np.diag([0.1, 0.05]) @ flow.T + noise


def normals(spacing: float) -> tuple[dict, list[float]]:
    times = np.arange(0, 4.01, spacing)
    middle = [float(s + spacing / 2) for s in times[:-1]]
    return {float(s): sd.transport.Normal(moments(s)[0], covariance=moments(s)[1]) for s in (*times, *middle)}, middle


# errors of the mean and relative ones of the covariance in the middle of intervals, the largest, and |A - A*|
@pytest.mark.parametrize(
    ("spacing", "before", "rows"),
    [
        (0.5, (0.2151, 0.119), {1: (0.046, 0.66), 2: (0.013, 0.147), 5: (4.4e-4, 0.0034)}),
        (1.0, (0.733, 0.283), {1: (0.354, 1.41), 5: (0.102, 0.281), 20: (0.0059, 0.0164)}),
    ],
)
@pytest.mark.filterwarnings("ignore:the reference has not converged")
def test_errors_fall_as_those_of_an_independent_computation(spacing, before, rows):
    """That one regresses increments of a tenth of an interval, which differs by some percent."""
    seen, middle = normals(spacing)
    for iterations, (mean, matrix) in rows.items():
        found = sd.transport.multi_marginal(FAMILY, seen, held_out=middle, accelerate=False, iterations=iterations)
        assert float(found.held_out.mean_before.max()) == pytest.approx(before[0], rel=2e-3)
        assert float(found.held_out.covariance_before.max()) == pytest.approx(before[1], rel=3e-3)
        assert float(found.held_out["mean"].max()) == pytest.approx(mean, rel=0.05)
        values = np.array([found.parameters[n] for n in NAMES[:4]])
        assert np.linalg.norm(values - TURN.ravel()) == pytest.approx(matrix, rel=0.05)
        assert not found.converged


def test_accelerated_iterations_find_the_process():
    seen, middle = normals(1.0)
    found = sd.transport.multi_marginal(FAMILY, seen, held_out=middle, tolerance=1e-8)
    assert found.converged
    assert found.trace.sizes["iteration"] < 20
    np.testing.assert_allclose(list(found.parameters.values()), [*TURN.ravel(), *PUSH], atol=1e-5)
    mean, covariance = moments(1.7)
    now = found.marginal(1.7)
    np.testing.assert_allclose(np.array(now.means[0], dtype=float), mean, atol=1e-5)
    np.testing.assert_allclose(now.covariances[0], covariance, atol=1e-5)


def test_hidden_terms_are_recovered_from_clouds():
    rng = np.random.default_rng(3)
    seen = {float(s): rng.multivariate_normal(*moments(s), 300) for s in np.arange(0, 4.01, 0.5)}
    f, g = sp.Function("f"), sp.Function("g")
    family = sd.SDESystem({x: f(x, y), y: g(x, y)}, {x: 0.3, y: 0.3})
    found = sd.transport.multi_marginal(family, seen, held_out=[1.5, 2.5])
    expected = {"f: x": -0.4, "f: y": -2.0, "f: 1": 0.6, "g: x": 2.0, "g: y": -0.4, "g: 1": -0.2}
    for name, value in found.parameters.items():
        assert value == pytest.approx(expected[name], abs=0.15)
    assert {"f: y", "g: x", "f: 1"} <= set(found.parameters)
    assert (found.held_out["mean"] < 0.25 * found.held_out.mean_before).all()
    assert found.recovery.system.unknowns == ()
    still = sd.transport.multi_marginal(family, seen, refine=False)
    assert still.system.drift == (0, 0)


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        (sd.SDESystem({x: -NAMES[0] * x**3}, {x: 1}), {}, "expected constants and states"),
        (sd.SDESystem({x: -(NAMES[0] ** 2) * x}, {x: 1}), {}, "the drift is not linear in a11"),
        (sd.SDESystem({x: -x}, {x: NAMES[0]}), {}, "the noise depends on a11"),
        (sd.SDESystem({x: -x}, {x: sp.Function("s")(x)}), {}, "the noise has an unknown function"),
        (sd.SDESystem({x: -NAMES[0] * x}, {x: 1}), {"library": [x]}, "library= is for unknown functions"),
        (sd.SDESystem({x: -NAMES[0] * x}, {x: 1}), {"held_out": [0.3]}, "held_out has the time 0.3"),
        (sd.SDESystem({x: -NAMES[0] * x}, {x: 1}), {"held_out": [0]}, "not between two snapshots"),
        (sd.ODESystem({x: -x}), {}, "the family is a ODESystem"),
    ],
)
def test_wrong_inputs_are_refused(family, options, message):
    seen = {0: sd.transport.Normal(1, 1), 1: sd.transport.Normal(0, 1), 2: sd.transport.Normal(0, 1)}
    with pytest.raises(sd.DeclarationError, match=message):
        sd.transport.multi_marginal(family, seen, **options)


def test_nothing_to_find_and_nothing_to_refine():
    known, seen = sd.SDESystem({x: -x}, {x: 1}), {0: sd.transport.Normal(1, 1), 1: sd.transport.Normal(0, 1)}
    assert sd.transport.multi_marginal(known, seen).parameters == {}
    with pytest.raises(sd.DeclarationError, match="iterations= has no effect with refine=False"):
        sd.transport.multi_marginal(known, seen, refine=False, iterations=3)


def test_snapshots_that_say_too_little_are_refused():
    with pytest.raises(sd.DeclarationError, match="1 snapshots are used"):
        sd.transport.multi_marginal(FAMILY, {0: sd.transport.Normal([0, 0], 1)})
    a, b = sp.symbols("a b")
    twice = sd.SDESystem({x: -a * x - b * x}, {x: 1})
    with pytest.raises(sd.RecoveryError, match="do not determine"):
        sd.transport.multi_marginal(twice, {0: sd.transport.Normal(1, 1), 1: sd.transport.Normal(0, 1)})
