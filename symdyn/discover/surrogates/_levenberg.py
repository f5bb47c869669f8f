"""Levenberg-Marquardt in residual space, for few residuals and many weights, after a warm-up by Adam.

With Jacobian ``J``, residuals ``r``, weights ``w`` and a diagonal ``A`` (prior precision plus damping) the step is

    d = -A^-1 (g - J^T (I + J A^-1 J^T)^-1 J A^-1 g),    g = J^T r + decay * w,

so the dense system has the size of the residuals.  Weights of one trajectory touch its own residuals alone: their part
of ``J A^-1 J^T`` is block diagonal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from symdyn.discover.surrogates._problem import Problem

__all__ = ["Trainer", "Training"]

HUGE = 1e30  # damping at which a step vanishes


class Training(NamedTuple):
    """Where the training stands; all arrays, so that it travels through compiled loops."""

    local: jax.Array
    shared: jax.Array
    damping: jax.Array
    cost: jax.Array
    residuals: jax.Array
    local_jacobian: jax.Array
    shared_jacobian: jax.Array
    best: tuple[jax.Array, jax.Array]
    validation: jax.Array


class Trainer:
    """Compiled training steps of one problem.

    Parameters
    ----------
    problem : Problem
    tolerance : float
        Size of an acceptable scaled residual of the equations.
    decay : float
        Prior precision of the weights of the state networks.
    """

    def __init__(self, problem: Problem, *, tolerance: float, decay: float) -> None:
        self.problem = problem
        self.decay = decay
        self._equation_weight = 1.0 / tolerance / jnp.sqrt(problem.collocation.size / problem.data_times.shape[1])
        self.warm_up = jax.jit(self._warm_up, static_argnames="steps")
        self.advance = jax.jit(self._advance, static_argnames="steps")
        self.misfit = jax.jit(self._misfit)

    # ---- residuals -----------------------------------------------------------------------------

    def _misfit(self, local: jax.Array, weights: jax.Array) -> jax.Array:
        """Weighted differences to the data, (K, T, n)."""
        p = self.problem
        states = jax.vmap(lambda w, ts: jax.vmap(lambda t: p.state(w, t))(ts))(local, p.data_times)
        return weights * (states - p.data_values)

    def _residuals(self, local: jax.Array, shared: jax.Array, weights: jax.Array) -> jax.Array:
        """Data and equation residuals of every trajectory, (K, R)."""
        p = self.problem
        along = jax.vmap(lambda w, s, t, span: p.residual(w, s, t, span), in_axes=(None, None, 0, None))
        equations = jax.vmap(along, in_axes=(0, None, None, 0))(local, shared, p.collocation, p.spans)
        parts = (self._misfit(local, weights), self._equation_weight * equations)
        return jnp.concatenate([part.reshape(len(local), -1) for part in parts], axis=1)

    def _jacobians(self, local: jax.Array, shared: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(K, R, P) and (K, R, Q), each residual differentiated at its own point only."""
        p = self.problem
        point = jax.jacrev(p.residual, argnums=(0, 1))
        along = jax.vmap(point, in_axes=(None, None, 0, None))
        by_local, by_shared = jax.vmap(along, in_axes=(0, None, None, 0))(local, shared, p.collocation, p.spans)
        states = jax.vmap(lambda w, ts: jax.vmap(lambda t: jax.jacrev(p.state)(w, t))(ts))(local, p.data_times)
        count = len(local)
        fits = (weights[..., None] * states).reshape(count, -1, local.shape[1])
        equations = self._equation_weight * by_local.reshape(count, -1, local.shape[1])
        terms = self._equation_weight * by_shared.reshape(count, -1, shared.size)
        return (
            jnp.concatenate([fits, equations], axis=1),
            jnp.concatenate([jnp.zeros((count, fits.shape[1], shared.size)), terms], axis=1),
        )

    def _cost(self, local: jax.Array, shared: jax.Array, residuals: jax.Array) -> jax.Array:
        prior = self.decay * jnp.sum(local**2) + jnp.sum(self.problem.shared_decay * shared**2)
        return jnp.sum(residuals**2) + prior

    # ---- training ------------------------------------------------------------------------------

    def _warm_up(self, local: jax.Array, shared: jax.Array, weights: jax.Array, *, steps: int) -> tuple[Any, jax.Array]:
        """Adam on the data and softened equations; steps that are not finite count as zero."""
        optimiser = optax.chain(optax.zero_nans(), optax.adam(optax.cosine_decay_schedule(1e-2, steps, 0.05)))
        count = jnp.maximum(jnp.sum(weights > 0), 1)

        def loss(both: tuple[jax.Array, jax.Array]) -> jax.Array:
            r = self._residuals(*both, weights)
            fits = self.problem.data_values[0].size
            typical = jnp.sqrt(jnp.mean(weights**2)) + 1e-300
            data = jnp.sum((r[:, :fits] / typical) ** 2) / count
            return data + jnp.mean((r[:, fits:] / self._equation_weight) ** 2) * 0.1

        def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            both, memory = carry
            value, gradient = jax.value_and_grad(loss)(both)
            update, memory = optimiser.update(gradient, memory)
            return (optax.apply_updates(both, update), memory), value

        both = (local, shared)
        (both, _), losses = jax.lax.scan(step, (both, optimiser.init(both)), None, length=steps)
        return both, losses

    def start(self, local: jax.Array, shared: jax.Array) -> Training:
        """Before the first trial: infinite cost and no step, so that the trial accepts the weights as they are.

        The Jacobians are then compiled once, in `advance`.
        """
        count, _, n = self.problem.data_values.shape
        rows = self.problem.data_values[0].size + self.problem.collocation.size * n
        return Training(
            local,
            shared,
            damping=jnp.asarray(HUGE),
            cost=jnp.asarray(jnp.inf),
            residuals=jnp.asarray(np.zeros((count, rows))),
            local_jacobian=jnp.asarray(np.zeros((count, rows, local.shape[1]))),
            shared_jacobian=jnp.asarray(np.zeros((count, rows, shared.size))),
            best=(local, shared),
            validation=jnp.asarray(jnp.inf),
        )

    def _step(self, now: Training) -> tuple[jax.Array, jax.Array]:
        """The damped Gauss-Newton step, solved in residual space."""
        count, rows, _ = now.local_jacobian.shape
        inverse = 1.0 / (self.decay + now.damping)
        shared_inverse = 1.0 / (self.problem.shared_decay + now.damping)
        own, common = now.local_jacobian, now.shared_jacobian.reshape(count * rows, -1)
        r = now.residuals
        g_local = jnp.einsum("krp,kr->kp", own, r) + self.decay * now.local
        g_shared = common.T @ r.reshape(-1) + self.problem.shared_decay * now.shared
        blocks = inverse * jnp.einsum("krp,ksp->krs", own, own)
        each = jnp.arange(count)
        gram = jnp.zeros((count, rows, count, rows)).at[each, :, each, :].set(blocks).reshape(count * rows, -1)
        gram = gram + (common * shared_inverse) @ common.T + jnp.eye(count * rows)
        right = (inverse * jnp.einsum("krp,kp->kr", own, g_local)).reshape(-1) + common @ (shared_inverse * g_shared)
        z = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(gram), right)
        back_local = jnp.einsum("krp,kr->kp", own, z.reshape(count, rows))
        return -inverse * (g_local - back_local), -shared_inverse * (g_shared - common.T @ z)

    def _advance(self, now: Training, weights: jax.Array, held: jax.Array, *, steps: int) -> tuple[Training, Any]:
        """Several Levenberg-Marquardt trials; `held` weights the points that only judge."""

        def accept(now: Training, local: jax.Array, shared: jax.Array, residuals: jax.Array, cost: jax.Array) -> Training:
            value = jnp.mean(self._misfit(local, held) ** 2) * held.size / jnp.maximum(jnp.sum(held > 0), 1)
            # few points judge: among weights within a standard error of the best, the longest trained are kept
            margin = 1 + jnp.sqrt(2.0 / jnp.maximum(jnp.sum(held > 0), 1))
            good = value <= margin * now.validation
            best = jax.tree.map(lambda a, b: jnp.where(good, a, b), (local, shared), now.best)
            jacobians = self._jacobians(local, shared, weights)
            first = 1e-2 * jnp.mean(jnp.sum(jacobians[0] ** 2, axis=2))
            damping = jnp.where(jnp.isfinite(now.cost), jnp.maximum(now.damping / 3, 1e-8), first)
            least = jnp.minimum(value, now.validation)
            return Training(local, shared, damping, cost, residuals, *jacobians, best, least)

        def trial(now: Training, _: None) -> tuple[Training, Any]:
            d_local, d_shared = self._step(now)
            local, shared = now.local + d_local, now.shared + d_shared
            residuals = self._residuals(local, shared, weights)
            cost = self._cost(local, shared, residuals)
            better = jnp.isfinite(cost) & (cost < now.cost)
            after = jax.lax.cond(
                better,
                lambda: accept(now, local, shared, residuals, cost),
                lambda: now._replace(damping=jnp.minimum(now.damping * 4, HUGE)),
            )
            judged = jnp.mean(self._misfit(after.local, held) ** 2) * held.size / jnp.maximum(jnp.sum(held > 0), 1)
            return after, (after.cost, judged)

        return jax.lax.scan(trial, now, None, length=steps)
