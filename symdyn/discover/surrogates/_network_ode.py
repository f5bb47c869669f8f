"""An ODE with small networks in place of its unknown terms, integrated by JAX in windows of the data."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import Blocks
from symdyn.discover.surrogates._network_rates import NetworkRates
from symdyn.discover.surrogates._term_networks import LOOSE, TermNetworks
from symdyn.discover.surrogates._windows import TrainingWindows
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkODE"]


class NetworkODE:
    """Functions of the flat weights: initial values of the windows (W, n) in `scale`, networks, and free parameters."""

    def __init__(self, system: System, observed: Observations, cut: TrainingWindows, options: Any) -> None:
        self.networks = TermNetworks(system, options.width, options.decay, options.signs)
        self._rates, self._substeps = NetworkRates(system, self.networks), options.substeps
        self.units = self._rates.units(observed)
        self.count, self.scale = len(cut.trajectory), self.units.size
        self.starts = self.count * len(self.scale)
        self.precision = np.concatenate([np.full(self.starts, LOOSE), self.networks.precision])

    def _interval(self, s: jax.Array, y: jax.Array, time: jax.Array, following: jax.Array) -> jax.Array:
        """The state at the next time, by steps of the classical Runge-Kutta method."""
        h = (following - time) / self._substeps
        slope = partial(self._rates, self.units, s)
        for k in range(self._substeps):
            at = time + k * h
            k1 = slope(at, y)
            k2 = slope(at + h / 2, y + h / 2 * k1)
            k3 = slope(at + h / 2, y + h / 2 * k2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(at + h, y + h * k3))
        return y

    def _path(self, start: jax.Array, s: jax.Array, times: jax.Array) -> jax.Array:
        """States (T, n) at times (T,) from the first one."""

        def advance(y: jax.Array, ends: tuple[jax.Array, jax.Array]) -> Any:
            after = self._interval(s, y, *ends)
            return after, after

        return jnp.concatenate([start[None], jax.lax.scan(advance, start, (times[:-1], times[1:]))[1]])

    def _split(self, w: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Initial values of the windows (W, n), and shared weights."""
        return w[: self.starts].reshape(self.count, -1) * self.scale, w[self.starts :]

    def states(self, w: jax.Array, times: Any) -> jax.Array:
        """At times (W, T) of the windows, (W, T, n)."""
        return jax.vmap(self._path, (0, None, 0))(*self._split(w), times)

    def derivatives(self, w: jax.Array, times: Any) -> Blocks:
        """Of the states by the initial values of their own window (W, T, n, n), and by the shared weights (W, T, n, q)."""
        own, common = jax.vmap(jax.jacfwd(self._path, (0, 1)), (0, None, 0))(*self._split(w), times)
        return Blocks(own * self.scale, common)

    def terms(self, s: jax.Array, times: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Arguments and values of the terms at times (m,) and states (m, n), for shared weights."""
        return jax.vmap(partial(self._rates.terms, self.units, s))(times, y)
