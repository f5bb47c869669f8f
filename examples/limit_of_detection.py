"""A drug below the limit of detection: censored measurements are fitted as what they are.

A dose of 10 is absorbed at the rate ka and eliminated at the rate k,

    gut' = -ka*gut        blood' = ka*gut - k*blood

and blood is measured in 12 people with an error of 0.6.  The laboratory reports nothing below 1.5: at late times most values
are `<1.5`.  Their likelihood is the probability to lie there.  Leaving them out, or the limit in their place, which is common
practice, makes the half-life too long: of the values at the same time the large ones alone are left.  Twelve such studies are
simulated and fitted in the three ways.

    python -m examples.limit_of_detection --out out

Beal, J. Pharmacokinet. Pharmacodyn. 28, 481 (2001): method M3, and M1 without such data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, ORANGE

DRUG = sd.ODESystem.from_text("gut' = -ka*gut; blood' = ka*gut - k*blood; gut(0) = 10; blood(0) = 0")
TIMES = np.array([0.0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12])
PEOPLE, LIMIT, ERROR, STUDIES = 12, 1.5, 0.6, 12
RATE, ABSORBED = 0.35, 1.8
WAYS = {"censored": BLUE, "the limit itself": ORANGE, "left out": GREEN}


def measurements(seed: int = 0) -> pd.DataFrame:
    """What the laboratory reports, as text, a row for each person and time."""
    rng = np.random.default_rng(seed)
    blood = 10 * ABSORBED / (ABSORBED - RATE) * (np.exp(-RATE * TIMES) - np.exp(-ABSORBED * TIMES))
    rows = []
    for person in range(PEOPLE):
        for t, value in zip(TIMES[1:], (blood + ERROR * rng.normal(size=len(TIMES)))[1:], strict=True):
            rows.append((person, t, f"<{LIMIT}" if value < LIMIT else f"{value:.3f}"))
    # nothing is measured at the time of the dose
    return pd.DataFrame([(p, 0.0, "NA") for p in range(PEOPLE)] + rows, columns=["id", "time", "blood"])


def fits(data: pd.DataFrame) -> dict[str, sd.Fit]:
    """One fit for each way to treat what lies below the limit."""
    below = data["blood"].str.startswith("<")
    treated = {
        "censored": data["blood"],
        "the limit itself": data["blood"].where(~below, str(LIMIT)),
        "left out": data["blood"].where(~below, "NA"),
    }
    begin = {"initial": {"gut": 10, "blood": 0}, "guesses": {"ka": 1.0, "k": 0.5}, "starts": 1}
    return {way: sd.fit(DRUG, data.assign(blood=values), **begin) for way, values in treated.items()}


def half_lives(studies: list[dict[str, sd.Fit]]) -> pd.DataFrame:
    """Half-lives in hours: a row for each study, a column for each way."""
    return pd.DataFrame([{way: np.log(2) / fit.parameters["k"] for way, fit in found.items()} for found in studies])


@sd.style()
def draw(data: pd.DataFrame, found: dict[str, sd.Fit], table: pd.DataFrame) -> Figure:
    """The measurements of one study with the three curves, and the half-lives of all."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), width_ratios=(2, 1), layout="constrained")
    below = data["blood"].str.startswith("<")
    left.plot(data["time"], pd.to_numeric(data["blood"], errors="coerce"), "o", ms=3, color="0.55", label="measured")
    counts = data[below].groupby("time").size()
    left.plot(counts.index, np.full(len(counts), LIMIT), "v", ms=6, mfc="white", color="0.3", label=f"below {LIMIT}: how many")
    for time, count in counts.items():
        left.annotate(str(count), (time, LIMIT), (0, -13), textcoords="offset points", ha="center", fontsize=8)
    grid = np.linspace(0, 12, 400)
    for way, color in WAYS.items():
        left.plot(grid[4:], found[way].predict(grid).blood[4:], color=color, label=way)
    left.set(xlabel="hours", ylabel="concentration in blood", yscale="log", ylim=(0.1, 10))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter("")
    left.legend()
    for place, (way, color) in enumerate(WAYS.items()):
        right.plot(table[way], np.full(len(table), place), "o", ms=4, color=color, alpha=0.4)
        right.plot(table[way].mean(), place, "|", ms=22, mew=2, color=color)
    right.axvline(np.log(2) / RATE, color="0.3", ls="--", lw=1)
    right.set(xlabel="half-lives in hours of 12 studies\n(bars: means; dashed: true)", ylim=(2.5, -0.5))
    right.set_yticks(range(len(WAYS)), list(WAYS))
    return figure


def run(out: Path) -> pd.DataFrame:
    """Fit all studies, draw, and return the half-lives."""
    data = [measurements(seed) for seed in range(STUDIES)]
    found = [fits(each) for each in data]
    table = half_lives(found)
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(data[0], found[0], table)
    figure.savefig(out / "limit_of_detection.png", dpi=150)
    plt.close(figure)
    return table


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    table = run(parser.parse_args(arguments).out)
    print(f"true half-life {np.log(2) / RATE:.3f} hours")
    print(pd.DataFrame({"mean": table.mean(), "standard error": table.sem()}).round(3).to_string())
    return table


if __name__ == "__main__":
    main()
