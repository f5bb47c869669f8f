"""Which way a spiral turns, from irregular samples with gaps: an exact driven equation, and one with random networks.

Points of spirals are sampled at random times, and 30 percent of the values of each coordinate are missing.  The area that a
path sweeps, the solution of the driven equation a' = (u v' - v u') / 2, has the sign of its sense of rotation: it tells all
spirals apart without training.  An equation z' = f(z) X' with random networks f, of which only a linear reading of z at the
end is trained, on two thirds of the spirals, tells the others apart as well.

    python -m examples.spirals --out out
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

COUNT, TRAINED, UNITS = 120, 80, 12
u, v = (sd.Path(name, [0, 1], [0, 0]) for name in "uv")


def spirals(seed: int = 0) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray]:
    """Times and coordinates, NaN where one is missing; 1 where they turn counter-clockwise."""
    rng = np.random.default_rng(seed)
    found, turns = [], rng.integers(2, size=COUNT)
    for sense in turns:
        times = np.concatenate([[0], np.sort(rng.uniform(0, 1, 38)), [1]])
        angle = (2 * sense - 1) * 5 * times + rng.uniform(0, 2 * np.pi)
        radius = 0.2 + times
        columns = [radius * np.cos(angle), radius * np.sin(angle)]
        for values in columns:
            values += 0.02 * rng.normal(size=40)
            values[1:-1][rng.uniform(size=38) < 0.3] = np.nan
        found.append((times, *columns))
    return found, turns


def driven_ends(system: sd.ODESystem, data: list[tuple[np.ndarray, ...]]) -> np.ndarray:
    """States at the end of every path, (COUNT, n)."""
    rows = []
    for times, first, second in data:
        inputs = {u: sd.Path("u", times, first), v: sd.Path("v", times, second)}
        run = sd.simulate(system, [0, 1], initial=dict.fromkeys(system.states, 0), inputs=inputs, rtol=1e-4, progress=False)
        rows.append([float(run[s].values.ravel()[-1]) for s in system.names])
    return np.array(rows)


def area() -> sd.ODESystem:
    """The area that a path sweeps around the origin."""
    driven = sd.neural_cde(["a"], [u, v])
    by_name = {f.func.__name__: f for f in driven.unknowns}
    return driven.with_terms({by_name["f_a_u"]: -v / 2, by_name["f_a_v"]: u / 2})


def random_equation(seed: int = 1) -> sd.ODESystem:
    """Random layers in the place of the networks."""
    rng = np.random.default_rng(seed)
    z = sp.symbols(f"z:{UNITS}")
    rates = dict.fromkeys(z, sp.S.Zero)
    for channel in (u, v):
        layers = [(rng.normal(size=(UNITS, UNITS)) / UNITS**0.5, rng.normal(size=UNITS), "tanh")]
        for s, f in zip(z, sd.DenseLayers(f"f_{channel.name}", layers)(*z), strict=True):
            rates[s] += f * channel.diff(sp.Symbol("t"))
    return sd.ODESystem(rates)


def read_out(ends: np.ndarray, turns: np.ndarray) -> float:
    """The share of the spirals that were not trained on whose sense a linear reading tells."""
    columns = np.hstack([np.ones((len(ends), 1)), ends])
    rows, target = columns[:TRAINED], 2.0 * turns[:TRAINED] - 1
    weights = np.linalg.solve(rows.T @ rows + 1e-3 * np.eye(rows.shape[1]), rows.T @ target)
    return float(np.mean((columns[TRAINED:] @ weights > 0) == (turns[TRAINED:] == 1)))


@sd.style()
def draw(data: list[tuple[np.ndarray, ...]], turns: np.ndarray, areas: np.ndarray) -> Figure:
    """One spiral of each sense with its samples, and the areas of all."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    colours = {0: ORANGE, 1: BLUE}
    for sense, colour in colours.items():
        times, first, second = data[int(np.flatnonzero(turns == sense)[0])]
        fine = np.linspace(0, 1, 400)
        curves = [np.interp(fine, times[~np.isnan(c)], c[~np.isnan(c)]) for c in (first, second)]
        both = ~np.isnan(first) & ~np.isnan(second)
        left.plot(*curves, color=colour, lw=1, alpha=0.6)
        left.plot(first[both], second[both], "o", color=colour, ms=4)
        right.hist(areas[turns == sense], bins=20, color=colour, alpha=0.8, label=("clockwise", "counter-clockwise")[sense])
    left.set(xlabel="$u$", ylabel="$v$", aspect="equal")
    right.set(xlabel="area that the path sweeps", ylabel="spirals")
    right.legend()
    return figure


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    """Print how many spirals both equations get right, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    data, turns = spirals()
    areas = driven_ends(area(), data)[:, 0]
    exact = float(np.mean((areas > 0) == (turns == 1)))
    learned = read_out(driven_ends(random_equation(), data), turns)
    print(f"the sign of the area is right for {exact:.1%}, the reading of random networks for {learned:.1%}")
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(data, turns, areas)
    figure.savefig(out / "spirals.png", dpi=150)
    plt.close(figure)
    return exact, learned


if __name__ == "__main__":
    main()
