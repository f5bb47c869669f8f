"""The prior on terms that come again: hidden interactions that are the same in both equations, and such that are not.

31 points of both states on [0, 3], as in `benchmarks.discovery.lotka_volterra`, of::

    x' = 1.3 x + f,   y' = -1.8 y + g

with f = -0.9 x y and g = 0.8 x y, the law of that set-up, or g = 0.25 x y².  The prior favours the first over the second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.lotka_volterra import END, HIDDEN, KNOWN, LIBRARY, START, STATES
from benchmarks.discovery.scores import free_run, monomials, rate_function
from benchmarks.harness import attempt
from symdyn.discover import RecoverOptions

__all__ = ["LAWS", "NOISES", "run", "summary"]

x, y = STATES
#: Hidden terms, by name.
LAWS: dict[str, tuple[sp.Expr, sp.Expr]] = {
    "the same term twice": (-0.9 * x * y, 0.8 * x * y),
    "two different terms": (-0.9 * x * y, 0.25 * x * y**2),
}
NOISES, POINTS = (0.01, 0.025, 0.05), 31


def run(
    noises: Iterable[float] = NOISES,
    seeds: Iterable[int] = range(20),
    *,
    laws: Mapping[str, tuple[sp.Expr, sp.Expr]] = LAWS,
    repeats: Iterable[bool] = (False, True),
) -> pd.DataFrame:
    """A row for each recovery.

    Returns
    -------
    DataFrame
        Columns law, noise, prior (whether terms are taken to come again), seed, exact (the terms of the first system are the
        right ones), listed (those of some system in the table are), decides (a note says that the prior does), seconds of CPU
        time, note.
    """
    rows = []
    times = np.linspace(0.0, END, POINTS)
    for law, hidden in laws.items():
        truth = tuple(k + h for k, h in zip(KNOWN, hidden, strict=True))
        exact, sought = free_run(rate_function(STATES, truth), START, times), [set(monomials(h)) for h in hidden]
        for noise in noises:
            for seed in seeds:
                values = exact + noise * exact.mean(axis=0) * np.random.RandomState(seed).randn(*exact.shape)
                data = pd.DataFrame({"time": times} | dict(zip(map(str, STATES), values.T, strict=True)))
                for prior in repeats:
                    options, before = RecoverOptions(repeats=prior), time.process_time()
                    found, note = attempt(
                        lambda d=data, o=options: sd.recover(
                            HIDDEN, d, surrogate=None, library=LIBRARY, options=o, progress=False
                        )
                    )
                    seconds = time.process_time() - before
                    systems = found.systems if found else ()
                    had = [[e.subs(s.defaults) - k for e, k in zip(s.drift, KNOWN, strict=True)] for s in systems]
                    right = [[set(monomials(e)) for e in sides] == sought for sides in had]
                    decides = any("the prior on terms that come again" in text for text in (found.warnings if found else ()))
                    rows.append({"law": law, "noise": noise, "prior": prior, "seed": seed, "exact": any(right[:1]),
                                 "listed": any(right), "decides": decides, "seconds": seconds, "note": note})  # fmt: skip
    return pd.DataFrame(rows)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Runs by law, noise and prior: how many had the right terms first and listed, and the median time."""
    groups = frame.groupby(["law", "noise", "prior"], sort=False)
    return groups[["exact", "listed", "decides"]].sum().assign(runs=groups.size(), seconds=groups["seconds"].median())
