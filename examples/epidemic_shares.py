"""What decides how high an epidemic rises, and when?  Shares of variance over the ranges of what is uncertain.

Of a population, shares are susceptible, infected, and recovered:

    s' = -beta*s*i        i' = beta*s*i - gamma*i

The rate of infection, that of recovery and the share that is infected first are known within ranges.  Sobol's shares tell how
much of the variance of an output each explains, alone (first) and with the others (total), at every time, for the height of the
peak and for its time.  The height has a closed form, which depends on beta/gamma and hardly on how it began,

    i_max = s0 + i0 - (1 + log(R s0))/R,    R = beta/gamma,

so that its shares are known by quadrature; how it began matters for the time of the peak.

    python -m examples.epidemic_shares --out out

Saltelli et al., Comput. Phys. Commun. 181, 259 (2010); Kermack & McKendrick, Proc. R. Soc. A 115, 700 (1927).
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, VERMILION

EPIDEMIC = sd.ODESystem.from_text("s' = -beta*s*i; i' = beta*s*i - gamma*i; s(0) = 1 - i0; i(0) = i0; beta = 0.4; gamma = 0.1")
RANGES = {"beta": (0.3, 0.6), "gamma": (0.08, 0.16), "i0": (1e-4, 1e-2)}
DAYS = np.linspace(0, 120, 481)
COLORS = {"beta": VERMILION, "gamma": BLUE, "i0": GREEN}


def shares(samples: int = 1024, seed: int = 0) -> xr.Dataset:
    """Shares of variance of the infected over time, and of the height and the time of the peak."""
    outputs = {
        "infected": lambda run: run.i,
        "height": lambda run: run.i.max("time"),
        "day": lambda run: run.i.idxmax("time"),
    }
    return sd.global_sensitivities(EPIDEMIC, DAYS, RANGES, outputs=outputs, samples=samples, seed=seed)


def closed_form(points: int = 40) -> dict[str, tuple[float, float]]:
    """First and total shares of the height, by Gauss's quadrature of its closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    axes = [low + (high - low) * (nodes + 1) / 2 for low, high in RANGES.values()]
    beta, gamma, i0 = np.meshgrid(*axes, indexing="ij")
    ratio = beta / gamma
    height = 1 - (1 + np.log(ratio * (1 - i0))) / ratio

    def mean(values: np.ndarray, over: tuple[int, ...]) -> np.ndarray:
        for axis in sorted(over, reverse=True):
            values = np.tensordot(values, weights / 2, (axis, 0))
        return values

    whole = float(mean(height**2, (0, 1, 2)) - mean(height, (0, 1, 2)) ** 2)
    found = {}
    for k, name in enumerate(RANGES):
        others = tuple(m for m in range(3) if m != k)
        alone, rest = mean(height, others), mean(height, (k,))
        first = float((alone**2 * weights / 2).sum() - (alone * weights / 2).sum() ** 2)
        without = float(mean(rest**2, (0, 1)) - mean(rest, (0, 1)) ** 2)
        found[name] = (first / whole, 1 - without / whole)
    return found


@sd.style()
def draw(found: xr.Dataset, known: dict[str, tuple[float, float]]) -> Figure:
    """First and total shares over time, and of the peak beside the closed form."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), width_ratios=(3, 2), layout="constrained")
    for name, color in COLORS.items():
        row = found.sel(parameter=name)
        left.plot(DAYS[1:], row.infected_total[1:], color=color, label=name)
        left.plot(DAYS[1:], row.infected_first[1:], color=color, ls="--", lw=1)
    left.set(xlabel="days", ylabel="share of the variance of the infected", ylim=(-0.05, 1.05))
    left.plot([], [], color="0.3", label="with others")
    left.plot([], [], color="0.3", ls="--", lw=1, label="alone")
    left.legend(ncols=2)
    for place, (what, name) in enumerate(itertools.product(("height", "day"), RANGES)):
        row = found.sel(parameter=name)
        at = place + (place > 2)
        right.bar(at, row[f"{what}_total"], yerr=row[f"{what}_total_error"], color=COLORS[name], width=0.8)
        if what == "height":
            right.plot([at - 0.4, at + 0.4], [known[name][1]] * 2, color="black", lw=1.5)
    right.set_xticks([1, 5], ["height of the peak", "day of the peak"])
    right.set(ylabel="total share", ylim=(0, 1))
    right.plot([], [], color="black", lw=1.5, label="closed form")
    right.legend()
    return figure


def main(arguments: list[str] | None = None) -> tuple[xr.Dataset, dict[str, tuple[float, float]]]:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    found, known = shares(), closed_form()
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(found, known)
    figure.savefig(out / "epidemic_shares.png", dpi=150)
    plt.close(figure)
    for name, (first, total) in known.items():
        row = found.sel(parameter=name)
        print(
            f"{name:6} of the height: alone {float(row.height_first):.3f} (closed form {first:.3f}), with others "
            f"{float(row.height_total):.3f} ({total:.3f}); of its day: {float(row.day_total):.3f}"
        )
    return found, known


if __name__ == "__main__":
    main()
