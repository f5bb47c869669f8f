"""Problems of `benchmarks.neural` in numpy alone, for interpreters that have no symdyn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = [
    "TIMES", "area_paths", "cde_weights", "forcings", "random_starts", "random_weights", "spiral_rate", "spirals",
    "stacked_paths",
]  # fmt: skip

#: Of the ensembles of an ODE.
TIMES = np.linspace(0, 5, 11)


def random_weights(sizes: tuple[int, ...], seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Matrices (m, n) and biases (m,) of layers of so many neurons."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(m, n)) / np.sqrt(n), 0.3 * rng.normal(size=m)) for n, m in pairwise(sizes)]


def random_starts(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 2))


def cde_weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """Of a field of eight states and two channels."""
    return random_weights((8, 16, 16), seed=5)


def area_paths(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Irregular times (N, K), two channels (N, K, 2) with missing values, and the areas that their polygons sweep (N,).

    A value that is missing is on the straight line, in time, between those that are there.
    """
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 1, (count, 12)), axis=1)
    times[:, 0], times[:, -1] = 0, 1
    amplitude, phase = rng.normal(size=(count, 2, 2)), rng.uniform(0, 6.28, (count, 2, 2))
    waves = np.sin(times[:, :, None, None] * np.array([3.0, 7.0]) + phase[:, None])
    values = (amplitude[:, None] * waves).sum(axis=-1)
    missing = rng.uniform(size=values.shape) < 0.2
    missing[:, [0, -1]] = False
    values[missing] = np.nan
    return times, values, _areas(stacked_paths(times, values))


def stacked_paths(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Channels (N, K, 2) without gaps."""
    found = values.copy()
    for row, at in zip(found, times, strict=True):
        for column in row.T:
            there = np.isfinite(column)
            column[:] = np.interp(at, at[there], column[there])
    return found


def _areas(x: np.ndarray) -> np.ndarray:
    x = x - x[:, :1]
    return ((x[:, :-1, 0] * x[:, 1:, 1] - x[:, :-1, 1] * x[:, 1:, 0]).sum(axis=1)) / 2


def forcings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Irregular times (N, 30), a path at these (N, 30), and where it drives Lotka and Volterra's equations, (N, 2).

    x' = x (1 - y + 0.4 u), y' = y (x - 1) from (1.2, 0.8); logarithms of both at the time 10, by Runge and Kutta's method.
    """
    rng = np.random.default_rng(seed)
    size, speed, phase = rng.normal(0, 0.5, (count, 4)), rng.uniform(0.2, 2, (count, 4)), rng.uniform(0, 6.28, (count, 4))

    def u(t: np.ndarray) -> np.ndarray:
        return (size * np.sin(speed * np.asarray(t)[..., None] + phase)).sum(axis=-1)

    def rate(t: float, z: np.ndarray) -> np.ndarray:
        return np.stack([1 - np.exp(z[1]) + 0.4 * u(np.full(count, t)), np.exp(z[0]) - 1])

    z, h = np.log(np.array([[1.2], [0.8]])) + np.zeros((2, count)), 0.01
    for k in range(1000):
        t = k * h
        k1 = rate(t, z)
        k2 = rate(t + h / 2, z + h / 2 * k1)
        k3 = rate(t + h / 2, z + h / 2 * k2)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(t + h, z + h * k3))
    times = np.sort(rng.uniform(0, 10, (count, 30)), axis=1)
    times[:, 0], times[:, -1] = 0, 10
    values = np.stack([u(times[:, k]) for k in range(30)], axis=1)
    return times, values, z.T


def spiral_rate(z: np.ndarray) -> np.ndarray:
    """A cubic spiral, (..., 2)."""
    return z**3 @ np.array([[-0.1, 2.0], [-2.0, -0.1]]).T


def spirals(starts: int, noise: float, seed: int, points: int = 31, last: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and spirals (N, T, 2) from random starts, by small steps of Runge and Kutta's method."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 6.28, starts), rng.uniform(0.8, 1.4, starts)
    z, times = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1), np.linspace(0, last, points)
    found, fine = [z], 60
    for a, b in pairwise(times):
        h = (b - a) / fine
        for _ in range(fine):
            k1 = spiral_rate(z)
            k2 = spiral_rate(z + h / 2 * k1)
            k3 = spiral_rate(z + h / 2 * k2)
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + spiral_rate(z + h * k3))
        found.append(z)
    whole = np.stack(found, axis=1)
    return times, whole + noise * rng.normal(size=whole.shape)
