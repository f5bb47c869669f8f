"""Forecasts of measured populations: the first two thirds of a series fitted, the last third foretold.

The first model of a recovery from nothing, and from a library of populations, beside the fitted textbook model and beside
persistence, where nothing changes after the last datum.  ``python -m benchmarks.discovery.real_series --out FOLDER`` reads the
series, which are published with their sources, from ``examples/data``, and draws them.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.harness import attempt

__all__ = ["LIBRARIES", "SERIES", "Series", "draw", "main", "read", "run", "stochastic", "summary"]

OUT, DATA = Path("out") / "benchmarks", Path(__file__).parents[2] / "examples" / "data"
#: Share of a series that is fitted, and the probability of a band.
FITTED, BAND = 2 / 3, 0.8
LIBRARIES: Mapping[str, dict[str, Any]] = {"nothing known": {}, "populations": {"library": "populations"}}
x, y = sp.symbols("x y")
p = sp.symbols("p0:6")
LOTKA_VOLTERRA = {x: p[0] * x - p[1] * x * y, y: p[3] * x * y - p[2] * y}
COMPETITION = {x: x * (p[0] - p[1] * x - p[2] * y), y: y * (p[3] - p[4] * y - p[5] * x)}
LOGISTIC = {x: x * (p[0] - p[1] * x)}
#: Of a prey and a predator alone; the other one is in units of the rate of the measured one.
PREY = {x: x * (p[0] - y), y: y * (p[1] * x - p[2])}
PREDATOR = {x: x * (y - p[0]), y: y * (p[2] - p[1] * x)}
BEGINNINGS: Mapping[int, tuple[dict[sp.Symbol, float], ...]] = {
    2: ({p[0]: 1.0, p[1]: 0.004},),
    3: ({p[0]: 0.5, p[1]: 0.02, p[2]: 0.9},),
    4: ({p[0]: 0.5, p[1]: 0.02, p[2]: 0.9, p[3]: 0.02},),
    6: ({p[0]: 1.0, p[1]: 0.003, p[2]: 0.003, p[3]: 1.0, p[4]: 0.01, p[5]: 0.003},),
}


@dataclass(frozen=True)
class Series:
    """A series of a file.

    Attributes
    ----------
    file, time : str
        The file and its column of times.
    columns : tuple of str
        Populations, of the states x and y.
    textbook : mapping of Symbol to Expr
        Right-hand sides of the model of the textbooks.
    """

    file: str
    time: str
    columns: tuple[str, ...]
    textbook: Mapping[sp.Symbol, sp.Expr]


def _gause(table: int, *columns: str) -> Series:
    return Series(f"gause1934_table{table}.csv", "day", columns, COMPETITION if len(columns) > 1 else LOGISTIC)


SERIES: dict[str, Series] = {
    "hare and lynx": Series("hudson_bay_1900_1920.csv", "year", ("hare", "lynx"), LOTKA_VOLTERRA),
    "hare alone": Series("hudson_bay_1900_1920.csv", "year", ("hare",), PREY),
    "lynx alone": Series("hudson_bay_1900_1920.csv", "year", ("lynx",), PREDATOR),
    "two species of Paramecium": _gause(3, "aurelia_mixed", "caudatum_mixed"),
    "two species, one loop": _gause(4, "aurelia_oneloop_mixed", "caudatum_oneloop_mixed"),
    "P. aurelia": _gause(3, "aurelia_alone"),
    "P. caudatum": _gause(3, "caudatum_alone"),
    "P. aurelia, one loop": _gause(4, "aurelia_oneloop_alone"),
    "P. aurelia, half a loop": _gause(4, "aurelia_halfloop_alone"),
    "P. caudatum, one loop": _gause(4, "caudatum_oneloop_alone"),
    "P. caudatum, half a loop": _gause(4, "caudatum_halfloop_alone"),
}


def read(folder: Path, name: str) -> pd.DataFrame:
    """A series with the columns t, x and, of two populations, y."""
    own = SERIES[name]
    table = pd.read_csv(folder / own.file, comment="#")
    return pd.DataFrame({"t": table[own.time]} | dict(zip("xy", (table[c] for c in own.columns), strict=False))).astype(float)


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that are fitted, and those that are foretold."""
    early = round(FITTED * len(table))
    return table.iloc[:early], table.iloc[early:]


