"""Training of the members of a physics-informed ensemble, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from symdyn.codegen.load import cache_directory
from symdyn.discover.surrogates._levenberg import Trainer, Training
from symdyn.discover.surrogates._problem import Constants, make_problem
from symdyn.discover.surrogates.registry import SurrogateFit, TermSamples
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["average", "holdouts", "prepare", "train"]

CHUNK = 20  # trials between two looks at the validation
PATIENCE = 3  # chunks without a better validation before stopping
FEW = 12  # fewer time points than this are all trained on
SAMPLES = 200  # points on each trajectory at which states and terms are reported


def prepare() -> None:
    """Double precision, and a place where compiled code is kept."""
    jax.config.update("jax_enable_x64", True)
    # compiling takes as long as training: keep what was compiled, as for kernels, unless the program chose a place itself
    if not getattr(jax.config, "jax_compilation_cache_dir", None):
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def train(
    system: System,
    observed: Observations,
    options: Any,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    if observed.size == 0:
        raise RecoveryError("the data hold no value of any state")
    rng = np.random.default_rng(seed)
    problem = make_problem(system, observed, options)
    trainer = Trainer(problem, tolerance=options.tolerance, decay=options.decay, causal=options.causal)
    grid = np.linspace(-1.0, 1.0, SAMPLES)

    @jax.jit
    def sample(c: Constants, local: jax.Array, shared: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        states = jax.vmap(lambda w: jax.vmap(lambda t: problem.state(c, w, t))(grid))(local)
        along = jax.vmap(problem.terms, in_axes=(None, None, None, 0, None))
        return states, *jax.vmap(along, in_axes=(None, 0, None, None, 0))(c, local, shared, grid, c.spans)

    total = options.members * options.iterations
    collected, losses = [], []
    held_points = holdouts(observed, options, rng)
    for k, held in enumerate(held_points):
        before = k * options.iterations

        def tell(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        best, loss = _member(trainer, problem.first(np.random.default_rng([seed, k])), held, options, tell)
        collected.append((*sample(problem.constants, *best), problem.parameters(best[1])))
        losses.append(loss)
    times = tuple(np.linspace(t.times[0], t.times[-1], SAMPLES) for t in observed.trajectories)
    return average(system, times, collected, {"members": losses})


def holdouts(observed: Observations, options: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """For each member 1 at the held-out times of every trajectory, (K, T, 1); ends are never held out.

    Members take turns through one random order, so that each point trains at least one of them.
    """
    longest = max(len(t.times) for t in observed.trajectories)
    masks = [np.zeros((len(observed.trajectories), longest, 1)) for _ in range(options.members)]
    for k, t in enumerate(observed.trajectories):
        count = int(options.holdout * len(t.times)) if len(t.times) >= FEW else 0
        order = rng.permutation(np.arange(1, len(t.times) - 1))
        for m, mask in enumerate(masks):
            mask[k, np.roll(order, -m * count)[:count]] = 1.0
    return masks


def _member(
    trainer: Trainer,
    first: tuple[Any, Any],
    held: np.ndarray,
    options: Any,
    tell: Callable[[int], None],
) -> tuple[tuple[jax.Array, jax.Array], dict[str, np.ndarray]]:
    """One network: warm-up, Levenberg-Marquardt, then the last weights that validate well (or the last of all)."""
    weights = trainer.problem.data_weights * (1 - held)
    judges = trainer.problem.data_weights * held
    judged = bool(held.any())
    (local, shared), _ = trainer.warm_up(*first, weights, steps=options.warm_up)
    now: Training = trainer.start(local, shared)
    costs, values, best, stale = [], [], np.inf, 0
    for done in range(0, options.iterations, CHUNK):
        before = float(now.cost)
        now, (cost, value) = trainer.advance(now, weights, judges, steps=CHUNK)
        costs.append(np.asarray(cost))
        values.append(np.asarray(value))
        tell(min(done + CHUNK, options.iterations))
        stale = stale + 1 if judged and float(now.validation) >= 0.98 * best else 0
        best = min(best, float(now.validation))
        settled = np.isfinite(before) and abs(before - float(now.cost)) < 1e-4 * before
        if stale >= PATIENCE or settled:
            break
    if not np.isfinite(float(now.cost)):
        raise RecoveryError(
            "the training of the networks diverged: the equations are not finite near the data; "
            "check logarithms, roots and divisions of the known terms, or the values of parameters"
        )
    chosen = now.best if judged and np.isfinite(best) else (now.local, now.shared)
    return chosen, {"train": np.concatenate(costs), "validation": np.concatenate(values)}


def average(
    system: System, times: tuple[np.ndarray, ...], members: list[tuple[Any, ...]], history: dict[str, Any]
) -> SurrogateFit:
    """The mean of all members; samples on which they disagree weigh less."""
    states, arguments, values, parameters = (np.stack([np.asarray(m[i]) for m in members]) for i in range(4))
    ends = np.cumsum([0, *(len(u.args) for u in system.unknowns)])
    terms = {}
    for j, unknown in enumerate(system.unknowns):
        each = values[..., j].reshape(len(members), -1)
        mean, spread = each.mean(axis=0), each.std(axis=0)
        typical = np.sqrt(np.mean(spread**2))
        weights = 1 / (1 + (spread / typical) ** 2) if typical > 0 else np.ones(mean.size)
        columns = arguments[..., ends[j] : ends[j + 1]].mean(axis=0).reshape(-1, len(unknown.args))
        terms[unknown] = TermSamples(columns, mean, weights / weights.mean())
    free = [p for p in system.parameters if p not in system.defaults]
    found = dict(zip(free, map(float, parameters.mean(axis=0)), strict=True))
    return SurrogateFit(times, tuple(states.mean(axis=0)), terms, found, history)
