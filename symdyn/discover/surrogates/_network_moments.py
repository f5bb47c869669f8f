"""Means and covariances of a diffusion with networks in place of its unknown terms, after steps of paths, by JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._network_rates import NetworkRates
from symdyn.discover.surrogates._term_networks import TermNetworks
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkMoments"]

#: Of the classical method of Runge and Kutta.
NODES, WEIGHTS = np.array([0, 1 / 2, 1 / 2, 1]), np.array([1, 2, 2, 1]) / 6


class NetworkMoments:
    """The moments of `symdyn.inference.local_moments`, of flat weights: networks, and free parameters.

    Parameters
    ----------
    system : SDESystem
        With unknown terms.
    observed : Observations
    networks : TermNetworks
    steps : int
        In which the moments cross a gap.
    """

    def __init__(self, system: System, observed: Observations, networks: TermNetworks, steps: int) -> None:
        self._rates, self._steps = NetworkRates(system, networks), steps
        self.units = self._rates.units(observed)
        self._shape = np.shape(system.part("diffusion"))
        self._bent = system.interpretation == "stratonovich"
        self._pairs = np.triu_indices(self._shape[0])

    def _noise(self, s: jax.Array, time: jax.Array, y: jax.Array) -> jax.Array:
        return self._rates(self.units, s, time, y)[self._shape[0] :].reshape(self._shape)

    def _local(self, s: jax.Array, time: jax.Array, y: jax.Array) -> jax.Array:
        """Drift in the sense of Ito, and the squared diffusion row by row."""
        n, g = self._shape[0], self._noise(s, time, y)
        drift = self._rates(self.units, s, time, y)[:n]
        if self._bent:
            drift = drift + jnp.einsum("ikj,jk->i", jax.jacfwd(self._noise, argnums=2)(s, time, y), g) / 2
        return jnp.concatenate([drift, (g @ g.T).ravel()])

    def _slope(self, s: jax.Array, time: jax.Array, mean: jax.Array, spread: jax.Array) -> tuple[jax.Array, jax.Array]:
        n = self._shape[0]
        value = self._local(s, time, mean)
        jacobian = jax.jacfwd(self._local, argnums=2)
        curvature = jax.jacfwd(jacobian, argnums=2)(s, time, mean)
        value = value + jnp.einsum("aij,ij->a", curvature, spread) / 2
        turned = jacobian(s, time, mean)[:n] @ spread
        return value[:n], turned + turned.T + value[n:].reshape(n, n)

    def after(self, s: jax.Array, time: jax.Array, begin: jax.Array, gap: jax.Array) -> jax.Array:
        """The mean and the upper triangle of the covariance after a gap, by Runge and Kutta's method of order four."""
        h = gap / self._steps

        def step(now: tuple[jax.Array, jax.Array], k: jax.Array) -> Any:
            (mean, spread), t = now, time + k * h

            def stage(carry: Any, at: Any) -> Any:  # a loop over stages, for what it holds is compiled once
                (a, c), (m, p) = carry
                node, weight = at
                a, c = self._slope(s, t + node * h, mean + node * h * a, spread + node * h * c)
                return ((a, c), (m + weight * h * a, p + weight * h * c)), None

            none = (jnp.zeros_like(mean), jnp.zeros_like(spread))
            (_, after), _ = jax.lax.scan(stage, (none, now), (NODES, WEIGHTS))
            return after, None

        (mean, spread), _ = jax.lax.scan(step, (begin, jnp.zeros((len(begin),) * 2)), jnp.arange(float(self._steps)))
        return jnp.concatenate([mean, spread[self._pairs]])

    def terms(self, s: jax.Array, time: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Arguments and values of the terms at a time and a state."""
        return self._rates.terms(self.units, s, time, y)
