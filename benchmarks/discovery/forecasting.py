"""Forecasts of chaotic flows, from 100, 1,000 and 10,000 points: methods of symdyn, PySINDy and reservoirpy on the same data.

    python -m benchmarks.discovery.forecasting --rows out/forecasting.jsonl --out benchmarks/results

The study is `symdyn.studies.forecast`, over the flows of `symdyn.models.zoo.chaotic`, or with `--dysts` those of dysts whose
equations can be written (all 135 but delays and the like, which it names).  More data should never make equations worse.  A run
that was killed goes on where it ended, and with `--seconds` it begins no row after so many seconds of CPU: all flows in pieces.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import symdyn as sd
from benchmarks.discovery import odebench_peers
from benchmarks.discovery.dysts_flows import DystsFlows
from benchmarks.discovery.rows import Rows, keep
from benchmarks.machine import facts, versions
from symdyn.models import zoo
from symdyn.studies import Training, forecast, forecast_correlations, plot_forecasts

__all__ = [
    "BLACK_BOXES", "FLOWS", "KEY", "METHODS", "NOISE", "POINTS", "ahead", "main", "monotone", "pysindy", "reservoirpy", "rows",
    "study",
]  # fmt: skip

FLOWS = tuple(zoo.chaotic)
#: Points, in the order in which they are run, and noise.
POINTS, NOISE = (100, 1_000, 10_000), (0.0, 0.01)
STARTS, HORIZON = 6, 20.0
KEY = ("flow", "forecaster", "points", "noise")
#: Of a row: the median of valid times over starts, their quartiles, and the median of the symmetric error.
COLUMNS = ("valid", "lower", "upper", "smape")
#: Share of a valid time that counts as no fall.
ENOUGH = 0.9

#: Methods whose models are no equations.
QUICK = ("persistence", "linear", "nvar", "echo-state")
BLACK_BOXES = (*QUICK, "reservoirpy")

Learnt = Callable[[np.ndarray, int], np.ndarray]


def pysindy(training: Training) -> Learnt:
    """Cubic polynomials by STLSQ on the rates of change of smoothing splines, the threshold by its own forecasts."""
    states = training.system.states
    law = odebench_peers.sindy(training.times, training.values, states, training.seed)
    system, step = sd.ODESystem(dict(zip(states, law.sides, strict=True))), training.times[1]

    def run(history: np.ndarray, count: int) -> np.ndarray:
        initial = dict(zip(states, map(float, history[-1]), strict=True))
        made = sd.simulate(system, step * np.arange(count + 1), initial=initial, rtol=1e-9, on_failure="nan", progress=False)
        return np.stack([made[s.name].values[1:] for s in states], axis=1)

    return run


def reservoirpy(training: Training) -> Learnt:
    """An echo state network of reservoirpy, of 300 units, the best of 18 settings by a forecast within the last fifth."""
    from reservoirpy.nodes import Input, Reservoir, Ridge

    mean, size = training.values.mean(axis=0), training.values.std(axis=0)
    z = (training.values - mean) / size
    early = len(z) - max(len(z) // 5, 2)

    def trained(until: int, radius: float, leak: float, ridge: float):
        source = Input()
        units = Reservoir(300, sr=radius, lr=leak, input_scaling=0.5, input_connectivity=1.0, seed=training.seed)
        model = [source, source >> units] >> Ridge(ridge=ridge)
        return model.fit(z[: until - 1], z[1:until], warmup=min(20, until // 2))

    def run(model, history: np.ndarray, count: int) -> np.ndarray:
        model.reset()
        state = model.run(history)[-1]
        found = np.empty((count, z.shape[1]))
        for k in range(count):
            found[k] = state
            state = model.run(state[None])[-1]
        return found

    settings = list(itertools.product((0.4, 0.8, 1.2), (0.5, 1.0), (1e-8, 1e-6, 1e-4)))
    ahead = min(30, len(z) - early)
    errors = [np.mean((run(trained(early, *s), z[:early][-200:], ahead) - z[early : early + ahead]) ** 2) for s in settings]
    model = trained(len(z), *settings[int(np.argmin(np.nan_to_num(errors, nan=np.inf)))])
    return lambda history, count: mean + size * run(model, (history - mean) / size, count)


METHODS: dict[str, str | Callable[[Training], Learnt]] = {
    "persistence": "persistence", "linear": "linear", "nvar": "nvar", "echo-state": "echo-state", "recover": "recover",
    "hybrid": "hybrid", "PySINDy": pysindy, "reservoirpy": reservoirpy,
}  # fmt: skip


def written() -> tuple[tuple[str, ...], list[str]]:
    """Names of the flows of dysts whose equations can be written, and why the others cannot."""
    flows, names, reasons = DystsFlows(), list[str](), list[str]()
    for name in flows:
        try:
            flows[name]
        except KeyError as error:
            reasons.append(str(error.args[0]))
        else:
            names.append(name)
    return tuple(names), reasons


def rows(flow: str, methods: Sequence[str], points: int, noise: Sequence[float]) -> Iterator[dict[str, object]]:
    """Rows of the study, of one flow: its trajectories are made once for the methods that take no time, and for each other."""
    quick = [m for m in methods if m in QUICK]
    slow = [[m] if isinstance(METHODS[m], str) else {m: METHODS[m]} for m in methods if m not in QUICK]
    flows = {flow: zoo.chaotic[flow] if flow in FLOWS else DystsFlows()[flow]}
    for chosen in filter(None, (quick, *slow)):
        keys = [{"flow": flow, "forecaster": m, "points": points, "noise": level} for m in chosen for level in noise]
        try:
            found = forecast(flows, chosen, points=[points], noise=noise, starts=STARTS, horizon=HORIZON, progress=False)
        except sd.SymdynError as error:  # of the flow itself: no period, no positive exponent, a run that leaves every bound
            none = dict.fromkeys((*COLUMNS, "seconds", "exponent", "dimension", "period"), np.nan)
            yield from ({**key, "note": f"no data: {error}", **none} for key in keys)
            continue
        for key in keys:
            one = found.sel(forecaster=key["forecaster"], noise=key["noise"]).squeeze()
            low, middle, high = one.valid_time.quantile([0.25, 0.5, 0.75]).values.tolist()
            numbers = dict(zip(COLUMNS, (middle, low, high, float(one.smape.median())), strict=True))
            facts = {name: float(one[name]) for name in ("seconds", "exponent", "dimension", "period")}
            yield {**key, **numbers, "note": str(one.note.values), **facts}


def study(frame: pd.DataFrame, noise: float) -> xr.Dataset:
    """Rows of one noise as a dataset of `forecast`, of the flows that all methods and points have."""
    own = frame[(frame["noise"] == noise) & frame["period"].notna()]
    own = own[own.groupby("flow")["valid"].transform("size") == own.groupby("flow")["valid"].size().max()]
    found = own.set_index(["flow", "forecaster", "points", "noise"])[["valid", "smape", "seconds"]].to_xarray()
    by_flow = own.groupby("flow")[["exponent", "dimension", "period"]].first().to_xarray()
    found = found.rename(valid="valid_time").assign(by_flow).assign_attrs(horizon=HORIZON)
    return found.assign(valid_time=found.valid_time.expand_dims("start"), smape=found.smape.expand_dims("start"))


def monotone(frame: pd.DataFrame) -> pd.DataFrame:
    """Valid times of equations of each flow and noise by points, and whether none is less than `ENOUGH` of one from fewer."""
    own = frame[frame["forecaster"] == "recover"]
    table = own.pivot(index=["noise", "flow"], columns="points", values="valid")
    steps = list(itertools.pairwise(table.columns))
    known = table.notna().all(axis=1)
    return table.assign(monotone=np.all([table[b] >= ENOUGH * table[a] for a, b in steps], axis=0) if steps else True)[known]


def ahead(frame: pd.DataFrame) -> list[str]:
    """For each noise and number of points, on how many flows the hybrid goes further than all methods without equations.

    Of a flow counts what the hybrid and one of the others have.
    """
    lines = []
    for (noise, points), own in frame.groupby(["noise", "points"]):
        table = own.pivot(index="flow", columns="forecaster", values="valid")
        others = [name for name in BLACK_BOXES if name in table]
        if "hybrid" not in table or not others:
            continue
        best = table[others].max(axis=1)
        known = table["hybrid"].notna() & best.notna()
        behind = table.index[known & (table["hybrid"] <= best)]
        where = f"; not on {', '.join(behind)}" if len(behind) else ""
        lines.append(
            f"noise {noise:g}, {points} points: with all but one equation known further than {', '.join(others)} on "
            f"{int(known.sum()) - len(behind)} of {int(known.sum())} flows{where}"
        )
    return lines


def text(frame: pd.DataFrame, began: float) -> str:
    """The tables of a file of results."""
    machine = facts()
    shown = [c for c in (*COLUMNS, "seconds") if c in frame]
    medians = frame.groupby(["noise", "points", "forecaster"])[shown].median()
    medians["flows"] = frame.groupby(["noise", "points", "forecaster"]).size()
    medians["failed"] = frame.assign(failed=frame["note"] != "").groupby(["noise", "points", "forecaster"])["failed"].sum()
    table = monotone(frame)
    lines = [
        (__doc__ or "").split("\n\n")[0], "",
        f"Medians over {frame['flow'].nunique()} flows, of each of {STARTS} starts: the median and the quartiles of its valid",
        f"times, in Lyapunov times, at most {HORIZON:g}, and the median of its errors, in per cent; CPU-seconds of learning.",
        f"{machine['processor']}, load {began:.1f} at the start and {os.getloadavg()[0]:.1f} at the end; "
        + ", ".join(f"{k} {v}" for k, v in versions().items() if k in ("python", "numpy", "pysindy", "reservoirpy")) + ".",
        "", medians.round(2).to_string(), "",
        *(f"noise {noise:g}: more points never make equations worse on {int(own['monotone'].sum())} of {len(own)} flows"
          for noise, own in table.groupby("noise")), "",
        *ahead(frame), "",
    ]  # fmt: skip
    for noise in sorted(frame["noise"].unique()):
        own = study(frame, noise)
        if own.sizes["flow"] >= 5:
            found = forecast_correlations(own).to_dataframe().reset_index().drop(columns="noise")
            lines += [f"rank correlations of valid times with invariants, noise {noise:g}, {own.sizes['flow']} flows", "",
                      found.round(2).to_string(index=False), ""]  # fmt: skip
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.forecasting", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=Path, default=Path("out") / "forecasting.jsonl", help="file of rows, which are kept")
    parser.add_argument("--out", type=Path, default=Path("out") / "benchmarks", help="folder of tables and figure")
    parser.add_argument("--dysts", action="store_true", help="the flows of dysts instead of those of symdyn")
    parser.add_argument("--flows", nargs="+", help="some of them")
    parser.add_argument("--seconds", type=float, default=np.inf, help="of CPU, after which no row is begun")
    parser.add_argument("--methods", nargs="+", default=tuple(METHODS), choices=tuple(METHODS))
    parser.add_argument("--points", nargs="+", type=int, default=POINTS)
    chosen = parser.parse_args(arguments)
    kept, began, flows = Rows(chosen.rows, KEY), os.getloadavg()[0], FLOWS
    if chosen.dysts:
        flows, unwritten = written()
        sys.stdout.write("".join(f"{reason}\n" for reason in unwritten))
    if unknown := [name for name in chosen.flows or () if name not in flows]:
        parser.error(f"no such flow: {', '.join(unknown)}; known are {', '.join(flows)}")
    named, missing = chosen.flows or flows, 0
    for points, flow in itertools.product(chosen.points, named):
        left = [(m, level) for m in chosen.methods for level in NOISE if (flow, m, points, level) not in kept.found]
        if left and time.process_time() < chosen.seconds:
            for row in rows(flow, list(dict.fromkeys(m for m, _ in left)), points, sorted({level for _, level in left})):
                kept.add(row)
        else:
            missing += len(left)
    total = len(chosen.points) * len(named) * len(chosen.methods) * len(NOISE)
    sys.stdout.write(f"{total - missing} of {total} rows are there{'; the same command goes on' if missing else ''}\n")
    frame, name = kept.frame(), "forecasting_dysts" if chosen.dysts else "forecasting"
    keep(chosen.out / f"{name}.txt", text(frame, began))
    plot_forecasts(study(frame, frame["noise"].min())).savefig(chosen.out / f"{name}.png", dpi=130)
    return 0


if __name__ == "__main__":
    sys.exit(main())
