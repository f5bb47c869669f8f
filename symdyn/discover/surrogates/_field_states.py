"""Networks in place of fields that satisfy initial values and walls exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates._equations import RISE
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.models.boundary import Condition
from symdyn.models.pde import PDESystem

__all__ = ["field_network"]


def field_network(system: PDESystem, *, width: int, waves: int) -> tuple[Perceptron, Callable[..., jax.Array]]:
    r"""The network of the fields of one experiment on an interval, and the fields that it gives.

    .. math:: u(x, t) = b(x, t) + d(x)\, g(t)\, s\, N(\tau, \phi(x)) .

    With an initial value, b is that, and g rises from 0; else b is the mean of the data and g = 1.  At walls with given
    values d vanishes, and b has their values.  The features :math:`\phi` are waves on periodic axes and cosines between
    walls without flux, the position itself otherwise; other conditions are left to data and equations.

    The fields (n,) are a function of weights, parameters (P,), centre and size (n,), begin and end of time, time and position.
    """
    low, high = (float(e) for e in system.domain.box[:, 0])
    periodic = 0 in system.periodic
    rows = [system.conditions[f][0] for f in system.fields]
    mirrored = not periodic and all(c.reflecting for pair in rows for c in pair)
    count = len(system.fields)
    net = Perceptron((1 + (2 * waves if periodic else waves if mirrored else 1), width, width, count))
    given = np.array([f in system.initial for f in system.fields])
    start = _function(system, [system.initial.get(f, sp.S.Zero) for f in system.fields])
    pairs = [[None, None] if periodic else [_level(c) for c in pair] for pair in rows]
    fixed = np.array([[level is not None for level in pair] for pair in pairs])  # (fields, 2)
    levels = _function(system, [sp.S.Zero if level is None else level for pair in pairs for level in pair])

    def features(xi: jax.Array) -> jax.Array:
        if periodic:
            angles = 2 * jnp.pi * xi * np.arange(1, waves + 1)
            return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])
        return jnp.cos(jnp.pi * xi * np.arange(1, waves + 1)) if mirrored else (2 * xi - 1)[None]

    def lift(p: jax.Array, t: jax.Array, x: jax.Array, xi: jax.Array, centre: Any) -> jax.Array:
        """Between the values at the walls, where they are given, else the centre of the data."""
        ends = levels(jnp.stack([t, x]), p).reshape(count, 2)
        left = jnp.where(fixed[:, 0], ends[:, 0], jnp.where(fixed[:, 1], ends[:, 1], centre))
        right = jnp.where(fixed[:, 1], ends[:, 1], left)
        return (1 - xi) * left + xi * right

    def fields(
        w: jax.Array, p: jax.Array, centre: Any, size: Any, begin: Any, end: Any, t: jax.Array, x: jax.Array
    ) -> jax.Array:
        xi, tau = (x - low) / (high - low), 2 * (t - begin) / (end - begin) - 1
        distance = jnp.where(fixed[:, 0], xi, 1.0) * jnp.where(fixed[:, 1], 1 - xi, 1.0)
        distance = jnp.where(fixed.all(axis=1), 4.0, 1.0) * distance
        now = lift(p, t, x, xi, centre)
        if given.any():
            first = jnp.asarray(begin, dtype=float)
            moved = start(jnp.stack([first, x]), p) + now - lift(p, first, x, xi, centre)
            now = jnp.where(given, moved, now)
        gate = jnp.where(given, -jnp.expm1(-RISE * (1 + tau)), 1.0)
        return now + distance * gate * size * net(w, jnp.concatenate([tau[None], features(xi)]))

    return net, fields


def _level(condition: Condition) -> sp.Expr | None:
    """The value at a wall, None where another condition holds."""
    return condition.value / condition.coefficients[0] if len(condition.coefficients) == 1 else None


def _function(system: PDESystem, expressions: list[sp.Expr]) -> Callable[..., jax.Array]:
    blocks = [("place", [system.time, *system.space]), ("parameters", system.parameters)]
    return jax_function(lower("start", blocks, expressions, [f"e{k}" for k in range(len(expressions))]))
