"""Gaussian filters of several models side by side: all states of all of them in one array, one call of each kernel a step.

Python takes longer about a step of a small model than its kernel does, and few data are compared with many models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.codegen.kernel import Kernel

__all__ = ["Filtered", "Side", "filtered", "inward", "outward", "runs"]

RTOL, ATOL, MAX_STEPS = 1e-8, 1e-10, 4000
#: Variance, in units of the scale, that a state has at least: without any there are no points about a mean.
TINY = 1e-14
#: Size of a state, in units of its scale or in its logarithm, at which a run is lost.
LOST = 50.0
#: From states (L, S, n) of L choices of values, and times (T,), to states (L, S, T, n).
Move = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Filtered:
    """Where a filter has got to, of L choices of values.

    Attributes
    ----------
    values : (L,) float64
        Log-likelihoods; minus infinity where a run is lost.
    gaps, spreads : (L, D, n) and (L, D, n, n) float64
        Of each datum, one trajectory after another: its distance from the prediction, and the covariance of that; of what is
        missing 0 and 1.
    means, covariances : sequence of (L, n) and (L, n, n) float64
        Of the state at the last time of each trajectory, given all of its data.
    """

    values: np.ndarray
    gaps: np.ndarray
    spreads: np.ndarray
    means: list[np.ndarray]
    covariances: list[np.ndarray]


@dataclass(frozen=True)
class Side:
    """One model with L choices of its values.

    Attributes
    ----------
    kernel : Kernel
    rows : (L, k) float64
        Parameters of the kernel.
    starts : (L, trajectories, n) float64
        As the filter has states.
    measurement, process : (L, n) float64
        Variances of both errors.
    begun : (L, trajectories, n) float64
        Variances of the states at the first times about those of `starts`.
    times, values : sequence of (T,) and (T, n) float64
        Data of each trajectory, as the filter has states.
    scale : (n,) float64
        Unit of each state.
    logarithmic : bool
        Whether the filter has logarithms of the states.
    offset : float
        Added to the log-likelihood.
    """

    kernel: Kernel
    rows: np.ndarray
    starts: np.ndarray
    measurement: np.ndarray
    process: np.ndarray
    begun: np.ndarray
    times: Sequence[np.ndarray]
    values: Sequence[np.ndarray]
    scale: np.ndarray
    logarithmic: bool
    offset: float


def inward(states: np.ndarray, scale: np.ndarray, *, logarithmic: bool | np.ndarray) -> np.ndarray:
    """States as a filter has them, logarithms of all or where it says so; NaN where one has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = states / scale
        return np.where(logarithmic, np.log(np.where(scaled > 0, scaled, np.nan)), scaled)


def outward(states: np.ndarray, scale: np.ndarray, *, logarithmic: bool | np.ndarray) -> np.ndarray:
    """States in their units."""
    with np.errstate(over="ignore"):
        return np.asarray(np.where(logarithmic, np.exp(states), states) * scale)


def filtered(sides: Sequence[Side]) -> list[Filtered]:
    """Run the filters of models with the same states and scale.

    Data of one may end before those of another, but have the same times before.
    """
    noisy = [bool(side.process.any()) for side in sides]
    if len(set(noisy)) > 1:  # without process noise there is no spread that could grow
        groups = [iter(filtered([s for s, own in zip(sides, noisy, strict=True) if own == noise])) for noise in (False, True)]
        return [next(groups[noise]) for noise in noisy]
    first, counts = sides[0], [len(s.rows) for s in sides]
    owner, move = np.repeat(np.arange(len(sides)), counts), _mover(sides)
    measurement, process = (np.concatenate([getattr(s, k) for s in sides]) for k in ("measurement", "process"))
    total = np.array([s.offset for s in sides])[owner]
    found: list[tuple[np.ndarray, ...]] = []
    for k in range(len(first.times)):
        times = max((s.times[k] for s in sides), key=len)
        values = np.full((len(sides), len(times), measurement.shape[1]), np.nan)
        for own, side in zip(values, sides, strict=True):
            own[: len(side.times[k])] = side.values[k]
        ends = np.array([len(s.times[k]) - 1 for s in sides])[owner]
        starts, begun = (np.concatenate([getattr(s, name)[:, k] for s in sides]) for name in ("starts", "begun"))
        if process.any():
            logs, *rest = _with_noise(move, times, values[owner], ends, starts, begun, measurement, process)
        else:
            logs, *rest = _without(move, times, values[owner], ends, starts, measurement)
        total = total + logs
        found.append(tuple(rest))
    gaps, spreads = (np.concatenate([f[i] for f in found], axis=1) for i in (0, 1))
    total = np.where(np.isfinite(total), total, -np.inf)
    cuts = np.cumsum(counts)[:-1]
    means, covariances = ([np.split(f[i], cuts) for f in found] for i in (2, 3))
    parts = zip(np.split(total, cuts), np.split(gaps, cuts), np.split(spreads, cuts), strict=True)
    return [
        Filtered(value, gap, spread, [m[i] for m in means], [c[i] for c in covariances])
        for i, (value, gap, spread) in enumerate(parts)
    ]


def runs(side: Side, states: np.ndarray, times: np.ndarray) -> np.ndarray:
    """States (L, T, n) of a model at times, from those (L, n) at the first; NaN where a run is lost."""
    return _mover([side])(states[:, None], times)[:, 0]


