r"""What the steps along windows of data cost a solver, as residuals: local errors and stiffness of learned equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import Blocks
from symdyn.discover.surrogates._network_rates import Scales

__all__ = ["StepEffort"]

#: Below every square that counts: roots have no slope at 0.
TINY = 1e-30


class StepEffort:
    r"""Residuals whose squares add up to the penalties of the steps between data.

    A step of the classical method has the errors :math:`e = \tfrac h6 (k_4 - k_5)` with :math:`k_5` at its end, those of an
    embedded method of order 3, and the stiffness :math:`\sigma = |k_5 - k_4| / |Y_5 - Y_4|`.  The residual of an interval is
    the root of the sum of :math:`\lambda_e |e / s|^2 + \lambda_s (h \sigma)^2` over its steps, with the sizes s of the states:
    one row of derivatives.

    Parameters
    ----------
    rates : callable
        ``rates(units, weights, time, state)``.
    penalty : mapping
        From ``error``, ``local error`` and ``stiffness`` to :math:`\lambda`.
    substeps : int
        Steps between two data.
    """

    def __init__(self, rates: Callable[[Any, Any, Any, Any], Any], penalty: Mapping[str, float], substeps: int) -> None:
        self._rates, self._substeps = rates, substeps
        roots = {name: float(np.sqrt(penalty.get(name, 0.0))) for name in ("error", "local error", "stiffness")}
        self._error = roots["error"] or roots["local error"]
        self._stiffness, self._local = roots["stiffness"], bool(roots["local error"])

    def chosen(self, windows: int, intervals: int, rng: np.random.Generator) -> np.ndarray:
        """Roots of the weights of the steps, (W, T - 1, substeps): all, or a random one of each window in the place of all."""
        count = intervals * self._substeps
        weights = np.ones((windows, count))
        if self._local:
            weights[:] = 0.0
            weights[np.arange(windows), rng.integers(count, size=windows)] = np.sqrt(count)
        return weights.reshape(windows, intervals, self._substeps)

    def _interval(self, units: Scales, s: Any, y: Any, time: Any, following: Any, weights: Any) -> Any:
        h = (following - time) / self._substeps
        slope, size = partial(self._rates, units, s), units.size

        def step(y: Any, k: Any) -> Any:
            at = time + k * h
            k1 = slope(at, y)
            k2 = slope(at + h / 2, y + h / 2 * k1)
            k3 = slope(at + h / 2, y + h / 2 * k2)
            fourth = y + h * k3
            k4 = slope(at + h, fourth)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            k5 = slope(at + h, y)
            square = jnp.sum((weights[k] * self._error * h / 6 * (k4 - k5) / size) ** 2)
            if self._stiffness:
                apart = jnp.sum((y - fourth) ** 2) + 1e-24 * jnp.sum(size**2)
                square += (self._stiffness * h) ** 2 * (jnp.sum((k5 - k4) ** 2) + 1e-24 * jnp.sum(size**2)) / apart
            return y, square

        return jnp.sqrt(jnp.sum(jax.lax.scan(step, y, jnp.arange(self._substeps))[1]) + TINY)[None]

    def residuals(self, units: Scales, s: Any, path: Any, times: Any, weights: Any) -> Any:
        """Of all windows, (W, T - 1), from the states of their paths (W, T, n)."""
        each = jax.vmap(jax.vmap(partial(self._interval, units), in_axes=(None, 0, 0, 0, 0)), in_axes=(None, 0, 0, 0, 0))
        return each(s, path[:, :-1], times[:, :-1], times[:, 1:], weights).reshape(len(path), -1)

    def derivatives(self, units: Scales, s: Any, path: Any, slopes: Blocks, times: Any, weights: Any) -> Blocks:
        """By the initial values of windows (W, T - 1, n) and by shared weights (W, T - 1, q), from those of the states."""
        point = jax.jacrev(partial(self._interval, units), argnums=(0, 1))
        each = jax.vmap(jax.vmap(point, in_axes=(None, 0, 0, 0, 0)), in_axes=(None, 0, 0, 0, 0))
        forced, moved = each(s, path[:, :-1], times[:, :-1], times[:, 1:], weights)
        own = jnp.einsum("wtri,wtip->wtrp", moved, slopes.own[:, :-1])
        common = jnp.einsum("wtri,wtiq->wtrq", moved, slopes.common[:, :-1]) + forced
        return Blocks(*(v.reshape(len(path), v.shape[1] * v.shape[2], v.shape[3]) for v in (own, common)))
