"""A network inside an equation, and the formula that takes its place.

Of a predator and its prey the growth and the deaths are known, and their interaction is not:

    x' = a x - f(x, y),        y' = f(x, y) - d y .

From 41 noisy points of both a network learns f, along with the parameter d.  What comes back is a system of differential
equations: it is simulated in lanes for a thousand starts at once, and a recovery looks for a formula in the place of the
network.  The truth, f = b x y, is known here, and every step is compared with it.

    python -m examples.learned_term --out out
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

x, y, a, b, d = sp.symbols("x y a b d")
f = sd.network("f", [x, y], width=8, zero_at={x: 0})  # without prey there is no interaction
HYBRID = sd.ODESystem({x: a * x - f(x, y), y: f(x, y) - d * y}, {a: 0.5})
TRUTH = HYBRID.with_terms({f(x, y): b * x * y}, {b: 0.03, d: 0.8}).with_initial(x=30.0, y=4.0)
#: Times of the data, times up to which systems are compared, and noise relative to the spread of each state.
SEEN, LATER, NOISE = np.linspace(0, 20, 41), np.linspace(0, 40, 401), 0.02
STARTS = 1000


@dataclass(frozen=True)
class Results:
    """What was found.

    Attributes
    ----------
    data : dict
        Noisy measurements.
    learned : Learned
    recovered : Recovery
    term_error : float
        Root mean square error of the network along the true path, relative to the spread of the term.
    formula_error : float
        The same of the formula.
    ensemble : Dataset
        The learned system from many starts.
    """

    data: dict[str, np.ndarray]
    learned: sd.Learned
    recovered: sd.Recovery
    term_error: float
    formula_error: float
    ensemble: xr.Dataset


def measured(seed: int = 1) -> dict[str, np.ndarray]:
    """The true path with noise."""
    run, rng = sd.simulate(TRUTH, SEEN, progress=False), np.random.default_rng(seed)
    return {"t": SEEN, **{s: run[s].values + NOISE * run[s].values.std() * rng.normal(size=SEEN.size) for s in ("x", "y")}}


def study(members: int = 4, seed: int = 1) -> Results:
    """Learn, simulate, recover, compare."""
    data = measured(seed)
    learned = sd.learn(HYBRID, data, members=members, progress=False)
    recovered = sd.recover(learned.system, data, surrogate=None, progress=False)
    run = sd.simulate(TRUTH, SEEN, progress=False)
    points, exact = np.stack([run.x, run.y], axis=-1), 0.03 * run.x.values * run.y.values
    formula = sp.lambdify((x, y), recovered.terms["f"])(run.x.values, run.y.values)
    errors = [float(np.sqrt(np.mean((v - exact) ** 2)) / exact.std()) for v in (learned.term(f).evaluate(points), formula)]
    begin = np.random.default_rng(0).uniform(20, 40, STARTS)
    ensemble = sd.simulate(learned.system, SEEN, initial={x: begin, y: 4.0}, progress=False)
    return Results(data, learned, recovered, *errors, ensemble)


@sd.style()
def draw(results: Results, path: Path) -> None:
    """Data and both systems beyond them; the network along the learned path and over the plane, beside the truth."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.5, 3.1), layout="constrained")
    runs = {
        "truth": sd.simulate(TRUTH, LATER, progress=False),
        "network": sd.simulate(results.learned.system, LATER, progress=False),
        "formula": results.recovered.predict(LATER),
    }
    for (name, run), color, style in zip(runs.items(), ("k", BLUE, VERMILION), (":", "-", "--"), strict=True):
        left.plot(LATER, run.x, style, color=color, lw=1.3, label=name)
        left.plot(LATER, run.y, style, color=color, lw=1.3)
    for s in ("x", "y"):
        left.plot(results.data["t"], results.data[s], "o", ms=3, color="0.5", zorder=0)
    left.axvline(SEEN[-1], color="0.8", lw=1)
    left.set(xlabel="t", ylabel="x, y", title="Data, and systems", ylim=(0, 95))
    left.legend(loc="upper right")
    run = sd.simulate(TRUTH, LATER[:201], progress=False)
    points = np.stack([run.x, run.y], axis=-1)
    value, wide = results.learned.term(f).evaluate(points), 2 * results.learned.spread(f, points)
    middle.fill_between(LATER[:201], value - wide, value + wide, color=BLUE, alpha=0.3, lw=0, label="twice the spread")
    middle.plot(LATER[:201], value, color=BLUE, label="network")
    middle.plot(LATER[:201], 0.03 * run.x * run.y, "k:", label="truth")
    middle.set(xlabel="t", ylabel="f(x, y)", title=f"The term: error {results.term_error:.1%}")
    middle.set_ylim(0, 85)
    middle.legend(loc="upper center")
    xs, ys = np.meshgrid(np.linspace(0, 70, 71), np.linspace(0, 55, 56))
    grid = np.stack([xs, ys], axis=-1)
    levels = np.arange(15, 110, 15)
    right.contour(xs, ys, 0.03 * xs * ys, levels, colors="k", linestyles=":", linewidths=1)
    shown = right.contour(xs, ys, results.learned.term(f).evaluate(grid), levels, colors=BLUE, linewidths=1)
    right.clabel(shown, fontsize=7)
    right.plot(results.data["x"], results.data["y"], "o", ms=3, color="0.5")
    right.set(xlabel="x", ylabel="y", title="Contours agree near data")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> Results:
    """Run the study, print what it found, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--members", type=int, default=4)
    given = parser.parse_args(arguments)
    results = study(given.members)
    given.out.mkdir(parents=True, exist_ok=True)
    draw(results, given.out / "learned_term.png")
    print(results.learned)
    print(results.recovered)
    print(f"error of the term along the true path: network {results.term_error:.2%}, formula {results.formula_error:.2%}")
    return results


if __name__ == "__main__":
    main()
