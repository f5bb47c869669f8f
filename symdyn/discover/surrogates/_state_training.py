"""Training of networks of time in place of the states of ODEs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from symdyn.discover.surrogates._descent import descent
from symdyn.discover.surrogates._ensemble import Learned, ensemble, prepare
from symdyn.discover.surrogates._equations import Data, causal_roots
from symdyn.discover.surrogates._state_equations import StateEquations
from symdyn.discover.surrogates._windows import trained_on
from symdyn.discover.surrogates.registry import SurrogateFit, nested
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["train"]

CHUNK = 20  # trials between two looks at the validation
PATIENCE = 3  # chunks without a better validation before stopping
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
    warm = jax.jit(_warm_up(equations, options))

    def member(k: int, tell: Callable[[int], None]) -> Learned:
        d = equations.data._replace(weights=trained[k])
        first = warm(equations.first(np.random.default_rng([seed, k])), d)
        best, losses = _descended(equations, first, d, equations.data.weights - trained[k], options, tell)
        return *equations.sample(best, d, grid[..., None]), equations.terms.free(equations.split(best)[1]), losses

    return ensemble(system, options, tuple(grid), member, progress)


def _warm_up(equations: StateEquations, options: Any) -> Callable[[Any, Data], jax.Array]:
    """Steps of Adam on the data and softened equations; those that are not finite count as zero."""
    schedule = optax.cosine_decay_schedule(1e-2, options.warm_up, 0.05)
    optimiser = optax.chain(optax.zero_nans(), optax.adam(schedule))

    def loss(w: jax.Array, d: Data) -> jax.Array:
        relative = equations.relative(w, d)
        roots = causal_roots(jax.lax.stop_gradient(relative), options.causal)[..., None] if options.causal else 1.0
        count, typical = jnp.maximum(jnp.sum(d.weights > 0), 1), jnp.sqrt(jnp.mean(d.weights**2)) + 1e-300
        return jnp.sum((equations.differences(w, d) / typical) ** 2) / count + 0.1 * jnp.mean((roots * relative) ** 2)

    def warm(w: jax.Array, d: Data) -> jax.Array:
        def step(carry: Any, _: None) -> tuple[Any, None]:
            update, memory = optimiser.update(jax.grad(loss)(carry[0], d), carry[1])
            return (optax.apply_updates(carry[0], update), memory), None

        return jax.lax.scan(step, (w, optimiser.init(w)), None, length=options.warm_up)[0][0]

    return warm


def _descended(
    equations: StateEquations, first: Any, d: Data, judges: np.ndarray, options: Any, tell: Callable[[int], None]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Levenberg-Marquardt; the last weights that validate well (or the last of all), and the losses."""

    def renew(w: Any, d: Data) -> Data:
        return d._replace(roots=np.asarray(causal_roots(equations.relative(w, d), options.causal))[..., None])

    held = int(np.sum(judges > 0))
    # few points judge: among weights within a standard error of the best, the longest trained are kept
    margin = 1 + np.sqrt(2.0 / max(held, 1))
    trials = descent(
        equations.misfit, equations.slopes, first, equations.precision, d, growth=(4.0, 1.0),
        own_scale=True, renew=renew if options.causal else None,
    )  # fmt: skip
    costs, values, cost, least, stale = [], [], np.inf, np.inf, 0
    w = best = np.asarray(first)
    for done in range(0, options.iterations, CHUNK):
        before, liked = cost, least
        for w, cost, accepted in islice(trials, CHUNK):
            if accepted:
                value = float(np.sum(np.asarray(equations.differences(w, d._replace(weights=judges))) ** 2)) / max(held, 1)
                best = w if value <= margin * least else best
                least = min(least, value)
            costs.append(cost)
            values.append(value)
        tell(done + CHUNK)
        stale = stale + 1 if held and least >= 0.98 * liked else 0
        settled = np.isfinite(before) and abs(before - cost) < 1e-4 * before
        if stale >= PATIENCE or settled or not np.isfinite(cost):
            break
    if not np.isfinite(cost):
        raise RecoveryError(
            "the training of the networks diverged: the equations are not finite near the data; "
            "check logarithms, roots and divisions of the known terms, or the values of parameters"
        )
    return best if held and np.isfinite(least) else w, {"train": np.array(costs), "validation": np.array(values)}
