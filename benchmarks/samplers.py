"""Samples a CPU-second of DPM-Solver++(2M) on a ring of eight modes, beside the formulas of schedulers in numpy.

``python -m benchmarks.samplers --out benchmarks/results/samplers.txt``.  The peer is the step of diffusers and k-diffusion,
vectorised over all points, with the same exact score in numpy; both run in one thread, and errors against the exact flow agree.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import sympy as sp

import symdyn as sd

FIRST, LAST, STEPS, POINTS, ROUNDS = 1.0, 1e-3, 20, 20_000, 5
MEANS = 1.5 * np.stack([np.cos(np.pi / 4 * np.arange(8)), np.sin(np.pi / 4 * np.arange(8))], axis=1)


def schedule(t):
    """alpha and sigma."""
    growth = 0.1 * t + 0.5 * 19.9 * t**2
    return np.exp(-growth / 2), np.sqrt(-np.expm1(-growth))


def denoised(x, t):
    """The prediction of data."""
    alpha, sigma = schedule(t)
    v = alpha**2 * 0.15**2 + sigma**2
    away = x[:, None] - alpha * MEANS
    logs = -0.5 * (away**2).sum(-1) / v
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    eps = sigma / v * (x - alpha * (share @ MEANS))
    return (x - sigma * eps) / alpha


def formulas(x, nodes):
    """DPM-Solver++(2M), as schedulers have it."""
    old, alpha, sigma = None, *schedule(nodes)
    lam = np.log(alpha / sigma)
    for i in range(len(nodes) - 1):
        data, h = denoised(x, nodes[i]), lam[i + 1] - lam[i]
        d = data if old is None else data + h / (2 * (lam[i] - lam[i - 1])) * (data - old)
        x, old = sigma[i + 1] / sigma[i] * x - alpha[i + 1] * np.expm1(-h) * d, data
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    x, y, t = sp.symbols("x y t")
    b = 0.1 + 19.9 * t
    process = sd.SDESystem({s: -b / 2 * s for s in (x, y)}, {s: sp.sqrt(b) for s in (x, y)})
    noised = process.marginal(sd.transport.GaussianMixture([1] * 8, MEANS.tolist(), [0.15] * 8))
    flow = process.probability_flow(noised, horizon=FIRST)  # in tau = 1 - t
    nodes = np.linspace(np.sqrt(FIRST), np.sqrt(LAST), STEPS + 1) ** 2
    ends = [0, FIRST - nodes[-1]]
    points = noised.at(FIRST).sample(POINTS, seed=1)
    initial = noised.at(FIRST).initial(POINTS, seed=1)

    def sampler(method: str, layout: sd.Layout) -> np.ndarray:
        chosen = sd.METHODS[method].options(nodes=FIRST - nodes)
        out = sd.simulate(flow, ends, initial=initial, trajectories=POINTS, method=chosen, progress=False, layout=layout)
        return np.stack([out.x.values[:, -1], out.y.values[:, -1]], axis=1)

    def adaptive(rtol: float) -> np.ndarray:
        out = sd.simulate(
            flow, ends, initial=initial, trajectories=POINTS, method="tsit5", rtol=rtol, atol=rtol / 10,
            progress=False, layout=one,
        )  # fmt: skip
        return np.stack([out.x.values[:, -1], out.y.values[:, -1]], axis=1)

    one = sd.Layout(threads=1)
    exact = adaptive(1e-10)
    jobs = {
        "numpy, formulas": lambda: formulas(points, nodes),
        "symdyn, dpm-solver++2m": lambda: sampler("dpm-solver++2m", one),
        "symdyn, deis-tab3": lambda: sampler("deis-tab3", one),
        "symdyn, tsit5 at 1e-3": lambda: adaptive(1e-3),
    }
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    rms = {}
    for name, job in jobs.items():
        rms[name] = float(np.sqrt(((job() - exact) ** 2).sum(axis=1).mean()))
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            begin = time.process_time()
            job()
            seconds[name].append(time.process_time() - begin)
    first = seconds["numpy, formulas"]
    lines = [
        f"ring of 8 modes, {POINTS} points, {STEPS} steps, CPU time of one thread, median of {ROUNDS} rounds (least, greatest)"
    ]
    for name, row in seconds.items():
        ratio = np.array(first) / np.array(row)
        each = 1e6 * np.median(row) / POINTS
        lines.append(
            f"{name:24s} {each:6.2f} us a sample   rms {rms[name]:.2e}   {np.median(ratio):5.1f} x numpy "
            f"({ratio.min():.1f}, {ratio.max():.1f})"
        )
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
