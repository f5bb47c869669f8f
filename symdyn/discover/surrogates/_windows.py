"""Data of trajectories in windows of equal length, and the points that are held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from symdyn.inference.data import Observations, Trajectory

__all__ = ["TrainingWindows", "trained_on", "windows"]

FEW = 12  # fewer time points than this are all trained on


@dataclass(frozen=True)
class TrainingWindows:
    """Stretches of the trajectories, padded to the longest with times that stand still.

    Attributes
    ----------
    trajectory : (W,) int64
    times : (W, T) float64
    values, weights : (W, T, n) float64
        Data (0 where missing) and one over their noise (0 where missing).
    """

    trajectory: np.ndarray
    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray


def windows(observed: Observations, noise: np.ndarray, points: int) -> TrainingWindows:
    """Cut every trajectory into windows of at most so many points, which share their ends."""
    parts = []
    for k, t in enumerate(observed.trajectories):
        pieces = max(1, -(-(len(t.times) - 1) // max(points - 1, 1)))
        cuts = np.unique(np.round(np.linspace(0, len(t.times) - 1, pieces + 1)).astype(int))
        for a, b in pairwise(cuts):
            parts.append((k, t.times[a : b + 1], t.values[a : b + 1]))
    longest, n = max(len(p[1]) for p in parts), len(noise)
    times, values = np.zeros((len(parts), longest)), np.full((len(parts), longest, n), np.nan)
    for w, (_, at, seen) in enumerate(parts):
        times[w] = at[-1]
        times[w, : len(at)], values[w, : len(at)] = at, seen
    have = np.isfinite(values)
    return TrainingWindows(np.array([p[0] for p in parts]), times, np.where(have, values, 0.0), have / noise)


def trained_on(observed: Observations, options: Any, rng: np.random.Generator) -> Iterator[Observations]:
    """For each member the observations without those held out for validation; ends of trajectories are never held out.

    Members take turns through one random order, so that each point trains at least one of them.
    """
    orders = [rng.permutation(np.arange(1, len(t.times) - 1)) for t in observed.trajectories]
    for m in range(options.members):
        parts = []
        for t, order in zip(observed.trajectories, orders, strict=True):
            count = int(options.holdout * len(t.times)) if len(t.times) >= FEW else 0
            values = np.array(t.values, dtype=float)
            values[np.roll(order, -m * count)[:count]] = np.nan
            parts.append(Trajectory(t.times, values))
        yield replace(observed, trajectories=tuple(parts))
