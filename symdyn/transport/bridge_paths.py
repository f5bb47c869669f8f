r"""Paths of bridges without steps in time: pairs of ends from the plan, and the reference between them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from symdyn_kernels.sinkhorn import cost

__all__ = ["between_ends", "paired"]


def paired(
    weights: np.ndarray, x: np.ndarray, y: np.ndarray, g: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Which points of start and end belong together, from the plan of whitened points x (n, d) and y (m, d)."""
    i = rng.choice(len(weights), count, p=weights)
    u, j = rng.random(count), np.empty(count, dtype=int)
    for one in np.unique(i):
        logs = g - cost(x[one : one + 1], y)[0]
        sums = np.cumsum(np.exp(logs - logs.max()))
        mine = i == one
        j[mine] = np.minimum(np.searchsorted(sums, u[mine] * sums[-1], side="right"), len(sums) - 1)
    return i, j


def between_ends(reference: Any, times: np.ndarray, start: np.ndarray, end: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""The reference between known ends, exactly: each state given the one before it and the end.

    Parameters
    ----------
    reference : LinearReference or ConstantReference
    times : (T,) float64
        Increasing, within the span.
    start, end : (N, d) float64
        At both ends of the span.
    rng : Generator

    Returns
    -------
    (N, T, d) float64
    """
    found, last = np.empty((len(start), len(times), start.shape[1])), reference.span[1]
    now = start
    for k, (t, s) in enumerate(pairwise([reference.span[0], *times])):
        if s == last:
            now = end
        elif s > t:
            whole, first, rest = reference.between(t, last), reference.between(t, s), reference.between(s, last)
            gain = first.noise @ rest.factor.T @ np.linalg.inv(whole.noise)
            noise = first.noise - gain @ rest.factor @ first.noise
            values, vectors = np.linalg.eigh(0.5 * (noise + noise.T))
            z = rng.normal(size=now.shape) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
            now = now @ first.factor.T + first.shift + (end - now @ whole.factor.T - whole.shift) @ gain.T + z
        found[:, k] = now
    return found
