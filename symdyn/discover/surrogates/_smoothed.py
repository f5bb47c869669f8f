"""Surrogates of ODEs without networks: states smoothed apart from each other, then unknown terms along them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdyn.discover.surrogates._gaussian import Posterior, smooth
from symdyn.discover.surrogates._pairs import LinearForm, Pairs, fitted_parameters, linear_form, not_linear, samples_of
from symdyn.discover.surrogates.registry import SurrogateFit, not_rates
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["SmoothStates", "Smoothed"]

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


def _smooth_states(data: Observations, points: int) -> list[SmoothStates]:
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


class Smoothed(ABC):
    """A surrogate that smooths every state of an ODESystem and finds the unknown terms, which enter linearly, from them.

    Attributes
    ----------
    name : str
        In the registry.
    options
        With the number of ``points`` on each trajectory, and ``signs``.
    """

    name: ClassVar[str]
    options: Any

    @classmethod
    def applies(cls, system: System, observations: Observations) -> str | None:
        """None for an ODESystem with all states observed and terms that can be solved for, else the reason."""
        if system.unmet(["drift"]):
            return not_rates(system, cls.name)
        reason = not_linear(system)
        for t in observations.trajectories:
            counts = np.isfinite(t.values).sum(axis=0)
            if reason is None and counts.min() < FEWEST:
                state = system.names[int(np.argmin(counts))]
                reason = f"{state} has {counts.min()} values on a trajectory, and smoothing needs {FEWEST}; 'pinn' needs none"
        return None if reason is None else f"the surrogate {cls.name!r} cannot solve for the unknown terms: {reason}"

    @abstractmethod
    def _along(self, run: SmoothStates, form: LinearForm, known: Mapping[Any, float], data: int) -> tuple[np.ndarray, ...]:
        """Values and weights of all terms on one trajectory of so many data, (m, k) each."""

    def fit(
        self, system: System, observations: Observations, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
    ) -> SurrogateFit:
        """Learn from `observations`; `seed` is without effect, the result is unique.

        Raises
        ------
        RecoveryError
            If `applies` gives a reason, or nowhere on the data a term moves a derivative.
        """
        reason = self.applies(system, observations)
        if reason is not None:
            raise RecoveryError(reason)
        started = time.perf_counter()
        runs, form = _smooth_states(observations, self.options.points), linear_form(system)
        whole = Pairs(*(np.concatenate([getattr(r.pairs, k) for r in runs]) for k in ("times", "now", "then", "noise")))
        parameters = fitted_parameters(system, form, whole)
        known = {**system.defaults, **parameters}
        parts = []
        for k, (run, t) in enumerate(zip(runs, observations.trajectories, strict=True)):
            parts.append(self._along(run, form, known, len(t.times)))
            if progress is not None:
                progress(k + 1, len(runs))
        values, weights = (np.concatenate(p) for p in zip(*parts, strict=True))
        arguments = form.arguments(whole, known)
        terms = {
            u: samples_of(u, arguments[j], values[:, j], weights[:, j], self.options.signs, "the derivatives of the states")
            for j, u in enumerate(system.unknowns)
        }
        history = {"errors": tuple(r.value_error for r in runs), "seconds": time.perf_counter() - started}
        return SurrogateFit(tuple(r.times for r in runs), tuple(r.value for r in runs), terms, parameters, history)
