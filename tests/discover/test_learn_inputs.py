"""Networks inside of equations that paths drive: from records at irregular times with gaps, and from ends alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

pytest.importorskip("jax")

x, t = sp.symbols("x t")
U = sd.Path("u", [0, 5], [0, 0])
F = sd.network("f", [U], width=4, depth=1)


def paths(count: int, seed: int) -> list[sd.Path]:
    """Sums of two sines at 12 random times, of which some have no value."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        times = np.concatenate([[0], np.sort(rng.uniform(0, 5, 10)), [5]])
        a, w, phase = rng.normal(0, 0.5, 2), rng.uniform(0.5, 2, 2), rng.uniform(0, 6, 2)
        values = (a * np.sin(np.outer(times, w) + phase)).sum(axis=1)
        values[1:-1][rng.uniform(size=10) < 0.2] = np.nan
        found.append(sd.Path("u", times, values))
    return found


def ends(system: sd.ODESystem, courses: list[sd.Path]) -> np.ndarray:
    """States at the last time under each path."""
    driven = {U: xr.DataArray(courses, dims="path")}
    return sd.simulate(system, [0, 5], inputs=driven, rtol=1e-9, atol=1e-11, progress=False).x.values[:, -1]


@pytest.fixture(scope="module")
def learned():
    """x' = -x/2 + f(u) with f = tanh(2u), from the last values of 30 trajectories."""
    hybrid = sd.ODESystem({x: F(U) - x / 2}, initial={x: 0.3})
    courses, true = paths(30, 1), hybrid.with_terms({F(U): sp.tanh(2 * U)})
    values = ends(true, courses)
    data = [{"t": [0, 5], "x": [np.nan, v]} for v in values]
    options = {"noise": {x: 0.01}, "starts": "declared", "members": 1, "decay": 0.01, "progress": False}
    return true, courses, values, sd.learn(hybrid, data, inputs={U: courses}, **options)


def test_a_function_of_the_path_is_found_from_the_ends_of_trajectories(learned):
    true, courses, values, found = learned
    run = ends(found.system, courses)
    assert np.sqrt(np.mean((run - values) ** 2)) < 0.01  # by the kernel, within the noise that was given
    others = paths(10, 2)
    assert np.sqrt(np.mean((ends(found.system, others) - ends(true, others)) ** 2)) < 0.05 * values.std()
    points = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(found.term("f").evaluate(points[:, None]), np.tanh(2 * points), atol=0.05)


def test_what_is_noise_at_the_ends_is_not_learned():
    """Ends that no path moves: what a mean would leave of the noise is its part 60^-1/2, and twice that are allowed."""
    hybrid = sd.ODESystem({x: F(U) - x / 2}, initial={x: 0.3})
    courses, noise = paths(60, 1), np.random.default_rng(6).normal(0, 0.5, 60)
    still = 0.3 * np.exp(-2.5)
    data = [{"t": [0, 5], "x": [np.nan, still + e]} for e in noise]
    options = {"noise": {x: 0.5}, "starts": "declared", "members": 1, "progress": False}
    found = sd.learn(hybrid, data, inputs={U: courses}, **options)
    others = ends(found.system, paths(20, 2))
    assert np.sqrt(np.mean((others - still) ** 2)) < 2 * 0.5 / np.sqrt(60)


def test_starts_that_are_declared_hold_exactly(learned):
    assert (learned[3].starts == 0.3).all()


def test_paths_belong_to_trajectories_and_cover_their_data(learned, tmp_path):
    _, courses, values, found = learned
    hybrid = found.system.without_networks()
    data = [{"t": [0, 5], "x": [0.3, v]} for v in values[:3]]
    for options, message in (
        ({"inputs": {U: courses[:2]}}, "inputs has 2 paths of u for 3 trajectories"),
        ({"inputs": {"v": courses[:3]}}, "inputs names 'v'; the inputs of this system: u"),
        ({"inputs": {U: U.with_curves(courses[:3])}}, "the path of u has 3 courses; a trajectory follows one"),
        ({"inputs": {U: [1, 2, 3]}}, "expected a Path of the kind 'linear'"),
        ({"inputs": {U: sd.Path("u", [0, 2], [0, 1])}}, "go from 0 to 5, the input u from 0 to 2"),
        ({"inputs": courses[:3]}, "expected a mapping from inputs to paths"),
        ({"noise": {x: "little"}}, "the noise of x is 'little'; expected a positive standard deviation"),
        ({"penalty": {"error": 1}}, "penalty has no effect with inputs"),
        ({"starts": "known"}, "starts is 'known'"),
        ({"starts": "declared", "window": 4}, "window has no effect with starts='declared'"),
    ):
        with pytest.raises(sd.RecoveryError, match=message):
            sd.learn(hybrid, data, progress=False, **options)
    bare = sd.ODESystem({x: F(U) - x})
    with pytest.raises(sd.RecoveryError, match="needs a number as the initial value of every state"):
        sd.learn(bare, data, starts="declared", progress=False)
    with pytest.raises(sd.DeclarationError, match="a system with inputs has no text that reads back"):
        found.save(tmp_path / "l.npz")
    with pytest.raises(sd.RecoveryError, match="without inputs"):
        found.plot()
    with pytest.raises(sd.RecoveryError, match="inputs names 'u'"):
        sd.learn(sd.ODESystem({x: sd.network("g", [x])(x)}), data, inputs={U: courses[:3]}, progress=False)


