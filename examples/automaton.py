"""A probabilistic automaton at its critical point: directed percolation of bonds, by simulation, closures and the Markov chain.

A site is wet if an open bond leads to it from one of two wet sites before it; bonds are open with probability p.  Below a
critical p all becomes dry.  There the density falls as a power of time, whose exponent one run of a quarter of a million
cells gives to three digits; closures of one and two cells have the transition at smaller p; and on small rings the step
operator gives the time to extinction exactly.

    python -m examples.automaton --out out

Domany & Kinzel, Physical Review Letters 53 (1984) 311; Jensen, Journal of Physics A 32 (1999) 5233.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, COLOURS, GREEN, ORANGE

#: The critical probability and the exponent of the decay, from Jensen (1999).
CRITICAL, EXPONENT = 0.6447001, 0.159464
SITES = 2**18
TIMES = np.unique(np.concatenate([[0], np.geomspace(1, 10_000, 80).astype(int)]))
s, p = sp.IndexedBase("s"), sp.Symbol("p")
PAIR = s[0] + s[1]
RULE = sp.Piecewise((0, sp.Eq(PAIR, 0)), (p, sp.Eq(PAIR, 1)), (p * (2 - p), True))


def percolation(sites: int, record: str = "density") -> sd.Automaton:
    """A ring of so many sites, all of them wet at first."""
    return sd.Automaton(RULE, sites, {p: CRITICAL}, initial={"s": 1}, record=record)


@cache
def decay(chance: float) -> xr.Dataset:
    """One run of the large ring."""
    return sd.simulate(percolation(SITES), TIMES, parameters={p: chance}, seed=1, progress=False)


def exponent(first: int = 100) -> float:
    """The slope of the logarithm of the density over that of time, at the critical point."""
    late = decay(CRITICAL).s_density.sel(time=slice(first, None))
    return -float(np.polyfit(np.log(late.time), np.log(late), 1)[0])


@cache
def densities() -> pd.DataFrame:
    """Densities after 5,000 steps by simulation, and in closures of cells and of pairs, over p."""
    chances = np.round(np.arange(0.46, 0.83, 0.01), 2)
    ring = percolation(2**14)
    runs = sd.simulate(ring, [0, 5000], parameters={p: chances}, seed=2, progress=False)
    found = {"p": chances, "simulation": runs.s_density.isel(time=-1).values}
    for name, closed in (("cells", ring.mean_field()), ("pairs", ring.pairs())):
        found[name] = sd.simulate(closed, [0, 5000], parameters={p: chances}, progress=False).s.isel(time=-1).values
    return pd.DataFrame(found)


def extinction(sites: tuple[int, ...] = (4, 6, 8, 10)) -> pd.DataFrame:
    """Mean time until small rings are dry at the critical point, exact."""
    chains = [percolation(n).step_operator() for n in sites]
    return pd.DataFrame({"sites": sites, "steps": [float(c.first_passage(0)[-1]) for c in chains]})


def figure() -> Figure:
    """A run in space and time, the decay on three sides of the critical point, and densities with those of closures."""
    with sd.style():
        drawn, (left, middle, right) = plt.subplots(1, 3, figsize=(7.5, 2.9), layout="constrained")
        cells = sd.simulate(percolation(300, "cells"), range(300), seed=4, progress=False).s
        left.imshow(cells, cmap="Greys", interpolation="nearest")
        left.set(xlabel="site", ylabel="step", title="Wet sites at the critical point")
        for colour, chance, label in zip(COLOURS, (0.63, CRITICAL, 0.66), ("p = 0.63", "critical", "p = 0.66"), strict=False):
            run = decay(chance).s_density.isel(time=slice(1, None))
            middle.loglog(run.time, run, color=colour, label=label)
        middle.loglog(TIMES[1:], 0.87 * TIMES[1:] ** -EXPONENT, "k:", label=f"slope -{EXPONENT:.4f}")
        middle.set(xlabel="step", ylabel="density", title="Decay from a wet ring", ylim=(1e-2, 1.2))
        middle.legend()
        table = densities()
        right.plot(table.p, table.cells, "--", color=ORANGE, label="mean field")
        right.plot(table.p, table.pairs, "-.", color=GREEN, label="pairs")
        right.plot(table.p, table.simulation, "o", ms=3, color=BLUE, label="simulation")
        right.axvline(CRITICAL, color="0.6", lw=0.8)
        right.set(xlabel="p", ylabel="density after 5,000 steps", title="Closures and simulation")
        right.legend(loc="upper left")
    return drawn


def report() -> str:
    """The numbers as text."""
    lines = [f"exponent of the decay: {exponent():.4f}, literature {EXPONENT}"]
    table = densities()
    for name in ("cells", "pairs", "simulation"):
        lines.append(f"density above 0.01 from p = {table.p[table[name] > 0.01].min():.2f} on: {name}")
    lines += [f"{int(r.sites)} sites are dry after {r.steps:.6f} steps on average" for r in extinction().itertuples()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    text = report()
    (out / "automaton.txt").write_text(text + "\n", encoding="utf-8")
    figure().savefig(out / "automaton.png", dpi=150)
    print(text)


if __name__ == "__main__":
    main()
