"""Training of networks of time in place of the states of ODEs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import descend
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._equations import RISE, Data, Equations
from symdyn.discover.surrogates._network_rates import NetworkRates
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.discover.surrogates._windows import trained_on, windows
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit, nested
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["StateEquations", "train"]

MAX_RESIDUALS = 1600  # the system in residual space is dense: beyond this the collocation points are thinned out
FREE = 10.0  # standard deviation of the prior of the initial value of a measured state, in its spreads


class StateEquations(Equations):
    """States and equations of an ODESystem, and the data of its trajectories, padded to the longest."""

    def __init__(self, system: System, observed: Observations, options: Any) -> None:
        n, trajectories = len(system.states), observed.trajectories
        net = Perceptron((1, options.width, options.width, n))
        super().__init__(system, options, len(trajectories), net, n)
        self._rates = NetworkRates(system, self.terms)
        units = self._rates.units(observed)
        self._noise = np.maximum(observed.noise, options.noise_floor * units.size)
        longest = max(len(t.times) for t in trajectories)
        cut = windows(observed, self._noise, longest)
        starts = np.tile(units.centre, (self.count, 1))
        for start, t in zip(starts, trajectories, strict=True):
            seen = np.isfinite(t.values)
            start[:] = np.where(seen.any(axis=0), t.values[seen.argmax(axis=0), np.arange(n)], start)
        # what was never measured stays near the initial value of the system, which is its centre
        self._loose = np.where((cut.weights > 0).any(axis=(0, 1)), FREE, 1.0)
        self._starts = (starts - units.centre) / units.size / self._loose
        ends = np.array([[t.times[0], t.times[-1]] for t in trajectories])
        points = max(10, min(options.collocation, MAX_RESIDUALS // (n * self.count)))
        inside = np.linspace(ends[:, 0], ends[:, 1], points, axis=1)
        self.data = Data(
            cut.times[..., None], cut.values, cut.weights, inside[..., None], ends, *units,
            strict=1.0 / options.tolerance / np.sqrt(points / longest),
        )  # fmt: skip

    def weights(self, observed: Observations) -> np.ndarray:
        """Those of some of the data."""
        return windows(observed, self._noise, self.data.places.shape[1]).weights

    def _with_starts(self, own: np.ndarray) -> np.ndarray:
        return np.concatenate([own, self._starts], axis=1)

    def _state(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        tau = (2 * place - ends[0] - ends[1]) / (ends[1] - ends[0])
        return d.centre + d.size * (self._loose * w[self.net.size :] - jnp.expm1(-RISE * (1 + tau)) * self.net(w, tau))

    def _residual(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        y, change = jax.jvp(lambda t: self._state(d, w, s, ends, t), (place,), (jnp.ones_like(place),))
        return (change - self._rates(d, s, place[0], y)) / d.rate

    def _sample(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        y = self._state(d, w, s, ends, place)
        return y, *self._rates.terms(d, s, place[0], y)


#: Trials with softened equations to begin with, and their tolerance.
SOFT, SOFTENED = 30, 0.1
PATIENCE = 60  # trials without a better validation before stopping
SETTLED = 1e-4  # relative decrease over ten accepted trials that ends a training
SAMPLES = 200  # points on each trajectory at which states and terms are reported


def train(
    system: System, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    reason = nested(system) or (None if observed.size else "the data hold no value of any state")
    if reason is not None:
        raise RecoveryError(reason)
    equations = StateEquations(system, observed, options)
    trained = [equations.weights(o) for o in trained_on(observed, options, np.random.default_rng(seed))]
    grid = np.linspace(equations.data.ends[:, 0], equations.data.ends[:, 1], SAMPLES, axis=1)

    minimise = partial(descend, equations.misfit, equations.slopes, precision=equations.precision)

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        d, judges = equations.data._replace(weights=trained[k]), equations.data.weights - trained[k]
        held = int(np.sum(judges > 0))

        def judge(w: np.ndarray) -> float:
            return float(np.sum(np.asarray(equations.differences(w, d._replace(weights=judges))) ** 2)) / held

        soft = d._replace(strict=d.strict * options.tolerance / SOFTENED)
        first = equations.first(np.random.default_rng([seed, k]))
        # few points judge: among weights within a standard error of the best, the longest trained are kept
        best, cost, losses, _ = minimise(
            minimise(first, data=soft, trials=SOFT, tolerance=10 * SETTLED).weights, data=d, trials=options.iterations,
            judge=judge if held else None, margin=1 + np.sqrt(2.0 / max(held, 1)), patience=PATIENCE, tolerance=SETTLED,
            tell=tell,
        )  # fmt: skip
        if not np.isfinite(cost):
            raise RecoveryError(
                "the training of the networks diverged: the equations are not finite near the data; "
                "check logarithms, roots and divisions of the known terms, or the values of parameters"
            )
        states, arguments, values = equations.sample(best, d, grid[..., None])
        return MemberFit(states, arguments, values, equations.terms.free(equations.split(best)[1]), losses, {})

    return ensemble(system, options, tuple(grid), member, progress)
