"""What a path that is sampled at irregular times leads to: the equations that it drives, and methods that do not know them.

``python -m benchmarks.driven_paths --out benchmarks/results/driven_paths.txt``: a few minutes; networks need JAX.
A sum of four sines u drives x' = x (1 - y + 0.4 u), y' = y (x - 1) from (1.2, 0.8); known are 30 samples of it in [0, 10],
wanted log x and log y at the end.  Of 600 paths 400 teach and 200 judge; errors are mean squares over variances of what
teaches.  Ridges are chosen on the last hundred of what teaches.  Networks are trained by Adam with falling rates on batches of
64, in JAX: a liquid cell of 16 units with exact steps while its gates are held (Hasani et al., Nature Machine Intelligence 4,
992 (2022)), a gated recurrent unit that reads the gaps, and a controlled equation in steps of Heun (Kidger et al., NeurIPS
2020).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from benchmarks.machine import facts
from benchmarks.neural import adam

__all__ = ["interpolated", "main", "paths", "ridge", "signatures"]

TRAIN, TEST, SAMPLES, UNITS = 400, 200, 30, 16
STEPS, RATE, BATCH = 1200, 5e-3, 64


def paths(count: int = TRAIN + TEST, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (N, 30), samples (N, 30), and logarithms of the ends (N, 2)."""
    rng = np.random.default_rng(seed)
    draws = [(rng.normal(0, 0.5, 4), rng.uniform(0.2, 2, 4), rng.uniform(0, 6.28, 4), rng.uniform(0, 10, SAMPLES - 2))
             for _ in range(count)]  # fmt: skip
    size, speed, phase, inside = (np.array(part) for part in zip(*draws, strict=True))
    times = np.sort(np.concatenate([np.zeros((count, 1)), inside, np.full((count, 1), 10.0)], axis=1), axis=1)
    values = (size[:, None] * np.sin(speed[:, None] * times[..., None] + phase[:, None])).sum(axis=-1)
    a, w, f = (sp.symbols(f"{c}0:4") for c in "awf")
    course = sum(a[k] * sp.sin(w[k] * sp.Symbol("t") + f[k]) for k in range(4))
    columns = np.concatenate([size, speed, phase], axis=1).T
    known = {s: xr.DataArray(column, dims="path") for s, column in zip((*a, *w, *f), columns, strict=True)}
    return times, values, reached(driven(course), parameters=known)


def driven(course: Any) -> sd.ODESystem:
    """The equations, which a course drives."""
    x, y = sp.symbols("x y")
    return sd.ODESystem({x: x * (1 - y + sp.Rational(2, 5) * course), y: y * (x - 1)}, initial={x: 1.2, y: 0.8})


def reached(system: sd.ODESystem, **options: Any) -> np.ndarray:
    """Logarithms of both states at the end, (N, 2)."""
    run = sd.simulate(system, [0, 10], rtol=1e-8, atol=1e-10, progress=False, **options)
    return np.log(np.stack([run.x.values[:, -1], run.y.values[:, -1]], axis=1))


def interpolated(times: np.ndarray, values: np.ndarray, kind: str) -> np.ndarray:
    """Ends by the equations along paths through the samples."""
    u = sd.Path("u", [0, 10], [0, 0], kind=kind)
    courses = [sd.Path("u", t, v, kind=kind) for t, v in zip(times, values, strict=True)]
    return reached(driven(u), inputs={u: xr.DataArray(courses, dims="path")})


def signatures(times: np.ndarray, values: np.ndarray, depth: int) -> np.ndarray:
    """Iterated integrals (N, d) of time and path, which begin at the path 0."""
    clock, u = (sd.Path(name, [-1, 10], [0, 0]) for name in ("s", "u"))
    knots = [np.concatenate([[-1.0], t]) for t in times]
    given = {
        clock: xr.DataArray([sd.Path("s", k, np.maximum(k, 0) / 5) for k in knots], dims="path"),
        u: xr.DataArray([sd.Path("u", k, np.append(0.0, v)) for k, v in zip(knots, values, strict=True)], dims="path"),
    }
    system = sd.derive.signature([clock, u], depth=depth)
    run = sd.simulate(system, [-1, 10], inputs=given, rtol=1e-8, atol=1e-10, progress=False)
    return np.stack([run[name].values[:, -1] for name in system.names], axis=1)


