"""Steps of stochastic schemes a CPU-second, beside a vectorised numpy loop and diffrax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Settings, attempt, interleaved, paired
from benchmarks.results import Ratio, Result

__all__ = ["sde"]

OURS = "symdyn"
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


def sde(settings: Settings) -> Result:
    """Geometric Brownian motion, 1,000 steps: million steps a CPU-second; the mean is checked against exp(mu t)."""
    rows: dict[str, dict[str, Any]] = {}
    jobs, counts = {}, {}
    for name, (make, full) in SOLVERS.items():
        count = full // 4 if settings.quick else full
        rows[name] = {"solver": name, "trajectories": count}
        solve, note = (make(), "") if name.startswith(OURS) else attempt(make)
        if note:
            rows[name]["note"] = note
            continue
        end = solve(count)[:, -1]
        rows[name] |= {"mean / exact": end.mean() / np.exp(MU * END), "its error": end.std() / count**0.5 / np.exp(MU * END)}
        jobs[name], counts[name] = partial(solve, count), count
    speeds = {
        name: seconds.map(lambda s, n=counts[name]: n * END / STEP / s / 1e6)
        for name, seconds in interleaved(jobs, settings.rounds).items()
    }
    for name, speed in speeds.items():
        rows[name]["million steps per CPU-second"] = speed
    ours = speeds["symdyn euler-maruyama"]
    ratios = [
        Ratio(f"geometric Brownian motion: symdyn euler-maruyama / {name}", paired(lambda a, b: a / b, ours, speed))
        for name, speed in speeds.items()
        if not name.startswith(OURS)
    ]
    return Result({"sde": list(rows.values())}, ratios)
