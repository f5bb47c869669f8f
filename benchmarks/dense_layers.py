"""Ensembles of an ODE whose right-hand side is a network, beside diffrax; and what it takes to compile one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Settings, attempt, cpu_seconds, interleaved, paired
from benchmarks.neural_problems import TIMES, random_weights
from benchmarks.results import Ratio, Result

__all__ = ["dense"]

RTOL, ATOL = 1e-6, 1e-8
#: Neurons of both hidden layers, and trajectories.
CASES = ((16, 1_000), (16, 10_000), (64, 1_000))
PEER = "diffrax"


def weights(width: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of a network of two inputs, two hidden layers of tanh and two outputs."""
    return random_weights((2, width, width, 2), seed)


def system(width: int, seed: int = 0) -> sd.ODESystem:
    """A damped rotation with a network added to it."""
    x, y = sp.symbols("x y")
    functions = ("tanh", "tanh", "identity")
    layers = sd.DenseLayers("f", [(w, b, f) for (w, b), f in zip(weights(width, seed), functions, strict=True)])
    along, across = layers(x, y)
    return sd.ODESystem({x: along - 0.2 * x + y, y: across - 0.2 * y - x})


def make_symdyn(width: int) -> Callable[[np.ndarray], np.ndarray]:
    kernel = sd.compile(system(width), method="tsit5")
    return lambda begin: kernel(begin, np.empty((len(begin), 0)), TIMES, rtol=RTOL, atol=ATOL).values


def make_diffrax(width: int) -> Callable[[np.ndarray], np.ndarray]:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    (a, b), (c, d), (e, f) = weights(width)

    def rate(t, z, _):
        network = e @ jnp.tanh(c @ jnp.tanh(a @ z + b) + d) + f
        return network + jnp.array([-0.2 * z[0] + z[1], -0.2 * z[1] - z[0]])

    @jax.jit
    @jax.vmap
    def run(begin):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(rate), diffrax.Tsit5(), TIMES[0], TIMES[-1], None, begin,
            saveat=diffrax.SaveAt(ts=jnp.asarray(TIMES)),
            stepsize_controller=diffrax.PIDController(rtol=RTOL, atol=ATOL), max_steps=4096,
        ).ys  # fmt: skip

    return lambda begin: np.asarray(run(jnp.asarray(begin)))


def compiled(width: int, seed: int) -> float:
    """CPU-seconds from equations to machine code for a network that no cache has."""
    made = system(width, seed)
    begin = cpu_seconds()
    sd.compile(made, method="tsit5").prepare(8)
    return cpu_seconds() - begin


def dense(settings: Settings) -> Result:
    """CPU-seconds of ensembles at equal tolerances with Tsit5, and of compiling."""
    rows: list[dict[str, Any]] = []
    ratios = []
    for width, full in CASES:
        count = full // 10 if settings.quick else full
        begin = np.random.default_rng(1).normal(size=(count, 2))
        jobs, found = {}, {}
        for name, make in (("symdyn", make_symdyn), (PEER, make_diffrax)):
            solve, note = attempt(partial(make, width))
            if note:
                rows.append({"network": f"2-{width}-{width}-2", "solver": name, "trajectories": count, "note": note})
                continue
            found[name], jobs[name] = solve(begin), partial(solve, begin)
        seconds = interleaved(jobs, settings.rounds)
        for name, sample in seconds.items():
            rows.append(
                {
                    "network": f"2-{width}-{width}-2",
                    "solver": name,
                    "trajectories": count,
                    "CPU-seconds": sample,
                    "greatest difference": float(np.abs(found[name] - found["symdyn"]).max()),
                }
            )
        if PEER in seconds:
            speed = paired(lambda a, b: b / a, seconds["symdyn"], seconds[PEER])
            ratios.append(
                Ratio(f"2-{width}-{width}-2, {count} trajectories: symdyn / {PEER}", speed, goal=4.0 if width == 16 else 1.0)
            )
    fresh = np.random.SeedSequence().entropy % 2**32
    widths = (16, 64) if settings.quick else (16, 64, 256)
    built = [{"network": f"2-{w}-{w}-2", "CPU-seconds to compile": compiled(w, fresh)} for w in widths]
    return Result({"dense": rows, "compile": built}, ratios)
