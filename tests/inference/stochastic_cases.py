"""Systems, data, and independent likelihoods of fits of what is random."""

from __future__ import annotations

import numpy as np
from scipy import stats

import symdyn as sd

DECAY = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
GENE = sd.ReactionNetwork.from_text(
    "OFF -> ON, a\nON -> OFF, b\nON -> ON + M, r\nM -> 0, d", parameters={"d": 1}, initial={"OFF": 1, "ON": 0, "M": 0},
    binary=["OFF", "ON"],
)  # fmt: skip
WALK = sd.SDESystem.from_text("dx = -k*x*dt + s*dW")
TIMES = np.array([0.0, 0.4, 0.9, 1.7, 2.0])
PATH = [3.0, 7.0, 9.0, 6.0, 8.0]


def likelihood(fit, **values):
    """Log-likelihood of a fit at other values."""
    theta = fit.problem.coordinates([values[n] for n in fit.problem.names])
    return -0.5 * fit.problem.expand_data(np.zeros(1, int), theta[None], fit.scaled_starts[None]).rss[0, 0]


def slopes(fit, theta, step=1e-5):
    """Gradient of the log-likelihood, and its central differences."""
    P = len(theta)
    points = np.concatenate([theta[None], theta + step * np.eye(P), theta - step * np.eye(P)])
    found = fit.problem.expand_data(np.zeros(len(points), int), points, np.zeros((len(points), 0, 0)))
    values = -0.5 * found.rss[:, 0]
    return found.gradient[0], (values[1 : P + 1] - values[P + 1 :]) / (2 * step)


def kalman(y, times, k, s, r, x0, first=0.0):
    """The log-likelihood of an Ornstein-Uhlenbeck process with noise, in exact steps; what is missing is NaN.

    `first` is the variance of the first state about x0.
    """
    m, v, total, before = x0, first, 0.0, times[0]
    for t, z in zip(times, y, strict=True):
        stay = np.exp(-k * (t - before))
        m, v, before = stay * m, stay**2 * v + s**2 * (1 - stay**2) / (2 * k), t
        if np.isfinite(z):
            total += stats.norm.logpdf(z, m, np.sqrt(v + r**2))
            gain = v / (v + r**2)
            m, v = m + gain * (z - m), v * (1 - gain)
    return total