def _mover(sides: Sequence[Side]) -> Move:
    """Runs of all models: one call of each kernel."""
    scale, (logs, owners) = sides[0].scale, (
        np.repeat(own, [len(s.rows) for s in sides]) for own in ([s.logarithmic for s in sides], np.arange(len(sides)))
    )  # fmt: skip
    kernels = {id(s.kernel): s.kernel for s in sides}
    parts = []
    for key, kernel in kernels.items():
        own = [i for i, s in enumerate(sides) if id(s.kernel) == key]
        parts.append((kernel, np.flatnonzero(np.isin(owners, own)), np.concatenate([sides[i].rows for i in own])))

    def run(states: np.ndarray, times: np.ndarray) -> np.ndarray:
        found = np.full((*states.shape[:2], len(times), states.shape[2]), np.nan)
        good = (np.abs(states) < LOST).all(axis=2)
        begun = outward(states, scale, logarithmic=logs[:, None, None])
        for kernel, lanes, rows in parts if len(times) > 1 else ():
            lane, point = np.nonzero(good[lanes] & np.isfinite(rows).all(axis=1)[:, None])
            if lane.size:
                at = lanes[lane], point
                found[at] = kernel(
                    begun[at], rows[lane], times, rtol=RTOL, atol=ATOL * float(scale.min()),
                    max_steps=MAX_STEPS * (len(times) - 1),
                ).values  # fmt: skip
        found = inward(found, scale, logarithmic=logs[:, None, None, None])
        found[:, :, 0] = states
        far = np.logical_or.accumulate(~(np.abs(found) < LOST).all(axis=3), axis=2)[:, :, :-1]
        found[:, :, 1:][far] = np.nan
        return found

    return run


def _without(
    move: Move, times: np.ndarray, y: np.ndarray, ends: np.ndarray, starts: np.ndarray, measurement: np.ndarray
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Logarithms (L,), gaps, spreads, last means and covariances of one trajectory without process noise: that of a run."""
    have, states, (count, n) = np.isfinite(y), move(starts[:, None], times)[:, 0], starts.shape
    gap = np.where(have, y - states, 0.0)
    with np.errstate(over="ignore"):  # a run that is all but lost is infinitely unlikely
        each = np.where(have, gap**2 / measurement[:, None] + np.log(2 * np.pi * measurement[:, None]), 0.0)
    spread = np.where(have, measurement[:, None], 1.0)[..., None] * np.eye(n)
    return -0.5 * each.sum(axis=(1, 2)), gap, spread, states[np.arange(count), ends], np.zeros((count, n, n))


def _with_noise(
    move: Move, times: np.ndarray, y: np.ndarray, ends: np.ndarray, mean: np.ndarray, begun: np.ndarray,
    measurement: np.ndarray, process: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """The same with process noise, half of which comes before the run from one time to the next."""
    (count, n), eye = mean.shape, np.eye(mean.shape[1])
    cov, total = (begun + TINY)[:, :, None] * eye, np.zeros(count)
    gaps, spreads = np.empty((count, len(times), n)), np.empty((count, len(times), n, n))
    last, least = mean.copy(), np.zeros((count, n, n))
    known = np.isfinite(y)
    for i in range(len(times)):
        if i:
            half = 0.5 * (times[i] - times[i - 1]) * process[:, :, None] * eye
            root = np.swapaxes(_root(cov + half), 1, 2) * np.sqrt(n)
            points = move(mean[:, None] + np.concatenate([root, -root], axis=1), times[i - 1 : i + 1])[:, :, 1]
            mean = points.mean(axis=1)
            left = points - mean[:, None]
            cov = np.swapaxes(left, 1, 2) @ left / (2 * n) + half
        have = known[:, i]
        gap = np.where(have, y[:, i] - mean, 0.0)
        spread = np.where(have[:, :, None] & have[:, None], cov + measurement[:, :, None] * eye, eye)
        inverse, logs = _inverse(spread)
        with np.errstate(invalid="ignore", over="ignore"):
            gain = np.swapaxes(inverse @ np.where(have[:, :, None], cov, 0.0), 1, 2)
            square = np.einsum("li,li->l", gap, (inverse @ gap[..., None])[..., 0])
            total = total - 0.5 * (square + logs + have.sum(axis=1) * np.log(2 * np.pi))
            mean = mean + (gain @ gap[..., None])[..., 0]
            cov = cov - gain @ spread @ np.swapaxes(gain, 1, 2)
        gaps[:, i], spreads[:, i] = gap, spread
        here = ends == i
        last[here], least[here] = mean[here], cov[here]
    return total, gaps, spreads, last, least


def _root(cov: np.ndarray) -> np.ndarray:
    """Square roots (L, n, n) of covariances, by columns; NaN where one is no covariance."""
    sound = np.isfinite(cov).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(np.where(sound[:, None, None], cov, np.eye(cov.shape[-1])))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(np.where(sound[:, None, None], root, np.nan))


def _inverse(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses and logarithms of determinants; NaN where a matrix holds no number or is singular."""
    sound = np.isfinite(matrix).all(axis=(1, 2))
    signs, logs = np.linalg.slogdet(np.where(sound[:, None, None], matrix, np.eye(matrix.shape[-1])))
    sound &= (signs != 0) & np.isfinite(logs)
    found = np.linalg.inv(np.where(sound[:, None, None], matrix, np.eye(matrix.shape[-1])))
    return np.where(sound[:, None, None], found, np.nan), np.where(sound, logs, np.nan)
