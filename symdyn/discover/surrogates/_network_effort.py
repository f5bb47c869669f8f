r"""What the steps along windows of data cost a solver, as residuals: local errors and stiffness of learned equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["StepEffort"]

#: Below every square that counts: roots have no slope at 0.
TINY = 1e-30
#: So many steps of a solver are written one after another.
FEW = 4


class StepEffort:
    r"""Residuals whose squares add up to the penalties of the steps between data.

    A step of the classical method has the errors :math:`e = \tfrac h6 (k_4 - k_5)` with :math:`k_5` at its end, those of an
    embedded method of order 3, and the stiffness :math:`\sigma = |k_5 - k_4| / |Y_5 - Y_4|`.  As :math:`k_5` is the first slope
    of the next step, they cost one evaluation more between two data.  The residual of an interval is the root of the sum of
    :math:`\lambda_e |e / s|^2 + \lambda_s (h \sigma)^2` over its steps, with the sizes s of the states: one row of derivatives.

    Parameters
    ----------
    penalty : mapping, optional
        From ``error``, ``local error`` and ``stiffness`` to :math:`\lambda`.  Without prices there are no residuals.
    substeps : int
        Steps between two data.

    Attributes
    ----------
    random : bool
        Whether errors are those of one random step of each window.
    """

    def __init__(self, penalty: Mapping[str, float] | None, substeps: int) -> None:
        self._substeps, penalty = substeps, penalty or {}
        roots = {name: float(np.sqrt(penalty.get(name, 0.0))) for name in ("error", "local error", "stiffness")}
        self._error = roots["error"] or roots["local error"]
        self._stiffness, self.random = roots["stiffness"], bool(roots["local error"])

    def chosen(self, windows: int, intervals: int, rng: np.random.Generator) -> np.ndarray | None:
        """Roots of the weights of the steps, (W, T - 1, substeps): all, or a random one of each window in the place of all.

        Of the windows together every step is drawn as often as every other, or once more.  None where steps have no price.
        """
        if not (self._error or self._stiffness):
            return None
        count = intervals * self._substeps
        weights = np.ones((windows, count))
        if self.random:
            weights[:] = 0.0
            weights[np.arange(windows), (rng.permutation(windows) + rng.integers(count)) % count] = np.sqrt(count)
        return weights.reshape(windows, intervals, self._substeps)

    def interval(self, slope: Callable[[Any, Any], Any], size: Any, y: Any, time: Any, h: Any, weights: Any) -> tuple[Any, Any]:
        """The state after the steps of an interval, each of length h, and its residual, (1,); `weights` as chosen, (substeps,).

        Without weights there is no residual, (0,).
        """

        def step(now: Any, k: Any) -> Any:
            y, k1 = now
            at = time + k * h
            k2 = slope(at + h / 2, y + h / 2 * k1)
            k3 = slope(at + h / 2, y + h / 2 * k2)
            fourth = y + h * k3
            k4 = slope(at + h, fourth)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            k5 = slope(at + h, y)
            if weights is None:
                return (y, k5), 0.0
            square = jnp.sum((weights[k] * self._error * h / 6 * (k4 - k5) / size) ** 2)
            if self._stiffness:
                apart = jnp.sum((y - fourth) ** 2) + 1e-24 * jnp.sum(size**2)
                square += (self._stiffness * h) ** 2 * (jnp.sum((k5 - k4) ** 2) + 1e-24 * jnp.sum(size**2)) / apart
            return (y, k5), square

        now: Any = (y, slope(time, y))
        total: Any
        if self._substeps <= FEW:
            total = 0.0
            for k in range(self._substeps):
                now, square = step(now, k)
                total += square
        else:  # compiled once, however many there are
            now, squares = jax.lax.scan(step, now, jnp.arange(self._substeps))
            total = jnp.sum(squares)
        return now[0], jnp.zeros(0) if weights is None else jnp.sqrt(total + TINY)[None]
