"""The numbers behind a physics-informed fit: scales, padded data, collocation points, networks and residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax.flatten_util import ravel_pytree
from sympy.core.function import AppliedUndef

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.data import Observations
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["Problem", "argument_scales", "make_problem", "scales", "slots"]

MAX_RESIDUALS = 1600  # the dual system is dense: beyond this the collocation points are thinned out


@dataclass(frozen=True)
class Problem:
    """Everything that stays fixed while a network is trained.

    Local weights ``(K, P)`` belong to one trajectory each, shared weights ``(Q,)`` to the unknown terms and the free
    parameters.  Time is scaled to [-1, 1] on each trajectory.
    """

    data_times: jax.Array  # (K, T) scaled, padded with 0
    data_values: jax.Array  # (K, T, n), 0 where missing
    data_weights: jax.Array  # (K, T, n) one over the noise, 0 where missing
    collocation: jax.Array  # (C,) scaled
    spans: jax.Array  # (K, 2) middle and half of the time span
    shared_decay: jax.Array  # (Q,) precision of the prior of each shared weight
    state: Any  # (local weights, scaled time) -> (n,) states
    residual: Any  # (local, shared, scaled time, span) -> (n,) scaled residual of the equations
    terms: Any  # (local, shared, scaled time, span) -> (arguments of each application, value of each)
    parameters: Any  # shared -> (free parameters,)
    initial: Any  # random key -> first (local, shared)


def make_problem(system: System, observed: Observations, options: Any) -> Problem:
    """Lower the system's equations and lay out data and networks."""
    n = len(system.states)
    groups: dict[str, list[AppliedUndef]] = {}
    for term in system.unknowns:
        if any(a.atoms(AppliedUndef) for a in term.args):
            raise RecoveryError(
                f"the unknown term {term} has an unknown term among its arguments; give that one a state of its own"
            )
        groups.setdefault(term.func.__name__, []).append(term)
    free = [p for p in system.parameters if p not in system.defaults]
    fixed = jnp.array([system.defaults.get(p, 0.0) for p in system.parameters])
    where = np.array([system.parameters.index(p) for p in free], dtype=int)
    blocks = [("time", [system.time]), ("y", system.states), ("p", system.parameters)]
    arguments = [a for term in system.unknowns for a in term.args]
    arguments_of = jax_function(lower("arguments", blocks, arguments, [str(a) for a in arguments]))
    stand_in = {term: sp.Dummy(f"u{i}") for i, term in enumerate(system.unknowns)}
    drift = [e.xreplace(stand_in) for e in system.expressions]
    rhs = jax_function(lower("drift", [*blocks, ("u", list(stand_in.values()))], drift, list(map(str, system.states))))

    centre, size, rate = scales(system, observed)
    data = _padded(observed, options.noise_floor * size)
    spans = jnp.array([[(t.times[0] + t.times[-1]) / 2, (t.times[-1] - t.times[0]) / 2] for t in observed.trajectories])
    count = len(spans)
    points = max(10, min(options.collocation, MAX_RESIDUALS // (n * count)))

    places = slots(system.unknowns)
    middle, spread = argument_scales(arguments_of, observed, fixed.at[where].set(1.0), centre)
    at_centre = (spans[0, :1], centre, fixed.at[where].set(1.0), jnp.zeros(len(places)))
    sensitivity = np.abs(np.asarray(jax.jacfwd(rhs, argnums=3)(*at_centre)))
    sensitivity = np.where(np.isfinite(sensitivity) & (sensitivity > 1e-12), sensitivity, 0.0)
    reach = np.array([max((rate[i] / s for i, s in enumerate(c) if s > 0), default=1.0) for c in sensitivity.T])
    signs = {getattr(k, "__name__", str(k)): v for k, v in (options.signs or {}).items()}
    unknown_signs = set(signs) - set(groups)
    if unknown_signs:
        known = ", ".join(groups) or "none"
        raise RecoveryError(f"signs names {sorted(unknown_signs)[0]!r}, no unknown term; the unknown terms: {known}")

    def mlp(inputs: int, outputs: int, width: int, key: jax.Array) -> Any:
        return eqx.nn.MLP(inputs, outputs, width, 2, activation=jnp.tanh, key=key)

    def initial(key: jax.Array) -> tuple[Any, Any]:
        state_key, *term_keys = jax.random.split(key, 1 + len(groups))
        states = eqx.filter_vmap(lambda k: mlp(1, n, options.width, k))(jax.random.split(state_key, count))
        arity = {name: len(applications[0].args) for name, applications in groups.items()}
        pairs = zip(arity.items(), term_keys, strict=True)
        nets = {name: mlp(inputs, 1, options.term_width, k) for (name, inputs), k in pairs}
        return states, (nets, jnp.zeros(len(free)))

    def flat(models: tuple[Any, Any]) -> tuple[jax.Array, jax.Array]:
        states, terms = eqx.filter(models, eqx.is_array)
        return jax.vmap(lambda w: ravel_pytree(w)[0])(states), ravel_pytree(terms)[0]

    def blank(leaf: Any) -> Any:
        return jnp.asarray(np.zeros(leaf.shape, leaf.dtype)) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf

    layout = jax.tree.map(blank, eqx.filter_eval_shape(initial, jax.random.PRNGKey(0)))
    weights, (state_static, term_static) = eqx.partition(layout, eqx.is_array)
    unravel_state = ravel_pytree(jax.tree.map(lambda w: w[0], weights[0]))[1]
    shared, unravel_terms = ravel_pytree(weights[1])
    decay = jnp.full(shared.size, options.decay).at[shared.size - len(free) :].set(1e-6)

    def state(w: jax.Array, tau: jax.Array) -> jax.Array:
        return centre + size * eqx.combine(unravel_state(w), state_static)(tau[None])

    def open_shared(s: jax.Array) -> tuple[Mapping[str, Any], jax.Array]:
        nets, offsets = eqx.combine(unravel_terms(s), term_static)
        return nets, fixed.at[where].set(1.0 + offsets)

    def evaluate(y: jax.Array, s: jax.Array, time: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        nets, p = open_shared(s)
        a = arguments_of(time[None], y, p)
        z = (a - middle) / spread
        values = []
        for j, (term, slot) in enumerate(zip(system.unknowns, places, strict=True)):
            raw = nets[term.func.__name__](z[slot])[0]
            sign = signs.get(term.func.__name__)
            values.append(reach[j] * (raw if sign is None else sign * jax.nn.softplus(raw)))
        return a, jnp.stack(values) if values else jnp.zeros(0), p

    def terms(w: jax.Array, s: jax.Array, tau: jax.Array, span: jax.Array) -> tuple[jax.Array, jax.Array]:
        return evaluate(state(w, tau), s, span[0] + span[1] * tau)[:2]

    def residual(w: jax.Array, s: jax.Array, tau: jax.Array, span: jax.Array) -> jax.Array:
        y, slope = jax.jvp(lambda x: state(w, x), (tau,), (jnp.ones_like(tau),))
        time = span[0] + span[1] * tau
        _, u, p = evaluate(y, s, time)
        return (slope / span[1] - rhs(time[None], y, p, u)) / rate

    return Problem(
        *data, jnp.linspace(-1.0, 1.0, points), spans, decay,
        state, residual, terms, lambda s: open_shared(s)[1][where], jax.jit(lambda key: flat(initial(key))),
    )  # fmt: skip


def slots(unknowns: tuple[AppliedUndef, ...]) -> list[slice]:
    """Where the arguments of each application lie among all arguments."""
    ends = np.cumsum([0, *(len(u.args) for u in unknowns)])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def scales(system: System, observed: Observations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, spread and rate of change of each state; an unobserved state has its initial value for a centre."""
    centre, size, rate = np.zeros((3, len(system.states)))
    total = sum(t.times[-1] - t.times[0] for t in observed.trajectories)
    for i, s in enumerate(system.states):
        series = [t.values[np.isfinite(t.values[:, i]), i] for t in observed.trajectories]
        seen = np.concatenate(series)
        if seen.size > 1 and np.ptp(seen) > 0:
            centre[i], size[i] = seen.mean(), seen.std()
            # at most some 20 points each, or noise on dense data would pass for motion
            way = sum(np.abs(np.diff(v[:: max(1, len(v) // 20)])).sum() for v in series)
        else:
            start = float(seen[0]) if seen.size else system.initial.get(s, 1.0)
            centre[i], size[i], way = start, abs(start) or 1.0, 0.0
        rate[i] = max(way, size[i]) / total
    return centre, size, rate


def _padded(observed: Observations, floor: np.ndarray) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scaled times, values and inverse noise of all trajectories, padded to the longest."""
    longest = max(len(t.times) for t in observed.trajectories)
    shape = (len(observed.trajectories), longest)
    times, values = np.zeros(shape), np.zeros((*shape, len(floor)))
    weights = np.zeros_like(values)
    for k, t in enumerate(observed.trajectories):
        m = len(t.times)
        times[k, :m] = 2 * (t.times - t.times[0]) / (t.times[-1] - t.times[0]) - 1
        seen = np.isfinite(t.values)
        values[k, :m] = np.where(seen, t.values, 0.0)
        weights[k, :m] = seen / np.maximum(observed.noise, floor)
    return jnp.asarray(times), jnp.asarray(values), jnp.asarray(weights)


def argument_scales(
    arguments_of: Any, observed: Observations, parameters: jax.Array, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and spread of every argument of an unknown term along the data."""
    times = np.concatenate([t.times for t in observed.trajectories])
    values = np.concatenate([t.values for t in observed.trajectories])
    values = np.where(np.isfinite(values), values, centre)
    a = np.asarray(jax.vmap(lambda t, y: arguments_of(t[None], y, parameters))(times, values))
    a = np.where(np.isfinite(a), a, np.nan)
    if a.size == 0:
        return np.zeros(a.shape[1]), np.ones(a.shape[1])
    middle, spread = np.nanmean(a, axis=0), np.nanstd(a, axis=0)
    fallback = np.where(np.abs(middle) > 0, np.abs(middle), 1.0)
    return middle, np.where(spread > 1e-9 * fallback, spread, fallback)
