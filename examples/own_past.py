"""A population that its own past moves: a delay, found from one column.

Adults of laboratory flies are counted every second day.  They were eggs a time before, of which crowding leaves few,

    x' = a x(t - T) exp(-b x(t - T)) - c x,

so that numbers rise and fall without any food or predator doing so.  `symdyn.recover` is given the first two thirds of a series
that this law has made, with 7 % of error in each count, and nothing else.  No equation of first order turns back; of the models
of textbooks with a hidden population, a delay or a season, it finds the one with a delay, its constants, and the last third.

    python -m examples.own_past --out out

Nicholson, Aust. J. Zool. 2, 9 (1954); Gurney, Blythe, Nisbet, Nature 287, 17 (1980): the law, and constants as of the flies.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

FLIES = sd.ODESystem.from_text(
    "x' = a*x(t - T)*exp(-b*x(t - T)) - c*x; x(t <= 0) = 800", parameters={"a": 8.0, "T": 15.0, "b": 1 / 500, "c": 0.18}
)
DAYS, GIVEN, ERROR, BAND = 2.0 * np.arange(120), 80, 0.07, 0.8


def counts(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts after the first hundred days, and what they are without errors."""
    exact = sd.simulate(FLIES, np.concatenate([[0.0], 100 + DAYS]), progress=False).x.values[1:]
    noise = np.random.default_rng(seed).standard_normal(len(DAYS))
    return pd.DataFrame({"t": DAYS, "x": exact * np.exp(ERROR * noise)}), exact


def study(seed: int = 0) -> sd.Recovery:
    """The recovery from the first two thirds."""
    return sd.recover(None, counts(seed)[0][:GIVEN], progress=False)


def error(found: sd.Recovery, seed: int = 0) -> tuple[float, float]:
    """Root mean square errors of the forecast of the last third and of persistence, over the deviation of that third."""
    table, exact = counts(seed)
    later = exact[GIVEN:]
    ahead = found.predict(DAYS[GIVEN:]).x.values
    ours, still = (float(np.sqrt(np.mean((later - v) ** 2)) / later.std()) for v in (ahead, table.x[GIVEN - 1]))
    return ours, still


@sd.style()
def draw(found: sd.Recovery, seed: int = 0) -> Figure:
    """The forecast, and the births that the past brings."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.0), width_ratios=(2, 1), layout="constrained")
    table, exact = counts(seed)
    band = found.predict(DAYS[GIVEN:], band=BAND)
    axes[0].plot(DAYS, exact, color="0.7", lw=3, label="exact")
    axes[0].plot(table.t[:GIVEN], table.x[:GIVEN], "o", color=BLUE, ms=3, label="given")
    axes[0].plot(table.t[GIVEN:], table.x[GIVEN:], "o", color=BLUE, mfc="white", ms=3, label="to come")
    axes[0].plot(band.time, band.x, color=VERMILION, label="foretold")
    axes[0].fill_between(band.time, band.x_lower, band.x_upper, color=VERMILION, alpha=0.2, lw=0, label="80 % band")
    axes[0].set(title="Flies", xlabel="day", ylabel="adults", ylim=(0, 1.6 * float(table.x.max())))
    axes[0].legend(ncols=3, loc="upper center")
    past = np.linspace(0, float(table.x.max()), 200)
    known = dict(zip(found.intervals["constant"], found.intervals["value"], strict=True))
    axes[1].plot(past, 8 * past * np.exp(-past / 500), color="0.7", lw=3, label="exact")
    if "crowding" in known:
        axes[1].plot(past, known["rate"] * past * np.exp(-known["crowding"] * past), color=VERMILION, lw=1, label="found")
    axes[1].set(title="What the past brings", xlabel="adults a delay before", ylabel="births, per day")
    axes[1].legend()
    return figure


def main(arguments: list[str] | None = None) -> sd.Recovery:
    parser = argparse.ArgumentParser(description="Recover a population that its own past moves.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    found = study()
    print(f"{found}\n")
    print("Errors of the last third, of the forecast and of persistence: {:.2f}, {:.2f}".format(*error(found)))
    draw(found).savefig(out / "own_past.png", dpi=150)
    print(f"The figure is in {out.resolve()}")
    return found


if __name__ == "__main__":
    main()
