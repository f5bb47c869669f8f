"""Printer: straight-line program -> a traceable function of JAX arrays; the residuals of surrogates come from it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special

from symdyn.codegen.program import CALLS, DENSE, Program
from symdyn.dense import DenseLayers

__all__ = ["jax_function"]

OPERATORS: dict[str, Callable[..., jax.Array]] = {
    "add": jnp.add, "sub": jnp.subtract, "mul": jnp.multiply, "div": jnp.divide, "neg": jnp.negative,
    "lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal, "eq": jnp.equal,
    "ne": jnp.not_equal, "and": jnp.logical_and, "or": jnp.logical_or, "not": jnp.logical_not, "select": jnp.where,
    "pow": jnp.power, "atan2": jnp.arctan2, "fmin": jnp.minimum, "fmax": jnp.maximum, "fabs": jnp.abs,
    "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "asinh": jnp.arcsinh, "acosh": jnp.arccosh,
    "atanh": jnp.arctanh, "erf": special.erf, "erfc": special.erfc, "gamma": special.gamma, "lgamma": special.gammaln,
}  # fmt: skip
LAYERS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh, "softplus": jax.nn.softplus, "softmax": jax.nn.softmax
}  # fmt: skip
OPERATORS |= {name: getattr(jnp, name) for name in CALLS if name not in OPERATORS}


def jax_function(program: Program) -> Callable[..., jax.Array]:
    """A function of one array per block that walks the program; it can be traced, differentiated and batched.

    Nothing is executed from text: tracing the walk yields the same graph that emitted source would.

    Parameters
    ----------
    program : Program
        The straight-line program of `symdyn.codegen.lower.lower`.

    Returns
    -------
    callable
        ``function(*blocks) -> (outputs,)`` with each block of shape ``(entries,)``.

    Examples
    --------
    >>> import sympy as sp, jax.numpy as jnp
    >>> from symdyn.codegen.lower import lower
    >>> x, a = sp.symbols("x a")
    >>> f = jax_function(lower("f", [("lane", []), ("y", [x]), ("p", [a])], [a * x**2], ["dx"]))
    >>> print(f(jnp.zeros(0), jnp.array([3.0]), jnp.array([2.0])))
    [18.]
    """
    places = [args for op, args, _ in program.operations if op == "input"]
    if program.outputs and len(places) == len(program.operations):  # nothing but entries, which one look-up takes

        def chosen(*blocks: jax.Array) -> jax.Array:
            ends = np.cumsum([0, *(len(b) for b in blocks)])
            return jnp.concatenate(blocks)[np.array([ends[places[k][0]] + places[k][1] for k in program.outputs])]

        return chosen

    def function(*blocks: jax.Array) -> jax.Array:
        values: list[jax.Array] = []
        for op, args, value in program.operations:
            if op == "input":
                values.append(blocks[args[0]][args[1]])
            elif op == "const":
                values.append(jnp.asarray(value, dtype=jnp.result_type(float)))
            elif op in DENSE:
                values.append(_dense(op, program.tables[int(value)], jnp.stack([values[a] for a in args])))
            elif op == "part":
                values.append(values[args[0]][int(value)])
            else:
                values.append(OPERATORS[op](*(values[a] for a in args)))
        return jnp.stack([values[k] for k in program.outputs]) if program.outputs else jnp.zeros(0)

    return function


def _dense(op: str, layers: DenseLayers, x: jax.Array) -> jax.Array:
    """Outputs of dense layers, or their partial derivatives row by row."""

    def applied(z: jax.Array) -> jax.Array:
        for weights, bias, function in layers.layers:
            z = LAYERS.get(function, lambda z: z)(weights @ z + bias)
        return z

    return applied(x) if op == "dense" else jax.jacfwd(applied)(x).ravel()
