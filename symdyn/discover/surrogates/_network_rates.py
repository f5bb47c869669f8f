"""Right-hand sides of ODEs with networks in place of the unknown terms, and the units of states and terms along data."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.input_paths import written_out
from symdyn.codegen.lower import lower
from symdyn.discover.driving_paths import DrivingPaths
from symdyn.discover.surrogates._term_networks import TermNetworks
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkRates", "Scales"]

#: Places along the data at which a diffusion is looked at.
PLACES = 50
#: Coefficients of no inputs.
NONE = np.zeros(0)


class Scales(NamedTuple):
    """Of states (n,): centre, spread and rate of change; of terms: middle and spread of arguments, and sizes that matter."""

    centre: Any
    size: Any
    rate: Any
    middle: Any
    spread: Any
    reach: Any


class NetworkRates:
    """The lowered equations of a system: rates of change, next values, or drift and then rows of the diffusion."""

    def __init__(self, system: System, terms: TermNetworks) -> None:
        self.system, self._terms = system, terms
        system, _ = written_out(system)
        blocks = [("time", [system.time]), ("y", system.states), ("p", system.parameters)]
        arguments = [a for term in system.unknowns for a in term.args]
        self._arguments = jax_function(lower("arguments", blocks, arguments, [str(a) for a in arguments]))
        stand_in = {term: sp.Dummy(f"u{i}") for i, term in enumerate(system.unknowns)}
        drift = [e.xreplace(stand_in) for e in system.expressions]
        blocks = [*blocks, ("u", list(stand_in.values()))]
        self._drift = jax_function(lower("drift", blocks, drift, [""] * len(drift)))
        # compiled once for all trainings of these equations
        self._by_terms = jax.jit(jax.vmap(jax.jacfwd(self._drift, argnums=3), in_axes=(0, 0, 0, None)))
        self._arguments_at = jax.jit(jax.vmap(lambda t, y, p: self._arguments(t[None], y, p)))

    def terms(self, d: Any, s: Any, time: jax.Array, y: jax.Array, course: Any = NONE) -> tuple[jax.Array, jax.Array]:
        """Arguments of all unknown terms and their values, for weights `s` in the units `d`, and coefficients of inputs."""
        arguments = self._arguments(time[None], y, jnp.concatenate([self._terms.parameters(s), course]))
        return arguments, self._terms.values(d, s, arguments)

    def __call__(self, d: Any, s: Any, time: jax.Array, y: jax.Array, course: Any = NONE) -> jax.Array:
        """All right-hand sides."""
        known = jnp.concatenate([self._terms.parameters(s), course])
        return self._drift(time[None], y, known, self.terms(d, s, time, y, course)[1])

    def units(self, observed: Observations, courses: DrivingPaths | None = None) -> Scales:
        """Units along the data, where free parameters are 1."""
        centre, size, rate = _scales(self.system, observed, driven=courses is not None)
        parameters = np.asarray(self._terms.parameters(jnp.zeros(self._terms.size)))
        middle, spread = self._argument_scales(observed, parameters, centre, courses)
        t = observed.trajectories[0].times
        times, places, sides = np.array([(t[0] + t[-1]) / 2]), centre[None], rate
        if self.system.inputs:  # whose slopes may vanish somewhere
            times = t[:: max(1, len(t) // PLACES)]
            places = np.broadcast_to(centre, (len(times), len(centre)))
        if "diffusion" in self.system.parts:  # of linear noise the middle of the data may be where it vanishes
            places = np.concatenate([t.values[np.isfinite(t.values).all(axis=1)] for t in observed.trajectories])
            places = places[:: max(1, len(places) // PLACES)]
            times = np.broadcast_to(times, len(places))
            noise = np.sqrt(2 * rate * size)
            sides = np.concatenate([rate, np.repeat(noise, len(self.system.expressions) // len(rate) - 1)])
        inputs = np.zeros((len(times), 0)) if courses is None else courses.rows([0], times[None])[0]
        known = np.concatenate([np.broadcast_to(parameters, (len(times), len(parameters))), inputs], axis=1)
        every = np.asarray(self._by_terms(times[:, None], places, known, np.zeros(len(self.system.unknowns))))
        moved = np.sqrt(np.mean(every**2, axis=0))
        moved = np.where(np.isfinite(moved) & (moved > 1e-12), moved, 0.0)
        reach = [max((sides[i] / s for i, s in enumerate(c) if s > 0), default=1.0) for c in moved.T]
        return Scales(centre, size, rate, *self._terms.shared(middle, spread, np.array(reach)))

    def _argument_scales(
        self, observed: Observations, parameters: Any, centre: Any, courses: DrivingPaths | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Middle and spread of every argument of an unknown term."""
        times = np.concatenate([t.times for t in observed.trajectories])
        values = np.concatenate([t.values for t in observed.trajectories])
        values = np.where(np.isfinite(values), values, centre)
        inputs = np.zeros((len(times), 0))
        if courses is not None:
            inputs = np.concatenate([courses.rows([k], t.times[None])[0] for k, t in enumerate(observed.trajectories)])
        known = np.concatenate([np.broadcast_to(parameters, (len(times), len(parameters))), inputs], axis=1)
        a = np.asarray(self._arguments_at(times, values, known))
        a = np.where(np.isfinite(a), a, np.nan)
        if a.size == 0:
            return np.zeros(a.shape[1]), np.ones(a.shape[1])
        middle, spread = np.nanmean(a, axis=0), np.nanstd(a, axis=0)
        fallback = np.where(np.abs(middle) > 0, np.abs(middle), 1.0)
        return middle, np.where(spread > 1e-9 * fallback, spread, fallback)


def _scales(system: System, observed: Observations, *, driven: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, spread and rate of change of each state; an unobserved state has its initial value for a centre.

    Of a diffusion the rate of change is the squared variation in a unit of time over twice the spread, as the rate of an
    Ornstein-Uhlenbeck process at its typical distance from the middle.  Where inputs drive it, the data may be ends of many
    trajectories alone: in each of them a state changes by its spread.
    """
    centre, size, rate = np.zeros((3, len(system.states)))
    total = sum(t.times[-1] - t.times[0] for t in observed.trajectories)
    for i, s in enumerate(system.states):
        series = [t.values[np.isfinite(t.values[:, i]), i] for t in observed.trajectories]
        seen = np.concatenate(series)
        if seen.size > 1 and np.ptp(seen) > 0:
            centre[i], size[i] = seen.mean(), seen.std()
            # at most some 20 points each, or noise on dense data would pass for motion
            way = sum(np.abs(np.diff(v[:: max(1, len(v) // 20)])).sum() for v in series)
        else:
            start = float(seen[0]) if seen.size else system.initial.get(s, 1.0)
            centre[i], size[i], way = start, abs(start) or 1.0, 0.0
        rate[i] = size[i] if system.whole_steps else max(way, size[i]) / total
        if "diffusion" in system.parts:
            rate[i] = sum(float(np.sum(np.diff(v) ** 2)) for v in series) / (2 * size[i] * total)
        elif driven:
            rate[i] = max(way, size[i] * len(observed.trajectories)) / total
    return centre, size, rate
