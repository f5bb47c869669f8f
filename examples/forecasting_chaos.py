"""How far chaotic flows can be foretold from a hundred noisy points: equations that are recovered, beside three other methods.

Each method learns a flow from a hundred points of one trajectory, with 1 % noise, and foretells another.  A Lyapunov time is
that in which a small error grows by a factor e.  Equations use all that the data tell in every forecast, and are right long
after regressions on the past have lost the trajectory.

    python -m examples.forecasting_chaos --out out

Gilpin, Chaos as an interpretable benchmark for forecasting and data-driven modelling, arXiv:2110.05266.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE, VERMILION
from symdyn.models import zoo

FLOWS = ("sprott_b", "sprott_n", "chen", "roessler", "rucklidge", "sprott_f", "lorenz", "genesio_tesi")
METHODS = ("persistence", "nvar", "echo-state", "recover")
POINTS, NOISE, HORIZON = 100, 0.01, 12.0


def followed(name: str) -> dict[str, Any]:
    """One forecast of a flow by equations recovered from noisy points, the truth, and the points."""
    system = zoo.chaotic[name]
    step = 5.0 / 30
    points = sd.simulate(system, step * np.arange(300), rtol=1e-10, progress=False).isel(time=slice(200, None))
    rng = np.random.default_rng(1)
    data = {"t": points.time.values - float(points.time[0])}
    for s in system.names:
        data[s] = points[s].values + NOISE * float(points[s].std()) * rng.standard_normal(POINTS)
    found = sd.recover(None, data, progress=False)
    times = np.linspace(0, 240, 2401)
    start = {s: float(points[s][-1]) for s in system.names}
    truth, forecast = (sd.simulate(one, times, initial=start, rtol=1e-10, progress=False) for one in (system, found.system))
    return {"data": data, "truth": truth, "forecast": forecast, "equations": found.table["terms"][0]}


@sd.style()
def draw(study: Any, run: dict[str, Any]) -> Figure:
    """Valid times of each flow by method, and one forecast."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.3), layout="constrained", width_ratios=[1, 1.15])
    middle = study.valid_time.median("start").squeeze(["points", "noise"])
    order = np.argsort(middle.sel(forecaster="recover").values)
    for name, marker, color in zip(METHODS, "s^Do", ("0.6", ORANGE, BLUE, VERMILION), strict=True):
        left.plot(middle.sel(forecaster=name).values[order], np.arange(len(order)), marker, color=color, label=name, ms=6)
    left.set_yticks(range(len(order)), [study.flow.values[k].replace("_", " ") for k in order])
    left.set(xlabel="valid time (Lyapunov times)", xlim=(-0.3, HORIZON + 0.3), title=f"{POINTS} points, noise {NOISE:.0%}")
    left.grid(axis="y", alpha=0.25)
    left.legend(loc="lower right")
    data, begin = run["data"], run["data"]["t"][-1]
    name = next(iter(run["truth"].data_vars))
    right.plot(data["t"], data[name], ".", color="0.35", ms=4, label="data")
    right.plot(begin + run["truth"].time, run["truth"][name], color=BLUE, lw=2.2, alpha=0.5, label="truth")
    right.plot(begin + run["forecast"].time, run["forecast"][name], color=VERMILION, lw=1, label="equations recovered")
    right.axvline(begin, color="0.35", lw=0.7)
    right.set(xlabel="time", ylabel=name, xlim=(begin - 20, begin + 200), title="one forecast")
    right.margins(y=0.15)
    right.legend(ncols=3, loc="lower center")
    right.set_ylim(top=1.35 * float(run["truth"][name].max()))
    return figure


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run the study; returns the median valid time of each method."""
    parser = argparse.ArgumentParser(prog="python -m examples.forecasting_chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the figure")
    parser.add_argument("--flows", nargs="+", default=FLOWS, choices=tuple(zoo.chaotic))
    parser.add_argument("--starts", type=int, default=6)
    chosen = parser.parse_args(arguments)
    flows = {name: zoo.chaotic[name] for name in chosen.flows}
    study = sd.studies.forecast(
        flows, METHODS, points=[POINTS], noise=[NOISE], starts=chosen.starts, horizon=HORIZON, progress=False
    )
    print(sd.studies.forecast_table(study).round(2).to_string())
    run = followed(chosen.flows[0])
    print(f"\n{chosen.flows[0]}: {run['equations']}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sd.style():
        draw(study, run).savefig(chosen.out / "forecasting_chaos.png", dpi=150)
    return study.valid_time.median("start").median("flow").squeeze().to_series().to_dict()


if __name__ == "__main__":
    main()
