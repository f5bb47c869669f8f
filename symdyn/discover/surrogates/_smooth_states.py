"""States of ODEs smoothed apart from each other: what surrogates without networks begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.surrogates._gaussian import Posterior, smooth
from symdyn.discover.surrogates._pairs import Pairs, not_linear
from symdyn.discover.surrogates.registry import NothingLearnedError, TermSamples
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["FEWEST", "SmoothStates", "samples_of", "smooth_states", "unsuitable"]

#: Values of a state on a trajectory from which it can be smoothed.
FEWEST = 6


@dataclass(frozen=True)
class SmoothStates:
    """One trajectory: times (m,), and values, slopes and their standard errors, all (m, n)."""

    times: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    value_error: np.ndarray
    slope_error: np.ndarray

    @property
    def pairs(self) -> Pairs:
        """States with their derivatives."""
        return Pairs(self.times, self.value, self.slope, self.slope_error)


def unsuitable(system: System, data: Observations, name: str) -> str | None:
    """Why states cannot be smoothed one by one and unknown terms solved for, or None."""
    if system.unmet(["drift"]):
        return (
            f"the surrogate {name!r} needs an ODESystem, got {type(system).__name__}; "
            "for a map leave surrogate='auto', which is 'inversion', or give None"
        )
    reason = not_linear(system)
    for t in data.trajectories:
        counts = np.isfinite(t.values).sum(axis=0)
        if reason is None and counts.min() < FEWEST:
            state = system.names[int(np.argmin(counts))]
            reason = f"{state} has {counts.min()} values on a trajectory, and smoothing needs {FEWEST}; 'pinn' needs none"
    return None if reason is None else f"the surrogate {name!r} cannot solve for the unknown terms: {reason}"


def smooth_states(data: Observations, points: int) -> list[SmoothStates]:
    """Every trajectory at so many equal times, between the first and last one at which all states are known."""
    found = []
    for t in data.trajectories:
        seen = [np.isfinite(v) for v in t.values.T]
        low, high = (f(t.times[s][end] for s in seen) for f, end in ((max, 0), (min, -1)))
        at = np.linspace(low, high, points)
        each: list[Posterior] = []
        for i, s in enumerate(seen):
            floor = 1e-9 * max(float(np.abs(t.values[s, i]).max()), 1e-300)
            p = smooth(t.times[s], t.values[s, i], at)
            each.append(Posterior(p.value, p.slope, np.maximum(p.value_error, floor), np.maximum(p.slope_error, floor)))
        columns = [np.stack([getattr(p, k) for p in each], axis=1) for k in ("value", "slope", "value_error", "slope_error")]
        found.append(SmoothStates(at, *columns))
    return found


def samples_of(unknown: Any, arguments: np.ndarray, values: np.ndarray, weights: np.ndarray, signs: Mapping[Any, int] | None):
    """Samples of one term that are finite, have its sign if that is known, and weights of mean 1.

    Raises
    ------
    NothingLearnedError
        If none is left.
    """
    good = np.isfinite(values) & np.isfinite(arguments).all(axis=1) & np.isfinite(weights) & (weights > 0)
    by_name = {getattr(k, "__name__", str(k)): v for k, v in (signs or {}).items()}
    good &= values * by_name.get(unknown.func.__name__, 0) >= 0
    if not good.any():
        raise NothingLearnedError(
            f"nowhere on the data {unknown} can be told from the derivatives of the states; go without, surrogate=None"
        )
    return TermSamples(arguments[good], values[good], weights[good] / weights[good].mean())
