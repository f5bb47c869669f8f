"""How fast does Paramecium grow, and how sure is that?  The logistic equation fitted to counts, under two laws of noise.

Gause counted Paramecium aurelia and P. caudatum every day, each alone.  Their numbers follow

    N' = r N (1 - N/K)

and are fitted twice: with normal noise, as least squares do, and as counts that vary more than Poisson's (negative
binomial).  The second weighs the small first counts more, which least squares hardly notices: intervals of the rate of growth
are less than half as wide, that of caudatum is 0.77 a day instead of 0.93, and the counts of aurelia are likelier by ten units
of the logarithm.  Profile likelihoods give intervals.

    python -m examples.paramecium_growth --out out

Gause, The Struggle for Existence (1934), Appendix I, table 3: individuals per 0.5 cc.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

N, r, K = sp.symbols("N r K")
LOGISTIC = sd.ODESystem({N: r * N * (1 - N / K)})
BOUNDS = {r: (0.05, 5), K: (20, 5000), N: (0.01, 50)}
DATA = Path(__file__).parent / "data" / "gause1934_table3.csv"
SPECIES = {"aurelia": BLUE, "caudatum": VERMILION}
LAWS = ("normal", "negative binomial")


def counts(species: str) -> pd.DataFrame:
    """Days and counts of a species alone."""
    table = pd.read_csv(DATA, comment="#")
    return pd.DataFrame({"t": table.day.astype(float), "N": table[f"{species}_alone"]}).dropna()


def study(starts: int = 20) -> dict[tuple[str, str], sd.Fit]:
    """Fits by species and law of noise."""
    return {(s, law): sd.fit(LOGISTIC, counts(s), parameters=BOUNDS, noise=law, starts=starts) for s in SPECIES for law in LAWS}


@sd.style()
def draw(fits: dict[tuple[str, str], sd.Fit]) -> Figure:
    """Counts with fitted curves, and the profiles of the rate of growth."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    for (species, law), fit in fits.items():
        color, dashed = SPECIES[species], "-" if law == LAWS[1] else ":"
        run = fit.predict(np.linspace(0, 25, 201))
        axes[0].plot(run.time, run.N, dashed, color=color, label=f"P. {species}, {law}")
        curve = fit.profile(r)
        near = curve.ratio < 8
        axes[1].plot(curve.value[near], curve.ratio[near], dashed, color=color)
        if law == LAWS[1]:
            axes[0].fill_between(run.time, run.N_lower, run.N_upper, color=color, alpha=0.2, lw=0)
            seen = counts(species)
            axes[0].plot(seen.t, seen.N, "o", color=color, ms=4, mec="white", mew=0.4)
            axes[1].axhline(float(curve.threshold), color="0.6", lw=0.8)
    axes[0].set(xlabel="days", ylabel="individuals per 0.5 cc", title="Counts and 90 % bands of their means")
    axes[0].set_ylim(-10, 980)
    axes[0].legend(loc="upper left")
    axes[1].set(xlabel="rate of growth r per day", ylabel="twice the fall of log likelihood", title="Profile likelihoods")
    return figure


def main(arguments: list[str] | None = None) -> dict[tuple[str, str], sd.Fit]:
    parser = argparse.ArgumentParser(description="Fit the logistic equation to Gause's counts.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure and the fits")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    fits = study()
    for (species, law), fit in fits.items():
        print(f"P. {species}, {law} noise\n{fit}\n")
        fit.save(out / f"{species}_{law.replace(' ', '_')}.nc")
    draw(fits).savefig(out / "paramecium_growth.png", dpi=150)
    print(f"The figure and the fits are in {out.resolve()}")
    return fits


if __name__ == "__main__":
    main()
