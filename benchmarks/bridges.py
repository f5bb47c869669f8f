"""CPU time of the plan of a bridge between two clouds, beside POT and OTT (`pip install POT ott-jax`) in the same run.

``python -m benchmarks.bridges --out benchmarks/results/bridges.txt``.  1000 points each in two dimensions, noise 1, errors of
the first marginal below 1e-6; all in one thread.  POT takes a matrix of costs, whose time is not counted, nor is that in which
JAX compiles OTT's solver.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from symdyn_kernels.sinkhorn import cost, coupling, sinkhorn

import symdyn as sd
from symdyn.optional import named

COUNT, TOLERANCE, ROUNDS = 1000, 1e-6, 7
STARTS = np.array([[1.0, 0.3], [0.3, 0.5]])
ENDS = np.array([[0.4, -0.1], [-0.1, 0.8]])
#: Of the closed form between the normal distributions that the points are drawn from.
EXACT = np.array([[0.2849, 0.0892], [0.0446, 0.2849]])


def make_ott(a: np.ndarray, b: np.ndarray) -> Callable[[], np.ndarray]:
    """The plan by OTT, compiled for these sizes."""
    import jax
    import jax.numpy as jnp
    from ott.geometry.pointcloud import PointCloud
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    def plan(a: Any, b: Any) -> Any:  # its costs are squares of distances, twice those of a Wiener process of noise 1
        return Sinkhorn(threshold=TOLERANCE)(LinearProblem(PointCloud(a, b, epsilon=2.0))).matrix

    return lambda: np.asarray(plan(jnp.asarray(a), jnp.asarray(b)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    a, b = rng.multivariate_normal([0, 0], STARTS, COUNT), rng.multivariate_normal([1, -1], ENDS, COUNT)
    even, reference = np.full(COUNT, 1 / COUNT), sd.SDESystem.from_text("dx = 0*dt + dW1\ndy = 0*dt + dW2")
    costs = cost(a, b)

    jobs = {
        "symdyn, plan": lambda: coupling(a, b, *sinkhorn(a, even, b, even, TOLERANCE, 1000)[:2]),
        "symdyn, bridge as a system": lambda: sd.transport.schroedinger_bridge(reference, start=a, end=b).coupling,
    }
    try:
        with named():
            import ot
    except ModuleNotFoundError:
        print("POT is not installed: pip install POT")
    else:
        # stopThr is of the Euclidean norm of the error of a marginal, whose sum is at most sqrt(1000) times as large
        for name, method in (("POT, sinkhorn", "sinkhorn"), ("POT, sinkhorn_log", "sinkhorn_log")):
            jobs[name] = lambda method=method: ot.sinkhorn(even, even, costs, 1.0, method=method, stopThr=TOLERANCE / 30)
    try:
        with named():
            jobs["OTT, compiled"] = make_ott(a, b)
    except ModuleNotFoundError:
        print("OTT is not installed: pip install ott-jax")
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    found = {name: job() for name, job in jobs.items()}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            begin = time.process_time()
            job()
            seconds[name].append(time.process_time() - begin)
    lines = [
        f"two clouds of {COUNT} points in two dimensions, CPU time of one thread, median of {ROUNDS} rounds (least, greatest); "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    ]
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    for name, row in seconds.items():
        p = found[name]
        error = np.abs(p.sum(axis=1) - 1 / COUNT).sum()
        away = np.abs(x.T @ p @ y - EXACT).max()
        lines.append(
            f"{name:28s} {1e3 * np.median(row):7.1f} ms ({1e3 * min(row):.1f}, {1e3 * max(row):.1f})   "
            f"error of the marginal {error:.1e}   covariance of both ends within {away:.3f} of the closed form"
        )
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
