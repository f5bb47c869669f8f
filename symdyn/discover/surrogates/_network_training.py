"""Training of networks inside an ODE, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import Blocks, descend
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._network_ode import NetworkODE
from symdyn.discover.surrogates._windows import TrainingWindows, trained_on, windows
from symdyn.discover.surrogates.inversion import Inversion
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit
from symdyn.discover.surrogates.smoothing import Smoothing
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.problem import rough_states
from symdyn.system import System

__all__ = ["train"]

#: Standard deviation of smoothed terms, relative to their size, with which the networks begin.
ROUGH = 0.02
SAMPLES = 200


def train(
    system: System, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    noise = np.maximum(observed.noise, options.noise_floor * observed.scale)
    cut = windows(observed, noise, options.window)
    ode = NetworkODE(system, observed, cut, options, options.courses)
    courses = ode.courses(cut.times)
    dense, kept = _dense(observed, cut)
    rows = [kept & (cut.trajectory == k)[:, None] for k in range(len(observed.trajectories))]
    states, sample = jax.jit(ode.states), jax.jit(ode.terms)

    @jax.jit
    def residuals(w: jax.Array, weighed: tuple[jax.Array, jax.Array | None]) -> jax.Array:
        weights, steps = weighed
        path = ode.states(w, cut.times, courses)
        if ode.effort is None:
            return weights * (path - cut.values)
        parts = (weights * (path - cut.values)).reshape(ode.count, -1)
        return jnp.concatenate([parts, ode.effort.residuals(w[ode.starts :], path, cut.times, steps)], axis=1)

    @jax.jit
    def jacobian(w: jax.Array, weighed: tuple[jax.Array, jax.Array | None]) -> Blocks:
        weights, steps = weighed
        slopes = ode.derivatives(w, cut.times, courses)
        parts = [(weights[..., None] * v).reshape(ode.count, weights[0].size, v.shape[3]) for v in slopes]
        if ode.effort is None:
            return Blocks(*parts)
        further = ode.effort.derivatives(w[ode.starts :], ode.states(w, cut.times, courses), slopes, cut.times, steps)
        return Blocks(*(jnp.concatenate(both, axis=1) for both in zip(parts, further, strict=True)))

    trained = list(trained_on(observed, options, np.random.default_rng(seed)))

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        training = windows(trained[k], noise, options.window).weights
        judging = cut.weights - training
        try:  # of all points, those that judge would have been seen
            begun = None if system.inputs else (Inversion() if system.whole_steps else Smoothing()).fit(system, trained[k])
        except RecoveryError:
            begun = None
        starts = np.zeros(0) if options.declared else (_starts(system, trained[k], cut) / ode.scale).ravel()
        first = np.concatenate([starts, _begin(ode, ode.networks.first(np.random.default_rng([seed, k])), begun, system)])

        steps = None if ode.effort is None else ode.effort.chosen(ode.count, np.random.default_rng([seed, k, 1]))

        def judge(w: np.ndarray) -> float:
            value = float(np.sum(np.asarray(residuals(w, (judging, steps))) ** 2))
            return value if np.isfinite(value) else np.inf

        best, cost, losses = descend(
            residuals, jacobian, first, ode.precision, (training, steps),
            trials=options.iterations, judge=judge if judging.any() else None, tell=tell,
        )  # fmt: skip
        if not np.isfinite(cost):
            raise RecoveryError(
                "the equations with networks in place of the unknown terms cannot be integrated along the data; "
                "use shorter windows (option window), the surrogate 'pinn', or none"
            )
        path, s = np.asarray(states(best, dense, ode.courses(dense))), best[ode.starts :]
        arguments, values = sample(s, dense[kept], path[kept], ode.courses(dense, within=False)[kept])
        networks = ode.networks.trained(ode.units, s)
        return MemberFit([path[r] for r in rows], arguments, values, ode.networks.free(s), losses, networks)

    return ensemble(system, options, tuple(dense[r] for r in rows), member, progress)


def _starts(system: System, observed: Observations, cut: TrainingWindows) -> np.ndarray:
    """First initial values of the windows, (W, n)."""
    rough, runs = rough_states(system, observed)[0], observed.trajectories
    return np.array(
        [rough[k][np.argmin(np.abs(runs[k].times - t))] for k, t in zip(cut.trajectory, cut.times[:, 0], strict=True)]
    )


def _dense(observed: Observations, cut: TrainingWindows) -> tuple[np.ndarray, np.ndarray]:
    """Times in each window at which states and terms are reported (W, S), and which of them count: shared ends once."""
    lasts = np.bincount(cut.trajectory)
    each = max(2, -(-SAMPLES // int(lasts.min())) + 1)
    dense = np.linspace(cut.times[:, 0], cut.times[:, -1], each, axis=1)
    kept = np.ones(dense.shape, dtype=bool)
    kept[1:, 0] = cut.trajectory[1:] != cut.trajectory[:-1]
    return dense, kept


def _begin(ode: NetworkODE, first: np.ndarray, begun: SurrogateFit | None, system: System) -> np.ndarray:
    """Weights whose networks follow the samples of the terms, if there are any."""
    if begun is None:
        return first
    parts: list[tuple[int, jax.Array, jax.Array, jax.Array]] = []
    for j, u in enumerate(system.unknowns):
        samples = begun.terms[u]
        if not len(samples.values):
            return first
        thin = slice(None, None, max(1, len(samples.values) // 100))
        size = ROUGH * (np.sqrt(np.average(samples.values**2, weights=samples.weights)) or 1.0)
        at, target, scale = samples.arguments[thin], samples.values[thin], np.sqrt(samples.weights[thin]) / size
        parts.append((j, jnp.asarray(at), jnp.asarray(target), jnp.asarray(scale)))

    def residuals(w: jax.Array, _: Any) -> jax.Array:
        found = []
        for j, at, target, scale in parts:
            values = jax.vmap(partial(ode.networks.value, ode.units, w, j))(at)
            found.append(scale * (values - target))
        return jnp.concatenate(found)

    jacobian = jax.jit(jax.jacrev(residuals))
    found, cost, _ = descend(jax.jit(residuals), jacobian, first, ode.networks.precision, trials=60)
    return found if np.isfinite(cost) else first
