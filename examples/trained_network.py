"""A network of rates learns to draw an eight: a thousand weights by the gradient of one cost.

Thirty-one units follow

    r_i' = -r_i + b_i + sum_j W_ij tanh(r_j)

from a fixed start, and two of them shall trace the figure x = sin(t), y = sin(2 t) over one period.  The cost is the sum of
squares at fifty times; `sd.gradient` gives its 992 derivatives for about four times the computing of a run, by transposed
Runge-Kutta steps, and L-BFGS-B of scipy descends.  Forward sensitivities would integrate 30,752 further equations.

    python -m examples.trained_network --out out
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from matplotlib.figure import Figure
from scipy.optimize import minimize

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

UNITS = 31
TIMES = np.linspace(0, 2 * np.pi, 51)
TARGET = {"x": np.sin(TIMES), "y": np.sin(2 * TIMES)}


@dataclass(frozen=True)
class Training:
    """The trained network, and the root mean square distance from the target after each step of the descent."""

    network: sd.ODESystem
    distances: np.ndarray


def network(seed: int = 1) -> sd.ODESystem:
    """Units with random weights; the first two start where the target does."""
    rng = np.random.default_rng(seed)
    units = sp.symbols(f"r0:{UNITS}")
    squashed = [sp.tanh(r) for r in units]
    weights = {sp.Symbol(f"W{i}_{j}"): v for (i, j), v in np.ndenumerate(rng.normal(0, 1.2 / UNITS**0.5, (UNITS, UNITS)))}
    biases = {sp.Symbol(f"b{i}"): 0.0 for i in range(UNITS)}
    rows = [sp.Add(*(sp.Symbol(f"W{i}_{j}") * squashed[j] for j in range(UNITS))) for i in range(UNITS)]
    drift = {r: -r + b + row for r, b, row in zip(units, biases, rows, strict=True)}
    start = dict(zip(units, [0.0, 0.0, *rng.normal(0, 0.8, UNITS - 2)], strict=True))
    return sd.ODESystem(drift, {**weights, **biases}, initial=start)


def train(steps: int = 150) -> Training:
    """Descend from random weights."""
    system = network()
    x, y, r0, r1 = sp.symbols("x y r0 r1")
    cost, distances = (r0 - x) ** 2 + (r1 - y) ** 2, []

    def value(weights: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = dict(zip(system.parameters, weights, strict=True))
        found = sd.gradient(system, None, TIMES, each=cost, data=TARGET, parameters=parameters, rtol=1e-6)
        return found.value, found.array

    begin = np.array([system.defaults[p] for p in system.parameters])
    distances.append(np.sqrt(value(begin)[0] / len(TIMES)))
    done = minimize(
        value, begin, jac=True, method="L-BFGS-B", options={"maxiter": steps},
        callback=lambda intermediate_result: distances.append(np.sqrt(intermediate_result.fun / len(TIMES))),
    )  # fmt: skip
    return Training(system.with_parameters(dict(zip(system.parameters, done.x, strict=True))), np.array(distances))


@sd.style()
def draw(found: Training) -> Figure:
    """What the network drew before and after, and the descent."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.1), layout="constrained")
    fine = np.linspace(0, 2 * np.pi, 301)
    for system, color, label in ((network(), "0.7", "random weights"), (found.network, BLUE, "trained")):
        run = sd.simulate(system, fine, progress=False)
        axes[0].plot(run.r0, run.r1, color=color, label=label)
    axes[0].plot(*TARGET.values(), "o", color=VERMILION, ms=3, label="target")
    axes[0].set(xlabel="first unit", ylabel="second unit", title="992 weights, one gradient", aspect="equal")
    axes[0].legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.16))
    axes[1].semilogy(found.distances, color=BLUE)
    axes[1].set(xlabel="step of the descent", ylabel="root mean square distance", title="Descent")
    return figure


def main(arguments: list[str] | None = None) -> Training:
    parser = argparse.ArgumentParser(description="Train a network of rates by gradients.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    found = train()
    first, *_, last = found.distances
    print(f"distance from the target: {first:.3f}, after {len(found.distances) - 1} steps {last:.4f}")
    draw(found).savefig(out / "trained_network.png", dpi=150)
    print(f"The figure is in {out.resolve()}")
    return found


if __name__ == "__main__":
    main()
