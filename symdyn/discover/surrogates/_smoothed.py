"""Common part of surrogates without networks: states smoothed one by one, then unknown terms along them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from symdyn.discover.surrogates._pairs import LinearForm, Pairs, fitted_parameters, linear_form
from symdyn.discover.surrogates._smooth_states import SmoothStates, samples_of, smooth_states, unsuitable
from symdyn.discover.surrogates.registry import SurrogateFit
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["Smoothed"]


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
        return unsuitable(system, observations, cls.name)

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
        runs, form = smooth_states(observations, self.options.points), linear_form(system)
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
            u: samples_of(u, arguments[j], values[:, j], weights[:, j], self.options.signs)
            for j, u in enumerate(system.unknowns)
        }
        history = {"errors": tuple(r.value_error for r in runs), "seconds": time.perf_counter() - started}
        return SurrogateFit(tuple(r.times for r in runs), tuple(r.value for r in runs), terms, parameters, history)
