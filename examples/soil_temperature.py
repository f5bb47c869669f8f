"""Soil under a recorded surface temperature: how deep a day and a cold spell reach.

The temperature T of the soil at the depth x obeys dT/dt = D d2T/dx2, and at the surface it is what a logger has recorded every
hour, an input over time, a straight line between two readings.  The wave of a day falls by 1/e and comes later by 1/(2 pi) of a
day at the depth d = sqrt(2 D/omega) (Carslaw & Jaeger, Conduction of Heat in Solids, 2nd ed. (1959), 2.6).  An event notes when
frost comes to the mean of the upper soil.

    python -m examples.soil_temperature --out out
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

T, D, frosts = sp.symbols("T D frosts")
#: Diffusivity in m^2/d, depth of the soil in m, length of the record in d.
DIFFUSIVITY, DEPTH, END = 0.0432, 1.2, 12.0
DAMPING = (2 * DIFFUSIVITY / (2 * np.pi)) ** 0.5


def record(cold: float = 0.0) -> sd.Path:
    """The surface in degrees Celsius, every hour: a wave of 8 degrees around 6, and days colder by `cold` from day 9 on."""
    hours = np.arange(0, 24 * END + 1) / 24
    return sd.Path("surface", hours, 6 + 8 * np.sin(2 * np.pi * hours) - cold * (hours > 9))


def soil(surface: sd.Path) -> sd.PDESystem:
    """The soil; no heat flows at its bottom, and `frosts` counts how often its mean falls below 2 degrees."""
    walls = {"left": sd.Dirichlet(surface), "right": "no-flux"}
    return sd.PDESystem(
        {T: D * sd.laplacian(T)}, (0, DEPTH), odes={frosts: 0}, boundary=walls, parameters={D: DIFFUSIVITY},
        initial={T: 6, frosts: 0}, events=sd.Event(sd.mean(T) < 2, {frosts: frosts + 1}),
    )  # fmt: skip


def study() -> xr.Dataset:
    """Even weeks, and a cold spell, in one run."""
    model, times = soil(record()), np.linspace(0, END, 24 * int(END) + 1)
    courses = {"surface": [record(), record(cold=12.0)]}
    return sd.simulate(model, times, inputs=courses, grid=60, method="imex", rtol=1e-3, atol=1e-2, progress=False)


def daily_wave(data: xr.Dataset) -> xr.DataArray:
    """The complex amplitude of the wave of a day on days 7 and 8, by depth."""
    part = data["T"].isel(surface=0).sel(time=slice(7, 9 - 1e-9))
    return 2 * (part * np.exp(-2j * np.pi * part.time)).mean("time")


@sd.style()
def figure(data: xr.Dataset) -> Figure:
    """The soil through the cold spell, and the wave of a day by depth beside theory."""
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
    data["T"].isel(surface=1).plot(ax=left, x="time", yincrease=False, cmap="RdBu_r", cbar_kwargs={"label": "temperature (°C)"})
    at = float(data.fired_at.isel(surface=1, event=0, firing=0))
    left.axvline(at, color="k", lw=1, label=f"mean below 2 °C on day {at:.2f}")
    left.set(xlabel="time (d)", ylabel="depth (m)", title="")
    left.legend(loc="lower left")
    wave = abs(daily_wave(data))
    right.semilogx(wave, data.x, "o", ms=3, label="simulated")
    right.semilogx(8 * np.exp(-data.x / DAMPING), data.x, label=r"$8\,\mathrm{e}^{-x/d}$")
    right.set(xlabel="amplitude of a day (°C)", ylabel="depth (m)", ylim=(0.8, 0), xlim=(1e-2, 10))
    right.legend()
    return drawn


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    data = study()
    figure(data).savefig(out / "soil_temperature.png", dpi=150)
    wave = daily_wave(data).interp(x=DAMPING)
    print(f"a day at d = {DAMPING:.3f} m: {abs(complex(wave)) / 8:.4f} of the surface (1/e = {np.exp(-1):.4f})")


if __name__ == "__main__":
    main()
