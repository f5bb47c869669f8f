"""Which measurements come next?  Two consecutive reactions A -> B -> C, of which B is measured.

    A' = -a A,    B' = a A - b B

Nine measurements were made late, when A was nearly gone, and hardly tell the first rate.  From nothing the best two times would
be 1.23 and 6.86, for the rates 0.7 and 0.2 (Box and Lucas, 1959): near the steepest dependence on one rate and on the other.
Beside the nine, `fit.design` chooses where the next four reduce the errors most, and with a condition that starts from more of
A it takes that one.

    python -m examples.next_measurements --out out

Box & Lucas, Design of experiments in non-linear situations, Biometrika 46, 77 (1959).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, PURPLE, VERMILION
from symdyn.inference.designs import ExperimentDesign

A, B, a, b = sp.symbols("A B a b")
CHAIN = sd.ODESystem({A: -a * A, B: a * A - b * B}, initial={A: 1, B: 0})
RATES, NOISE = (0.7, 0.2), 0.03
GRID = np.linspace(0, 20, 2001)


@dataclass(frozen=True)
class Study:
    """The fit of the first measurements, and designs from nothing, beside them, and with a larger start."""

    fit: sd.Fit
    designs: dict[str, ExperimentDesign]


def expected(t: np.ndarray) -> np.ndarray:
    """B from A(0) = 1."""
    first, second = RATES
    return first / (first - second) * (np.exp(-second * t) - np.exp(-first * t))


def study(seed: int = 4) -> Study:
    """Fit nine measurements and choose the next ones."""
    t = np.arange(10.0, 19.0)  # late, when A is gone: the first rate is hardly known
    data = {"t": np.append(0.0, t), "B": np.append(np.nan, expected(t) + NOISE * np.random.default_rng(seed).normal(size=9))}
    fit = sd.fit(CHAIN, data, noise=NOISE, parameters={a: (0.05, 5), b: (0.05, 5)}, guesses={a: 0.7, b: 0.2}, starts=4)
    exact = sd.fit(CHAIN, {"t": GRID[::100], "B": expected(GRID[::100])}, noise=NOISE, guesses={a: 0.7, b: 0.2}, starts=1)
    return Study(fit, {
        "from nothing": exact.design(GRID, count=2, observables=["B"], beside=False),
        "beside": fit.design(GRID, count=4),
        "larger start": fit.design(GRID, count=4, conditions={"as before": {A: 1}, "twice as much": {A: 2}}),
    })  # fmt: skip


@sd.style()
def draw(found: Study) -> Figure:
    """Measurements with the fit, the chosen times, and standard errors."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained", width_ratios=(1.5, 1))
    t = np.linspace(0, 20, 201)
    run, seen = found.fit.predict(t), found.fit.residuals
    axes[0].fill_between(t, np.maximum(run.B_lower, -0.1), np.minimum(run.B_upper, 1.1), color=BLUE, alpha=0.2, lw=0)
    axes[0].plot(t, run.B, color=BLUE, label="fit with its 90 % band")
    axes[0].plot(seen.time, seen.measured, "o", color=BLUE, ms=4, mec="white", mew=0.4, label="measured")
    rows = found.designs["beside"].measurements
    at = np.interp(rows.time, t, run.B)
    axes[0].plot(rows.time, at, "v", color=VERMILION, ms=8, label="measure next")
    for time, value, count in zip(rows.time, at, rows["count"], strict=True):
        axes[0].annotate(f"{count}x", (time, value), textcoords="offset points", xytext=(8, 8), color=VERMILION)
    axes[0].set(xlabel="time", ylabel="B", title="The next four measurements", ylim=(-0.1, 1.1))
    axes[0].legend()
    table = found.designs["beside"].standard_errors
    larger = found.designs["larger start"].standard_errors
    place = np.arange(len(table))
    for shift, (label, values, color) in enumerate((
        ("now", table.now, "0.7"), ("four more", table.then, VERMILION), ("four more, from A = 2", larger.then, PURPLE),
    )):  # fmt: skip
        axes[1].bar(place + 0.27 * (shift - 1), values, 0.25, color=color, label=label)
    axes[1].set(yscale="log", xticks=place, xticklabels=table.constant, title="Standard errors of the rates")
    axes[1].legend()
    return figure


def main(arguments: list[str] | None = None) -> Study:
    parser = argparse.ArgumentParser(description="Choose the next measurements of two consecutive reactions.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    found = study()
    print(found.fit)
    for name, design in found.designs.items():
        print(f"\n{name}\n{design}")
    draw(found).savefig(out / "next_measurements.png", dpi=150)
    print(f"\nThe figure is in {out.resolve()}")
    return found


if __name__ == "__main__":
    main()
