"""Weak orders of samplers with noise on a mixture under a variance-exploding process, by densities on grids: no Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.methods.clocks import NodeClock
from symdyn.methods.noisy_samplers import NoisySampler

#: Two modes under x = x_0 + t z; the exact density at t is that of modes of the variance width^2 + t^2.
MEANS, WEIGHTS, WIDTH = np.array([-1.0, 0.6]), np.array([0.35, 0.65]), 0.4
FIRST, LAST = 2.0, 0.3
NOISY = [name for name, scheme in sd.METHODS.items() if isinstance(scheme, NoisySampler)]


def parts(x, t):
    variance = WIDTH**2 + t**2
    return WEIGHTS * np.exp(-((x[..., None] - MEANS) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def predicted_noise(x, t):
    share = parts(x, t)
    away = (x[..., None] - MEANS) / (WIDTH**2 + t**2)
    return t * (share * away).sum(-1) / share.sum(-1)


def grid(t, points):
    return np.linspace(-1, 1, points) * (1.0 + 6.0 * np.hypot(WIDTH, t))


def table_of(method, steps):
    nodes = np.exp(np.linspace(np.log(FIRST), np.log(LAST), steps + 1))
    one = lambda s: 1 + 0 * s  # noqa: E731
    return sd.METHODS[method].table([NodeClock(nodes, lambda s: 0 * s, lambda s: 0 * s, one, lambda s: s)])


def gaussian(away, spread):
    return np.exp(-((away / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))


def carried(table, points):
    """Expectation of cos(2x) at the end, of a sampler whose rows look back two states at most, or share one normal number.

    `now` is the density of the two last states, (earlier, last), with the weights of their grids.
    """
    times, z = table.times, None
    roots, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    last, rows = 0, [0]
    here = grid(times[0], points)
    now = (parts(here, times[0]).sum(-1) * (here[1] - here[0]))[None]
    earlier, states = np.zeros(1), {}
    for r in range(1, len(times)):
        factors = dict(zip(table.terms[r], table.coefficients[r][0], strict=True))
        spread = table.spreads[r, 0]
        if not factors:  # normal numbers that rows share
            z = r
            continue
        if spread == 0:  # a stage, as a function of state and normal number
            states[r] = factors["x", last] * here[:, None] + factors["n", last] * predicted_noise(here, times[last])[:, None]
            states[r] = states[r] + factors["x", z] * roots
            continue
        means = np.zeros((len(earlier), len(here), 1))
        for (kind, k), c in factors.items():
            if k == z:
                means = means + c * roots
            elif k in states:
                means = means + c * predicted_noise(states[k], times[k])
            else:
                x = here[None, :, None] if k == last else earlier[:, None, None]
                assert k == last or k == rows[-2]
                means = means + c * (x if kind == "x" else predicted_noise(x, times[k]))
        new = grid(times[r], points)
        found = np.zeros((len(here), len(new)))
        share = weights if means.shape[2] > 1 else np.ones(1)
        for j in range(means.shape[2]):
            for i in range(len(earlier)):
                found += share[j] * now[i, :, None] * gaussian(new - means[i if means.shape[0] > 1 else 0, :, j, None], spread)
        found *= new[1] - new[0]
        keeps = any(("n", last) in row for row in table.terms[r + 1 :])
        earlier, now = (here, found) if keeps else (np.zeros(1), found.sum(axis=0)[None])
        here, last = new, r
        rows.append(r)
        z, states = None, {}
    assert now.sum() == pytest.approx(1, abs=1e-5)
    return float(now.sum(axis=0) @ np.cos(2 * here))


def exact():
    variance = WIDTH**2 + LAST**2
    return float(WEIGHTS @ np.cos(2 * MEANS) * np.exp(-2 * variance))


@pytest.mark.parametrize("method", [name for name in NOISY if name != "er-sde-3"])  # which looks back three states
def test_expectations_converge_with_the_order(method):
    steps, points = {"er-sde-2": (6, 201), "sde-dpm++2m": (24, 151)}.get(method, (12, 151))  # noise is wider than the grid
    errors = [abs(carried(table_of(method, n), points) - exact()) for n in (steps, 2 * steps)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(sd.METHODS[method].order, abs=0.3)
