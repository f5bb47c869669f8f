"""Irregular series of which half is missing: what is not there, by the exact smoother of an equation found from the gaps.

Two states rotate under noise,

    dx = (a x + b y) dt + g dW1        dy = (c x + d y) dt + g dW2

and are measured with errors at irregular times; every entry is missing with probability one half.  Nothing but the form is
known.  `sd.fit` finds all six numbers from eight such series by their exact likelihood, and `sd.smooth` has the law of the
states of forty others at every time.  No estimate has a smaller mean squared error than that with the true numbers; straight
lines between the measurements are beside it.

    python -m examples.half_missing_series --out out

Networks on such series: `python -m benchmarks.half_missing --networks`.  Rauch, Tung, Striebel, AIAA J. 3, 1445 (1965).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE

TRUE = {"a": -0.5, "b": -3.0, "c": 3.0, "d": -0.5, "g": 0.7}
ERROR, LENGTH, GAP, MISSING = 0.1, 40, 0.15, 0.5
LEARNED, OTHERS = 8, 40
#: Before the first measurement, so that a state from 0 has come to rest.
RESTED = 15.0
COLORS = {"x": BLUE, "y": ORANGE}

x, y, a, b, c, d, g, e = sp.symbols("x y a b c d g e")
PAIR = sd.SDESystem({x: a * x + b * y, y: c * x + d * y}, {x: [g, 0], y: [0, g]}, initial={x: 0, y: 0})


def series(count: int, seed: int) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """What is measured, with NaN where it is missing, and the states (count, LENGTH, 2)."""
    rng = np.random.default_rng(seed)
    data, states = [], np.empty((count, LENGTH, 2))
    for k in range(count):
        times = np.cumsum(rng.exponential(GAP, LENGTH))
        z = TRUE["g"] * rng.normal(size=2)  # g^2 / (2 * 0.5) is the variance at rest
        for i, h in enumerate(np.diff(times, prepend=times[0])):
            turn = np.array([[np.cos(3 * h), -np.sin(3 * h)], [np.sin(3 * h), np.cos(3 * h)]])
            z = np.exp(-h / 2) * turn @ z + TRUE["g"] * np.sqrt(1 - np.exp(-h)) * rng.normal(size=2)
            states[k, i] = z
        seen = np.where(rng.random((LENGTH, 2)) > MISSING, states[k] + ERROR * rng.normal(size=(LENGTH, 2)), np.nan)
        rows = np.concatenate([np.full((1, 2), np.nan), seen])
        data.append({"t": np.r_[0.0, RESTED + times], "x": rows[:, 0], "y": rows[:, 1]})
    return data, states


def learned() -> sd.Fit:
    """All numbers of the equation and the error of measurement."""
    bounds = {a: (-4, 0), b: (-6, 6), c: (-6, 6), d: (-4, 0), g: (0.05, 3), e: (0.01, 0.5)}
    return sd.fit(PAIR, series(LEARNED, 7)[0], parameters=bounds, noise={"x": e, "y": e}, starts=4)


def errors(fit: sd.Fit) -> dict[str, float]:
    """Mean squared errors at what is missing of other series, and the share of it within bands of 90 %."""
    data, states = series(OTHERS, 11)
    gone = np.stack([np.stack([np.isnan(own[n][1:]) for n in "xy"], axis=-1) for own in data])
    lines = np.empty_like(states)
    for k, own in enumerate(data):
        for i, n in enumerate("xy"):
            there = np.isfinite(own[n])
            lines[k, :, i] = np.interp(own["t"][1:], own["t"][there], own[n][there])
    found = {"straight lines": float(((lines - states)[gone] ** 2).mean())}
    known = fit.parameters
    for name, values, error in (
        ("fitted equation", {k: known[k] for k in TRUE}, known["e"]), ("exact smoother", TRUE, ERROR),
    ):  # fmt: skip
        laws = sd.smooth(PAIR.with_parameters(values), data, noise=error)
        mean, top = (np.stack([np.stack([law[n + end][1:] for n in "xy"], axis=-1) for law in laws]) for end in ("", "_upper"))
        found[name] = float(((mean - states)[gone] ** 2).mean())
        found[f"{name}, in its bands"] = float((np.abs(mean - states) <= top - mean)[gone].mean())
    return found


@sd.style()
def draw(fit: sd.Fit) -> Figure:
    """One series: its measurements, the states that nobody sees, and their law by the fitted equation."""
    data, states = series(3, 23)
    own, true = data[0], states[0]
    times = own["t"][1:]
    grid = np.linspace(times[0], times[-1], 400)
    values = {k: fit.parameters[k] for k in TRUE}
    (law,) = sd.smooth(PAIR.with_parameters(values), own, noise=fit.parameters["e"], times=grid)
    figure, axes = plt.subplots(2, 1, figsize=(7.5, 4.3), sharex=True, layout="constrained")
    for axis, k, n in zip(axes, (0, 1), "xy", strict=True):
        axis.fill_between(grid - RESTED, law[f"{n}_lower"], law[f"{n}_upper"], color=COLORS[n], alpha=0.2, lw=0, label="90 %")
        axis.plot(grid - RESTED, law[n], color=COLORS[n], lw=1.2, label="smoothed")
        seen = np.isfinite(own[n][1:])
        axis.plot(times[seen] - RESTED, own[n][1:][seen], "o", ms=4, color="0.15", label="measured")
        axis.plot(times[~seen] - RESTED, true[~seen, k], "o", ms=4, mfc="white", color="0.45", label="missing: the true state")
        axis.set_ylabel(n)
    axes[0].legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes[1].set_xlabel("time")
    return figure


def run(out: Path) -> dict[str, float]:
    """Fit, draw, and return the errors."""
    fit = learned()
    print(fit)
    found = errors(fit)
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(fit)
    figure.savefig(out / "half_missing_series.png", dpi=150)
    plt.close(figure)
    return found


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    found = run(parser.parse_args(arguments).out)
    for name, value in found.items():
        print(f"{name:32s}{value:8.4f}")
    print(f"fitted equation over exact smoother: {found['fitted equation'] / found['exact smoother']:.4f}")
    return found


if __name__ == "__main__":
    main()
