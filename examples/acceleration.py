"""Acceleration as dynamics: gradient methods, the flows that they follow, and where one of them cycles for ever.

Nesterov's method and the heavy ball have the same flow in the limit of small steps.  On many quadratic functions of curvatures
from 1e-4 to 1 both need about the root of the number of iterations of plain gradient steps; steps of the flow itself keep that
only if they are symplectic.  On a convex function whose curvature is 25, 1 and 25 in turn (Lessard, Recht & Packard, SIAM J.
Optim. 26 (2016) 57) the heavy ball with Polyak's constants cycles for ever, while the flow and Nesterov's method arrive.

    python -m examples.acceleration --out out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, ORANGE, VERMILION

x, curvature = sp.symbols("x curvature")
QUADRATIC = curvature * x**2 / 2
#: Curvatures 25, 1 and 25.
BENT = sp.Piecewise((25 * x**2 / 2, x < 1), (x**2 / 2 + 24 * x - 12, x < 2), (25 * x**2 / 2 - 24 * x + 36, True))
#: The constant of strong convexity and the largest curvature of the quadratic functions.
MU, LARGEST = 1e-4, 1.0
START = {"x": 3.3, "x_dot": 0}


def methods() -> dict[str, sd.DiscreteSystem]:
    """Maps for the quadratic functions, by what they are called."""
    flow = sd.derive.descent(QUADRATIC, [x], mu=MU)
    best = 4 / (np.sqrt(LARGEST) + np.sqrt(MU)) ** 2
    return {
        "gradient": sd.derive.descent_map(QUADRATIC, [x], "gradient", step=1 / LARGEST),
        "Nesterov": sd.derive.descent_map(QUADRATIC, [x], step=1 / LARGEST, mu=MU),
        "heavy ball": sd.derive.descent_map(QUADRATIC, [x], "heavy-ball", step=best, momentum=(1 - np.sqrt(MU * best)) ** 2),
        "flow, leapfrog steps of 1.9": flow.discretize("leapfrog", 1.9),
        "flow, explicit Euler steps of 0.019": flow.discretize("euler", 0.019),
    }


def falls(steps: int = 1500) -> dict[str, np.ndarray]:
    """The sum of 50 functions with curvatures from 1e-4 to 1 over its first value, after each step."""
    scales = xr.DataArray(np.logspace(-4, 0, 50), dims="scale")
    found = {}
    for name, method in methods().items():
        start = {"x": 1, "x_dot": 0} if "x_dot" in method.names else {"x": 1}
        run = sd.simulate(method, range(steps + 1), initial=start, parameters={curvature: scales}, progress=False)
        total = run.objective.sum("scale").values
        found[name] = total / total[0]
    return found


def paths() -> dict[str, xr.DataArray]:
    """Steps of both methods, and the flow, on the bent function."""
    ball = sd.derive.descent_map(BENT, [x], "heavy-ball", step=sp.Rational(1, 9), momentum=sp.Rational(4, 9))
    nesterov = sd.derive.descent_map(BENT, [x], step=sp.Rational(1, 25), mu=1)
    flow = sd.derive.descent(BENT, [x], "heavy-ball", mu=1)
    return {
        "heavy ball": sd.simulate(ball, range(41), initial=START, progress=False).x,
        "Nesterov": sd.simulate(nesterov, range(41), initial=START, progress=False).x,
        "flow of both": sd.simulate(flow, np.linspace(0, 8, 401), initial=START, progress=False).x,
    }


@sd.style()
def draw(fallen: dict[str, np.ndarray], runs: dict[str, xr.DataArray]) -> Figure:
    """The fall of the quadratic functions, and the paths on the bent one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    colours = ("0.55", BLUE, ORANGE, GREEN, VERMILION)
    for (name, values), colour in zip(fallen.items(), colours, strict=True):
        left.semilogy(np.maximum(values, 1e-16), color=colour, lw=1.2, label=name)
    left.set(xlabel="iterations", ylabel="sum of the functions, relative", ylim=(1e-12, 1e3))
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    steps = {"heavy ball": 1 / 3, "Nesterov": 1 / 5}  # roots of their steps, in the time of the flow
    for name, colour in (("heavy ball", ORANGE), ("Nesterov", BLUE)):
        run = runs[name]
        right.plot(run.time * steps[name], run, "o-", color=colour, ms=3, lw=0.7, label=name)
    right.plot(runs["flow of both"].time, runs["flow of both"], color="black", lw=1.2, label="flow of both")
    right.set(xlabel="time of the flow", ylabel="x", xlim=(0, 8))
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def main(arguments: list[str] | None = None) -> tuple[dict[str, np.ndarray], dict[str, xr.DataArray]]:
    parser = argparse.ArgumentParser(description="Gradient methods beside the flows that they follow.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    fallen, runs = falls(), paths()
    draw(fallen, runs).savefig(given.out / "acceleration.png", dpi=150)
    for name, values in fallen.items():
        below = np.flatnonzero(values <= 1e-10)
        print(f"{name}: {f'1e-10 after {below[0]} iterations' if len(below) else f'{values[-1]:.2g} after {len(values) - 1}'}")
    print("the heavy ball on the bent function, for ever:", ", ".join(f"{float(v):.4f}" for v in runs["heavy ball"][-3:]))
    return fallen, runs


if __name__ == "__main__":
    main()
