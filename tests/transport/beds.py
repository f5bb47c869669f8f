"""Systems and mixtures with exact flows, on which samplers are measured."""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy as sp
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd

x, y, t = sp.symbols("x y t")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
FIRST, LAST = 1.0, 1e-3
ANGLES = 2 * np.pi * np.arange(8) / 8
#: Bed A, three modes on a line, and bed B, eight modes on a ring.
LINE = sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
RING = sd.transport.GaussianMixture(
    [1] * 8, np.stack([1.5 * np.cos(ANGLES), 1.5 * np.sin(ANGLES)], axis=1).tolist(), [0.15] * 8
)
#: Evaluations of a step, and those of the first steps in addition.
COST = {"heun-edm": 2, "dpm-solver-2": 2, "dpm-solver-3": 3}
EXTRA = {"pndm": 9}


def preserving(*states: sp.Symbol) -> sd.SDESystem:
    """The variance-preserving process of DDPM."""
    return sd.SDESystem({s: -b / 2 * s for s in states}, {s: sp.sqrt(b) for s in states})


@cache
def line(count: int = 2000) -> tuple[sd.ODESystem, dict[str, np.ndarray], np.ndarray]:
    """The flow of bed A, quantiles of the noise, and where the exact flow takes them: to the same quantiles of the data."""
    process = preserving(x)
    noised = process.marginal(LINE)
    q = (np.arange(count) + 0.5) / count
    return process.probability_flow(noised), {"x": noised.at(FIRST).quantile(q)}, noised.at(LAST).quantile(q)[:, None]


@cache
def ring(count: int = 512) -> tuple[sd.ODESystem, dict[str, np.ndarray], np.ndarray]:
    """The flow of bed B, points of the noise, and where DOP853 takes them, with the score in numpy."""
    process = preserving(x, y)
    rng = np.random.default_rng(1)
    m = np.stack([1.5 * np.cos(ANGLES), 1.5 * np.sin(ANGLES)], axis=1)
    points = m[rng.choice(8, count, p=np.full(8, 1 / 8))] + 0.15 * rng.normal(size=(count, 2))
    alpha, sigma = schedule(FIRST)
    start = alpha * points + sigma * rng.normal(size=points.shape)

    def rate(time, flat):
        a, s = schedule(time)
        beta = 0.1 + 19.9 * time
        z = flat.reshape(count, 2)
        return (-beta / 2 * z + beta / (2 * s) * noise_of_ring(z, a, s)).ravel()

    found = solve_ivp(rate, (FIRST, LAST), start.ravel(), method="DOP853", rtol=1e-10, atol=1e-11)
    return (
        process.probability_flow(process.marginal(RING)),
        {"x": start[:, 0], "y": start[:, 1]},
        found.y[:, -1].reshape(count, 2),
    )


def schedule(time):
    """alpha and sigma of the variance-preserving process."""
    growth = 0.1 * time + 0.5 * 19.9 * time**2
    return np.exp(-growth / 2), np.sqrt(-np.expm1(-growth))


def noise_of_ring(z, a, s):
    """The prediction of noise on the ring, in numpy."""
    m = np.stack([1.5 * np.cos(ANGLES), 1.5 * np.sin(ANGLES)], axis=1)
    v = a**2 * 0.15**2 + s**2
    away = z[:, None] - a * m
    logs = -0.5 * (away**2).sum(-1) / v
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    return s * np.einsum("nk,nki->ni", share, away) / v


def steps_for(method: str, evaluations: int) -> int:
    """How many steps a method has for a number of evaluations; 0 if they do not suffice."""
    steps = (evaluations - EXTRA.get(method, 0)) // COST.get(method, 1)
    return 0 if method in EXTRA and steps < 3 else steps


def error(bed, method: str, evaluations: int, spacing: str, **options) -> float:
    """Root mean square over states of the distance to the exact flow."""
    flow, start, exact = bed
    nodes = sd.transport.nodes(flow, steps_for(method, evaluations), span=(FIRST, LAST), spacing=spacing)
    chosen = sd.METHODS[method].options(nodes=nodes, **options)
    initial = {k: xr.DataArray(v, dims="trajectory") for k, v in start.items()}
    out = sd.simulate(
        flow, [FIRST, LAST], initial=initial, trajectories=len(exact), method=chosen, progress=False, on_failure="nan"
    )
    assert int(out.evaluations.max()) <= evaluations
    found = np.stack([out[k].values[:, -1] for k in start], axis=1)
    return float(np.sqrt(((found - exact) ** 2).sum(axis=1).mean()))
