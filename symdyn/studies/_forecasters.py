"""Ways to foretell a series: what changes least, regressions on the past, a reservoir, and equations that are recovered."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import solve

from symdyn.discover.recover import recover
from symdyn.models.ode import ODESystem
from symdyn.simulation.run import simulate

__all__ = ["FORECASTERS", "Forecaster", "Training"]

#: From the states (m, n) of the last m times, the present last, to those (count, n) of the next ones.
Forecaster = Callable[[np.ndarray, int], np.ndarray]
#: Features (..., p) of past states (..., m, n), the present last.
Step = Callable[[np.ndarray], np.ndarray]

#: Share of a series on which settings are compared, the origins there, and the steps that are foretold from each.
CHECKED, ORIGINS, AHEAD = 0.2, 8, 30
#: Weights of the ridge, for standardised features.
RIDGES = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
#: Past states of the linear and of the quadratic regression, and steps between those of the latter.
LAGS, QUADRATIC, STRIDES = (1, 2, 5, 10), (1, 2, 3), (1, 2, 5)
#: Units of a reservoir, connections of each, states that are left for it to forget its beginning, and its settings: spectral
#: radius and leak.
UNITS, CONNECTIONS, FORGOTTEN, RESERVOIRS = 300, 6, 20, tuple(itertools.product((0.4, 0.8, 1.2), (0.5, 1.0)))
#: Standardised states beyond which a forecast is lost.
LOST = 1e3


@dataclass(frozen=True)
class Training:
    """What a method of `forecast` learns from.

    Attributes
    ----------
    times : (N,) float64
        Equally spaced.
    values : (N, n) float64
        States, with noise where there is some.
    system : ODESystem
        Which made them; only hybrids look at it.
    seed : int
    budget : float or None
        Seconds for a recovery, as of `recover`.

    Examples
    --------
    >>> training = Training(np.arange(3.0), np.array([[1.0], [2.0], [4.0]]), ODESystem.from_text("x' = x"), seed=0)
    >>> persistence(training)(training.values, 2).tolist()
    [[4.0], [4.0]]
    """

    times: np.ndarray
    values: np.ndarray
    system: ODESystem
    seed: int
    budget: float | None = None


def persistence(training: Training) -> Forecaster:
    """Nothing changes."""
    return lambda history, count: np.repeat(history[-1:], count, axis=0)


# ---- regressions on the past -------------------------------------------------------------------------


def linear(training: Training) -> Forecaster:
    """A linear function of past states, by ridge regression; the number of states and the ridge are validated."""
    return _validated(training, ((partial(_lagged, lags=k, stride=1), k) for k in LAGS))


def nvar(training: Training) -> Forecaster:
    """Nonlinear vector autoregression: steps as quadratic functions of past states (Gauthier et al. 2021), validated."""
    settings = ((k, s) for k in QUADRATIC for s in STRIDES if s == 1 or k > 1)
    return _validated(training, ((partial(_quadratic, lags=k, stride=s), (k - 1) * s + 1) for k, s in settings))


def _lagged(past: np.ndarray, lags: int, stride: int) -> np.ndarray:
    """Past states (..., p) from (..., m, n), and 1."""
    picked = past[..., past.shape[-2] - 1 - stride * np.arange(lags), :]
    flat = picked.reshape(*past.shape[:-2], -1)
    return np.concatenate([np.ones((*flat.shape[:-1], 1)), flat], axis=-1)


def _quadratic(past: np.ndarray, lags: int, stride: int) -> np.ndarray:
    """Past states, products of two of them, and 1."""
    own = _lagged(past, lags, stride)
    i, j = np.triu_indices(own.shape[-1] - 1)
    return np.concatenate([own, own[..., 1 + i] * own[..., 1 + j]], axis=-1)


def _validated(training: Training, maps: Iterator[tuple[Step, int]]) -> Forecaster:
    """The feature map and ridge that foretell the end of the series best, fitted to all of it."""
    center, scale = _moments(training.values)
    z = (training.values - center) / scale
    early = len(z) - max(round(CHECKED * len(z)), 2)
    best: tuple[float, Callable[[], Forecaster]] | None = None
    for features, needed in maps:
        if early < 2 * needed + 2:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(z[:-1], needed, axis=0).swapaxes(1, 2)
        table, target = features(windows), np.diff(z, axis=0)[needed - 1 :]
        for ridge, made in zip(RIDGES, _ridges(table[: early - needed], target[: early - needed]), strict=True):
            loss = _loss(partial(_iterated, features, made), z, early)
            if best is None or loss < best[0]:
                best = loss, partial(_fitted, features, table, target, ridge)
    if best is None:
        raise ValueError(f"{len(z)} points are too few for a regression on the past")
    step = best[1]()
    return lambda history, count: center + scale * step((history - center) / scale, count)


def _fitted(features: Step, table: np.ndarray, target: np.ndarray, ridge: float) -> Forecaster:
    [weights] = _ridges(table, target, (ridge,))
    return partial(_iterated, features, weights)


def _iterated(features: Step, weights: np.ndarray, history: np.ndarray, count: int) -> np.ndarray:
    """The regression run on its own forecasts."""
    past = history.copy()
    found = np.full((count, history.shape[1]), np.nan)
    for k in range(count):
        new = past[-1] + features(past) @ weights
        if not np.abs(new).max() < LOST:
            break
        found[k] = new
        past = np.concatenate([past[1:], new[None]])
    return found


# ---- a reservoir -------------------------------------------------------------------------------------


def echo_state(training: Training) -> Forecaster:
    """An echo state network (Jaeger & Haas 2004) of 300 units; spectral radius, leak and ridge are validated."""
    center, scale = _moments(training.values)
    z = (training.values - center) / scale
    early = len(z) - max(round(CHECKED * len(z)), 2)
    rng, n = np.random.default_rng(training.seed), z.shape[1]
    inward = rng.uniform(-0.5, 0.5, (UNITS, n + 1))
    within = np.where(rng.random((UNITS, UNITS)) < CONNECTIONS / UNITS, rng.uniform(-1, 1, (UNITS, UNITS)), 0.0)
    within /= np.abs(np.linalg.eigvals(within)).max()
    best: tuple[float, np.ndarray, float, float] | None = None
    for radius, leak in RESERVOIRS:
        states = _driven(within * radius, inward, leak, z[:-1])
        first = min(FORGOTTEN, early // 2)
        table, target = _seen(states, z[:-1]), np.diff(z, axis=0)
        for ridge, weights in zip(RIDGES, _ridges(table[first : early - 1], target[first : early - 1]), strict=True):
            loss = _loss(partial(_reservoir, within * radius, inward, leak, weights), z, early)
            if best is None or loss < best[0]:
                best = loss, _ridges(table[first:], target[first:], (ridge,))[0], radius, leak
    assert best is not None
    _, weights, radius, leak = best
    run = partial(_reservoir, within * radius, inward, leak, weights)
    return lambda history, count: center + scale * run((history - center) / scale, count)


def _driven(within: np.ndarray, inward: np.ndarray, leak: float, z: np.ndarray) -> np.ndarray:
    """States (T, units) of a reservoir after each input."""
    found, state = np.empty((len(z), len(within))), np.zeros(len(within))
    drive = z @ inward[:, 1:].T + inward[:, 0]
    for k in range(len(z)):
        state = (1 - leak) * state + leak * np.tanh(within @ state + drive[k])
        found[k] = state
    return found


def _seen(states: np.ndarray, z: np.ndarray) -> np.ndarray:
    """What the output of a reservoir is linear in: 1, the input, the states, and squares of every second one."""
    squared = np.where(np.arange(states.shape[-1]) % 2, states**2, states)
    return np.concatenate([np.ones((len(z), 1)), z, squared], axis=1)


def _reservoir(
    within: np.ndarray, inward: np.ndarray, leak: float, weights: np.ndarray, history: np.ndarray, count: int
) -> np.ndarray:
    """A reservoir driven by the history, then by its own output."""
    state, z = _driven(within, inward, leak, history)[-1], history[-1]
    found = np.full((count, history.shape[1]), np.nan)
    for k in range(count):
        z = z + (_seen(state[None], z[None]) @ weights)[0]
        if not np.abs(z).max() < LOST:
            break
        found[k] = z
        state = (1 - leak) * state + leak * np.tanh(within @ state + inward[:, 1:] @ z + inward[:, 0])
    return found


# ---- equations ---------------------------------------------------------------------------------------


def recovered(training: Training) -> Forecaster:
    """Equations recovered with nothing known."""
    return _recovered(training, None)


def hybrid(training: Training) -> Forecaster:
    """All equations but one known: the last that is not linear, of which only the states are known."""
    system = training.system
    rows = dict(zip(system.states, system.part("drift"), strict=True))
    hidden = next((s for s in reversed(system.states) if not _linear(rows[s], system.states)), system.states[-1])
    rows[hidden] = sp.Function(f"f_{hidden}")(*system.states)
    return _recovered(training, ODESystem(rows))


def _linear(expression: sp.Expr, states: Sequence[sp.Symbol]) -> bool:
    return all(not expression.diff(a, b) for a in states for b in states)


def _recovered(training: Training, system: ODESystem | None) -> Forecaster:
    names = [s.name for s in training.system.states]
    data: Mapping[str, Any] = {"t": training.times, **dict(zip(names, training.values.T, strict=True))}
    found = recover(system, data, seed=training.seed, budget=training.budget, progress=False).system
    step = float(training.times[1] - training.times[0])

    def run(history: np.ndarray, count: int) -> np.ndarray:
        start = dict(zip(names, map(float, history[-1]), strict=True))
        made = simulate(found, step * np.arange(count + 1), initial=start, rtol=1e-9, on_failure="nan", progress=False)
        return np.stack([made[name].values[1:] for name in names], axis=1)

    return run


# ---- common ------------------------------------------------------------------------------------------


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each state; 1 for one that does not change."""
    scale = values.std(axis=0)
    return values.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _ridges(table: np.ndarray, target: np.ndarray, ridges: Sequence[float] = RIDGES) -> list[np.ndarray]:
    """Weights (p, n) of ridge regressions, with features in units of their root mean squares."""
    size = np.sqrt(np.mean(table**2, axis=0))
    unit = np.where(size > 0, size, 1.0)
    own = table / unit
    gram, right = own.T @ own, own.T @ target
    diagonal = len(table) * np.eye(len(gram))
    return [solve(gram + r * diagonal, right, assume_a="pos") / unit[:, None] for r in ridges]


def _loss(run: Forecaster, z: np.ndarray, early: int) -> float:
    """Square errors of forecasts from origins in the last part of a series, those above one standard deviation as one."""
    ahead = min(AHEAD, len(z) - early)
    origins = np.unique(np.linspace(early, len(z) - ahead, ORIGINS).astype(int))
    total = 0.0
    for k in origins:
        gap = np.nan_to_num(run(z[max(0, k - 200) : k], ahead) - z[k : k + ahead], nan=LOST, posinf=LOST, neginf=-LOST)
        total += float(np.mean(np.minimum(gap**2, 1.0)))
    return total


FORECASTERS: Mapping[str, Callable[[Training], Forecaster]] = {
    "persistence": persistence,
    "linear": linear,
    "nvar": nvar,
    "echo-state": echo_state,
    "recover": recovered,
    "hybrid": hybrid,
}
