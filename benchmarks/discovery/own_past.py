"""One column of a population that its own past, or a season, moves: what a recovery from nothing makes of the first two thirds.

Series are simulated; each datum has an error that is a share of its value.  ``error`` and ``persistence`` are root mean square
errors of the last third, relative to the spread of the series without errors (persistence: nothing changes after the last
datum), and ``inside`` is the share of the data of the last third in the 80 % band.  ``python -m
benchmarks.discovery.own_past``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

import symdyn as sd
from benchmarks.harness import attempt

__all__ = ["LAWS", "main", "run"]

OUT = Path("out") / "benchmarks"
BAND = 0.8
#: Equations in text, times after which the data begin, and the error of a datum.
LAWS: dict[str, tuple[str, np.ndarray, float, float]] = {
    "births of the past, which crowding limits (Nicholson)": (
        "x' = 8*x(t - 15)*exp(-x(t - 15)/500) - 0.18*x; x(t <= 0) = 800", 2.0 * np.arange(120), 100.0, 0.07,
    ),
    "the same with 10 % of error, 60 data": (
        "x' = 8*x(t - 15)*exp(-x(t - 15)/500) - 0.18*x; x(t <= 0) = 800", 3.0 * np.arange(90), 100.0, 0.1,
    ),
    "growth that the past holds back (Hutchinson)": (
        "x' = 0.9*x*(1 - x(t - 2.2)/200); x(t <= 0) = 50", 0.5 * np.arange(80), 20.0, 0.05,
    ),
    "every second year an epidemic (seasonal contacts)": (
        "s' = 20000 - 0.02*s - 0.000442*(1 + 0.1*cos(2*pi*t))*s*x; x' = 0.000442*(1 + 0.1*cos(2*pi*t))*s*x - 26.02*x; "
        "s(0) = 58824; x(0) = 770", np.arange(208) / 26, 40.0, 0.1,
    ),
    "limited growth, neither": ("x' = 0.8*x*(1 - x/200); x(0) = 5", 0.25 * np.arange(60), 0.0, 0.1),
}  # fmt: skip


def run(seeds: Iterable[int], laws: Iterable[str] = tuple(LAWS), told: Callable[[str], object] = str) -> pd.DataFrame:
    """A row for each law and seed."""
    seeds, rows = tuple(seeds), []
    for law in laws:
        text, times, after, noise = LAWS[law]
        made = sd.simulate(sd.ODESystem.from_text(text), np.union1d([0.0], after + times), progress=False, rtol=1e-8)
        exact = made.x.values[-len(times) :]
        for seed in seeds:
            values = exact * np.exp(noise * np.random.default_rng(seed).standard_normal(len(times)))
            rows.append({"law": law, "seed": seed, **_foretold(times, exact, values)})
            told(str(rows[-1]))
    return pd.DataFrame(rows)


def _foretold(times: np.ndarray, exact: np.ndarray, values: np.ndarray) -> dict[str, object]:
    """One recovery, and how far its forecast is from the run that made the data."""
    given = 2 * len(times) // 3
    later = exact[given:]

    def error(told: np.ndarray | float) -> float:
        return float(np.sqrt(np.mean((later - told) ** 2)) / exact.std())

    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, note = attempt(lambda: sd.recover(None, {"t": times[:given], "x": values[:given]}, progress=False))
    row: dict[str, object] = {"data": given, "error": np.nan, "persistence": error(values[given - 1]), "inside": np.nan}
    row |= {"seconds": time.process_time() - begun, "found": note}
    if found is not None:
        ahead = found.predict(times[given:], band=BAND)
        row["error"] = error(ahead.x.values)
        row["inside"] = float(((values[given:] >= ahead.x_lower) & (values[given:] <= ahead.x_upper)).mean())
        row["found"] = found.table["terms"][0]
    return row


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery.own_past", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where the text goes")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    frame = run(range(chosen.seeds), told=lambda row: sys.stderr.write(row + "\n"))
    text = f"{__doc__.strip()}\n\n{frame.round(2).to_string(index=False, max_colwidth=120)}\n"
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "own_past.txt").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
