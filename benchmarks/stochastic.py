"""Steps of stochastic schemes a CPU-second, beside a vectorised numpy loop and diffrax."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import interleaved, report

__all__ = ["sde"]

STEP, END, MU, SIGMA = 1e-3, 1.0, 0.5, 0.8
TIMES = np.linspace(0, END, 11)


def make_symdyn(method: str) -> Callable[[int], np.ndarray]:
    x, mu, sigma = sp.symbols("x mu sigma")
    kernel = sd.compile(sd.SDESystem({x: mu * x}, {x: sigma * x}), method=method)
    return lambda count: kernel(np.ones((count, 1)), np.tile([MU, SIGMA], (count, 1)), TIMES, step=STEP).values[..., 0]


def make_numpy() -> Callable[[int], np.ndarray]:
    rng = np.random.default_rng(0)

    def solve(count: int) -> np.ndarray:
        state, root = np.ones(count), np.sqrt(STEP)
        out = [state]
        for _ in TIMES[1:]:
            for _ in range(round((TIMES[1] - TIMES[0]) / STEP)):
                state = state + MU * state * STEP + SIGMA * state * root * rng.standard_normal(count)
            out.append(state)
        return np.stack(out, axis=1)

    return solve


def make_diffrax() -> Callable[[int], np.ndarray]:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    @jax.vmap
    def run(key):
        noise = diffrax.UnsafeBrownianPath(shape=(), key=key)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, y, args: MU * y), diffrax.ControlTerm(lambda t, y, args: SIGMA * y, noise)
        )
        saved = diffrax.SaveAt(ts=jnp.asarray(TIMES))
        options = {"adjoint": diffrax.DirectAdjoint(), "saveat": saved, "max_steps": 2000}
        return diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, END, STEP, jnp.asarray(1.0), **options).ys

    return lambda count: np.asarray(run(jax.random.split(jax.random.key(0), count)))


SOLVERS = {
    "symdyn euler-maruyama": (lambda: make_symdyn("euler-maruyama"), 4096),
    "symdyn milstein": (lambda: make_symdyn("milstein"), 4096),
    "numpy loop, Euler-Maruyama": (make_numpy, 4096),
    "diffrax Euler": (make_diffrax, 1024),
}


def sde() -> None:
    """Geometric Brownian motion, 1,000 steps; the mean is checked against exp(mu t)."""
    rows, jobs = [], {}
    for name, (make, count) in SOLVERS.items():
        rows.append({"solver": name, "trajectories": count})
        try:
            solve = make()
        except ImportError:
            rows[-1]["million steps per CPU-second"] = "not installed"
            continue
        rows[-1]["mean / exact"] = float(solve(count)[:, -1].mean() / np.exp(MU * END))
        jobs[name] = lambda solve=solve, count=count: solve(count)
    seconds = interleaved(jobs)
    for row in rows:
        if row["solver"] in seconds:
            row["million steps per CPU-second"] = row["trajectories"] * END / STEP / seconds[row["solver"]] / 1e6
    report("sde", rows)
