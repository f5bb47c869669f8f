"""Smoothed laws against the conditional normal law of all states and data at once, and against Brown's bridge."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.stats import multivariate_normal, norm

import symdyn as sd

A, NOISE, ERROR, REST = np.array([[-0.5, -3.0], [3.0, -0.5]]), 0.7, 0.1, 40.0
x, y, g = sp.symbols("x y g")
PAIR = sd.SDESystem({x: -x / 2 - 3 * y, y: 3 * x - y / 2}, {x: [g, 0], y: [0, g]}, {g: NOISE}, initial={x: 0, y: 0})


def series(length: int, seed: int) -> dict[str, np.ndarray]:
    """Irregular and half missing, after a long time without measurements."""
    rng = np.random.default_rng(seed)
    t = REST + np.cumsum(rng.exponential(0.15, length))
    values = np.where(rng.random((length, 2)) < 0.5, rng.normal(size=(length, 2)), np.nan)
    return {"t": np.r_[0.0, t], "x": np.r_[np.nan, values[:, 0]], "y": np.r_[np.nan, values[:, 1]]}


def laws(data: dict[str, np.ndarray], at: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Means and deviations (T, 2) of the states at times given the data, and the log-likelihood, from one normal law."""
    times, values = data["t"][1:], np.stack([data["x"], data["y"]], axis=1)[1:].ravel()
    every, rest = np.r_[times, at], solve_continuous_lyapunov(A, -(NOISE**2) * np.eye(2))
    blocks = [[expm(A * (s - t)) @ rest if s >= t else rest @ expm(A * (t - s)).T for t in every] for s in every]
    whole, n = np.block(blocks), 2 * len(times)
    seen = np.flatnonzero(np.isfinite(values))
    S = whole[np.ix_(seen, seen)] + ERROR**2 * np.eye(len(seen))
    across = whole[n:][:, seen]
    means, spread = across @ np.linalg.solve(S, values[seen]), whole[n:, n:] - across @ np.linalg.solve(S, across.T)
    likelihood = multivariate_normal(np.zeros(len(seen)), S).logpdf(values[seen])
    return means.reshape(-1, 2), np.sqrt(np.diag(spread)).reshape(-1, 2), float(likelihood)


def test_half_missing_series_on_times_of_their_own_have_the_conditional_law():
    data = [series(12, 1), series(7, 2)]
    at = np.linspace(REST + 0.05, REST + 0.6, 5)
    for own, found in zip(data, sd.smooth(PAIR, data, noise=ERROR, times=at, level=0.8), strict=True):
        means, deviations, _ = laws(own, at)
        for k, name in enumerate("xy"):
            assert np.allclose(found[name], means[:, k], atol=1e-7)
            assert np.allclose((found[f"{name}_upper"] - found[name]) / norm.ppf(0.9), deviations[:, k], atol=1e-7)
    whole = sd.smooth(PAIR, data[:1], noise=ERROR)[0]
    assert np.allclose(whole.x[1:], laws(data[0], data[0]["t"][1:])[0][:, 0], atol=1e-7)


def test_the_likelihood_of_paths_on_times_of_their_own_is_that_of_one_normal_law_each():
    data = [series(12, 1), series(7, 2), series(9, 3)]
    fit = sd.fit(PAIR, data, parameters={g: (0.1, 3)}, noise=ERROR, starts=2)
    theta = fit.problem.coordinates([NOISE])[None]
    found = -0.5 * fit.problem.expand_data(np.zeros(1, int), theta, fit.scaled_starts[None]).rss[0, 0]
    assert found == pytest.approx(sum(laws(d, d["t"][1:])[2] for d in data), abs=1e-7)
    path = fit.smooth(trajectory=1)
    again = sd.smooth(PAIR.with_parameters(fit.parameters), data, noise=ERROR)[1]
    assert path.attrs["trajectory"] == 1
    assert np.array_equal(path.x, again.x)


def test_states_in_units_far_apart_have_the_same_law():
    """y in units that are 1e9 times as large: its variance is 1e-18 of that of x, and no less certain."""
    own, unit, at = series(9, 4), 1e-9, np.array([REST + 0.2, REST + 0.9])
    drift = {x: -x / 2 - 3 * y / unit, y: 3 * unit * x - y / 2}
    far = sd.SDESystem(drift, {x: [g, 0], y: [0, unit * g]}, {g: NOISE}, initial={x: 0, y: 0})
    (found,) = sd.smooth(far, {**own, "y": unit * own["y"]}, noise={"x": ERROR, "y": unit * ERROR}, times=at)
    means, deviations, _ = laws(own, at)
    for k, (name, size) in enumerate({"x": 1.0, "y": unit}.items()):
        assert np.allclose(found[name] / size, means[:, k], atol=1e-7)
        assert np.allclose((found[f"{name}_upper"] - found[name]) / (size * norm.ppf(0.95)), deviations[:, k], atol=1e-7)


