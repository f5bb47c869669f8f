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

from symdyn.discover.surrogates._problem import CollocationProblem, Constants

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
    causal: jax.Array


class Trainer:
    r"""Compiled training steps of one problem.

    Parameters
    ----------
    problem : CollocationProblem
    tolerance : float
        Size of an acceptable scaled residual of the equations.
    decay : float
        Prior precision of the weights of the state networks.
    causal : float
        :math:`\epsilon` of the weights :math:`e^{-\epsilon \sum_{j<i} L_j}` of squared residuals at the i-th collocation
        point, with the mean square :math:`L_j` of those at the j-th; 0 for equal weights.
    """

    def __init__(self, problem: CollocationProblem, *, tolerance: float, decay: float, causal: float = 0.0) -> None:
        self.problem = problem
        self.decay, self.causal = decay, causal
        shape = problem.data_weights.shape
        self._equation_weight = float(1.0 / tolerance / np.sqrt(problem.collocation.size / shape[1]))
        self._fits = shape[1] * shape[2]
        self._warm = jax.jit(self._warm_up, static_argnames="steps")
        self._several = jax.jit(self._advance, static_argnames="steps")

    def warm_up(self, local: Any, shared: Any, weights: Any, *, steps: int) -> tuple[Any, jax.Array]:
        """Weights after so many steps of Adam, and the losses."""
        return self._warm(self.problem.constants, local, shared, weights, steps=steps)

    def advance(self, now: Training, weights: Any, held: Any, *, steps: int) -> tuple[Training, Any]:
        """Several Levenberg-Marquardt trials; `held` weights the points that only judge."""
        return self._several(self.problem.constants, now, weights, held, steps=steps)

    # ---- residuals -----------------------------------------------------------------------------

    def _misfit(self, c: Constants, local: jax.Array, weights: jax.Array) -> jax.Array:
        """Weighted differences to the data, (K, T, n)."""
        p = self.problem
        states = jax.vmap(lambda w, ts: jax.vmap(lambda t: p.state(c, w, t))(ts))(local, c.data_times)
        return weights * (states - c.data_values)

    def _equations(self, c: Constants, local: jax.Array, shared: jax.Array) -> jax.Array:
        """Scaled residuals of the equations, (K, C, n)."""
        p = self.problem
        along = jax.vmap(p.residual, in_axes=(None, None, None, 0, None))
        return jax.vmap(along, in_axes=(None, 0, None, None, 0))(c, local, shared, p.collocation, c.spans)

    def _causal_roots(self, equations: jax.Array) -> jax.Array:
        """Square roots of the weights of the collocation points, (K, C)."""
        losses = jax.lax.stop_gradient(jnp.mean(equations**2, axis=2))
        before = jnp.cumsum(losses, axis=1) - losses
        return jnp.exp(-0.5 * self.causal * before)

    def _residuals(self, c: Constants, local: jax.Array, shared: jax.Array, weights: jax.Array, roots: Any) -> jax.Array:
        """Data and equation residuals of every trajectory, (K, R); `roots` (K, C) weight the equations, None renews them."""
        equations = self._equations(c, local, shared)
        roots = self._causal_roots(equations) if roots is None else roots
        parts = (self._misfit(c, local, weights), self._equation_weight * roots[..., None] * equations)
        return jnp.concatenate([part.reshape(len(local), -1) for part in parts], axis=1)

    def _jacobians(
        self, c: Constants, local: jax.Array, shared: jax.Array, weights: jax.Array, roots: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """(K, R, P) and (K, R, Q), each residual differentiated at its own point only."""
        p = self.problem
        point = jax.jacrev(p.residual, argnums=(1, 2))
        along = jax.vmap(point, in_axes=(None, None, None, 0, None))
        by_local, by_shared = jax.vmap(along, in_axes=(None, 0, None, None, 0))(c, local, shared, p.collocation, c.spans)
        slope = jax.jacrev(p.state, argnums=1)
        states = jax.vmap(lambda w, ts: jax.vmap(lambda t: slope(c, w, t))(ts))(local, c.data_times)
        count, factor = len(local), self._equation_weight * roots[..., None, None]
        fits = (weights[..., None] * states).reshape(count, -1, local.shape[1])
        equations = (factor * by_local).reshape(count, -1, local.shape[1])
        terms = (factor * by_shared).reshape(count, -1, shared.size)
        return (
            jnp.concatenate([fits, equations], axis=1),
            jnp.concatenate([jnp.zeros((count, fits.shape[1], shared.size)), terms], axis=1),
        )

    def _cost(self, local: jax.Array, shared: jax.Array, residuals: jax.Array) -> jax.Array:
        prior = self.decay * jnp.sum(local**2) + jnp.sum(self.problem.shared_decay * shared**2)
        return jnp.sum(residuals**2) + prior

    # ---- training ------------------------------------------------------------------------------

    def _warm_up(
        self, c: Constants, local: jax.Array, shared: jax.Array, weights: jax.Array, *, steps: int
    ) -> tuple[Any, jax.Array]:
        """Adam on the data and softened equations; steps that are not finite count as zero."""
        optimiser = optax.chain(optax.zero_nans(), optax.adam(optax.cosine_decay_schedule(1e-2, steps, 0.05)))
        count = jnp.maximum(jnp.sum(weights > 0), 1)

        def loss(both: tuple[jax.Array, jax.Array]) -> jax.Array:
            r, fits = self._residuals(c, *both, weights, None), self._fits
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
        count, _, n = self.problem.data_weights.shape
        rows = self._fits + self.problem.collocation.size * n
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
            causal=jnp.asarray(np.ones((count, self.problem.collocation.size))),
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

    def _advance(self, c: Constants, now: Training, weights: jax.Array, held: jax.Array, *, steps: int) -> tuple[Training, Any]:
        def accept(now: Training, local: jax.Array, shared: jax.Array, residuals: jax.Array, cost: jax.Array) -> Training:
            value = jnp.mean(self._misfit(c, local, held) ** 2) * held.size / jnp.maximum(jnp.sum(held > 0), 1)
            # few points judge: among weights within a standard error of the best, the longest trained are kept
            margin = 1 + jnp.sqrt(2.0 / jnp.maximum(jnp.sum(held > 0), 1))
            good = value <= margin * now.validation
            best = jax.tree.map(lambda a, b: jnp.where(good, a, b), (local, shared), now.best)
            roots = now.causal
            if self.causal:  # what was accepted is judged by new weights from here on
                roots = self._causal_roots(self._equations(c, local, shared))
                residuals = self._residuals(c, local, shared, weights, roots)
                cost = self._cost(local, shared, residuals)
            jacobians = self._jacobians(c, local, shared, weights, roots)
            first = 1e-2 * jnp.mean(jnp.sum(jacobians[0] ** 2, axis=2))
            damping = jnp.where(jnp.isfinite(now.cost), jnp.maximum(now.damping / 3, 1e-8), first)
            least = jnp.minimum(value, now.validation)
            return Training(local, shared, damping, cost, residuals, *jacobians, best, least, roots)

        def trial(now: Training, _: None) -> tuple[Training, Any]:
            d_local, d_shared = self._step(now)
            local, shared = now.local + d_local, now.shared + d_shared
            residuals = self._residuals(c, local, shared, weights, now.causal)
            cost = self._cost(local, shared, residuals)
            better = jnp.isfinite(cost) & (cost < now.cost)
            after = jax.lax.cond(
                better,
                lambda: accept(now, local, shared, residuals, cost),
                lambda: now._replace(damping=jnp.minimum(now.damping * 4, HUGE)),
            )
            judged = jnp.mean(self._misfit(c, after.local, held) ** 2) * held.size / jnp.maximum(jnp.sum(held > 0), 1)
            return after, (after.cost, judged)

        return jax.lax.scan(trial, now, None, length=steps)
