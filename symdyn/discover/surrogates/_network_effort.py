r"""What the steps along windows of data cost a solver, as residuals: local errors and stiffness of learned equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import Blocks

__all__ = ["StepEffort"]

Slope = Callable[[Any, Any], Any]


class StepEffort:
    r"""Residuals whose squares add up to the penalties of the steps between data.

    A step of the classical method has the errors :math:`e = \tfrac h6 (k_4 - k_5)` with :math:`k_5` at its end, those of an
    embedded method of order 3, and the stiffness :math:`\sigma = |k_5 - k_4| / |Y_5 - Y_4|`.  The residuals of a step are
    :math:`\sqrt{\lambda_e}\,e_i / s_i` and :math:`\sqrt{\lambda_s}\,h\,\sigma`, with the sizes s of the states.

    Parameters
    ----------
    rates : callable
        ``rates(weights, time, state)``.
    penalty : mapping
        From ``error``, ``local error`` and ``stiffness`` to :math:`\lambda`.
    substeps : int
        Steps between two data.
    scale : (n,) float64
    intervals : int
        Of a window.
    """

    def __init__(
        self,
        rates: Callable[[Any, Any, Any], Any],
        penalty: Mapping[str, float],
        substeps: int,
        scale: np.ndarray,
        intervals: int,
    ) -> None:
        self._rates, self._substeps, self._scale, self.intervals = rates, substeps, scale, intervals
        roots = {name: float(np.sqrt(penalty.get(name, 0.0))) for name in ("error", "local error", "stiffness")}
        self._error = roots["error"] or roots["local error"]
        self._stiffness, self._local = roots["stiffness"], bool(roots["local error"])

    def chosen(self, windows: int, rng: np.random.Generator) -> np.ndarray:
        """Roots of the weights of the steps, (W, T - 1, substeps): all, or a random one of each window in the place of all."""
        count = self.intervals * self._substeps
        weights = np.ones((windows, count))
        if self._local:
            weights[:] = 0.0
            weights[np.arange(windows), rng.integers(count, size=windows)] = np.sqrt(count)
        return weights.reshape(windows, self.intervals, self._substeps)

    def _interval(self, s: Any, y: Any, time: Any, following: Any, weights: Any) -> Any:
        h = (following - time) / self._substeps
        slope = partial(self._rates, s)
        found = []
        for k in range(self._substeps):
            at = time + k * h
            k1 = slope(at, y)
            k2 = slope(at + h / 2, y + h / 2 * k1)
            k3 = slope(at + h / 2, y + h / 2 * k2)
            fourth = y + h * k3
            k4 = slope(at + h, fourth)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            k5 = slope(at + h, y)
            found.append(weights[k] * self._error * h / 6 * (k4 - k5) / self._scale)
            if self._stiffness:
                apart = jnp.sum((y - fourth) ** 2) + 1e-24 * jnp.sum(self._scale**2)
                ratio = jnp.sqrt((jnp.sum((k5 - k4) ** 2) + 1e-24 * jnp.sum(self._scale**2)) / apart)
                found.append(self._stiffness * h * ratio[None])
        return jnp.concatenate(found)

    def residuals(self, s: Any, path: Any, times: Any, weights: Any) -> Any:
        """Of all windows, (W, R), from the states of their paths (W, T, n)."""
        each = jax.vmap(jax.vmap(self._interval, in_axes=(None, 0, 0, 0, 0)), in_axes=(None, 0, 0, 0, 0))
        return each(s, path[:, :-1], times[:, :-1], times[:, 1:], weights).reshape(len(path), -1)

    def derivatives(self, s: Any, path: Any, slopes: Blocks, times: Any, weights: Any) -> Blocks:
        """By the initial values of windows (W, R, n) and by shared weights (W, R, q), from those of the states."""
        point = jax.jacrev(self._interval, argnums=(0, 1))
        each = jax.vmap(jax.vmap(point, in_axes=(None, 0, 0, 0, 0)), in_axes=(None, 0, 0, 0, 0))
        forced, moved = each(s, path[:, :-1], times[:, :-1], times[:, 1:], weights)
        own = jnp.einsum("wtri,wtip->wtrp", moved, slopes.own[:, :-1])
        common = jnp.einsum("wtri,wtiq->wtrq", moved, slopes.common[:, :-1]) + forced
        return Blocks(*(v.reshape(len(path), -1, v.shape[-1]) for v in (own, common)))
