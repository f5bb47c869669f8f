"""An ODE with small networks in place of its unknown terms, integrated by JAX in windows of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax.flatten_util import ravel_pytree

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates._problem import argument_scales, scales, slots
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NetworkODE", "TrainingWindows", "make_network_ode", "windows"]


@dataclass(frozen=True)
class TrainingWindows:
    """Stretches of the trajectories, padded to the longest with times that stand still.

    Attributes
    ----------
    trajectory : (W,) int64
    times : (W, T) float64
    values, weights : (W, T, n) float64
        Data (0 where missing) and one over their noise (0 where missing).
    """

    trajectory: np.ndarray
    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray


def windows(observed: Observations, noise: np.ndarray, points: int) -> TrainingWindows:
    """Cut every trajectory into windows of at most so many points, which share their ends."""
    parts = []
    for k, t in enumerate(observed.trajectories):
        pieces = max(1, -(-(len(t.times) - 1) // max(points - 1, 1)))
        cuts = np.unique(np.round(np.linspace(0, len(t.times) - 1, pieces + 1)).astype(int))
        for a, b in pairwise(cuts):
            parts.append((k, t.times[a : b + 1], t.values[a : b + 1]))
    longest, n = max(len(p[1]) for p in parts), len(noise)
    times, values = np.zeros((len(parts), longest)), np.full((len(parts), longest, n), np.nan)
    for w, (_, at, seen) in enumerate(parts):
        times[w] = at[-1]
        times[w, : len(at)], values[w, : len(at)] = at, seen
    have = np.isfinite(values)
    return TrainingWindows(np.array([p[0] for p in parts]), times, np.where(have, values, 0.0), have / noise)


@dataclass(frozen=True)
class NetworkODE:
    """Functions of the flattened weights: networks, free parameters, and initial values of the windows.

    Attributes
    ----------
    shared : int
        How many of the weights do not belong to a window.
    states : callable
        From weights and times (W, T) to states (W, T, n).
    derivatives : callable
        From the same to states, their derivatives by the weights that are shared (W, T, n, q), and by the initial values of
        their own window (W, T, n, n), scaled.
    terms : callable
        From weights, times (m,) and states (m, n) to arguments (m, a) and values of the terms (m, k).
    parameters : callable
        From weights to the free parameters.
    first : callable
        From a key and initial values (W, n) to weights.
    scale : (n,) float64
        Unit of the initial values.
    """

    shared: int
    states: Callable[..., Any]
    derivatives: Callable[..., Any]
    terms: Callable[..., Any]
    parameters: Callable[..., Any]
    first: Callable[..., np.ndarray]
    scale: np.ndarray


def make_network_ode(system: System, observed: Observations, cut: TrainingWindows, options: Any) -> NetworkODE:
    """Lower the equations and lay out the networks, two hidden layers of tanh each."""
    n, unknowns = len(system.states), system.unknowns
    free = [p for p in system.parameters if p not in system.defaults]
    fixed = jnp.array([system.defaults.get(p, 0.0) for p in system.parameters])
    where = np.array([system.parameters.index(p) for p in free], dtype=int)
    blocks = [("time", [system.time]), ("y", system.states), ("p", system.parameters)]
    arguments = [a for term in unknowns for a in term.args]
    arguments_of = jax_function(lower("arguments", blocks, arguments, [str(a) for a in arguments]))
    stand_in = {term: sp.Dummy(f"u{i}") for i, term in enumerate(unknowns)}
    drift = [e.xreplace(stand_in) for e in system.expressions]
    rhs = jax_function(lower("drift", [*blocks, ("u", list(stand_in.values()))], drift, list(map(str, system.states))))
    centre, size, rate = scales(system, observed)
    middle, spread = argument_scales(arguments_of, observed, fixed.at[where].set(1.0), centre)
    places = slots(unknowns)
    names = [u.func.__name__ for u in unknowns]
    arity = {name: len(u.args) for name, u in zip(names, unknowns, strict=True)}
    sensitivity = np.abs(np.asarray(jax.jacfwd(rhs, argnums=3)(
        jnp.zeros(1), jnp.asarray(centre), fixed.at[where].set(1.0), jnp.zeros(len(unknowns))
    )))  # fmt: skip
    usable = np.isfinite(sensitivity) & (sensitivity > 1e-12)
    reach = [max((rate[i] / s for i, s in enumerate(c) if usable[i, j]), default=1.0) for j, c in enumerate(sensitivity.T)]
    signs = {getattr(k, "__name__", str(k)): v for k, v in (options.signs or {}).items()}
    wrong = set(signs) - set(names)
    if wrong:
        raise RecoveryError(f"signs names {min(wrong)!r}, no unknown term; the unknown terms: {', '.join(arity) or 'none'}")

    def fresh(key: jax.Array) -> Any:
        nets = {}
        for name, k in zip(arity, jax.random.split(key, len(arity)), strict=True):
            shape, layers = (arity[name], options.width, options.width, 1), []
            for a, b, layer in zip(shape[:-1], shape[1:], jax.random.split(k, 3), strict=True):
                layers.append((jax.random.normal(layer, (a, b)) * np.sqrt(1 / a), jnp.zeros(b)))
            nets[name] = layers
        return nets, jnp.zeros(len(free))

    flat, unravel = ravel_pytree(jax.tree.map(np.zeros_like, fresh(jax.random.PRNGKey(0))))
    shared = flat.size

    def network(layers: Any, z: jax.Array) -> jax.Array:
        for weight, bias in layers[:-1]:
            z = jnp.tanh(z @ weight + bias)
        return (z @ layers[-1][0] + layers[-1][1])[0]

    def evaluate(opened: Any, time: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        nets, offsets = opened
        p = fixed.at[where].set(1.0 + offsets)
        a = arguments_of(time[None], y, p)
        z = (a - middle) / spread
        values = []
        for name, place, r in zip(names, places, reach, strict=True):
            raw = network(nets[name], z[place])
            values.append(r * (raw if name not in signs else signs[name] * jax.nn.softplus(raw)))
        return a, jnp.stack(values), p

    def slope(opened: Any, time: jax.Array, y: jax.Array) -> jax.Array:
        _, u, p = evaluate(opened, time, y)
        return rhs(time[None], y, p, u)

    def interval(own: jax.Array, y: jax.Array, time: jax.Array, following: jax.Array) -> jax.Array:
        """The state at the next time, by steps of the classical Runge-Kutta method."""
        opened, h = unravel(own), (following - time) / options.substeps

        def step(k: int, y: jax.Array) -> jax.Array:
            at = time + k * h
            k1 = slope(opened, at, y)
            k2 = slope(opened, at + h / 2, y + h / 2 * k1)
            k3 = slope(opened, at + h / 2, y + h / 2 * k2)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(opened, at + h, y + h * k3))

        for k in range(options.substeps):
            y = step(k, y)
        return y

    def states(weights: jax.Array, times: jax.Array) -> jax.Array:
        own, starts = weights[:shared], weights[shared:].reshape(-1, n) * size

        def along(start: jax.Array, at: jax.Array) -> jax.Array:
            def advance(y: jax.Array, ends: tuple[jax.Array, jax.Array]) -> Any:
                after = interval(own, y, *ends)
                return after, after

            _, path = jax.lax.scan(advance, start, (at[:-1], at[1:]))
            return jnp.concatenate([start[None], path])

        return jax.vmap(along)(starts, times)

    def derivatives(weights: jax.Array, times: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        own, path = weights[:shared], states(weights, times)
        local = jax.vmap(jax.vmap(jax.jacrev(interval, argnums=(0, 1)), in_axes=(None, 0, 0, 0)), in_axes=(None, 0, 0, 0))
        forced, moved = local(own, path[:, :-1], times[:, :-1], times[:, 1:])

        def along(forced: jax.Array, moved: jax.Array) -> tuple[jax.Array, jax.Array]:
            def advance(carry: tuple[jax.Array, jax.Array], each: tuple[jax.Array, jax.Array]) -> Any:
                after = each[1] @ carry[0] + each[0], each[1] @ carry[1]
                return after, after

            first = jnp.zeros((n, shared)), jnp.diag(jnp.asarray(size))
            _, rest = jax.lax.scan(advance, first, (forced, moved))
            return jnp.concatenate([first[0][None], rest[0]]), jnp.concatenate([first[1][None], rest[1]])

        return path, *jax.vmap(along)(forced, moved)

    def terms(weights: jax.Array, times: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        opened = unravel(weights[:shared])
        return jax.vmap(lambda t, s: evaluate(opened, t, s)[:2])(times, y)

    def first(key: jax.Array, starts: np.ndarray) -> np.ndarray:
        return np.concatenate([np.asarray(ravel_pytree(fresh(key))[0]), (starts / size).ravel()])

    return NetworkODE(shared, states, derivatives, terms, lambda w: 1.0 + unravel(w[:shared])[1], first, size)
