"""How often drift, noise and propensities are found, and how often their intervals hold the truth.

    python -m benchmarks.discovery.stochastic --repeats 200

Paths and cells come from exact laws where there are any, else from steps ten times finer than the data.  An interval counts
where the model has exactly the terms of the truth; the share of those is a column of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd

x, X, gamma = sp.symbols("x X gamma")
f, g = sp.symbols("f g", cls=sp.Function)
UNKNOWN = sd.SDESystem({x: f(x)}, {x: g(x)})
BIRTH, DEATH = ({}, {X: 1}, f(X)), ({X: 1}, {}, gamma)
NETWORK = sd.ReactionNetwork([BIRTH, DEATH], {gamma: 1.0}, initial={X: 0})
FEEDBACK = NETWORK.with_terms({f(X): 50 * 15**2 / (15**2 + X**2)})


@dataclass(frozen=True)
class Case:
    """A law with its data.

    Attributes
    ----------
    name : str
    system : System
        With unknown functions.
    data : callable
        From a generator of random numbers to the data of one repeat.
    truth : mapping of str to float
        Constants as the recovery names them, if it has the right terms.
    shapes : mapping of str to Expr
        What the formulas are when it does, in those constants.
    """

    name: str
    system: Any
    data: Callable[[np.random.Generator], Any]
    truth: Mapping[str, float]
    shapes: Mapping[str, sp.Expr]


def _constants(names: str) -> Any:
    return sp.symbols(names)


def ornstein_uhlenbeck(rng: np.random.Generator, mean: float = 1.0, count: int = 2000) -> dict[str, np.ndarray]:
    """Steps of 0.1 of dx = (mean - x) dt + 0.5 dW, exact."""
    keep, values = np.exp(-0.1), [mean]
    for e in rng.normal(0, 0.5 * np.sqrt((1 - keep**2) / 2), count):
        values.append(mean + keep * (values[-1] - mean) + e)
    return {"t": 0.1 * np.arange(count + 1), "x": np.array(values)}


def fine(drift: Callable[[float], float], noise: Callable[[float], float], step: float, count: int, start: float) -> Any:
    """Paths by Euler and Maruyama in steps ten times finer."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        at, values, small = start, [start], step / 10
        for row in rng.normal(0, np.sqrt(small), (count, 10)):
            for dw in row:
                at = at + drift(at) * small + noise(at) * dw
            values.append(at)
        return {"t": step * np.arange(count + 1), "x": np.array(values)}

    return data


def square_root(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """3000 steps of 0.2 of dx = (2 - x)/2 dt + 0.4 sqrt(x) dW, exact."""
    rate, mean, sigma, step = 0.5, 2.0, 0.4, 0.2
    size = sigma**2 * (1 - np.exp(-rate * step)) / (4 * rate)
    values = [mean]
    for _ in range(3000):
        values.append(size * rng.noncentral_chisquare(4 * rate * mean / sigma**2, values[-1] * np.exp(-rate * step) / size))
    return {"t": step * np.arange(3001), "x": np.array(values)}


def snapshots(rng: np.random.Generator) -> pd.DataFrame:
    """300 cells at each of five times, from the master equation."""
    times = [0.5, 1.0, 2.0, 4.0, 8.0]
    found = FEEDBACK.master_equation({X: 90}).transient(times).values.clip(0)
    rows = [pd.DataFrame({"time": t, "X": rng.choice(91, 300, p=p / p.sum())}) for t, p in zip(times, found, strict=True)]
    return pd.concat(rows)


def sampled(rng: np.random.Generator) -> Any:
    """60 cells followed from 0 molecules for 5 times the life time of one, at ten times."""
    times, values = np.linspace(0, 5, 11), np.zeros((60, 11))
    for row in values:
        n, t = 0, 0.0
        while True:
            up = 50 * 225 / (225 + n * n)
            t += rng.exponential(1 / (up + n))
            row[times >= t] = n + 1 if rng.random() < up / (up + n) else n - 1
            if t > times[-1]:
                break
            n = int(row[-1])
    return [{"t": times, "X": row} for row in values]


def cases() -> list[Case]:
    f_1, f_2, g_1, g_2, f_K = _constants("f_1 f_2 g_1 g_2 f_K")
    linear = {"f": f_1 + f_2 * x}
    hill = {"f": f_1 * f_K**2 / (f_K**2 + X**2)}
    return [
        Case("Ornstein-Uhlenbeck", UNKNOWN, ornstein_uhlenbeck, {"f_1": 1, "f_2": -1, "g_1": 0.5}, linear | {"g": g_1}),
        Case(
            "double well", UNKNOWN, fine(lambda v: v - v**3, lambda v: 0.5, 0.05, 8000, 1.0),
            {"f_1": 1, "f_2": -1, "g_1": 0.5}, {"f": f_1 * x + f_2 * x**3, "g": g_1},
        ),
        Case("square-root noise", UNKNOWN, square_root, {"f_1": 1, "f_2": -0.5, "g_1": 0.4}, linear | {"g": g_1 * sp.sqrt(x)}),
        Case(
            "noise of two parts", UNKNOWN, fine(lambda v: 1 - v, lambda v: np.sqrt(0.2 + 0.3 * v * v), 0.05, 8000, 1.0),
            {"f_1": 1, "f_2": -1, "g_1": 0.2, "g_2": 0.3}, linear | {"g": sp.sqrt(g_1 + g_2 * x**2)},
        ),
        Case("Hill feedback, snapshots", NETWORK, snapshots, {"f_1": 50, "f_K": 15}, hill),
        Case("Hill feedback, followed", NETWORK, sampled, {"f_1": 50, "f_K": 15}, hill),
    ]  # fmt: skip


def run(repeats: int = 200, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """A row for each constant: how often the terms were those of the truth, and the coverage of the 90 % intervals then.

    Columns: case, constant, truth, repeats, exact (share), coverage, mean error in standard errors, median seconds of CPU.
    """
    rows = []
    for case in cases():
        if names and case.name not in names:
            continue
        tables, seconds = [], []
        for k in range(repeats):
            data = case.data(np.random.default_rng([k, 7]))
            begin = time.process_time()
            found = sd.recover(case.system, data, progress=False)
            seconds.append(time.process_time() - begin)
            formulas = {u.func.__name__: e for u, e in found.formulas.items()}
            if all(sp.simplify(formulas[n] - e) == 0 for n, e in case.shapes.items()):
                tables.append(found.intervals.set_index("constant"))
        for name, truth in case.truth.items():
            inside = [t["lower"][name] <= truth <= t["upper"][name] for t in tables]
            errors = [(t["value"][name] - truth) / t["standard error"][name] for t in tables]
            rows.append(
                {
                    "case": case.name, "constant": name, "truth": truth, "repeats": repeats, "exact": len(tables) / repeats,
                    "coverage": np.mean(inside) if inside else np.nan, "error": np.mean(errors) if errors else np.nan,
                    "seconds": np.median(seconds),
                }
            )  # fmt: skip
        print(pd.DataFrame(rows[-len(case.truth) :]).round(3).to_string(index=False), flush=True)
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Recover drift, noise and propensities again and again.")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--case", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--out", type=Path, help="CSV file for the table")
    options = parser.parse_args(arguments)
    table = run(options.repeats, tuple(options.case))
    if options.out is not None:
        table.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
