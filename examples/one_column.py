"""What was not measured, from one column: the predators behind the hares, and the velocity behind an angle.

One series that rises and falls through the same value is no solution of an autonomous equation of first order.  Given the hares
of 1900 to 1913 alone, `symdyn.recover` compares models of textbooks with a second, hidden population and finds Lotka's and
Volterra's

    hare' = hare (a - hidden),    hidden' = hidden (b hare - c),

in which `hidden` is the rate at which hares are eaten.  The years to 1920 are foretold with a twelfth of the error of
persistence, and the lynxes, which the model never saw, rise and fall with `hidden`.  Given the angle of a pendulum with
friction alone, it finds the equation of second order, with sine and friction.

    python -m examples.one_column --out out

Elton, Nicholson, J. Anim. Ecol. 11, 215 (1942), as tabulated by Howard (2009): thousands of pelts of the Hudson's Bay Company.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

DATA = Path(__file__).parent / "data" / "hudson_bay_1900_1920.csv"
LAST, BAND = 1913, 0.8
PENDULUM = sd.ODESystem.from_text("angle' = v; v' = -2*sin(angle) - 0.1*v; angle(0) = 2.5; v(0) = 0")


def records() -> pd.DataFrame:
    """Years with hares and lynxes."""
    table = pd.read_csv(DATA, comment="#").astype(float)
    return table.rename(columns={"year": "t"})[["t", "hare", "lynx"]]


def swing(seed: int = 0) -> pd.DataFrame:
    """Angles of a pendulum, with noise."""
    times = np.linspace(0, 9, 61)
    angle = sd.simulate(PENDULUM, times, progress=False).angle.values
    return pd.DataFrame({"t": times, "angle": angle + 0.03 * np.random.default_rng(seed).standard_normal(len(times))})


def study() -> tuple[sd.Recovery, sd.Recovery]:
    """The recoveries from hares alone and from angles alone."""
    table = records()
    hares = sd.recover(None, table[table.t <= LAST][["t", "hare"]], progress=False)
    return hares, sd.recover(None, swing(), library="mechanics", progress=False)


@sd.style()
def draw(hares: sd.Recovery, angles: sd.Recovery) -> Figure:
    """The forecast of the hares, the hidden population beside the lynxes, and the pendulum in its phase plane."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), layout="constrained")
    table, years = records(), np.arange(1900, 1920.01, 0.1)
    run = hares.predict(years)
    late = table.t > LAST
    band = hares.predict(table.t[late], band=BAND)
    axes[0].plot(run.time, run.hare, color=BLUE)
    axes[0].fill_between(band.time, band.hare_lower, band.hare_upper, color=BLUE, alpha=0.2, lw=0, label="80 % band")
    axes[0].plot(table.t[~late], table.hare[~late], "o", color=BLUE, ms=4, label="given")
    axes[0].plot(table.t[late], table.hare[late], "o", color=BLUE, mfc="white", ms=4, label="to come")
    axes[0].set(title="Hares", ylabel="thousands of pelts", ylim=(0, 150))
    axes[0].legend(loc="upper left")
    axes[1].plot(run.time, run.hidden, color=VERMILION, label="hidden")
    axes[1].set(title="What eats them", ylabel="rate, per year", ylim=(0, 2.4))
    other = axes[1].twinx()
    other.plot(table.t, table.lynx, "x", color="0.4", ms=4, label="lynxes, never given")
    other.set(ylabel="thousands of pelts", ylim=(0, 92.7))
    axes[1].legend(*(a + b for a, b in zip(*(x.get_legend_handles_labels() for x in (axes[1], other)), strict=True)))
    for axis in axes[:2]:
        axis.set(xlabel="year", xticks=range(1900, 1921, 5))
    times = np.linspace(0, 20, 801)
    found, exact = angles.predict(times), sd.simulate(PENDULUM, times, progress=False)
    axes[2].plot(exact.angle, exact.v, color="0.7", lw=3, label="exact")
    axes[2].plot(found.angle, found.velocity, color=BLUE, lw=1, label="from angles alone")
    axes[2].set(title="A pendulum", xlabel="angle", ylabel="velocity", ylim=(-3.2, 5))
    axes[2].legend(loc="upper center")
    return figure


def error(hares: sd.Recovery) -> tuple[float, float]:
    """Root mean square errors of the forecast of the hares, and of persistence."""
    table = records()
    late, last = table[table.t > LAST], float(table.hare[table.t == LAST].iloc[0])
    ahead: xr.Dataset = hares.predict(late.t)
    return tuple(float(np.sqrt(np.mean((late.hare - other) ** 2))) for other in (ahead.hare.values, last))


def main(arguments: list[str] | None = None) -> tuple[sd.Recovery, sd.Recovery]:
    parser = argparse.ArgumentParser(description="Recover what was not measured from one column.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    hares, angles = study()
    print(f"{hares}\n\n{angles}\n")
    print("Errors of the forecast of the hares, and of persistence: {:.3g}, {:.3g}".format(*error(hares)))
    draw(hares, angles).savefig(out / "one_column.png", dpi=150)
    print(f"The figure is in {out.resolve()}")
    return hares, angles


if __name__ == "__main__":
    main()