def test_stiff_equations_of_moments_are_followed():
    """A Wiener process beside one that comes to rest in 1e-6: a bridge, and the law at rest."""
    system = sd.SDESystem({x: 0, y: -1e6 * y}, {x: [1, 0], y: [0, sp.Float(np.sqrt(2e6))]}, initial={x: 0, y: 0})
    data = {"t": [0, 4], "x": [np.nan, 4.0], "y": [np.nan, np.nan]}
    (found,) = sd.smooth(system, data, times=[1, 2])
    for name, means, deviations in (("x", [1, 2], [np.sqrt(0.75), 1]), ("y", [0, 0], [1, 1])):
        assert np.allclose(found[name], means, atol=1e-8)
        assert np.allclose((found[f"{name}_upper"] - found[name]) / norm.ppf(0.95), deviations, atol=1e-8)


def test_short_paths_do_not_wait_for_long_ones():
    data = [series(length, length) for length in (2, 40, 3, 61)]
    fit = sd.fit(PAIR, data, parameters={g: (0.1, 3)}, noise=ERROR, starts=1)
    groups = list(fit.problem.setup.joined())
    assert sorted(k for group in groups for k in group.members) == [0, 1, 2, 3]
    for group in groups:
        lengths = [len(data[k]["t"]) for k in group.members]
        assert group.values.shape[1] == max(lengths) < 2 * min(lengths)
    for k, path in enumerate(sd.smooth(PAIR, data, noise=ERROR)):
        assert np.array_equal(path.time, data[k]["t"])
        assert path.x.values[-1] == pytest.approx(laws(data[k], data[k]["t"][-1:])[0][0, 0], abs=1e-7)


def test_what_depends_on_time_is_followed_from_time_to_time():
    """dx = cos t dt + dW is sin t and a Wiener process: a bridge, from 0 to where it was measured."""
    t = sp.Symbol("t")
    system = sd.SDESystem({x: sp.cos(t)}, {x: 1}, initial={x: 0})
    data = [{"t": [0, end], "x": [np.nan, 2.0]} for end in (1.0, 3.0)]
    for end, found in zip((1.0, 3.0), sd.smooth(system, data, times=[0.25, 0.5]), strict=True):
        s = np.array([0.25, 0.5])
        assert np.allclose(found.x, np.sin(s) + s / end * (2.0 - np.sin(end)), atol=1e-8)
        assert np.allclose((found.x_upper - found.x) / norm.ppf(0.95), np.sqrt(s * (end - s) / end), atol=1e-8)


def test_smoothing_refuses_what_it_cannot_know():
    data = series(6, 1)
    decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    with pytest.raises(sd.RecoveryError, match="randomness of its own"):
        sd.smooth(decay, {"t": [0, 1], "x": [1, 0.3]})
    with pytest.raises(sd.RecoveryError, match="smooth needs values of g: give them"):
        sd.smooth(PAIR.replace(defaults={}), data, noise=ERROR)
    with pytest.raises(sd.RecoveryError, match=r"needs values of .*: give them"):
        sd.smooth(PAIR, data, noise="normal")
    with pytest.raises(sd.RecoveryError, match="'particle' has no smoother; take likelihood='lna'"):
        sd.smooth(PAIR, data, noise=ERROR, likelihood="particle")
    with pytest.raises(sd.RecoveryError, match="increasing ones from 0"):
        sd.smooth(PAIR, data, noise=ERROR, times=[-1, 2])
    with pytest.raises(sd.RecoveryError, match="cells that are not followed have no paths"):
        sd.smooth(PAIR, {"t": [1, 1, 2, 2], "x": [0.1, 0.2, 0.3, 0.4]}, noise=ERROR)
    fit = sd.fit(
        decay.replace(defaults={}), {"t": np.arange(6.0), "x": np.exp(-np.arange(6.0)) + 0.01}, parameters=["x"], starts=1
    )
    with pytest.raises(sd.RecoveryError, match="without randomness of its own"):
        fit.smooth()