def test_a_neural_controlled_equation_learns_the_work_along_paths():
    """The integral of u dv along 30 broken lines of two pieces is the end of a' = b v' with b' = u'."""
    rng = np.random.default_rng(3)
    knots = [np.vstack([np.zeros(2), rng.normal(size=(2, 2))]) for _ in range(30)]
    works = [sum((p[0] + q[0]) / 2 * (q[1] - p[1]) for p, q in pairwise(k)) for k in knots]
    u, v = (sd.Path(name, range(3), [0, 0, 0]) for name in "uv")
    driven = sd.neural_cde(["a", "b"], [u, v], width=3, depth=1, initial={"a": 0, "b": 0})
    courses = {p: [sd.Path(p.name, range(3), k[:, i]) for k in knots] for i, p in enumerate((u, v))}
    data = [{"t": [0, 2], "a": [np.nan, work]} for work in works]
    options = {"noise": {"a": 0.05}, "starts": "declared", "members": 1, "iterations": 40, "progress": False}
    found = sd.learn(driven, data, inputs=courses, **options)
    runs = sd.simulate(
        found.system, [0, 2], inputs={p: xr.DataArray(c, dims="path") for p, c in courses.items()}, progress=False
    )
    assert np.sqrt(np.mean((runs.a.values[:, -1] - works) ** 2)) < 0.1 * np.std(works)


def test_slopes_of_ends_are_those_of_the_chain_of_intervals():
    """Reverse sweeps from few measurements, against the products of the slopes of all intervals, and difference quotients."""
    import jax

    from symdyn.discover.driving_paths import DrivingPaths
    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_ode import NetworkODE, measured
    from symdyn.discover.surrogates._windows import windows
    from symdyn.discover.surrogates.neural_ode import NeuralODE
    from symdyn.inference.data import observations

    prepare()  # compiled code is kept
    y = sp.Symbol("y")
    f, g = (sd.network(name, [x, y], width=2, depth=1) for name in "fg")
    system = sd.ODESystem({x: f(x, y) + U, y: g(x, y) - y}, initial={x: 0.3, y: 1})
    seen = observations(system, [{"t": [0, 5], "x": [np.nan, 1.0], "y": [np.nan, 2.0]} for _ in range(3)])
    courses = DrivingPaths(system, {U: paths(3, 1)}, seen)
    seen = courses.with_knots(seen)
    cut, equations = windows(seen, np.ones(2), 99), NetworkODE(system, NeuralODE(window=99, courses=courses), 0, 1)
    given = equations.followed(seen, cut, courses)
    assert given.places.shape == (3, 2)
    w = np.random.default_rng(2).normal(size=equations.starts(3) + equations.networks.size) / 2
    rows = jax.jit(equations._jacobian)(w, (given, np.ones_like(given.values), None))
    chain, _ = jax.jit(equations._derivatives)(w, given)
    for few, every in zip(rows, chain, strict=True):
        every = np.asarray(every).reshape(3, given.times.shape[1] * 2, few.shape[2])
        np.testing.assert_allclose(few, np.take_along_axis(every, np.asarray(given.places)[..., None], 1), atol=1e-12)
    move = np.zeros(len(w))
    move[-1] = 1e-5
    slope = (np.asarray(equations.seen(w + move, given)) - np.asarray(equations.seen(w - move, given))) / 2e-5
    np.testing.assert_allclose(np.asarray(rows.common)[..., -1], slope, rtol=1e-7, atol=1e-9)
    held = NeuralODE(starts="declared", window=99, courses=courses)  # whose starts are no weights
    assert NetworkODE(system, held, 0, 1).starts(3) == 0
    assert measured(np.arange(12.0).reshape(2, 3, 2), np.array([[1], [5]])).tolist() == [[1], [11]]


def test_states_that_are_no_numbers_are_not_close():
    """Of finer steps, beside which steps of the training have to be right to a fifth of the noise."""
    from symdyn.discover.surrogates._network_training import _close

    weights = np.array([[10.0, 10.0, 0.0]])
    assert _close(np.array([[0.019, -0.02, 5.0]]), weights)
    assert not _close(np.array([[0.021, -0.02, 0.0]]), weights)
    assert not _close(np.array([[np.nan, 0.0, 0.0]]), weights)
