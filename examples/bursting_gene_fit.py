"""Which likelihood of a bursting gene can be trusted?  Single-cell snapshots fitted by three of them, side by side.

A gene switches on and off, and makes mRNA while it is on:

    OFF -> ON, a        ON -> OFF, b        ON -> ON + M, r        M -> 0, d = 1

Cells are fixed and counted at five times after the gene was off; nobody follows a cell.  The same counts are fitted by

- the master equation (`projection`), which is exact: at late times its law is the beta-Poisson law of Peccoud and Ycart;
- sample means and second moments with their covariance (`moments`), which suppose many cells and no shape;
- normal laws (`lna`) with the same means and variances, which are exact here too, as all rates are linear.

All three find the rates.  But most cells have few mRNA and some have many, which normal laws do not know: the interval of the
rate at which bursts end is too narrow by a factor of two.  ``fit.validity()`` tells so without knowing the truth.

    python -m examples.bursting_gene_fit --out out

Peccoud, Ycart, Theor. Popul. Biol. 48, 222 (1995); Munsky et al., PNAS 115, 7533 (2018).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import integrate, stats

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, VERMILION

GENE = sd.ReactionNetwork.from_text(
    """
    OFF -> ON, a
    ON -> OFF, b
    ON -> ON + M, r
    M -> 0, d
    """,
    parameters={"d": 1}, initial={"OFF": 1, "ON": 0, "M": 0}, binary=["OFF", "ON"],
)  # fmt: skip
TRUTH = {"a": 0.4, "b": 2.0, "r": 60.0}
TIMES = (0.5, 1.0, 2.0, 4.0, 8.0)
LARGEST = 140
RULES = {
    "projection": sd.LIKELIHOODS["projection"](upper={"M": LARGEST}), "moments": sd.LIKELIHOODS["moments"](),
    "lna": sd.LIKELIHOODS["lna"](),
}  # fmt: skip
COLORS = {"projection": BLUE, "moments": GREEN, "lna": VERMILION}


def cells(count: int = 600, seed: int = 1) -> pd.DataFrame:
    """Numbers of mRNA of `count` cells at each time, every cell simulated by itself."""
    parts = []
    for k, time in enumerate(TIMES):
        run = sd.simulate(GENE, [0.0, time], parameters=TRUTH, trajectories=count, seed=1000 * seed + k, progress=False)
        parts.append(pd.DataFrame({"t": time, "M": run.M.values[:, -1]}))
    return pd.concat(parts, ignore_index=True)


def fits(data: pd.DataFrame) -> dict[str, sd.Fit]:
    """The fit of every likelihood."""
    return {
        name: sd.fit(GENE, data, likelihood=rule, starts=3, guesses={"a": 1, "b": 1, "r": 30}) for name, rule in RULES.items()
    }


def beta_poisson(n: int, a: float, b: float, r: float) -> float:
    """The stationary law of the mRNA."""
    return integrate.quad(lambda p: stats.poisson.pmf(n, r * p) * stats.beta.pdf(p, a, b), 0, 1, limit=200)[0]


@sd.style()
def draw(data: pd.DataFrame, found: dict[str, sd.Fit], verdicts: dict[str, str]) -> Figure:
    """Counts at the last time with the laws that were fitted, and the estimates."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.6), layout="constrained")
    late = data.loc[data["t"] == TIMES[-1], "M"]
    bins = np.arange(0, late.max() + 3, 2)
    left.hist(late, bins=bins, density=True, color="0.85", label=f"{len(late)} cells at t = {TIMES[-1]:g}")
    exact = found["projection"].parameters
    n = np.arange(int(bins[-1]))
    left.plot(
        n, [beta_poisson(k, exact["a"], exact["b"], exact["r"]) for k in n], color=COLORS["projection"], label="projection"
    )
    normal = found["lna"].parameters
    share = normal["a"] / (normal["a"] + normal["b"])
    mean = normal["r"] * share
    spread = np.sqrt(mean + normal["r"] ** 2 * share * (1 - share) / (1 + normal["a"] + normal["b"]))
    left.plot(n, stats.norm.pdf(n, mean, spread), color=COLORS["lna"], label="lna")
    left.set(xlabel="mRNA", ylabel="probability", yscale="log", ylim=(2e-4, 1))
    left.legend()
    for row, (name, fit) in enumerate(found.items()):
        table = fit.intervals.set_index("constant")
        for k, parameter in enumerate(TRUTH):
            middle, ends = table.loc[parameter, "value"], table.loc[parameter, ["lower", "upper"]].to_numpy(float)
            at, truth = k + 0.22 * (1 - row), TRUTH[parameter]
            right.plot(ends / truth, [at, at], color=COLORS[name], lw=2, label=name if k == 0 else None)
            right.plot(middle / truth, at, "o", color=COLORS[name], ms=4)
    right.axvline(1, color="0.6", lw=0.8)
    right.set(yticks=range(3), yticklabels=list(TRUTH), xlabel="estimate and 90 % interval over the truth", ylim=(2.6, -0.6))
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    figure.supxlabel("\n".join(verdicts.values()), fontsize=8, x=0.01, ha="left")
    return figure


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Fit, judge and draw; returns how many times the stated standard error of b each likelihood really has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--cells", type=int, default=600)
    options = parser.parse_args(arguments)
    data = cells(options.cells)
    found = fits(data)
    judged = {name: fit.validity(100) for name, fit in found.items()}
    for name, fit in found.items():
        print(fit, judged[name], "", sep="\n")
    options.out.mkdir(parents=True, exist_ok=True)
    figure = draw(data, found, {name: v.verdict for name, v in judged.items()})
    figure.savefig(options.out / "bursting_gene_fit.png", dpi=150)
    plt.close(figure)
    factors = {name: float(v.table.loc["b", "spread"]) for name, v in judged.items() if len(v.table)}
    print(
        f"the standard error of b is {factors['lna']:.1f} times what lna states, {factors['moments']:.1f} times that of moments"
    )
    return factors


if __name__ == "__main__":
    main()
