"""What do the pelts of hare and lynx tell?  What could be known at all, and the posterior of what is known.

Hudson's Bay Company counted pelts of hare and lynx for twenty years, in which their numbers follow Lotka and Volterra:

    hare' = a hare - b hare lynx,    lynx' = c hare lynx - d lynx

Seen together, all parameters and both initial values are identifiable.  Of hares alone b and the first number of lynx are not:
only their product is, as the unit in which lynx are counted is free.  `symdyn.identifiability` says so before any data are
looked at, and samples of the posterior show it: without lynx the two spread along a line of slope -1 in their logarithms, as
far as the priors let them.  With lynx the posterior means are those of Carpenter's study with Stan, 0.55, 0.028, 0.80 and
0.024, of the same priors.

    python -m examples.hare_lynx_posterior --out out

Carpenter, Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan (2018); Howard, Modeling basics (2009): the data.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

import symdyn as sd
from symdyn.analysis import StructuralIdentifiability
from symdyn.figure_style import BLUE, ORANGE, VERMILION

hare, lynx, a, b, c, d, h0, l0, noise = sp.symbols("hare lynx a b c d hare0 lynx0 noise")
SYSTEM = sd.ODESystem({hare: a * hare - b * hare * lynx, lynx: c * hare * lynx - d * lynx}, initial={hare: h0, lynx: l0})
RATE, CONTACT = stats.truncnorm(-2, np.inf, 1, 0.5), stats.truncnorm(-1, np.inf, 0.05, 0.05)
START = stats.lognorm(1, scale=10)
PRIORS = {a: RATE, d: RATE, b: CONTACT, c: CONTACT, h0: START, l0: START, noise: stats.lognorm(1, scale=np.exp(-1))}
DATA = Path(__file__).parent / "data" / "hudson_bay_1900_1920.csv"
GUESSES = {a: 0.5, b: 0.03, c: 0.03, d: 0.8, h0: 30, l0: 4, noise: 0.3}
COLORS = {"hare": ORANGE, "lynx": BLUE}


@dataclass(frozen=True)
class Study:
    """What is identifiable, and samples, of both species together and of hares alone."""

    possible: dict[str, StructuralIdentifiability]
    samples: dict[str, Any]


def pelts() -> pd.DataFrame:
    """Years and thousands of pelts."""
    table = pd.read_csv(DATA, comment="#")
    table.columns = ["t", "hare", "lynx"]
    return table.astype(float)


def study(draws: int = 400, tune: int = 400) -> Study:
    """Fit and sample with both species, and with hares alone."""
    possible, samples = {}, {}
    for name, columns in (("both", ["t", "hare", "lynx"]), ("hare", ["t", "hare"])):
        fit = sd.fit(SYSTEM, pelts()[columns], noise=("lognormal", noise), priors=PRIORS, guesses=GUESSES, starts=4)
        possible[name] = fit.identifiability
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of hares alone the ridge mixes slowly, which is what is shown
            samples[name] = fit.sample(draws, tune=tune, seed=1)
    return Study(possible, samples)


@sd.style()
def draw(found: Study) -> Figure:
    """Pelts with simulated draws, and the two values that hares alone do not determine."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    data, flat = pelts(), found.samples["both"].posterior.stack(sample=("chain", "draw"))
    chosen = np.linspace(0, flat.sizes["sample"] - 1, 60).astype(int)
    years = np.linspace(data.t.iloc[0], data.t.iloc[-1], 201)
    values = {q: flat[q].values[chosen] for q in ("a", "b", "c", "d", "hare0", "lynx0")}
    lanes = {q: xr.DataArray(v, dims="trajectory") for q, v in values.items()}
    runs = sd.simulate(SYSTEM, years, parameters=lanes, progress=False)
    for species, color in COLORS.items():
        axes[0].plot(years, runs[species].transpose("time", ...), color=color, lw=0.4, alpha=0.3)
        axes[0].plot(data.t, data[species], "o", color=color, ms=4, mec="white", mew=0.4, label=species)
    axes[0].set(xlabel="year", ylabel="thousands of pelts", title="Sixty draws of the posterior")
    axes[0].set_xticks(range(1900, 1921, 5))
    axes[0].legend()
    for name, color, label in (("hare", "0.6", "hares alone"), ("both", VERMILION, "hares and lynx")):
        flat = found.samples[name].posterior.stack(sample=("chain", "draw"))
        axes[1].plot(flat.b[::5], flat.lynx0[::5], ".", color=color, ms=2.5, alpha=0.5, label=label, mew=0)
    middle, grid = float(np.exp(np.log(flat.b * flat.lynx0).mean())), np.geomspace(2e-3, 0.2, 9)
    axes[1].plot(grid, middle / grid, "--", color="0.3", lw=0.9, label="b lynx0 constant")
    title = "Hares alone tell b lynx0, not both"
    axes[1].set(xlabel="b", ylabel="first number of lynx", xscale="log", yscale="log", title=title)
    axes[1].legend(markerscale=4)
    return figure


def main(arguments: list[str] | None = None) -> Study:
    parser = argparse.ArgumentParser(description="Identifiability and posterior of hare and lynx.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure and the samples")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    found = study()
    for name, told in found.possible.items():
        means = {q: float(found.samples[name].posterior[q].mean()) for q in ("a", "b", "c", "d")}
        print(f"{name}\n{told}\nposterior means: {', '.join(f'{q} {v:.3g}' for q, v in means.items())}\n")
    found.samples["both"].to_netcdf(str(out / "hare_lynx_posterior.nc"))
    draw(found).savefig(out / "hare_lynx_posterior.png", dpi=150)
    print(f"The figure and the samples are in {out.resolve()}")
    return found


if __name__ == "__main__":
    main()
