"""Networks inside the equations of fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates._equations import Data, Equations, everywhere
from symdyn.discover.surrogates._field_states import field_network
from symdyn.models.operators import Operator, components, dx, laplacian
from symdyn.models.pde import PDESystem

__all__ = ["FieldEquations", "Local", "value_of"]


class Local(NamedTuple):
    """What an expression may need to know at a time.

    Attributes
    ----------
    fields : callable
        From a position to the values of all fields (fields,).
    term : callable
        From an unknown term and its arguments (k,) to its value.
    parameters : (P,) array
    time : scalar array
    """

    fields: Callable[[jax.Array], jax.Array]
    term: Callable[[AppliedUndef, jax.Array], jax.Array]
    parameters: jax.Array
    time: jax.Array


def value_of(system: PDESystem, e: sp.Expr) -> Callable[[Local, jax.Array], jax.Array]:
    """The value of an expression of fields in one dimension, without vectors, as a function of a `Local` and a position.

    Parameters
    ----------
    system : PDESystem
        Names fields, the axis, parameters and time.
    e : Expr
        As `symdyn.models.operators.components` gives it; of operators it has `dx` and `laplacian` only.
    """
    parts = _outermost(e)
    stand_in = {part: sp.Dummy(f"a{k}") for k, part in enumerate(parts)}
    blocks = [
        ("place", [system.time, *system.space]), ("fields", system.fields), ("parts", list(stand_in.values())),
        ("parameters", system.parameters),
    ]  # fmt: skip
    algebra = jax_function(lower("rate", blocks, [e.xreplace(stand_in)], ["rate"]))
    inner = [_part(system, part) for part in parts]
    needed = any(f in e.xreplace(stand_in).free_symbols for f in system.fields)

    def value(local: Local, x: jax.Array) -> jax.Array:
        place = jnp.stack([local.time, x])
        fields = local.fields(x) if needed else jnp.zeros(len(system.fields))
        known = jnp.stack([part(local, x) for part in inner]) if inner else jnp.zeros(0)
        return algebra(place, fields, known, local.parameters)[0]

    return value


def _part(system: PDESystem, part: Any) -> Callable[[Local, jax.Array], jax.Array]:
    arguments = [value_of(system, a) for a in part.args]
    if isinstance(part, AppliedUndef):
        return lambda local, x: local.term(part, jnp.stack([a(local, x) for a in arguments]))

    def slope(local: Local, x: jax.Array) -> jax.Array:
        return jax.jvp(lambda z: arguments[0](local, z), (x,), (jnp.ones_like(x),))[1]

    def bend(local: Local, x: jax.Array) -> jax.Array:
        return jax.jvp(lambda z: slope(local, z), (x,), (jnp.ones_like(x),))[1]

    return {dx: slope, laplacian: bend}[type(part)]


def _outermost(e: sp.Basic) -> list[sp.Basic]:
    """Operators and unknown terms that lie in no other."""
    if isinstance(e, (Operator, AppliedUndef)):
        return [e]
    return list(dict.fromkeys(part for a in e.args for part in _outermost(a)))


class FieldEquations(Equations):
    """Fields and equations of a PDESystem on an interval, in so many experiments."""

    def __init__(self, system: PDESystem, options: Any, count: int) -> None:
        net, self._fields = field_network(system, width=options.width, waves=options.waves)
        super().__init__(system, options, count, net)
        self._index = {components(u, 1): j for j, u in enumerate(system.unknowns)}
        self._rates = [value_of(system, components(e, 1)) for e in system.rates]
        self._arguments = [[value_of(system, a) for a in u.args] for u in self._index]
        self.offsets = jax.jit(lambda w, d: everywhere(self._offsets)(d, *self.split(w), d.ends, d.inside))

    def _local(self, d: Data, w: Any, s: Any, ends: Any, t: Any, term: Callable[..., Any] | None = None) -> Local:
        return Local(
            lambda x: self._state(d, w, s, ends, jnp.stack([t, x])), term or partial(self._term, d, s),
            self.terms.parameters(s), t,
        )  # fmt: skip

    def _term(self, d: Data, s: Any, unknown: AppliedUndef, arguments: Any) -> jax.Array:
        return self.terms.value(d, s, self._index[unknown], arguments)

    def _rate(self, d: Data, w: Any, s: Any, ends: Any, place: Any, term: Callable[..., Any] | None = None) -> jax.Array:
        local = self._local(d, w, s, ends, place[0], term)
        return jnp.stack([rate(local, place[1]) for rate in self._rates])

    def _change(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        t, x = place
        return jax.jvp(lambda z: self._state(d, w, s, ends, jnp.stack([z, x])), (t,), (jnp.ones_like(t),))[1]

    def _state(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        return self._fields(w, self.terms.parameters(s), d.centre, d.size, *ends, *place)

    def _residual(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        return (self._change(d, w, s, ends, place) - self._rate(d, w, s, ends, place)) / d.rate

    def _sample(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        local = self._local(d, w, s, ends, place[0])
        arguments = jnp.stack([a(local, place[1]) for each in self._arguments for a in each])
        return self._state(d, w, s, ends, place), arguments, self.terms.values(d, s, arguments)

    def _offsets(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Rates of change (n,), what is left of them without unknown terms (n,), and what 1 in place of each adds (k, n)."""
        none = self._rate(d, w, s, ends, place, lambda unknown, a: jnp.zeros(()))
        one = [self._rate(d, w, s, ends, place, lambda v, a, u=u: jnp.where(v == u, 1.0, 0.0)) - none for u in self._index]
        change = self._change(d, w, s, ends, place)
        return change, change - none, jnp.stack(one)
