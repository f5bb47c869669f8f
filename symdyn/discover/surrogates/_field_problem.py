"""Networks inside the equations of fields: residuals of data and equations, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sympy.core.function import AppliedUndef

from symdyn.discover.surrogates._field_equations import Local, value_of
from symdyn.discover.surrogates._field_states import field_network
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.discover.surrogates._problem import slots
from symdyn.errors import RecoveryError
from symdyn.models.operators import components
from symdyn.models.pde import PDESystem

__all__ = ["Data", "Equations"]


class Data(NamedTuple):
    """Numbers of one data set, and units that change between stages; K experiments."""

    places: Any  # (K, N, 2) times and positions of the data
    values: Any  # (K, N, n), 0 where missing
    weights: Any  # (K, N, n) one over the noise, 0 where missing
    inside: Any  # (K, C, 2) collocation points
    ends: Any  # (K, 2) begin and end of time
    centre: Any  # (n,)
    size: Any  # (n,)
    equation: Any  # (n,) weight of the equations
    middle: Any  # (arguments,)
    spread: Any  # (arguments,)
    reach: Any  # (applications,)


class Equations:
    """Functions of flat weights: those of K experiments (K, P), then those of terms and free parameters (Q,)."""

    def __init__(self, system: PDESystem, options: Any, count: int) -> None:
        self.system, self.count = system, count
        self.state = field_network(system, width=options.width, waves=options.waves)
        narrow, groups = options.term_width, {u.func.__name__: len(u.args) for u in system.unknowns}
        self.nets = {name: Perceptron((k, narrow, narrow, 1)) for name, k in groups.items()}
        ends = np.cumsum([0, *(net.size for net in self.nets.values())])
        self.own = {name: slice(int(a), int(b)) for name, (a, b) in zip(self.nets, pairwise(ends), strict=True)}
        self.networks, free = int(ends[-1]), [p for p in system.parameters if p not in system.defaults]
        self.where = np.array([system.parameters.index(p) for p in free], dtype=int)
        self.fixed = np.array([system.defaults.get(p, 0.0) for p in system.parameters])
        self.signs = {getattr(k, "__name__", str(k)): v for k, v in (options.signs or {}).items()}
        wrong = set(self.signs) - set(groups)
        if wrong:
            raise RecoveryError(f"signs names {min(wrong)!r}, no unknown term; the unknown terms: {', '.join(groups)}")
        self.places = slots(system.unknowns)
        self.index = {components(u, 1): j for j, u in enumerate(system.unknowns)}
        self.rates = [value_of(system, components(e, 1)) for e in system.rates]
        self.arguments = [[value_of(system, a) for a in u.args] for u in self.index]
        self.precision = np.concatenate([
            np.full(count * self.state.net.size + self.networks, float(options.decay)), np.full(len(free), 1e-6)
        ])  # fmt: skip
        self.misfit, self.slopes = jax.jit(self._misfit), jax.jit(self._slopes)
        self.sample = jax.jit(jax.vmap(jax.vmap(self._sample, (None, None, None, None, 0)), (None, 0, 0, None, 0)))
        self.offsets = jax.jit(jax.vmap(jax.vmap(self._offsets, (None, None, None, None, 0)), (None, 0, 0, None, 0)))

    def split(self, w: Any) -> tuple[Any, Any]:
        """Weights of the experiments (K, P), and shared ones (Q,)."""
        size = self.count * self.state.net.size
        return w[:size].reshape(self.count, -1), w[size:]

    def first(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to begin with."""
        parts = [self.state.net.first(rng) for _ in range(self.count)] + [net.first(rng) for net in self.nets.values()]
        return np.concatenate([*parts, np.zeros(len(self.where))])

    def parameters(self, s: Any) -> Any:
        """All parameters; free ones begin at 1."""
        return jnp.asarray(self.fixed).at[self.where].set(1.0 + s[self.networks :])

    # ---- at one point --------------------------------------------------------------------------

    def _fields(self, d: Data, w: Any, s: Any, ends: Any, t: Any, x: Any) -> jax.Array:
        return self.state.fields(w, self.parameters(s), d.centre, d.size, ends[0], ends[1], t, x)

    def _local(self, d: Data, w: Any, s: Any, ends: Any, t: Any, term: Callable[..., Any]) -> Local:
        return Local(lambda x: self._fields(d, w, s, ends, t, x), term, self.parameters(s), t)

    def _term(self, d: Data, s: Any, unknown: AppliedUndef, arguments: Any) -> jax.Array:
        j, name = self.index[unknown], unknown.func.__name__
        raw = self.nets[name](s[self.own[name]], (arguments - d.middle[self.places[j]]) / d.spread[self.places[j]])[0]
        return d.reach[j] * (self.signs[name] * jax.nn.softplus(raw) if name in self.signs else raw)

    def _rate(self, d: Data, w: Any, s: Any, ends: Any, place: Any, term: Callable[..., Any]) -> jax.Array:
        local = self._local(d, w, s, ends, place[0], term)
        return jnp.stack([rate(local, place[1]) for rate in self.rates])

    def _change(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        t, x = place
        return jax.jvp(lambda z: self._fields(d, w, s, ends, z, x), (t,), (jnp.ones_like(t),))[1]

    def _residual(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        rate = self._rate(d, w, s, ends, place, partial(self._term, d, s))
        return d.equation * (self._change(d, w, s, ends, place) - rate)

    def _difference(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        return self._fields(d, w, s, ends, place[0], place[1])

    def _sample(self, d: Data, w: Any, ends: Any, s: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Fields, arguments of every application, and its value."""
        local = self._local(d, w, s, ends, place[0], partial(self._term, d, s))
        found = [jnp.stack([a(local, place[1]) for a in each]) for each in self.arguments]
        values = [self._term(d, s, u, a) for u, a in zip(self.index, found, strict=True)]
        return self._fields(d, w, s, ends, *place), jnp.concatenate(found), jnp.stack(values)

    def _offsets(self, d: Data, w: Any, ends: Any, s: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Rates of change (n,), what is left of them without unknown terms (n,), and what 1 in place of each adds (k, n)."""
        none = self._rate(d, w, s, ends, place, lambda unknown, a: jnp.zeros(()))
        one = [self._rate(d, w, s, ends, place, lambda v, a, u=u: jnp.where(v == u, 1.0, 0.0)) - none for u in self.index]
        change = self._change(d, w, s, ends, place)
        return change, change - none, jnp.stack(one)

    # ---- of all points -------------------------------------------------------------------------

    def _misfit(self, w: Any, d: Data) -> jax.Array:
        """Residuals (K, R) of data and equations, as one row."""
        own, s = self.split(w)
        over = jax.vmap(jax.vmap(self._difference, (None, None, None, None, 0)), (None, 0, None, 0, 0))
        data = d.weights * (over(d, own, s, d.ends, d.places) - d.values)
        along = jax.vmap(jax.vmap(self._residual, (None, None, None, None, 0)), (None, 0, None, 0, 0))
        parts = (data, along(d, own, s, d.ends, d.inside))
        return jnp.concatenate([p.reshape(self.count, -1) for p in parts], axis=1).reshape(-1)

    def _slopes(self, w: Any, d: Data) -> jax.Array:
        """Derivatives of the residuals by the weights, each at its own point."""
        own, s = self.split(w)
        blocks = []
        for function, places, factor in (
            (self._difference, d.places, d.weights), (self._residual, d.inside, jnp.ones((1, 1, 1)))
        ):  # fmt: skip
            point = jax.jacrev(function, argnums=(1, 2))
            over = jax.vmap(jax.vmap(point, (None, None, None, None, 0)), (None, 0, None, 0, 0))
            by_own, by_shared = over(d, own, s, d.ends, places)
            each = jnp.arange(self.count)
            shape = (self.count, *by_own.shape[1:3], self.count, own.shape[1])
            placed = jnp.zeros(shape).at[each, :, :, each, :].set(by_own).reshape(*by_own.shape[:3], -1)
            whole = factor[..., None] * jnp.concatenate([placed, by_shared], axis=3)
            blocks.append(whole.reshape(self.count, -1, whole.shape[3]))
        return jnp.concatenate(blocks, axis=1).reshape(-1, w.size)
