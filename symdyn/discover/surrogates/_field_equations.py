"""Rates of fields as functions of JAX: operators become derivatives of whatever they act on, unknown terms become networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.models.operators import Operator, dx, laplacian
from symdyn.models.pde import PDESystem

__all__ = ["Local", "value_of"]


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