def run(folder: Path, names: Iterable[str] = tuple(SERIES)) -> pd.DataFrame:
    """A row for each series and method.

    Returns
    -------
    DataFrame
        Columns series, method, error (root mean square, relative to the standard deviation of each population in the part that
        is foretold, and the mean over these), inside (share of the data within the band, NaN without one), seconds, note, run.
    """
    rows = []
    for name in names:
        early, late = split(read(folder, name))
        for method, foretell in _methods(SERIES[name]).items():
            before = time.process_time()
            found, note = attempt(lambda f=foretell, a=early, b=late: f(a, b["t"].to_numpy()))
            run, note = found if found is not None else (None, note)
            rows.append({
                "series": name, "method": method, "error": _error(run, late), "inside": _inside(run, late),
                "seconds": time.process_time() - before, "note": note, "run": run,
            })  # fmt: skip
    return pd.DataFrame(rows)


Foretell = Callable[[pd.DataFrame, np.ndarray], tuple[Any, str]]


def _methods(series: Series) -> dict[str, Foretell]:
    def persistence(early: pd.DataFrame, times: np.ndarray) -> tuple[Any, str]:
        last = early.ffill().iloc[-1]
        return {s: np.full(len(times), last[s]) for s in early.columns[1:]}, ""

    def textbook(early: pd.DataFrame, times: np.ndarray) -> tuple[Any, str]:
        system = sd.ODESystem(dict(series.textbook))
        fits = [sd.fit(system, early, guesses=g) for g in BEGINNINGS[len(system.parameters)]]
        best = min(fits, key=lambda f: f.bic)
        begin = float(early["t"].iloc[0])
        run = sd.simulate(best.system, np.append(begin, times), progress=False).isel(time=slice(1, None))
        return run, ""

    def recovered(options: dict[str, Any]) -> Foretell:
        def foretell(early: pd.DataFrame, times: np.ndarray) -> tuple[Any, str]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = sd.recover(None, early, progress=False, **options)
            doubt = ["; in doubt" for text in found.warnings if "do not tell enough to foretell" in text][:1]
            noisy = "; process noise" if found.law is not None and found.law.process else ""
            return found.predict(times, band=BAND), found.table["terms"][0] + noisy + "".join(doubt)

        return foretell

    return {"persistence": persistence, "textbook": textbook} | {name: recovered(o) for name, o in LIBRARIES.items()}


def _error(run: Any, late: pd.DataFrame) -> float:
    if run is None:
        return np.inf
    errors = []
    for s in late.columns[1:]:
        gap = np.asarray(run[s], dtype=float) - late[s].to_numpy()
        errors.append(
            np.sqrt(np.nanmean(np.where(late[s].notna() & ~np.isfinite(gap), np.inf, gap) ** 2)) / late[s].std(ddof=0)
        )
    return float(np.mean(errors))


