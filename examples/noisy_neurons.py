"""Noisy integrate-and-fire neurons: the rate of firing at a constant current, and reliable spikes at a recorded one.

A neuron of the membrane potential v, in units of the distance from rest to threshold, receives a current u(t) and noise:
dv = (u - v) dt + sigma dW, in units of the membrane time constant, and is set to 0 where v reaches 1.  At a constant current
its rate is Siegert's integral.  Trials at a constant current lose their common phase after a few spikes; where the same record
of a fluctuating current is played again and again, spikes come at the same times (Mainen & Sejnowski, Science 268 (1995) 1503).

    python -m examples.noisy_neurons --out out

Siegert, Physical Review 81 (1951) 617; Ricciardi & Sacerdote, Biological Cybernetics 35 (1979) 1.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.special import erfcx

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE

v, sigma = sp.symbols("v sigma")
#: Mean current, noise, length of a record, and the time between its samples.
MEAN, NOISE, END, SAMPLE = 1.3, 0.2, 20.0, 0.05
STEP = 0.005


def siegert(mean: float, noise: float) -> float:
    """Rate of firing at a constant current, in spikes by membrane time constant."""
    area, _ = quad(lambda z: erfcx(-z), -mean / noise, (1 - mean) / noise)  # exp(z^2) (1 + erf z)
    return 1 / (math.sqrt(math.pi) * area)


def record(seed: int = 1) -> sd.Path:
    """A fluctuating current: an Ornstein-Uhlenbeck process of the correlation time 0.3, sampled as by an instrument."""
    rng, times = np.random.default_rng(seed), np.arange(0, END + SAMPLE / 2, SAMPLE)
    kept = math.exp(-SAMPLE / 0.3)
    values = [0.0]
    for _ in times[1:]:
        values.append(kept * values[-1] + math.sqrt(1 - kept**2) * rng.standard_normal())
    return sd.Path("u", times, MEAN + 0.8 * np.array(values))


def constant() -> sd.Path:
    """The mean of that current."""
    return sd.Path("u", [0, END], [MEAN, MEAN])


def neuron(current: sd.Path) -> sd.SDESystem:
    """The neuron; spikes are the firings of its event."""
    return sd.SDESystem({v: current - v}, {v: sigma}, {sigma: NOISE}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}))


def trials(count: int) -> dict[str, xr.Dataset]:
    """Trials with either current, which differ by their noise alone."""
    system = neuron(constant())
    runs = sd.simulate(
        system, np.linspace(0, END, 401), inputs={"u": [constant(), record()]}, trajectories=count, step=STEP, seed=1,
        progress=False,
    )  # fmt: skip
    return {"constant": runs.isel(u=0), "recorded": runs.isel(u=1)}


def rates(currents: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates of firing at constant currents after the first 5 time constants, and their standard errors."""
    mean = sp.Symbol("mean")
    system = sd.SDESystem({v: mean - v}, {v: sigma}, {sigma: NOISE}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}))
    arguments = {"parameters": {mean: currents}, "trajectories": count, "step": STEP, "seed": 2, "progress": False}
    whole, early = (sd.simulate(system, [0, end], **arguments).fired.isel(event=0) for end in (65, 5))
    fired = (whole - early) / 60
    return fired.mean("trajectory").values, fired.std("trajectory", ddof=1).values / math.sqrt(count)


def reliability(run: xr.Dataset, late: float = END / 2) -> float:
    """Variance over time of the number of spikes of all trials in windows of 0.1, over its mean: 1 without common times."""
    at = run.fired_at.values
    counts, _ = np.histogram(at[np.isfinite(at) & (at > late)], np.arange(late, END, 0.1))
    return float(counts.var() / counts.mean())


@sd.style()
def draw(runs: dict[str, xr.Dataset], currents: np.ndarray, found: tuple[np.ndarray, np.ndarray]) -> Figure:
    """Spikes of 60 trials with either current, the current, and the rates with Siegert's."""
    figure = plt.figure(figsize=(7.5, 3.5), layout="constrained")
    axes = figure.subplot_mosaic([["u", "rate"], ["recorded", "rate"], ["constant", "rate"]], width_ratios=[2, 1])
    course = record()
    axes["u"].plot(course.curves[0].times, course.curves[0].values, lw=0.8, color=BLUE)
    axes["u"].axhline(MEAN, lw=0.8, color="0.55")
    axes["u"].set(ylabel="current", xlim=(0, END), xticklabels=[])
    for name, color in (("recorded", BLUE), ("constant", "0.55")):
        axes[name].eventplot([row[np.isfinite(row)] for row in runs[name].fired_at.values[:60, 0]], lw=0.7, color=color)
        axes[name].set(ylabel=f"{name}:\ntrial", xlim=(0, END))
    axes["recorded"].set(xticklabels=[])
    axes["constant"].set(xlabel="time in membrane time constants")
    fine = np.linspace(currents[0], currents[-1], 100)
    axes["rate"].plot(fine, [siegert(m, NOISE) for m in fine], lw=1, color="black", label="Siegert")
    axes["rate"].errorbar(currents, found[0], 2 * found[1], fmt="o", ms=4, color=ORANGE, label="simulated")
    axes["rate"].set(xlabel="constant current", ylabel="spikes by time constant")
    axes["rate"].legend()
    return figure


def main(arguments: list[str] | None = None) -> tuple[dict[str, xr.Dataset], np.ndarray, tuple[np.ndarray, np.ndarray]]:
    parser = argparse.ArgumentParser(description="Noisy integrate-and-fire neurons at constant and recorded currents.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--trials", type=int, default=400, help="trials at each current")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    runs, currents = trials(given.trials), np.linspace(0.7, 1.6, 7)
    found = rates(currents, given.trials)
    draw(runs, currents, found).savefig(given.out / "noisy_neurons.png", dpi=150)
    for mean, rate, error in zip(currents, *found, strict=True):
        print(f"current {mean:.2f}: {rate:.4f} +- {error:.4f} spikes by time constant (Siegert {siegert(mean, NOISE):.4f})")
    for name, run in runs.items():
        print(f"{name:9s} current: {reliability(run):.1f} times the variance of spikes without common times")
    print(f"The figure is in {given.out.resolve()}")
    return runs, currents, found


if __name__ == "__main__":
    main()
