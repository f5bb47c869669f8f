"""The numbers behind a physics-informed fit: scales, padded data, collocation points, networks and residuals."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["CollocationProblem", "Constants", "argument_scales", "make_problem", "scales", "slots"]

MAX_RESIDUALS = 1600  # the dual system is dense: beyond this the collocation points are thinned out
FREE = 10.0  # standard deviation of the prior of the initial value of a measured state, in its spreads
RISE = 4.0  # how fast a network takes over from the initial value, over half a trajectory


class Constants(NamedTuple):
    """Numbers of one data set.  Compiled code takes them as arguments, so that it serves other data of the same shape."""

    data_times: jax.Array  # (K, T) scaled, padded with 0
    data_values: jax.Array  # (K, T, n), 0 where missing
    spans: jax.Array  # (K, 2) middle and half of the time span
    centre: jax.Array  # (n,)
    size: jax.Array  # (n,)
    rate: jax.Array  # (n,)
    middle: jax.Array  # (arguments,)
    spread: jax.Array  # (arguments,)
    reach: jax.Array  # (applications,) size of a term that matters
    fixed: jax.Array  # (parameters,) 0 where free


@dataclass(frozen=True)
class CollocationProblem:
    """Everything that stays fixed while a network is trained.

    Local weights ``(K, P)`` belong to one trajectory each, shared weights ``(Q,)`` to the unknown terms and the free
    parameters.  Time is scaled to [-1, 1] on each trajectory.
    """

    constants: Constants
    data_weights: jax.Array  # (K, T, n) one over the noise, 0 where missing
    collocation: jax.Array  # (C,) scaled
    shared_decay: jax.Array  # (Q,) precision of the prior of each shared weight
    state: Any  # (constants, local weights, scaled time) -> (n,) states
    residual: Any  # (constants, local, shared, scaled time, span) -> (n,) scaled residual of the equations
    terms: Any  # (constants, local, shared, scaled time, span) -> (arguments of each application, value of each)
    parameters: Any  # shared -> (free parameters,)
    first: Any  # random generator -> first (local, shared)


def make_problem(system: System, observed: Observations, options: Any) -> CollocationProblem:
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
    where = np.array([system.parameters.index(p) for p in free], dtype=int)
    fixed = np.array([system.defaults.get(p, 0.0) for p in system.parameters])
    usual = np.array([system.defaults.get(p, 1.0) for p in system.parameters])
    blocks = [("time", [system.time]), ("y", system.states), ("p", system.parameters)]
    arguments = [a for term in system.unknowns for a in term.args]
    arguments_of = jax_function(lower("arguments", blocks, arguments, [str(a) for a in arguments]))
    stand_in = {term: sp.Dummy(f"u{i}") for i, term in enumerate(system.unknowns)}
    drift = [e.xreplace(stand_in) for e in system.expressions]
    rhs = jax_function(lower("drift", [*blocks, ("u", list(stand_in.values()))], drift, list(map(str, system.states))))

    centre, size, rate = scales(system, observed)
    times, values, weights = _padded(observed, options.noise_floor * size)
    spans = np.array([[(t.times[0] + t.times[-1]) / 2, (t.times[-1] - t.times[0]) / 2] for t in observed.trajectories])
    count = len(spans)
    points = max(10, min(options.collocation, MAX_RESIDUALS // (n * count)))

    places = slots(system.unknowns)
    middle, spread = argument_scales(arguments_of, observed, usual, centre)
    sensitivity = np.abs(np.asarray(jax.jit(jax.jacfwd(rhs, argnums=3))(spans[0, :1], centre, usual, np.zeros(len(places)))))
    sensitivity = np.where(np.isfinite(sensitivity) & (sensitivity > 1e-12), sensitivity, 0.0)
    reach = np.array([max((rate[i] / s for i, s in enumerate(c) if s > 0), default=1.0) for c in sensitivity.T])
    signs = {getattr(k, "__name__", str(k)): v for k, v in (options.signs or {}).items()}
    unknown_signs = set(signs) - set(groups)
    if unknown_signs:
        known = ", ".join(groups) or "none"
        raise RecoveryError(f"signs names {sorted(unknown_signs)[0]!r}, no unknown term; the unknown terms: {known}")

    width, narrow = options.width, options.term_width
    net = Perceptron((1, width, width, n))
    nets = {name: Perceptron((len(each[0].args), narrow, narrow, 1)) for name, each in groups.items()}
    ends = np.cumsum([0, *(each.size for each in nets.values())])
    own = {name: slice(int(a), int(b)) for name, (a, b) in zip(nets, pairwise(ends), strict=True)}
    decay = np.concatenate([np.full(ends[-1], float(options.decay)), np.full(len(free), 1e-6)])
    hard = options.initial == "hard"
    # what was never measured stays near the initial value of the system, which is its centre
    measured = np.isfinite(np.concatenate([t.values for t in observed.trajectories])).any(axis=0)
    loose = np.where(measured, FREE, 1.0)

    def first(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        local = np.stack([net.first(rng) for _ in range(count)])
        if hard:
            local = np.concatenate([local, (_first_values(observed, centre) - centre) / size / loose], axis=1)
        return local, np.concatenate([*(each.first(rng) for each in nets.values()), np.zeros(len(free))])

    def state(c: Constants, w: jax.Array, tau: jax.Array) -> jax.Array:
        out = net(w, tau[None])
        return c.centre + c.size * (loose * w[net.size :] - jnp.expm1(-RISE * (1 + tau)) * out if hard else out)

    def evaluate(c: Constants, y: jax.Array, s: jax.Array, time: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        p = c.fixed.at[where].set(1.0 + s[ends[-1] :])
        a = arguments_of(time[None], y, p)
        z = (a - c.middle) / c.spread
        values = []
        for j, (term, slot) in enumerate(zip(system.unknowns, places, strict=True)):
            name = term.func.__name__
            raw = nets[name](s[own[name]], z[slot])[0]
            values.append(c.reach[j] * (signs[name] * jax.nn.softplus(raw) if name in signs else raw))
        return a, jnp.stack(values) if values else jnp.zeros(0), p

    def terms(c: Constants, w: jax.Array, s: jax.Array, tau: jax.Array, span: jax.Array) -> tuple[jax.Array, jax.Array]:
        return evaluate(c, state(c, w, tau), s, span[0] + span[1] * tau)[:2]

    def residual(c: Constants, w: jax.Array, s: jax.Array, tau: jax.Array, span: jax.Array) -> jax.Array:
        y, slope = jax.jvp(lambda x: state(c, w, x), (tau,), (jnp.ones_like(tau),))
        time = span[0] + span[1] * tau
        _, u, p = evaluate(c, y, s, time)
        return (slope / span[1] - rhs(time[None], y, p, u)) / c.rate

    constants = Constants(*map(jnp.asarray, (times, values, spans, centre, size, rate, middle, spread, reach, fixed)))
    return CollocationProblem(
        constants, jnp.asarray(weights), jnp.asarray(np.linspace(-1.0, 1.0, points)), jnp.asarray(decay),
        state, residual, terms, lambda s: 1.0 + np.asarray(s)[ends[-1] :], first,
    )  # fmt: skip


def _first_values(observed: Observations, centre: np.ndarray) -> np.ndarray:
    """The first measured value of every state on each trajectory, (K, n); its centre where there is none."""
    found = np.tile(centre, (len(observed.trajectories), 1))
    for k, t in enumerate(observed.trajectories):
        for i, v in enumerate(t.values.T):
            seen = v[np.isfinite(v)]
            found[k, i] = seen[0] if seen.size else found[k, i]
    return found


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


def _padded(observed: Observations, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    return times, values, weights


def argument_scales(
    arguments_of: Any, observed: Observations, parameters: Any, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and spread of every argument of an unknown term along the data."""
    times = np.concatenate([t.times for t in observed.trajectories])
    values = np.concatenate([t.values for t in observed.trajectories])
    values = np.where(np.isfinite(values), values, centre)
    a = np.asarray(jax.jit(jax.vmap(lambda t, y: arguments_of(t[None], y, parameters)))(times, values))
    a = np.where(np.isfinite(a), a, np.nan)
    if a.size == 0:
        return np.zeros(a.shape[1]), np.ones(a.shape[1])
    middle, spread = np.nanmean(a, axis=0), np.nanstd(a, axis=0)
    fallback = np.where(np.abs(middle) > 0, np.abs(middle), 1.0)
    return middle, np.where(spread > 1e-9 * fallback, spread, fallback)