def _inside(run: Any, late: pd.DataFrame) -> float:
    if run is None or f"{late.columns[1]}_lower" not in run:
        return np.nan
    held = [
        ((late[s].to_numpy() >= run[f"{s}_lower"].values) & (late[s].to_numpy() <= run[f"{s}_upper"].values))[late[s].notna()]
        for s in late.columns[1:]
    ]
    return float(np.mean(np.concatenate(held)))


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors by series and method, each over that of the textbook, and the shares of data within bands."""
    errors = frame.pivot_table(index="series", columns="method", values="error", sort=False, dropna=False)
    table = errors.assign(**{f"{m} / textbook": errors[m] / errors["textbook"] for m in (*LIBRARIES, "persistence")})
    inside = frame.pivot_table(index="series", columns="method", values="inside", sort=False)
    return table.assign(**{f"in {BAND:.0%} band, {m}": inside[m] for m in LIBRARIES if m in inside})


def stochastic(seeds: Iterable[int], *, noise: float = 0.15, years: int = 24) -> pd.DataFrame:
    """Lotka-Volterra with process noise, simulated: whether its terms are found, with and without an error of the model.

    Relative noise of the states, in a year, and errors of measurement of 5 %; data once a year, the last third foretold.

    Returns
    -------
    DataFrame
        Columns seed, process (whether models were compared with process noise), right, inside (see `run`), error.
    """
    a, b, c, d = 0.55, 0.028, 0.84, 0.026
    system = sd.SDESystem({x: a * x - b * x * y, y: d * x * y - c * y}, sp.diag(noise * x, noise * y))
    truth = {"x": {x, x * y}, "y": {y, x * y}}
    rows = []
    for seed in seeds:
        times = np.arange(years + 1.0)
        made = sd.simulate(system, times, initial={x: 30, y: 6}, seed=seed, progress=False)
        rng = np.random.default_rng(seed)
        errors = {s: np.exp(0.05 * rng.standard_normal(len(times))) for s in ("x", "y")}
        table = pd.DataFrame({"t": times} | {s: np.ravel(made[s]) * e for s, e in errors.items()})
        early, late = split(table)
        for process in (False, None):
            options = sd.discover.RecoverOptions(process=process)
            found, note = attempt(lambda e=early, o=options: sd.recover(None, e, progress=False, options=o))
            if found is None:
                rows.append({"seed": seed, "process": process is None, "right": False, "note": note})
                continue
            terms = [set(sp.expand(e).as_coefficients_dict()) for e in found.terms.values()]
            run, note = attempt(partial(found.predict, late["t"].to_numpy(), band=BAND))
            rows.append({
                "seed": seed, "process": process is None, "right": terms == list(truth.values()),
                "inside": _inside(run, late), "error": _error(run, late), "note": note,
            })  # fmt: skip
    return pd.DataFrame(rows)


def draw(
    folder: Path, frame: pd.DataFrame, path: Path, names: Iterable[str] = ("hare and lynx", "two species of Paramecium")
) -> None:
    """Data, forecasts and bands of some series that were run."""
    names, runs = tuple(names), frame.set_index(["series", "method"])["run"]
    figure, axes = plt.subplots(2, len(names), figsize=(5 * len(names), 5.4), layout="constrained", squeeze=False)
    for column, name in zip(axes.T, names, strict=True):
        early, late = split(read(folder, name))
        ours, book = (runs[name, method] for method in ("nothing known", "textbook"))
        for ax, s, label in zip(column, late.columns[1:], SERIES[name].columns, strict=True):
            ax.plot(early["t"], early[s], "o", color="#333333", ms=4, label="fitted")
            ax.plot(late["t"], late[s], "o", mfc="none", color="#333333", ms=5, label="held out")
            ax.fill_between(late["t"], ours[f"{s}_lower"], ours[f"{s}_upper"], color="#b3202a", alpha=0.2, lw=0,
                            label=f"{BAND:.0%} band")  # fmt: skip
            ax.plot(late["t"], ours[s], color="#b3202a", label="recovered")
            ax.plot(late["t"], book[s], "--", color="#2a5fb3", label="textbook")
            ax.set(ylabel=label, xlabel=SERIES[name].time)
            ax.locator_params(axis="x", nbins=5, integer=True)
            ax.set_ylim(0, 1.5 * np.nanmax(np.concatenate([early[s], late[s]])))
            ax.grid(alpha=0.25)
        column[0].set_title(name, fontsize=10)
    axes[0, 0].legend(frameon=False, fontsize=8, ncols=2)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery.real_series", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the series")
    parser.add_argument("--out", type=Path, default=OUT, help="where the text and the figure go")
    parser.add_argument("--seeds", type=int, default=20, help="simulated series with process noise")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    frame = run(chosen.data)
    text = f"{__doc__.strip()}\n\n{summary(frame).round(2).to_string()}\n\n"
    text += frame[["series", "method", "seconds", "note"]].round(1).to_string(index=False, max_colwidth=160) + "\n"
    draw(chosen.data, frame, chosen.out / "real_series.png")
    if chosen.seeds:
        simulated = stochastic(range(chosen.seeds))
        text += f"\nLotka-Volterra with process noise, {chosen.seeds} times simulated\n"
        text += simulated.groupby("process")[["right", "inside", "error"]].mean().round(2).to_string() + "\n"
    (chosen.out / "real_series.txt").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
