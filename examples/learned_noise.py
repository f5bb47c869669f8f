"""Drift and noise of a particle in two wells, learned from one path as networks inside a stochastic equation.

The path is observed at every tenth of a unit of time, without its equation.  Both functions are networks that are trained by
the likelihood of the steps, and what comes out is simulated like any equation: its stationary density is compared with that of
the true process, :math:`\\exp(2 \\int f/g^2)/g^2`, which the training has not seen.

    python -m examples.learned_noise --out out
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd

x = sp.Symbol("x")
TRUE = sd.SDESystem({x: x - x**3}, {x: 0.4 + 0.2 * x**2}, initial={x: 1})
BINS = np.linspace(-2, 2, 41)


def path(last: float = 400.0, seed: int = 1) -> dict[str, np.ndarray]:
    """Values at every tenth of a unit of time."""
    times = np.arange(0, last + 0.05, 0.1)
    run = sd.simulate(TRUE, times, seed=seed, method="milstein", step=0.005, progress=False)
    return {"t": times, "x": run.x.values}


def learned(data: dict[str, np.ndarray]) -> sd.Learned:
    """Both functions as networks."""
    f, g = (sd.network(name, [x], width=6, depth=1) for name in "fg")
    return sd.learn(sd.SDESystem({x: f(x)}, {x: g(x)}), data, members=2, heldout=0.1, progress=False)


def exact_density() -> np.ndarray:
    """Of the true process, the mean over each bin."""
    fine = np.linspace(-3, 3, 6001)
    noise = (0.4 + 0.2 * fine**2) ** 2
    exponent = np.cumsum(2 * (fine - fine**3) / noise) * (fine[1] - fine[0])
    density = np.exp(exponent - exponent.max()) / noise
    density /= density.sum() * (fine[1] - fine[0])
    return np.array([density[(fine >= a) & (fine < b)].mean() for a, b in pairwise(BINS)])


def simulated_density(system: sd.SDESystem) -> np.ndarray:
    """Of many runs long after they began."""
    runs = sd.simulate(system, [0, 60, 70, 80], trajectories=10_000, seed=2, progress=False)
    return np.histogram(runs.x.values[:, 1:], BINS, density=True)[0]


def draw(data: dict[str, np.ndarray], found: sd.Learned, densities: tuple[np.ndarray, np.ndarray]) -> Figure:
    """Drift and noise with twice the spread of two networks where the data are, and both densities."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
    q = np.linspace(*np.quantile(data["x"], [0.002, 0.998]), 200)
    truths = (q - q**3, 0.4 + 0.2 * q**2)
    for axis, name, truth, label in zip(axes, "fg", truths, ("drift", "noise"), strict=False):
        value, spread = found.term(name).evaluate(q[:, None]), found.spread(name, q[:, None])
        axis.fill_between(q, value - 2 * spread, value + 2 * spread, color="#b0413e", alpha=0.2, lw=0)
        axis.plot(q, truth, color="#1b6ca8", lw=2.4, alpha=0.6, label="truth")
        axis.plot(q, value, color="#b0413e", label="network")
        axis.set(xlabel="$x$", title=label)
    axes[0].legend(frameon=False)
    exact, made = densities
    middle = (BINS[1:] + BINS[:-1]) / 2
    axes[2].stairs(made, BINS, color="#b0413e", fill=True, alpha=0.35, label="learned, simulated")
    axes[2].plot(middle, exact, color="#1b6ca8", lw=2, label="truth, exact")
    axes[2].set(xlabel="$x$", title="stationary density", ylim=(0, 1.45 * exact.max()))
    axes[2].legend(frameon=False, loc="upper center")
    return figure


def main(arguments: list[str] | None = None) -> float:
    """Print what was learned, draw it, and return the total variation distance of both densities."""
    parser = argparse.ArgumentParser(prog="python -m examples.learned_noise", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the figure")
    parser.add_argument("--last", type=float, default=400.0, help="length of the path")
    chosen = parser.parse_args(arguments)
    data = path(chosen.last)
    found = learned(data)
    densities = exact_density(), simulated_density(found.system)
    distance = float(np.abs(densities[0] - densities[1]).sum() * (BINS[1] - BINS[0]) / 2)
    print(found)
    print(f"distance of the stationary density from the exact one: {distance:.3f}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sd.style():
        draw(data, found, densities).savefig(chosen.out / "learned_noise.png", dpi=150)
    plt.close("all")
    return distance


if __name__ == "__main__":
    main()
