"""Training of networks inside an ODE, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._dual import descend
from symdyn.discover.surrogates._network_ode import NetworkODE, TrainingWindows, make_network_ode, windows
from symdyn.discover.surrogates._training import average, holdouts, prepare
from symdyn.discover.surrogates.registry import NothingLearnedError, SurrogateFit
from symdyn.discover.surrogates.smoothing import Smoothing
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.problem import rough_states
from symdyn.system import System

__all__ = ["train"]

#: Precisions of the priors of free parameters and of initial values, in their units.
LOOSE = 1e-6
#: Standard deviation of smoothed terms, relative to their size, with which the networks begin.
ROUGH = 0.02
SAMPLES = 200


def train(
    system: System, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    floor = options.noise_floor * observed.scale
    cut = windows(observed, np.maximum(observed.noise, floor), options.window)
    ode = make_network_ode(system, observed, cut, options)
    states = jax.jit(ode.states)
    keys = jax.random.split(jax.random.PRNGKey(seed), options.members)
    free = len([p for p in system.parameters if p not in system.defaults])
    weights = np.concatenate([
        np.full(ode.shared - free, options.decay), np.full(free + len(cut.trajectory) * cut.values.shape[2], LOOSE)
    ])  # fmt: skip
    dense, kept = _dense(observed, cut)
    sample = jax.jit(ode.terms)

    def misfit(w: jax.Array, mask: jax.Array) -> jax.Array:
        return (mask * (ode.states(w, cut.times) - cut.values)).ravel()

    def slopes(w: jax.Array, mask: jax.Array) -> jax.Array:
        """(W T n, q + W n): initial values move their own window alone."""
        _, shared, own = ode.derivatives(w, cut.times)
        count, length, n = mask.shape
        each = jnp.arange(count)
        placed = jnp.zeros((count, length, n, count, n)).at[each, :, :, each, :].set(mask[..., None] * own)
        return jnp.concatenate([mask[..., None] * shared, placed.reshape(count, length, n, -1)], axis=3).reshape(mask.size, -1)

    residuals, jacobian = jax.jit(misfit), jax.jit(slopes)
    collected, losses = [], []
    for k, (key, held) in enumerate(zip(keys, holdouts(observed, options, np.random.default_rng(seed)), strict=True)):
        mask = np.stack([_of_window(held[:, :, 0], observed, cut, w) for w in range(len(cut.trajectory))])[..., None]
        trained, judging = cut.weights * (1 - mask), cut.weights * mask
        begun = _smoothed(system, _without(observed, held))  # or the points that judge would have been seen
        first = _begin(ode, ode.first(key, _starts(system, observed, cut, begun)), begun, system, weights)

        def judge(w: np.ndarray, judging: np.ndarray = judging) -> float:
            value = float(np.sum(np.asarray(residuals(w, judging)) ** 2))
            return value if np.isfinite(value) else np.inf

        def tell(done: int, before: int = k * options.iterations) -> None:
            if progress is not None:
                progress(before + done, options.members * options.iterations)

        best, cost, history = descend(
            partial(_at, residuals, trained), partial(_at, jacobian, trained), first, weights,
            trials=options.iterations, judge=judge if judging.any() else None, tell=tell,
        )  # fmt: skip
        if not np.isfinite(cost):
            raise RecoveryError(
                "the equations with networks in place of the unknown terms cannot be integrated along the data; "
                "use shorter windows (option window), the surrogate 'pinn', or none"
            )
        path = np.asarray(states(best, dense))[kept]
        arguments, values = (np.asarray(v) for v in sample(best, dense[kept], path))
        collected.append((path, arguments, values, np.asarray(ode.parameters(best))))
        losses.append(history)
    where = np.broadcast_to(cut.trajectory[:, None], dense.shape)[kept]
    split = [where == k for k in range(len(observed.trajectories))]
    fit = average(system, tuple(dense[kept][s] for s in split), _unpacked(collected), {"members": losses})
    return replace(fit, states=tuple(np.mean([c[0] for c in collected], axis=0)[s] for s in split))


def _at(function: Callable[..., Any], mask: np.ndarray, weights: np.ndarray) -> Any:
    return function(weights, mask)


def _unpacked(collected: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """With an axis for trajectories, all of whose samples are in one row here."""
    return [(states[None], arguments[None], values[None], parameters) for states, arguments, values, parameters in collected]


def _smoothed(system: System, observed: Observations) -> SurrogateFit | None:
    """What smoothing tells, where it can."""
    if Smoothing.applies(system, observed) is not None:
        return None
    try:
        return Smoothing().fit(system, observed)
    except NothingLearnedError:
        return None


def _without(observed: Observations, held: np.ndarray) -> Observations:
    """The observations but for the points `held` (K, T, 1)."""
    parts = []
    for t, h in zip(observed.trajectories, held, strict=True):
        parts.append(Trajectory(t.times, np.where(h[: len(t.times)] > 0, np.nan, t.values)))
    return replace(observed, trajectories=tuple(parts))


def _starts(system: System, observed: Observations, cut: TrainingWindows, begun: SurrogateFit | None) -> np.ndarray:
    """First initial values of the windows, (W, n)."""
    fitted = None if begun is None else list(zip(begun.times, begun.states, strict=True))
    rough = rough_states(system, observed, fitted)[0]
    found = np.empty((len(cut.trajectory), cut.values.shape[2]))
    for w, k in enumerate(cut.trajectory):
        at = observed.trajectories[k].times
        if fitted is None:
            found[w] = rough[k][int(np.argmin(np.abs(at - cut.times[w, 0])))]
        else:
            found[w] = [np.interp(cut.times[w, 0], fitted[k][0], v) for v in fitted[k][1].T]
    return found


def _of_window(held: np.ndarray, observed: Observations, cut: TrainingWindows, w: int) -> np.ndarray:
    """Which points of a window are held out, (T,)."""
    k = cut.trajectory[w]
    times = observed.trajectories[k].times
    place = np.searchsorted(times, cut.times[w])
    return held[k][np.minimum(place, len(times) - 1)]


def _dense(observed: Observations, cut: TrainingWindows) -> tuple[np.ndarray, np.ndarray]:
    """Times in each window at which states and terms are reported (W, S), and which of them count: shared ends once."""
    lasts = np.bincount(cut.trajectory)
    each = max(2, -(-SAMPLES // int(lasts.min())) + 1)
    dense = np.linspace(cut.times[:, 0], cut.times[:, -1], each, axis=1)
    kept = np.ones(dense.shape, dtype=bool)
    kept[1:, 0] = cut.trajectory[1:] != cut.trajectory[:-1]
    return dense, kept


def _begin(ode: NetworkODE, first: np.ndarray, begun: SurrogateFit | None, system: System, precision: np.ndarray) -> np.ndarray:
    """Weights whose networks follow the smoothed terms, if there are any."""
    if begun is None:
        return first
    times = np.concatenate(begun.times)
    states = np.concatenate(begun.states)
    wanted, root = np.zeros((len(times), len(system.unknowns))), np.zeros((len(times), len(system.unknowns)))
    for j, u in enumerate(system.unknowns):
        samples = begun.terms[u]
        if len(samples.values) != len(times):  # some were left out for their sign
            return first
        size = ROUGH * (np.sqrt(np.average(samples.values**2, weights=samples.weights)) or 1.0)
        wanted[:, j], root[:, j] = samples.values, np.sqrt(samples.weights) / size
    thin = slice(None, None, max(1, len(times) // 100))
    at, y, target, scale = (jnp.asarray(v[thin]) for v in (times, states, wanted, root))
    shared = ode.shared

    def residuals(w: jax.Array) -> jax.Array:
        return (scale * (ode.terms(w, at, y)[1] - target)).ravel()

    jacobian = jax.jit(jax.jacrev(residuals))
    found, cost, _ = descend(jax.jit(residuals), jacobian, first[:shared], precision[:shared], trials=60)
    return np.concatenate([found, first[shared:]]) if np.isfinite(cost) else first
