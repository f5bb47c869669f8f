"""A Turing pattern in three dimensions: which waves grow is known, which pattern they make is not.

In a periodic box the waves about the uniform state of Schnakenberg's reaction are those whose numbers fit, and each grows or
decays with the rate that one matrix gives, whatever its direction.  Noise is sieved by these rates: the waves near the fastest
one are left, of all directions, and the nonlinear terms choose among them.  What comes is measured here by the spectrum over
spheres.  The box of 32 x 32 x 32 points is stepped by an exponential method with spectral derivatives, and the first waves also
by differences of sixth order on two threads, as another route; so is the greatest eigenvalue at the uniform state at rest.

    python -m examples.patterns_in_a_box --out out

Turing, Phil. Trans. R. Soc. B 237 (1952) 37; Murray, Mathematical Biology II, 3rd ed. (2003), 2.3; Leppänen et al., Physica D
168 (2002) 35 (three dimensions).
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
from symdyn.models import zoo

POINTS, RATIO = 32, 10.0


def growth(k: np.ndarray) -> np.ndarray:
    """Rates of the faster of the two waves with each wave number, from Schnakenberg's Jacobian with -k^2 for the Laplacian."""
    a, b = 0.1, 0.9
    u, v = a + b, b / (a + b) ** 2
    jacobian = np.array([[-1 + 2 * u * v, u**2], [-2 * u * v, -(u**2)]])
    waves = jacobian - np.multiply.outer(np.asarray(k) ** 2, np.diag([1.0, RATIO]))
    return np.linalg.eigvals(waves).real.max(axis=-1)


def fastest() -> float:
    """The wave number that grows fastest."""
    k = np.linspace(0.1, 1.2, 20001)
    return float(k[growth(k).argmax()])


SIDE = 3 * 2 * np.pi / fastest()


def system() -> sd.PDESystem:
    """Schnakenberg's reaction in a periodic box of three of the fastest waves."""
    model = zoo.schnakenberg()
    rates = dict(zip(model.fields, model.rates, strict=True))
    values = {**model.defaults, sp.Symbol("d"): RATIO}
    return sd.PDESystem(rates, sd.Box(SIDE, SIDE, SIDE), boundary="periodic", parameters=values)


def measured_growth(direction: tuple[int, int, int], threads: int = 1, **grid: object) -> tuple[float, float]:
    """The rate of a small wave of so many periods along each axis, as simulated and as the matrix gives it."""
    model, k = system(), 2 * np.pi / SIDE * float(np.linalg.norm(direction))
    angles = sum(n * s for n, s in zip(direction, model.space, strict=True)) * 2 * sp.pi / SIDE
    start = {"u": 1 + 1e-6 * sp.cos(angles), "v": sp.Rational(9, 10) - 1e-6 * sp.cos(angles) / 10}
    data = sd.simulate(
        model.discretize(POINTS, **grid), [0, 15, 25], initial=start, method="etdrk4", step=0.25, progress=False,
        layout=sd.Layout(threads=threads),
    )  # fmt: skip
    size = [float(data.u[i].std()) for i in (1, 2)]
    return float(np.log(size[1] / size[0]) / 10), float(growth(np.array(k)))


def pattern(end: float = 150.0, seed: int = 0) -> xr.Dataset:
    """The fields from noise on."""
    rng = np.random.default_rng(seed)
    start = {"u": 1 + 0.01 * rng.standard_normal((POINTS,) * 3), "v": np.full((POINTS,) * 3, 0.9)}
    times = end * np.array([0, 0.1, 0.3, 1])
    grid = system().discretize(POINTS, scheme="spectral")
    return sd.simulate(grid, times, initial=start, method="etdrk4", step=0.75, progress=False)


def spectrum(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wave numbers, and the variance of the waves in the spheres around them."""
    power = np.abs(np.fft.fftn(u - u.mean())) ** 2
    n = np.fft.fftfreq(POINTS, 1 / POINTS)
    size = np.sqrt(sum(a**2 for a in np.meshgrid(n, n, n)))
    bins = np.rint(size).astype(int).ravel()
    found = np.bincount(bins, power.ravel())[: POINTS // 2]
    return 2 * np.pi / SIDE * np.arange(len(found)), found / found.sum()


@sd.style()
def figure(data: xr.Dataset) -> Figure:
    """Three cuts of the pattern, and spectra of the beginning and the end."""
    shown, axes = plt.subplots(2, 2, figsize=(7.5, 6.2), layout="constrained")
    axes = axes.ravel()
    late = data.u[-1]
    limits = float(late.min()), float(late.max())
    for ax, (axis, others) in zip(axes, (("x", "yz"), ("y", "xz"), ("z", "xy")), strict=False):
        values = late.sel({axis: SIDE / 2}, method="nearest").transpose(*others)
        drawn = ax.imshow(values.values.T, origin="lower", extent=(0, SIDE, 0, SIDE), vmin=limits[0], vmax=limits[1])
        ax.set(xlabel=f"${others[0]}$", ylabel=f"${others[1]}$", title=f"$u$ in the middle of ${axis}$")
    shown.colorbar(drawn, ax=axes[2], shrink=0.8)
    ax = axes[3]
    for k, colour in ((1, ORANGE), (3, BLUE)):
        numbers, part = spectrum(data.u[k].values)
        ax.plot(numbers, part, "o-", ms=3, color=colour, label=f"$t$ = {float(data.time[k]):g}")
    ax.axvline(fastest(), color="0.55", lw=1, ls="--", label="grows fastest")
    ax.set(xlim=(0, 2.5), xlabel="wave number $k$", ylabel="part of the variance")
    ax.legend()
    return shown


def main(arguments: list[str] | None = None) -> None:
    """Print the rates and the wave numbers, and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    for direction in ((3, 0, 0), (2, 2, 1), (1, 1, 3)):
        found, told = measured_growth(direction, order=6, threads=2)
        print(f"wave {direction}: grows with {found:.6f}, by the matrix {told:.6f}")
    data = pattern()
    numbers, part = spectrum(data.u[-1].values)
    print(f"wave number of the pattern {float(numbers[part.argmax()]):.4f}, fastest {fastest():.4f}")
    figure(data).savefig(out / "patterns_in_a_box.png", dpi=150)


if __name__ == "__main__":
    main()
