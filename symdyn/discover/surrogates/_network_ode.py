"""An ODE or map with small networks in place of its unknown terms, followed by JAX in windows of the data."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.driving_paths import DrivingPaths
from symdyn.discover.surrogates._descent import Blocks
from symdyn.discover.surrogates._network_effort import StepEffort
from symdyn.discover.surrogates._network_rates import NetworkRates
from symdyn.discover.surrogates._term_networks import LOOSE, TermNetworks
from symdyn.discover.surrogates._windows import TrainingWindows
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkODE"]


class NetworkODE:
    """Functions of the flat weights: initial values of the windows (W, n) in `scale`, networks, and free parameters."""

    def __init__(
        self, system: System, observed: Observations, cut: TrainingWindows, options: Any, courses: DrivingPaths | None = None
    ) -> None:
        self.networks = TermNetworks(system, options.width, options.decay, options.signs)
        self._rates, self._substeps = NetworkRates(system, self.networks, courses), options.substeps
        self._courses, self._trajectory = courses, cut.trajectory
        self.units = self._rates.units(observed)
        #: Most steps of a map between two data; 0 of rates of change.
        self.gap = int(np.ceil(np.diff(cut.times, axis=1).max())) if system.whole_steps else 0
        self.count, self.scale = len(cut.trajectory), self.units.size
        #: Initial values that hold exactly, (W, n), or None where they are fitted.
        self._begin = np.broadcast_to(_declared(system), (self.count, len(self.scale))) if options.declared else None
        self.starts = 0 if options.declared else self.count * len(self.scale)
        #: Of the steps, where the options put a price on it.
        self.effort = None
        if options.penalty:
            rates, between = partial(self._rates, self.units), cut.times.shape[1] - 1
            self.effort = StepEffort(rates, options.penalty, self._substeps, self.scale, between)
        self.precision = np.concatenate([np.full(self.starts, LOOSE), self.networks.precision])

    def courses(self, times: np.ndarray, *, within: bool = True) -> np.ndarray:
        """Coefficients of inputs (W, T, m) at times (W, T), or of the intervals between them, (W, T - 1, m)."""
        at = (times[:, :-1] + times[:, 1:]) / 2 if within else times
        return np.zeros((*at.shape, 0)) if self._courses is None else self._courses.rows(self._trajectory, at)

    def _interval(self, s: jax.Array, y: jax.Array, time: jax.Array, following: jax.Array, course: jax.Array) -> jax.Array:
        """The state at the next time, by steps of the classical Runge-Kutta method, or of the map."""
        if self.gap:
            for k in range(self.gap):
                y = jnp.where(time + k < following, self._rates(self.units, s, time + k, y), y)
            return y
        h = (following - time) / self._substeps

        def slope(at: jax.Array, y: jax.Array) -> jax.Array:
            return self._rates(self.units, s, at, y, course)

        for k in range(self._substeps):
            at = time + k * h
            k1 = slope(at, y)
            k2 = slope(at + h / 2, y + h / 2 * k1)
            k3 = slope(at + h / 2, y + h / 2 * k2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(at + h, y + h * k3))
        return y

    def states(self, w: jax.Array, times: Any, courses: Any) -> jax.Array:
        """At times (W, T) of the windows, (W, T, n), with the coefficients of inputs between them."""
        s, fitted = w[self.starts :], self._begin is None
        starts = w[: self.starts].reshape(self.count, -1) * self.scale if fitted else jnp.asarray(self._begin)

        def along(start: jax.Array, at: jax.Array, course: jax.Array) -> jax.Array:
            def advance(y: jax.Array, ends: tuple[jax.Array, jax.Array, jax.Array]) -> Any:
                after = self._interval(s, y, *ends)
                return after, after

            _, path = jax.lax.scan(advance, start, (at[:-1], at[1:], course))
            return jnp.concatenate([start[None], path])

        return jax.vmap(along)(starts, times, courses)

    def derivatives(self, w: jax.Array, times: Any, courses: Any) -> Blocks:
        """Of the states by the initial values of their own window (W, T, n, n), and by the shared weights (W, T, n, q)."""
        s, path = w[self.starts :], self.states(w, times, courses)
        point = jax.jacrev(self._interval, argnums=(0, 1))
        axes = (None, 0, 0, 0, 0)
        local = jax.vmap(jax.vmap(point, in_axes=axes), in_axes=axes)
        forced, moved = local(s, path[:, :-1], times[:, :-1], times[:, 1:], courses)

        def along(forced: jax.Array, moved: jax.Array) -> Blocks:
            def advance(now: Blocks, each: tuple[jax.Array, jax.Array]) -> Any:
                after = Blocks(each[1] @ now.own, each[1] @ now.common + each[0])
                return after, after

            own = jnp.diag(jnp.asarray(self.scale))[:, : 0 if self._begin is not None else None]
            first = Blocks(own, jnp.zeros(forced.shape[1:]))
            _, rest = jax.lax.scan(advance, first, (forced, moved))
            return Blocks(*(jnp.concatenate([a[None], b]) for a, b in zip(first, rest, strict=True)))

        return jax.vmap(along)(forced, moved)

    def terms(self, s: jax.Array, times: jax.Array, y: jax.Array, courses: Any) -> tuple[jax.Array, jax.Array]:
        """Arguments and values of the terms at times (m,) and states (m, n), for shared weights."""
        return jax.vmap(partial(self._rates.terms, self.units, s))(times, y, courses)


def _declared(system: System) -> np.ndarray:
    """Initial values of all states, (n,)."""
    try:
        return np.array([float(system.initial[s]) for s in system.states])
    except (KeyError, TypeError):
        raise RecoveryError(
            "starts='declared' needs a number as the initial value of every state: give initial={...} to the system"
        ) from None
