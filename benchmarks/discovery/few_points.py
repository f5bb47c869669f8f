"""Ten points: what a recovery from nothing makes of series that laws of textbooks, and others, have made.

Ten data of a run with noise that is a share of the value; the four after them are foretold.  ``right`` counts recoveries whose
first model has the terms of the law, ``error`` and ``persistence`` are medians of root mean square errors of forecasts,
relative to the spread of the run (persistence: nothing changes after the last datum), ``inside`` is the share of data in the
80 % band, ``lost`` counts forecasts that end in a singularity or beyond three times the spread.  ``python -m
benchmarks.discovery.few_points``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.harness import attempt

__all__ = ["LAWS", "main", "run", "summary"]

OUT = Path("out") / "benchmarks"
POINTS, AFTER, BAND, FAR = 10, 4, 0.8, 3.0
x, y = sp.symbols("x y")
#: Right-hand sides, initial values and the time between data.
LAWS: dict[str, tuple[dict[sp.Symbol, sp.Expr], dict[sp.Symbol, float], float]] = {
    "logistic growth": ({x: 0.9 * x - 0.009 * x**2}, {x: 4}, 0.8),
    "exponential growth": ({x: 0.2 * x}, {x: 4}, 1.0),
    "exponential decay": ({x: -0.3 * x}, {x: 80}, 0.8),
    "constant growth": ({x: sp.Float(5)}, {x: 5}, 1.0),
    "approach to a level": ({x: 40 - 0.5 * x}, {x: 5}, 0.5),
    "saturating loss": ({x: -20 * x / (30 + x)}, {x: 90}, 0.6),
    "growth after Ricker": ({x: 1.2 * x * sp.exp(-0.02 * x) - 0.2 * x}, {x: 4}, 0.8),
    "growth after Gompertz": ({x: 2.3 * x - 0.5 * x * sp.log(x)}, {x: 4}, 0.6),
    "predator and prey": ({x: 0.6 * x - 0.03 * x * y, y: 0.02 * x * y - 0.8 * y}, {x: 30, y: 5}, 1.2),
    "susceptible and infected": ({x: -0.01 * x * y, y: 0.01 * x * y - 0.4 * y}, {x: 99, y: 2}, 1.0),
    "oscillation": ({x: y, y: -0.25 * x}, {x: 10, y: 0}, 1.0),
}


def run(seeds: Iterable[int], noises: Iterable[float] = (0.05, 0.2), laws: Iterable[str] = tuple(LAWS)) -> pd.DataFrame:
    """A row for each law, noise and seed: right, error, persistence, inside, lost and the terms that were found."""
    seeds, rows = tuple(seeds), []
    for law in laws:
        sides, initial, step = LAWS[law]
        times, names = step * np.arange(POINTS + AFTER), [s.name for s in sides]
        made = sd.simulate(sd.ODESystem(sides), times, initial=initial, progress=False)
        exact = np.stack([np.ravel(made[s]) for s in names], axis=1)
        for noise in noises:
            for seed in seeds:
                draw = np.random.default_rng(seed).standard_normal(exact.shape)
                measured = exact * np.exp(noise * draw) if (exact > 0).all() else exact + noise * exact.std(axis=0) * draw
                rows.append({"law": law, "noise": noise, "seed": seed, **_recovered(sides, names, times, exact, measured)})
    return pd.DataFrame(rows)


def _recovered(
    sides: dict[sp.Symbol, sp.Expr], names: list[str], times: np.ndarray, exact: np.ndarray, measured: np.ndarray
) -> dict[str, object]:
    """One recovery, and how far it is from the run that comes after the data."""
    table = pd.DataFrame({"t": times} | dict(zip(names, measured.T, strict=True))).iloc[:POINTS]
    spread, late = exact.std(axis=0), exact[POINTS:]

    def error(told: np.ndarray) -> float:
        gap = np.where(np.isfinite(told), (told - late) / spread, np.inf)
        return float(np.minimum(np.sqrt(np.mean(gap**2)), 99.0))

    still = error(np.broadcast_to(measured[POINTS - 1], late.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, note = attempt(lambda: sd.recover(None, table, progress=False))
        told = attempt(lambda: found.predict(times[POINTS:], band=BAND))[0] if found is not None else None
    if told is None:
        terms = note if found is None else found.table["terms"][0]
        return {"right": False, "error": 99.0, "persistence": still, "inside": 0.0, "lost": True, "terms": terms}
    pairs = zip(found.terms.values(), sides.values(), strict=True)
    right = all(set(sp.expand(a).as_coefficients_dict()) == set(sp.expand(b).as_coefficients_dict()) for a, b in pairs)
    values = np.stack([told[s].values for s in names], axis=1)
    low, high = (np.stack([told[f"{s}_{end}"].values for s in names], axis=1) for end in ("lower", "upper"))
    inside = float(np.mean((measured[POINTS:] >= low) & (measured[POINTS:] <= high)))
    own, terms = error(values), found.table["terms"][0]
    return {"right": right, "error": own, "persistence": still, "inside": inside, "lost": own > FAR, "terms": terms}


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """By noise and law."""
    by = frame.groupby(["noise", "law"], sort=False)
    return by.agg(
        right=("right", "sum"), of=("right", "size"), error=("error", "median"), persistence=("persistence", "median"),
        inside=("inside", "mean"), lost=("lost", "sum"),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery.few_points", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where the text goes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=tuple(LAWS), default=tuple(LAWS), help="some of the laws")
    chosen = parser.parse_args(arguments)
    frame = run(range(chosen.seeds), laws=chosen.only)
    text = f"{__doc__.strip()}\n\n{summary(frame).round(2).to_string()}\n\n"
    text += frame[["law", "noise", "seed", "error", "terms"]].round(2).to_string(index=False, max_colwidth=110) + "\n"
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "few_points.txt").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
