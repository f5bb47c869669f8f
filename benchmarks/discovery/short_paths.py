"""Drift and noise from paths so short that the choice of terms may fail: right terms, and answers that are none.

    python -m benchmarks.discovery.short_paths --repeats 30

An answer is degenerate if its squared noise is negative somewhere along the path, or an interval of a constant is infinite.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.stochastic import UNKNOWN, fine, ornstein_uhlenbeck, square_root, x
from symdyn.discover.recovery import Recovery

__all__ = ["CASES", "ShortPath", "degenerate", "exact", "run"]


@dataclass(frozen=True)
class ShortPath:
    """A law with a path of it.

    Attributes
    ----------
    name : str
    data : callable
        From a generator of random numbers to a path.
    drift, square : set of Expr
        Terms of the drift and of the squared noise.
    goal : float
        Share of paths from which exactly these should be found; 0 where that is not asked.
    """

    name: str
    data: Callable[[np.random.Generator], Mapping[str, np.ndarray]]
    drift: frozenset[sp.Expr]
    square: frozenset[sp.Expr]
    goal: float


CASES = (
    ShortPath(
        "Ornstein-Uhlenbeck, 150 steps", partial(ornstein_uhlenbeck, mean=0.0, count=150),
        frozenset({x}), frozenset({sp.S.One}), 0.0,
    ),
    ShortPath(
        "Ornstein-Uhlenbeck, 600 steps", partial(ornstein_uhlenbeck, mean=0.0, count=600),
        frozenset({x}), frozenset({sp.S.One}), 29 / 30,
    ),
    ShortPath(
        "Ornstein-Uhlenbeck about 1, 600 steps", partial(ornstein_uhlenbeck, mean=1.0, count=600),
        frozenset({sp.S.One, x}), frozenset({sp.S.One}), 0.0,
    ),
    ShortPath("Cox-Ingersoll-Ross, 3000 steps", square_root, frozenset({sp.S.One, x}), frozenset({x}), 27 / 30),
    ShortPath(
        "logistic, noise 0.3 x, 1500 steps", fine(lambda v: v * (1 - v), lambda v: 0.3 * v, 0.1, 1500, 0.2),
        frozenset({x, x**2}), frozenset({x**2}), 0.0,
    ),
    ShortPath(
        "logistic, noise 0.5 x, 4000 steps", fine(lambda v: v * (1 - v), lambda v: 0.5 * v, 0.1, 4000, 0.2),
        frozenset({x, x**2}), frozenset({x**2}), 24 / 30,
    ),
    ShortPath(
        "double well, 1000 steps", fine(lambda v: v - v**3, lambda v: 0.5, 0.05, 1000, 1.0),
        frozenset({x, x**3}), frozenset({sp.S.One}), 0.0,
    ),
)  # fmt: skip


def exact(found: Recovery, case: ShortPath) -> bool:
    """Whether the first system has the terms of the law and no other."""
    drift, noise = (next(e for u, e in found.terms.items() if u.func.__name__ == name) for name in "fg")
    sides = (sp.expand(drift), sp.expand(noise**2))
    return all(set(e.as_coefficients_dict()) - {0} == terms for e, terms in zip(sides, (case.drift, case.square), strict=True))


def degenerate(found: Recovery, path: np.ndarray) -> bool:
    """Whether the first system is no answer."""
    square = next(e for u, e in found.terms.items() if u.func.__name__ == "g") ** 2
    along = np.broadcast_to(sp.lambdify(x, sp.expand(square), "numpy")(path), path.shape)
    bounds = found.intervals[["value", "standard error", "lower", "upper"]].to_numpy(dtype=float)
    return bool(np.iscomplexobj(along) or not (along >= 0).all() or not np.isfinite(bounds).all())


def run(repeats: int = 30, names: tuple[str, ...] = (), seed: int = 101, **options: Any) -> pd.DataFrame:
    """A row for each case: shares of paths with exactly the right terms, and with a degenerate answer, and seconds of CPU.

    Columns: case, repeats, exact, goal, degenerate, certain and wrong (share of answers of weight above 0.9 that are wrong),
    seconds (median).
    """
    rows = []
    for case in CASES:
        if names and case.name not in names:
            continue
        right, bad, sure, seconds = [], [], [], []
        for k in range(repeats):
            data = case.data(np.random.default_rng([seed, k]))
            begin = time.process_time()
            found = sd.recover(UNKNOWN, data, progress=False, **options)
            seconds.append(time.process_time() - begin)
            right.append(exact(found, case))
            bad.append(degenerate(found, np.asarray(data["x"])))
            sure.append(found.table["weight"][0] > 0.9 and not right[-1])
        rows.append({
            "case": case.name, "repeats": repeats, "exact": np.mean(right), "goal": case.goal, "degenerate": np.mean(bad),
            "certain and wrong": np.mean(sure), "seconds": np.median(seconds),
        })  # fmt: skip
        print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False), flush=True)
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Recover drift and noise from short paths again and again.")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--case", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--out", type=Path, help="CSV file for the table")
    options = parser.parse_args(arguments)
    table = run(options.repeats, tuple(options.case), options.seed)
    if options.out is not None:
        table.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
