"""A front of growing cells: pictures of it, and its length alone, tell its speed better than what makes it.

Cells wander with the diffusivity D and divide at the rate r until the space is full, Fisher's equation,

    u_t = D u_xx + r u (1 - u),

between walls without flux.  Ten places are looked at eight times with an error of 0.03, and D and r are fitted on a grid of 80
cells.  A second experiment knows the covered length alone, the integral of u, with an error of 0.05.  An old front advances at
the speed 2 sqrt(D r), so that both know the product of D and r about three times better than their ratio: the regions of what
is possible are stretched along D r = const.

    python -m examples.front_fit --out out

Murray, Mathematical Biology I (2002), ch. 13.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE

FRONT = sd.PDESystem.from_text(
    "u' = D*laplacian(u) + r*u*(1 - u); u(0) = 1/(1 + exp(2*(x - 5)))",
    domain=(0, 40),
    observables={"length": sd.integral(sp.Symbol("u"))},
)
HOURS, PLACES = np.linspace(0, 12, 8), np.linspace(2, 38, 10)
TRUE = {"D": 0.5, "r": 1.0}
BOUNDS = {"D": (0.01, 10), "r": (0.01, 10)}
COLORS = {"pictures": BLUE, "length": ORANGE}


def measurements(seed: int = 0) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    """Pictures, and lengths, of a front on a grid of twice as many cells as it is fitted on."""
    rng = np.random.default_rng(seed)
    run = sd.simulate(FRONT.discretize(160), HOURS, parameters=TRUE, progress=False, rtol=1e-7)
    pictures = run[["u"]].interp(x=PLACES)
    pictures["u"] = pictures.u + 0.03 * rng.normal(size=pictures.u.shape)
    return pictures, {"time": HOURS, "length": run.length.values + 0.05 * rng.normal(size=len(HOURS))}


def fits(pictures: xr.Dataset, lengths: dict[str, np.ndarray]) -> dict[str, sd.Fit]:
    """A fit to each experiment."""
    grid = FRONT.discretize(80)
    return {
        "pictures": sd.fit(grid, pictures, noise=0.03, parameters=BOUNDS, starts=4),
        "length": sd.fit(grid, lengths, noise=0.05, parameters=BOUNDS, starts=4),
    }


def errors(fit: sd.Fit) -> tuple[float, float]:
    """Standard errors of log(D r) and log(D/r)."""
    covariance = fit.information.covariance
    return tuple(float(np.sqrt(q @ covariance @ q)) for q in (np.array([1.0, 1.0]), np.array([1.0, -1.0])))  # type: ignore[return-value]


@sd.style()
def draw(pictures: xr.Dataset, found: dict[str, sd.Fit]) -> Figure:
    """The pictures with the fitted front, and the 90 % regions of D and r."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
    values = found["pictures"].parameters
    run = sd.simulate(FRONT.discretize(80), HOURS, parameters=values, progress=False)
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(HOURS)))
    for k, color in enumerate(shades):
        left.plot(run.x, run.u[k], color=color, lw=1.2)
        left.plot(PLACES, pictures.u[k], "o", color=color, ms=4, mec="white", mew=0.4)
    left.set(xlabel="x", ylabel="density, from 0 to 12 hours")
    angle = np.linspace(0, 2 * np.pi, 200)
    reach = np.sqrt(2 * np.log(10))  # 90 % of a normal law in two dimensions
    for name, fit in found.items():
        root = np.linalg.cholesky(fit.information.covariance)
        ring = np.exp(fit.theta[:, None] + reach * root @ np.stack([np.cos(angle), np.sin(angle)]))
        right.plot(*ring, color=COLORS[name], label=name)
        right.plot(*np.exp(fit.theta), "o", color=COLORS[name], ms=4)
    across = np.geomspace(*right.get_xlim(), 50)
    right.plot(across, TRUE["D"] * TRUE["r"] / across, ":", color="0.5", lw=1, label="the same speed")
    right.plot(*TRUE.values(), "+", color="k", ms=9, label="true")
    right.set(xlabel="diffusivity D", ylabel="rate of growth r")
    right.legend()
    return figure


def run(out: Path) -> dict[str, sd.Fit]:
    """Measure, fit and draw."""
    pictures, lengths = measurements()
    found = fits(pictures, lengths)
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(pictures, found)
    figure.savefig(out / "front_fit.png", dpi=150)
    plt.close(figure)
    return found


def main(arguments: list[str] | None = None) -> dict[str, sd.Fit]:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    found = run(parser.parse_args(arguments).out)
    for name, fit in found.items():
        product, ratio = errors(fit)
        speed = 2 * np.sqrt(fit.parameters["D"] * fit.parameters["r"])
        print(f"{name:9s} speed {speed:.3f}; standard errors of log(D r) {product:.3f}, of log(D/r) {ratio:.3f}")
    return found


if __name__ == "__main__":
    main()
