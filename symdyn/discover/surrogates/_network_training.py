"""Training of networks inside an ODE, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import descend
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._network_ode import NetworkODE, courses_at, measured, network_ode
from symdyn.discover.surrogates._network_rates import Scales
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
SAMPLES, MOST_SAMPLES = 200, 5000
#: With inputs there is one step between two of their knots at first, with starts that hold exactly there are a few between two
#: data, and twice as many until the states at the data change by less than this part of their noise; at most so many.
COARSE, FINEST = 0.2, 64


def train(
    system: System, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    fixed = options.starts != "fitted"
    refined = bool(system.inputs) or (fixed and not system.whole_steps)
    noise = np.maximum(observed.noise, options.noise_floor * observed.scale)
    length = max(len(t.times) for t in observed.trajectories) if fixed else options.window
    cut = windows(observed, noise, length)
    ode = network_ode(system, options, cut, options.substeps)
    given = ode.followed(observed, cut, options.courses)
    count, first_shared = len(cut.trajectory), ode.starts(len(cut.trajectory))
    units = Scales(*map(np.asarray, given.units))
    dense, kept = _dense(observed, cut)
    between = given._replace(times=dense, courses=courses_at(options.courses, cut.trajectory, dense))
    at_samples = courses_at(options.courses, cut.trajectory, dense, within=False)[kept]
    rows = [kept & (cut.trajectory == k)[:, None] for k in range(len(observed.trajectories))]
    trained = list(trained_on(observed, options, np.random.default_rng(seed)))

    def picked(weights: np.ndarray) -> np.ndarray:
        """Of the measurements."""
        return weights if given.places is None else measured(weights, np.asarray(given.places))

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        training = windows(trained[k], noise, length).weights
        judging, training = picked(cut.weights - training), picked(training)
        try:  # of all points, those that judge would have been seen
            begun = None if system.inputs else (Inversion() if system.whole_steps else Smoothing()).fit(system, trained[k])
        except RecoveryError:
            begun = None
        starts = np.zeros(0) if fixed else (_starts(system, trained[k], cut) / units.size).ravel()
        w = np.concatenate([starts, _begin(ode, units, ode.networks.first(np.random.default_rng([seed, k])), begun, system)])
        equations, substeps, done, stopped, drawing = ode, options.substeps, 0, False, np.random.default_rng([seed, k, 1])

        def going(trials: int) -> bool | None:
            nonlocal done, stopped
            told = tell(trials)
            done, stopped = trials, told is False
            return told

        precision = ode.precision(count)
        # nothing but the prior keeps networks from following the noise then
        chosen = options.decay is None and fixed and options.penalty is None and not judging.any()
        classes = np.concatenate([np.full(first_shared, -1), ode.networks.classes]) if chosen else None
        histories: list[dict[str, np.ndarray]] = []
        first, most = -(-options.iterations // 3) if refined else options.iterations, options.iterations
        wanted = first
        while True:
            draw = partial(equations.effort.chosen, count, cut.times.shape[1] - 1, drawing)
            data = (given, training, judging, draw)
            w, losses, precision = _descended(equations, w, data, (precision, classes), wanted, going, done)
            histories.append(losses)
            over = done < wanted or done >= most  # it has settled, or was told to end, or there were as many trials
            if refined:
                finer = network_ode(system, options, cut, 2 * substeps)
                apart = np.asarray(equations.seen(w, given)) - np.asarray(finer.seen(w, given))
                if not _close(apart, picked(cut.weights)):
                    if substeps >= FINEST:
                        raise RecoveryError(
                            f"{substeps} steps between two {'knots of the inputs' if system.inputs else 'data'} do not follow "
                            "the equations, whose networks have become stiff; give narrower networks, or a larger decay"
                        )
                    equations, substeps = finer, 2 * substeps
                    over, most = stopped, max(most, done + first)  # also after the last trial
            if over:
                break
            wanted = most
        best = w
        path = np.asarray(equations.states(best, between))
        s = best[first_shared:]
        arguments, values = equations.terms(units, s, dense[kept], path[kept], at_samples)
        losses = {name: np.concatenate([h[name] for h in histories]) for name in losses}
        networks = ode.networks.trained(units, s)
        return MemberFit([path[r] for r in rows], arguments, values, ode.networks.free(s), losses, networks)

    return ensemble(system, options, tuple(dense[r] for r in rows), member, progress)


def _close(errors: np.ndarray, weights: np.ndarray) -> bool:
    """Whether errors are small beside the noise, whose weights are 0 where nothing was measured; no number is not."""
    return bool(np.sum((errors * weights) ** 2) <= COARSE**2 * np.count_nonzero(weights))


def _descended(
    equations: NetworkODE, first: np.ndarray, data: tuple[Any, ...], prior: tuple[np.ndarray, np.ndarray | None],
    most: int, tell: Callable[[int], bool | None], done: int,
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:  # fmt: skip
    """The weights after `most` trials, of which there were `done` before, their losses, and the precisions of their prior."""
    given, training, judging, draw = data
    steps = draw()

    def judge(w: np.ndarray) -> float:
        value = float(np.sum(np.asarray(equations.residuals(w, (given, judging, steps))) ** 2))
        return value if np.isfinite(value) else np.inf

    best, cost, losses, precision = descend(
        equations.residuals, equations.jacobian, first, prior[0], (given, training, steps), classes=prior[1],
        redrawn=(lambda: (given, training, draw())) if equations.effort.random else None,
        trials=max(1, most - done), judge=judge if judging.any() else None, tell=lambda trials: tell(done + trials),
    )  # fmt: skip
    if not np.isfinite(cost):
        raise RecoveryError(
            "the equations with networks in place of the unknown terms cannot be integrated along the data; "
            "use shorter windows (option window), the surrogate 'pinn', or none"
        )
    return best, losses, precision


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
    each = min(each, max(cut.times.shape[1], MOST_SAMPLES // len(cut.trajectory)))
    dense = np.linspace(cut.times[:, 0], cut.times[:, -1], each, axis=1)
    kept = np.ones(dense.shape, dtype=bool)
    kept[1:, 0] = cut.trajectory[1:] != cut.trajectory[:-1]
    return dense, kept


def _begin(ode: NetworkODE, units: Scales, first: np.ndarray, begun: SurrogateFit | None, system: System) -> np.ndarray:
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
            values = jax.vmap(partial(ode.networks.value, units, w, j))(at)
            found.append(scale * (values - target))
        return jnp.concatenate(found)

    jacobian = jax.jit(jax.jacrev(residuals))
    found, cost, *_ = descend(jax.jit(residuals), jacobian, first, ode.networks.precision, trials=60)
    return found if np.isfinite(cost) else first
