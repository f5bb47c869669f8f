"""The missing terms of a Lotka-Volterra system from half a cycle of data: how sparse and how noisy they may be.

The set-up is that of Rackauckas et al., arXiv:2001.04385, and of Podina, Eastman and Kohandel, PMLR 202:27948 (2023)::

    x' = 1.3 x - 0.9 x y,   y' = 0.8 x y - 1.8 y,   x(0) = 0.44249296,  y(0) = 4.6280594,   0 <= t <= 3

where 1.3 x and -1.8 y are known and the products are to be found.  Noise is normal, with a share of the mean of each state as
its standard deviation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.lotka_volterra_peers import Law, Peer, operon, sindy, sindy_known, weak_sindy
from benchmarks.discovery.scores import coefficient_error, free_run, r_squared, rate_function, support
from benchmarks.harness import Sample, attempt

__all__ = ["METHODS", "NOISES", "POINTS", "measured", "records", "run", "symdyn_known", "table"]

POINTS, NOISES = (31, 11, 6), (0.0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1)
START, END = (0.44249296, 4.6280594), 3.0
#: Of the free run from another start.
OTHER, LATER = (1.0, 1.0), np.linspace(0.0, 20.0, 201)
GOOD = 0.9

x, y = STATES = sp.symbols("x y")
_f, _g = sp.symbols("f g", cls=sp.Function)
KNOWN = (1.3 * x, -1.8 * y)
HIDDEN = sd.ODESystem({x: KNOWN[0] + _f(x, y), y: KNOWN[1] + _g(x, y)})
SOUGHT = ({x * y: -0.9}, {x * y: 0.8})
TRUTH = tuple(k + sum(c * term for term, c in s.items()) for k, s in zip(KNOWN, SOUGHT, strict=True))
LIBRARY = [sp.S.One, x, y, x**2, x * y, y**2, x**3, x**2 * y, x * y**2, y**3, sp.sin(x), sp.sin(y)]


def measured(points: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (points,) and states (points, 2) with their noise; the same for every method."""
    times = np.linspace(0.0, END, points)
    exact = free_run(rate_function(STATES, TRUTH), START, times)
    return times, exact + noise * exact.mean(axis=0) * np.random.RandomState(seed).randn(*exact.shape)


def symdyn_known(
    times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int
) -> Law:
    """The two unknown functions by selection with the simulation in the loop."""
    data = pd.DataFrame({"time": times} | dict(zip(map(str, states), values.T, strict=True)))
    found = sd.recover(HIDDEN, data, surrogate=None, library=LIBRARY, seed=seed, progress=False)
    return Law(tuple(found.terms[f] for f in ("f", "g")), given=True)


def symdyn_whole(
    times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int
) -> Law:
    """Whole equations, of which nothing is known."""
    data = pd.DataFrame({"time": times} | dict(zip(map(str, states), values.T, strict=True)))
    system = sd.recover(None, data, seed=seed, progress=False).system
    numbers = {p: sp.Float(v) for p, v in system.defaults.items()}
    sides = dict(zip(system.names, (f.xreplace(numbers) for f in system.drift), strict=True))
    return Law(tuple(sides[str(s)] for s in states), given=False)


#: What is compared, by name: those that are given the known terms, and those that are given nothing.
METHODS: dict[str, Peer] = {
    "symdyn": symdyn_known,
    "PySINDy, known terms subtracted": sindy_known,
    "PyOperon, known terms subtracted": operon,
    "symdyn, nothing known": symdyn_whole,
    "PySINDy, nothing known": sindy,
    "PySINDy weak, nothing known": weak_sindy,
}


@dataclass(frozen=True)
class _Score:
    """Of one recovery: whether its terms are the right ones, the error of the two coefficients, and R² from another start."""

    exact: bool
    error: float
    r2: float


def scored(law: Law, values: np.ndarray) -> _Score:
    """Judge what was found from data whose states are `values` (T, 2)."""
    data = dict(zip(STATES, values.T, strict=True))
    own = [() if law.given else (k.as_coeff_Mul()[1],) for k in KNOWN]
    sought = [{*s, *terms} for s, terms in zip(SOUGHT, own, strict=True)]
    exact = all(support(f, data, least=law.least) == s for f, s in zip(law.sides, sought, strict=True))
    whole = tuple(k + f for k, f in zip(KNOWN, law.sides, strict=True)) if law.given else law.sides
    truth, found = (free_run(rate_function(STATES, sides), OTHER, LATER) for sides in (TRUTH, whole))
    return _Score(exact, coefficient_error(law.sides, SOUGHT), r_squared(truth, found))


def records(
    seeds: int | Sequence[int] = 20,
    *,
    points: Iterable[int] = POINTS,
    noises: Iterable[float] = NOISES,
    methods: Mapping[str, Peer] = METHODS,
) -> pd.DataFrame:
    """A row for each run: points, noise, method, seed, exact, error, r2, seconds of CPU time, note.

    A number of seeds counts them from 0.  Data without noise are the same for all seeds, and are taken once.
    """
    rows = []
    chosen = range(seeds) if isinstance(seeds, int) else seeds
    for n in points:
        for noise in noises:
            for seed in chosen if noise else chosen[:1]:
                times, values = measured(n, noise, seed)
                for name, method in methods.items():
                    begin = time.process_time()
                    law, note = attempt(lambda m=method, d=(times, values), s=seed: m(*d, KNOWN, STATES, s))
                    seconds = time.process_time() - begin
                    score = _Score(False, np.nan, -np.inf) if law is None else scored(law, values)
                    rows.append({"points": n, "noise": noise, "method": name, "seed": seed, **vars(score), "seconds": seconds,
                                 "note": note})  # fmt: skip
    return pd.DataFrame(rows)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Records by points, noise and method; coefficient errors are medians over the runs with the right terms alone."""
    rows = []
    for (n, noise, method), group in found.groupby(["points", "noise", "method"], sort=False):
        row = {"points": n, "noise": noise, "method": method}
        if (group["note"] != "").all():
            rows.append({**row, "note": group["note"].iloc[0]})
            continue
        failed = int((group["note"] != "").sum())
        rows.append({
            **row, "runs": len(group), "exact": float(group["exact"].mean()),
            "coefficient error": float(group.loc[group["exact"], "error"].median()),
            "R², other start": float(group["r2"].median()), f"R² > {GOOD:g}": float((group["r2"] > GOOD).mean()),
            "CPU-seconds": Sample(tuple(group["seconds"])), "note": f"{failed} failed" if failed else "",
        })  # fmt: skip
    return pd.DataFrame(rows)


def run(
    seeds: int | Sequence[int] = 20,
    *,
    points: Iterable[int] = POINTS,
    noises: Iterable[float] = NOISES,
    methods: Mapping[str, Peer] = METHODS,
) -> pd.DataFrame:
    """The grid of sparsity and noise for symdyn and its peers.

    Parameters
    ----------
    seeds : int or sequence of int
        Draws of the noise.
    points, noises, methods
        Which part of the grid, and what is compared.

    Returns
    -------
    DataFrame
        A row for each number of points, noise and method: runs, exact (share of the runs with exactly the right terms),
        coefficient error (of the two products; the larger, relative; median over the exact runs), R² of a free run over
        0 <= t <= 20 from (1, 1), the share of runs in which it is above 0.9, CPU-seconds, and a note.
    """
    return table(records(seeds, points=points, noises=noises, methods=methods))