def ridge(features: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Linear predictions (200, 2)."""
    z = (features - features[:TRAIN].mean(axis=0)) / (features[:TRAIN].std(axis=0) + 1e-12)

    def weights(rows: slice, price: float) -> np.ndarray:
        own = z[rows]
        return np.linalg.solve(own.T @ own + price * len(own) * np.eye(z.shape[1]), own.T @ ends[rows])

    prices, cut = (1e-6, 1e-4, 1e-2, 1.0), TRAIN - 100
    judged = [np.mean((z[cut:TRAIN] @ weights(slice(cut), p) - ends[cut:TRAIN]) ** 2) for p in prices]
    return z[TRAIN:] @ weights(slice(TRAIN), prices[int(np.argmin(judged))])


# ---- networks ----------------------------------------------------------------------------------


def networks(times: np.ndarray, values: np.ndarray, ends: np.ndarray) -> list[tuple[str, np.ndarray, int, float]]:
    """Name, predictions, number of weights and CPU-seconds of each."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rng, n = np.random.default_rng(0), UNITS
    begin_adam, move = adam(lambda k: RATE * (1 + jnp.cos(jnp.pi * k / STEPS)) / 2)
    u, gaps, wanted = (jnp.asarray(v) for v in (values, np.diff(times, axis=1) / 10, ends))

    def matrix(rows: int, columns: int, scale: float = 1.0) -> Any:
        return jnp.asarray(scale * rng.normal(size=(rows, columns)) / np.sqrt(rows))

    read = {"out": matrix(n, 2), "bias": jnp.zeros(2)}

    def liquid(p: Any, rows: Any) -> Any:
        def step(x: Any, now: Any) -> Any:
            level, gap = now
            g = 3 * jax.nn.softplus(x @ p["W"] + level[:, None] * p["U"] + p["b"]) + jax.nn.softplus(p["w"])
            held = jnp.tanh(x @ p["V"] + level[:, None] * p["T"] + p["c"])
            kept = jnp.exp(-3 * g * gap[:, None])
            return x * kept + held * (1 - kept), None

        middle = (u[rows][:, 1:] + u[rows][:, :-1]) / 2
        x, _ = jax.lax.scan(step, jnp.zeros((len(rows), n)), (middle.T, gaps[rows].T))
        return x @ p["out"] + p["bias"]

    def gated(p: Any, rows: Any) -> Any:
        def step(x: Any, now: Any) -> Any:
            seen = jnp.stack(now, axis=-1) * jnp.array([1.0, 20.0])
            both = jnp.concatenate([x, seen], axis=-1)
            z, r = jax.nn.sigmoid(both @ p["z"] + p["b"]), jax.nn.sigmoid(both @ p["r"])
            return (1 - z) * x + z * jnp.tanh(jnp.concatenate([x * r, seen], axis=-1) @ p["c"]), None

        x, _ = jax.lax.scan(step, jnp.zeros((len(rows), n)), (u[rows].T[1:], gaps[rows].T))
        return x @ p["out"] + p["bias"]

    def controlled(p: Any, rows: Any) -> Any:
        moves = jnp.stack([4 * gaps[rows], jnp.diff(u[rows], axis=1)], axis=-1)

        def rate(x: Any, move: Any) -> Any:
            field = jnp.tanh(jnp.tanh(x @ p["a"] + p["b"]) @ p["c"] + p["d"]).reshape(-1, n, 2)
            return jnp.einsum("bhc,bc->bh", field, move)

        def step(x: Any, move: Any) -> Any:
            first = rate(x, move)
            return x + (first + rate(x + first, move)) / 2, None

        x, _ = jax.lax.scan(step, u[rows][:, :1] * p["i"], jnp.swapaxes(moves, 0, 1))
        return x @ p["out"] + p["bias"]

    zeros = jnp.zeros(n)
    kinds: tuple[tuple[str, Callable[..., Any], dict[str, Any]], ...] = (
        ("liquid cell, exact hold", liquid, {"W": matrix(n, n), "U": matrix(1, n, 2), "b": zeros, "V": matrix(n, n),
                                             "T": matrix(1, n, 2), "c": zeros, "w": zeros}),
        ("gated recurrent unit with gaps", gated, {"z": matrix(n + 2, n), "r": matrix(n + 2, n), "c": matrix(n + 2, n),
                                                   "b": zeros}),
        ("neural controlled equation, Heun", controlled, {"a": matrix(n, 24), "b": jnp.zeros(24), "c": matrix(24, 2 * n, 0.5),
                                                          "d": jnp.zeros(2 * n), "i": matrix(1, n)}),
    )  # fmt: skip
    found = []
    for name, apply, own in kinds:
        begin, p = time.process_time(), {**own, **read}
        state, order = begin_adam(p), np.random.default_rng(1)

        @jax.jit
        def update(p: Any, state: Any, rows: Any, apply: Any = apply) -> Any:
            slope = jax.grad(lambda p: jnp.mean((apply(p, rows) - wanted[rows]) ** 2))(p)
            change, state = move(slope, state)
            return jax.tree.map(jnp.add, p, change), state

        for _ in range(STEPS):
            p, state = update(p, state, jnp.asarray(order.integers(0, TRAIN, BATCH)))
        told = np.asarray(apply(p, jnp.arange(TRAIN, TRAIN + TEST)))
        found.append((name, told, sum(v.size for v in p.values()), time.process_time() - begin))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driven_paths", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out") / "driven_paths.txt", help="file of the table")
    parser.add_argument("--only", choices=("equations", "all"), default="all", help="leave the networks out")
    chosen = parser.parse_args(arguments)
    began, (times, values, exact) = os.getloadavg()[0], paths()
    mean, size = exact[:TRAIN].mean(axis=0), exact[:TRAIN].std(axis=0)
    ends = (exact - mean) / size
    lines = [(__doc__ or "").split("\n\n")[0], "", f"{'method':<38}{'weights':>8}{'error/variance':>16}{'CPU-seconds':>13}"]

    def told(name: str, found: np.ndarray, weights: int, seconds: float) -> None:
        error = np.mean((found - ends[TRAIN:]) ** 2)
        lines.append(f"{name:<38}{weights:>8}{error:>16.4f}{seconds:>13.1f}")

    def timed(name: str, make: Callable[[], tuple[np.ndarray, int]]) -> None:
        begin = time.process_time()
        found, weights = make()
        told(name, found, weights, time.process_time() - begin)

    summary = np.stack([values.mean(axis=1), values[:, -1], values[:, 0], values.std(axis=1)], axis=1)
    timed("mean, last, first value, spread; ridge", lambda: (ridge(summary, ends), 8))
    for depth in (4, 5, 6):

        def from_signature(depth: int = depth) -> tuple[np.ndarray, int]:
            features = signatures(times, values, depth)
            return ridge(features, ends), 2 * features.shape[1]

        timed(f"signature of depth {depth}; ridge", from_signature)
    for kind in ("linear", "cubic", "spline"):

        def from_equations(kind: str = kind) -> tuple[np.ndarray, int]:
            return (interpolated(times[TRAIN:], values[TRAIN:], kind) - mean) / size, 0

        timed(f"all equations, {kind} path", from_equations)
    if chosen.only == "all":
        for row in networks(times, values, ends):
            told(*row)
    lines += ["", f"{facts()['processor']}, load {began:.1f} at the start and {os.getloadavg()[0]:.1f} at the end."]
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
