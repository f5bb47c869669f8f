"""Feedback that comes late: noise that it amplifies, roots that cross the axis, and a population with a memory.

dx = -x(t - tau) dt + dW is at rest but for noise.  For tau < pi/2 its variance is (1 + sin(tau))/(2 cos(tau)), which grows
without bound where a pair of characteristic roots comes to the imaginary axis (Kuechler & Mensch, Stochastics and Stochastics
Reports 40 (1992) 23).  The delayed logistic map x[t+1] = r x[t] (1 - x[t-1]) goes around a closed curve from r = 2 on.

    python -m examples.delayed_feedback --out out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLACK, BLUE, GREEN, VERMILION

FEEDBACK = sd.SDESystem.from_text("dx = -x(t - tau)*dt + dW; x(0) = 0")
QUIET = sd.ODESystem.from_text("x' = -x(t - tau)")
POPULATION = sd.DiscreteSystem.from_text("x[t+1] = r*x*(1 - x[t-1]); x(0) = 0.3")
DELAYS = (0.2, 0.5, 0.8, 1.1, 1.3)
STEP = 0.02


def variance(tau: float | np.ndarray) -> float | np.ndarray:
    """The exact stationary variance."""
    return (1 + np.sin(tau)) / (2 * np.cos(tau))


def measured(count: int) -> np.ndarray:
    """Variances of an ensemble at the end of a run that is long against the slowest root."""
    data = sd.simulate(
        FEEDBACK, [0, 40], parameters={"tau": list(DELAYS)}, trajectories=count, step=STEP, seed=1, progress=False
    )  # fmt: skip
    return data.x[..., -1].var("trajectory").values


@sd.style()
def draw(found: np.ndarray) -> Figure:
    """Paths; variances; roots; the curve of the map."""
    figure, axes = plt.subplots(2, 2, figsize=(7.5, 5.6), layout="constrained")
    (paths, spread), (roots, curve) = axes
    times, colours = np.linspace(0, 40, 801), (BLUE, VERMILION)
    for tau, colour in zip((0.2, 1.3), colours, strict=True):
        data = sd.simulate(FEEDBACK, times, parameters={"tau": tau}, step=STEP, seed=4, progress=False)
        paths.plot(times, data.x, lw=0.9, color=colour, label=f"delay {tau}")
    paths.set(title="the same noise", xlabel="t", ylabel="x")
    paths.legend()
    line = np.linspace(0, 1.42, 200)
    spread.plot(line, variance(line), color=BLACK, lw=1.2, label="exact")
    spread.plot(DELAYS, found, "o", ms=4, color=VERMILION, label="simulated")
    spread.set(title="variance", xlabel="delay", ylabel="variance of x")
    spread.legend()
    for tau, colour in ((0.8, GREEN), (np.pi / 2, BLACK), (2.5, VERMILION)):
        values = sd.analysis.characteristic_roots(QUIET, {"x": 0}, {"tau": tau}, count=9)
        roots.plot(values.real, values.imag, "o", ms=4, color=colour, label=f"delay {tau:.3g}")
    roots.axvline(0, color="0.5", lw=0.8)
    roots.set(title="characteristic roots", xlabel="real part", ylabel="imaginary part", ylim=(-40, 40))
    roots.legend(loc="lower center")
    for r, colour in ((1.9, GREEN), (2.02, BLUE), (2.1, BLACK), (2.27, VERMILION)):
        late = sd.simulate(POPULATION, [0, *range(2000, 5000)], parameters={"r": r}, progress=False).isel(time=slice(1, None))
        curve.plot(late.x_lag1, late.x, "o", ms=1 if r > 2 else 4, mec="none", color=colour, rasterized=True)
        curve.plot([], [], "o", ms=4, color=colour, label=f"r = {r}")
    curve.set(title="delayed logistic map", xlabel="x, a step before", ylabel="x")
    curve.legend()
    return figure


def main(arguments: list[str] | None = None) -> float:
    """The largest relative deviation of a variance from the exact one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--trajectories", type=int, default=4000)
    chosen = parser.parse_args(arguments)
    found = measured(chosen.trajectories)
    chosen.out.mkdir(parents=True, exist_ok=True)
    figure = draw(found)
    figure.savefig(chosen.out / "delayed_feedback.png", dpi=110)
    plt.close(figure)
    deviation = float(abs(found / variance(np.array(DELAYS)) - 1).max())
    for tau, value in zip(DELAYS, found, strict=True):
        print(f"delay {tau}: variance {value:.3f}, exact {variance(tau):.3f}")
    return deviation


if __name__ == "__main__":
    main()
