"""Right-hand sides of ODEs with networks in place of the unknown terms, and the units of states and terms along data."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates._term_networks import TermNetworks
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkRates", "Scales"]


class Scales(NamedTuple):
    """Of states (n,): centre, spread and rate of change; of terms: middle and spread of arguments, and sizes that matter."""

    centre: Any
    size: Any
    rate: Any
    middle: Any
    spread: Any
    reach: Any


class NetworkRates:
    """The lowered equations of an ODESystem."""

    def __init__(self, system: System, terms: TermNetworks) -> None:
        self.system, self._terms = system, terms
        blocks = [("time", [system.time]), ("y", system.states), ("p", system.parameters)]
        arguments = [a for term in system.unknowns for a in term.args]
        self._arguments = jax_function(lower("arguments", blocks, arguments, [str(a) for a in arguments]))
        stand_in = {term: sp.Dummy(f"u{i}") for i, term in enumerate(system.unknowns)}
        drift = [e.xreplace(stand_in) for e in system.expressions]
        blocks = [*blocks, ("u", list(stand_in.values()))]
        self._drift = jax_function(lower("drift", blocks, drift, list(map(str, system.states))))

    def terms(self, d: Any, s: jax.Array, time: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Arguments of all unknown terms and their values, for weights `s` in the units `d`."""
        arguments = self._arguments(time[None], y, self._terms.parameters(s))
        return arguments, self._terms.values(d, s, arguments)

    def __call__(self, d: Any, s: jax.Array, time: jax.Array, y: jax.Array) -> jax.Array:
        """NetworkRates of change (n,)."""
        return self._drift(time[None], y, self._terms.parameters(s), self.terms(d, s, time, y)[1])

    def units(self, observed: Observations) -> Scales:
        """Units along the data, where free parameters are 1."""
        centre, size, rate = _scales(self.system, observed)
        parameters = np.asarray(self._terms.parameters(jnp.zeros(self._terms.size)))
        middle, spread = self._argument_scales(observed, parameters, centre)
        t = observed.trajectories[0].times
        begin = np.array([(t[0] + t[-1]) / 2])
        moved = jax.jit(jax.jacfwd(self._drift, argnums=3))(begin, centre, parameters, np.zeros(len(self.system.unknowns)))
        moved = np.abs(np.asarray(moved))
        moved = np.where(np.isfinite(moved) & (moved > 1e-12), moved, 0.0)
        reach = [max((rate[i] / s for i, s in enumerate(c) if s > 0), default=1.0) for c in moved.T]
        return Scales(centre, size, rate, *self._terms.shared(middle, spread, np.array(reach)))

    def _argument_scales(self, observed: Observations, parameters: Any, centre: Any) -> tuple[np.ndarray, np.ndarray]:
        """Middle and spread of every argument of an unknown term."""
        times = np.concatenate([t.times for t in observed.trajectories])
        values = np.concatenate([t.values for t in observed.trajectories])
        values = np.where(np.isfinite(values), values, centre)
        a = np.asarray(jax.jit(jax.vmap(lambda t, y: self._arguments(t[None], y, parameters)))(times, values))
        a = np.where(np.isfinite(a), a, np.nan)
        if a.size == 0:
            return np.zeros(a.shape[1]), np.ones(a.shape[1])
        middle, spread = np.nanmean(a, axis=0), np.nanstd(a, axis=0)
        fallback = np.where(np.abs(middle) > 0, np.abs(middle), 1.0)
        return middle, np.where(spread > 1e-9 * fallback, spread, fallback)


def _scales(system: System, observed: Observations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, spread and rate of change of each state; an unobserved state has its initial value for a centre."""
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
    return centre, size, rate
