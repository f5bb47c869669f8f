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
