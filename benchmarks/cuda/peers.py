"""The Lorenz ensemble in JAX, on the card: a loop of Runge-Kutta steps, and diffrax where it is installed.

``make(kind, precision, start, rates, settings)`` gives a function that runs once, waits, and returns the last states.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Unfit

__all__ = ["MAKERS", "import_jax"]

Run = Callable[[], np.ndarray]


def import_jax(*, simulated: bool) -> Any:
    """JAX in double precision where asked for; it must see the card unless the card is `simulated`."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else it takes the memory that our kernels need
    import jax

    jax.config.update("jax_enable_x64", True)
    if not simulated and jax.default_backend() != "gpu":
        raise Unfit(f"JAX {jax.__version__} sees no card here (its backend is {jax.default_backend()!r})")
    return jax


def _lorenz(jnp: Any, y: Any, r: Any) -> Any:
    eight_thirds = jnp.asarray(8 / 3, y.dtype)
    return jnp.stack([10 * (y[1] - y[0]), y[0] * (r - y[2]) - y[1], y[0] * y[1] - eight_thirds * y[2]])


def make_loop(jax: Any, start: np.ndarray, rates: np.ndarray, *, step: float, tolerance: float) -> Run:
    """Classical Runge-Kutta steps in a loop of `lax`, vectorised over trajectories."""
    jnp, steps = jax.numpy, round(1.0 / step)
    h = start.dtype.type(step)

    def advance(y: Any, r: Any) -> Any:
        k1 = _lorenz(jnp, y, r)
        k2 = _lorenz(jnp, y + h / 2 * k1, r)
        k3 = _lorenz(jnp, y + h / 2 * k2, r)
        k4 = _lorenz(jnp, y + h * k3, r)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    solve = jax.jit(jax.vmap(lambda y, r: jax.lax.fori_loop(0, steps, lambda _, now: advance(now, r), y)))
    there, given = jnp.asarray(start), jnp.asarray(rates)
    return lambda: solve(there, given).block_until_ready()


def make_diffrax(jax: Any, start: np.ndarray, rates: np.ndarray, *, step: float, tolerance: float) -> Run:
    """Tsit5 with error control."""
    import diffrax

    jnp, real = jax.numpy, start.dtype
    term = diffrax.ODETerm(lambda t, y, r: _lorenz(jnp, y, r))
    control = diffrax.PIDController(rtol=tolerance, atol=tolerance)
    begin, end = jnp.asarray(0.0, real), jnp.asarray(1.0, real)

    def one(y: Any, r: Any) -> Any:
        saved = diffrax.SaveAt(t1=True)
        return diffrax.diffeqsolve(
            term, diffrax.Tsit5(), begin, end, None, y, r,
            saveat=saved, stepsize_controller=control, max_steps=None, throw=False, adjoint=diffrax.ForwardMode(),
        ).ys[0]  # fmt: skip

    solve = jax.jit(jax.vmap(one))
    there, given = jnp.asarray(start), jnp.asarray(rates)
    return lambda: solve(there, given).block_until_ready()


#: By kind of steps: the name of the peer, and what makes it.
MAKERS: dict[str, tuple[str, Callable[..., Run]]] = {
    "fixed": ("JAX, lax loop of RK4", make_loop),
    "adaptive": ("diffrax Tsit5, vmap", make_diffrax),
}
