"""An ODE or map with small networks in place of its unknown terms, followed by JAX in windows of the data."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.driving_paths import DrivingPaths
from symdyn.discover.surrogates._descent import Blocks
from symdyn.discover.surrogates._network_effort import StepEffort
from symdyn.discover.surrogates._network_rates import NetworkRates, Scales
from symdyn.discover.surrogates._term_networks import LOOSE, TermNetworks
from symdyn.discover.surrogates._windows import TrainingWindows
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["Followed", "NetworkODE", "courses_at", "measured", "network_ode"]

#: Compiled equations that are kept: the next training of the same ones traces nothing again.
KEPT = 8
_KEPT: dict[Any, NetworkODE] = {}


class Followed(NamedTuple):
    """What windows of data a training follows.

    Attributes
    ----------
    units : Scales
    begin : (W, n) float64, or None
        Initial values that hold exactly.
    times : (W, T) float64
    courses : (W, T - 1, m) float64
        Coefficients of inputs between the times.
    values : (W, T, n) or (W, M) float64
        Measurements.
    places : (W, M) int64, or None
        Where those are among the (T n) states of a window, if there are few of them.
    """

    units: Scales
    begin: Any
    times: Any
    courses: Any
    values: Any
    places: Any


class NetworkODE:
    """Functions of the flat weights: initial values of the windows (W, n) in units, networks, and free parameters.

    Attributes
    ----------
    networks : TermNetworks
    effort : StepEffort
        Of the steps.
    residuals, jacobian : callable
        ``residuals(w, (followed, weights, steps))``, (W, rows), are weighted by `weights`, of the shape of the measurements;
        `steps` are those that have a price, or None.
    seen : callable
        ``seen(w, followed)``, the states at the measurements.
    states : callable
        ``states(w, followed)``, (W, T, n).
    terms : callable
        ``terms(units, s, times, y, courses)``: arguments and values of the terms at times (m,), for shared weights s.
    """

    def __init__(self, system: System, options: Any, gap: int, substeps: int) -> None:
        self.networks = TermNetworks(system, options.width, options.decay, options.signs)
        self.rates = NetworkRates(system, self.networks)
        self.effort = StepEffort(options.penalty, substeps)
        self._system, self._substeps, self._from, self._fixed = system, substeps, options.starts, options.starts != "fitted"
        #: Most steps of a map between two data; 0 of rates of change.
        self._gap, self._size = gap, len(system.states)
        self.residuals, self.jacobian = jax.jit(self._residuals), jax.jit(self._jacobian)
        self.seen, self.states, self.terms = jax.jit(self._seen), jax.jit(self._states), jax.jit(self._terms)

    def followed(self, observed: Observations, cut: TrainingWindows, courses: DrivingPaths | None) -> Followed:
        """The windows, of data with inputs."""
        units = self.rates.units(observed, courses)
        count, (states, places) = len(cut.trajectory), (self._size, None)
        begin, values, have = None, cut.values, (cut.weights > 0).reshape(count, -1)
        if self._from == "declared":
            begin = np.broadcast_to(_declared(self._system), (count, states))
        elif self._fixed:
            if len(lost := np.argwhere(~have[:, :states])):
                k, name = cut.trajectory[lost[0, 0]], self._system.names[lost[0, 1]]
                raise RecoveryError(f"starts='measured' needs all states at the first time; trajectory {k} has no {name} there")
            begin = values[:, 0]
            have[:, :states] = False  # they have no errors
        if 0 < have.sum(axis=1).max() <= states:  # one reverse sweep each is less than all slopes of all intervals
            places = np.argsort(~have, axis=1, kind="stable")[:, : have.sum(axis=1).max()]
            values = measured(values, places)
        found = Followed(units, begin, cut.times, courses_at(courses, cut.trajectory, cut.times), values, places)
        return jax.tree.map(jnp.asarray, found)

    def starts(self, windows: int) -> int:
        """How many of the weights are initial values."""
        return 0 if self._fixed else windows * self._size

    def precision(self, windows: int) -> np.ndarray:
        """Of the normal prior of all weights."""
        return np.concatenate([np.full(self.starts(windows), LOOSE), self.networks.precision])

    def _interval(
        self, d: Scales, s: Any, y: jax.Array, time: jax.Array, following: jax.Array, course: Any, steps: Any
    ) -> tuple[jax.Array, jax.Array]:
        """The state at the next time, by steps of the classical Runge-Kutta method, or of the map, and what these cost."""
        s = self.networks.unpacked(s)
        if self._gap:
            for k in range(self._gap):
                y = jnp.where(time + k < following, self.rates(d, s, time + k, y), y)
            return y, jnp.zeros(0)

        def slope(at: jax.Array, y: jax.Array) -> jax.Array:
            return self.rates(d, s, at, y, course)

        return self.effort.interval(slope, d.size, y, time, (following - time) / self._substeps, steps)

    def _along(self, d: Scales, start: Any, s: Any, at: Any, course: Any, steps: Any) -> tuple[jax.Array, jax.Array]:
        """States of one window, (T, n), and what the steps of its intervals cost, (T - 1, 1), or (T - 1, 0) without a price."""
        shared = self.networks.unpacked(s)

        def advance(y: jax.Array, ends: tuple[Any, ...]) -> Any:
            after, price = self._interval(d, shared, y, *ends)
            return after, (after, price)

        _, (path, prices) = jax.lax.scan(advance, start, (at[:-1], at[1:], course, steps))
        return jnp.concatenate([start[None], path]), prices

    def _split(self, w: jax.Array, given: Followed) -> tuple[jax.Array, jax.Array]:
        """Initial values (W, n), and shared weights."""
        count = given.times.shape[0]
        first = self.starts(count)
        return (w[:first].reshape(count, -1) * given.units.size if given.begin is None else given.begin), w[first:]

    def _paths(self, w: jax.Array, given: Followed, steps: Any) -> tuple[jax.Array, jax.Array]:
        """States of all windows, and what their steps cost."""
        starts, s = self._split(w, given)
        along = jax.vmap(partial(self._along, given.units), in_axes=(0, None, 0, 0, 0))
        return along(starts, s, given.times, given.courses, steps)

    def _states(self, w: jax.Array, given: Followed) -> jax.Array:
        return self._paths(w, given, None)[0]

    def _seen(self, w: jax.Array, given: Followed) -> jax.Array:
        path = self._states(w, given)
        return path if given.places is None else measured(path, given.places)

    def _residuals(self, w: jax.Array, data: tuple[Followed, jax.Array, Any]) -> jax.Array:
        given, weights, steps = data
        if given.places is not None:
            return self._by_window(self._few, w, data)
        path, prices = self._paths(w, given, steps)
        return jnp.concatenate([_rows(weights * (path - given.values)), _rows(prices)], axis=1)

    def _few(
        self, d: Scales, start: Any, s: Any, at: Any, course: Any, places: Any, values: Any, weights: Any, steps: Any
    ) -> Any:
        r"""Residuals of a window with few measurements, (M,).

        What the steps cost is shared out among them, :math:`\sqrt{r_i^2 + c / M}`: the sum of squares and its slope are the
        same as with rows of its own, and there are no more of them than without a price.
        """
        path, prices = self._along(d, start, s, at, course, steps)
        gaps = weights * (path.ravel()[places] - values)
        return gaps if steps is None else jnp.sqrt(gaps**2 + jnp.sum(prices**2) / len(places))

    def _by_window(self, function: Any, w: jax.Array, data: tuple[Followed, jax.Array, Any]) -> Any:
        """Of every window, of initial values, shared weights and what the window is given."""
        given, weights, steps = data
        starts, s = self._split(w, given)
        each = jax.vmap(partial(function, given.units), in_axes=(0, None, *(0 for _ in range(6))))
        return each(starts, s, given.times, given.courses, given.places, given.values, weights, steps)

    def _jacobian(self, w: jax.Array, data: tuple[Followed, jax.Array, Any]) -> Blocks:
        given, weights, steps = data
        if given.places is not None:  # reverse sweeps along each window, one for each row
            own, common = self._by_window(jax.jacrev(self._few, argnums=(1, 2)), w, data)
            return Blocks(own[..., :0] if self._fixed else own * given.units.size, common)
        pairs = zip(*self._derivatives(w, given, steps), strict=True)
        parts = (jnp.concatenate([_rows(weights[..., None] * v), _rows(price)], axis=1) for v, price in pairs)
        return Blocks(*parts)

    def _derivatives(self, w: jax.Array, given: Followed, steps: Any = None) -> tuple[Blocks, Blocks]:
        """By the initial values of their own window and by the shared weights.

        Of the states, (W, T, n, n) and (W, T, n, q), and of what the steps of intervals cost, (W, T - 1, 1, n) and
        (W, T - 1, 1, q), or with 0 in the place of 1 without a price.
        """
        _, s = self._split(w, given)
        path, n = self._states(w, given), self._size
        ends = (path[:, :-1], given.times[:, :-1], given.times[:, 1:], given.courses, steps)
        axes = (None, *(0 for _ in ends))

        def point(*place: Any) -> jax.Array:
            return jnp.concatenate(self._interval(given.units, *place))

        forced, moved = jax.vmap(jax.vmap(jax.jacrev(point, argnums=(0, 1)), in_axes=axes), in_axes=axes)(s, *ends)

        def along(forced: jax.Array, moved: jax.Array) -> Blocks:
            def advance(now: Blocks, each: tuple[jax.Array, jax.Array]) -> Any:
                after = Blocks(each[1] @ now.own, each[1] @ now.common + each[0])
                return after, after

            own = jnp.diag(given.units.size)[:, : 0 if self._fixed else None]
            first = Blocks(own, jnp.zeros(forced.shape[1:]))
            _, rest = jax.lax.scan(advance, first, (forced, moved))
            return Blocks(*(jnp.concatenate([a[None], b]) for a, b in zip(first, rest, strict=True)))

        slopes = jax.vmap(along)(forced[:, :, :n], moved[:, :, :n])
        own, common = (moved[:, :, n:] @ v[:, :-1] for v in slopes)
        return slopes, Blocks(own, common + forced[:, :, n:])

    def _terms(self, d: Scales, s: jax.Array, times: Any, y: Any, courses: Any) -> tuple[jax.Array, jax.Array]:
        return jax.vmap(partial(self.rates.terms, d, s))(times, y, courses)


def network_ode(system: System, options: Any, cut: TrainingWindows, substeps: int) -> NetworkODE:
    """The equations for windows; the same ones as before if they are known.

    Parameters
    ----------
    system : System
    options : NeuralODE
    cut : TrainingWindows
    substeps : int
        Steps between two data.
    """
    gap = int(np.ceil(np.diff(cut.times, axis=1).max())) if system.whole_steps else 0
    forms = [repr(getattr(u.func, "form", None)) for u in system.unknowns]
    fixed, signs = (
        sorted(map(str, (*system.defaults.items(), *system.initial.items()))),
        sorted(map(str, (options.signs or {}).items())),
    )
    prices = sorted((options.penalty or {}).items())
    key = (system.digest, *forms, *fixed, *signs, *prices, options.width, options.decay, options.starts, gap, substeps)
    if (found := _KEPT.get(key)) is None:
        found = NetworkODE(system, options, gap, substeps)
        if len(_KEPT) >= KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        _KEPT[key] = found
    return found


def _rows(v: jax.Array) -> jax.Array:
    """Values (W, T, k, ...) of all times as rows of their window, (W, T k, ...)."""
    return v.reshape(v.shape[0], v.shape[1] * v.shape[2], *v.shape[3:])


def measured(states: Any, places: Any) -> Any:
    """The entries (W, M) of states (W, T, n) at places among (T n)."""
    flat = states.reshape(states.shape[0], -1)
    return (jnp if isinstance(states, jax.Array) else np).take_along_axis(flat, places, axis=1)


def courses_at(courses: DrivingPaths | None, trajectories: np.ndarray, times: np.ndarray, *, within: bool = True) -> np.ndarray:
    """Coefficients of inputs in the intervals between times (W, T), (W, T - 1, m), or at them, (W, T, m)."""
    at = (times[:, :-1] + times[:, 1:]) / 2 if within else times
    return np.zeros((*at.shape, 0)) if courses is None else courses.rows(trajectories, at)


def _declared(system: System) -> np.ndarray:
    """Initial values of all states, (n,)."""
    try:
        return np.array([float(system.initial[s]) for s in system.states])
    except (KeyError, TypeError):
        raise RecoveryError(
            "starts='declared' needs a number as the initial value of every state: give initial={...} to the system"
        ) from None
