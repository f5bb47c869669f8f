"""How often the 90 % intervals of recovered constants hold the truth, and how often the right terms are found.

    python -m benchmarks.discovery.coverage --rows out/intervals.jsonl --out benchmarks/results

Of each likelihood of `symdyn.recover`: hidden terms of equations and of maps and whole equations are the cases of this module,
noise and propensities those of `benchmarks.discovery.stochastic`.  An interval is meant to hold the truth given the right
terms, so only recoveries that found those count for the coverage.  Cases are kept as they are done, and not computed again
with as many repeats.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from scipy.stats import beta

import symdyn as sd
from benchmarks.discovery import stochastic
from benchmarks.discovery.rows import Rows, keep
from symdyn.system import System

__all__ = ["CASES", "WANTED", "Case", "main", "run", "text"]

x, y, h, k = sp.symbols("x y h k")
f, g = sp.symbols("f g", cls=sp.Function)


@dataclass(frozen=True)
class Case:
    """A system with hidden terms whose law is known.

    Attributes
    ----------
    system : System
    truth : mapping of AppliedUndef to Expr
        The hidden terms in named constants.
    constants : mapping of str to float
        Their values by the names that `recover` gives them.
    library : sequence of Expr
    times : (T,) float64
    initial : sequence of mapping
        Initial values of each trajectory.
    relative : bool
        Whether noise is a share of each value, and not of the mean of its state.
    known : bool
        Whether the system is handed over; without it nothing is known.
    """

    system: System
    truth: Mapping[Any, sp.Expr]
    constants: Mapping[str, float]
    library: Sequence[Any]
    times: np.ndarray
    initial: Sequence[Mapping[sp.Symbol, float]]
    relative: bool = False
    known: bool = True
    exact: list[dict[str, np.ndarray]] = field(default_factory=list)

    def data(self, noise: float, seed: int) -> list[dict[str, np.ndarray]]:
        """Noisy trajectories."""
        if not self.exact:
            complete = self.system.with_terms({u: e.subs(self.constants) for u, e in self.truth.items()})
            options: dict[str, Any] = {} if complete.kind == "map" else {"rtol": 1e-10, "atol": 1e-12}
            for initial in self.initial:
                made = sd.simulate(complete, self.times, initial=dict(initial), progress=False, **options)
                self.exact.append({s: made[s].values.ravel() for s in complete.names})
        random = np.random.default_rng(seed)
        tables = []
        for table in self.exact:
            noisy = {s: v + noise * (v if self.relative else v.mean()) * random.normal(size=len(v)) for s, v in table.items()}
            tables.append({"t": self.times} | noisy)
        return tables

    def found(self, recovery: sd.Recovery) -> bool:
        """Whether the terms are those of the truth, whatever their constants."""
        return all(_forms(recovery.formulas[u]) == _forms(e) for u, e in self.truth.items())

    def names(self, recovery: sd.Recovery) -> dict[str, str]:
        """What a recovery with the right terms calls the constants: those of the same term, and of the same name inside."""
        called: dict[str, str] = {}
        for u, e in self.truth.items():
            own = {form: c for c, form in map(_split, sp.Add.make_args(recovery.formulas[u]))}
            called |= {str(c): str(own[form]) for c, form in map(_split, sp.Add.make_args(e))}
        return {c: called.get(c, c) for c in self.constants}


def _split(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The constant before a term, and the rest."""
    return term.as_independent(x, y, as_Add=False)


def _forms(expression: sp.Expr) -> set[sp.Expr]:
    """Terms without the constants before them."""
    return {_split(term)[1] for term in sp.Add.make_args(expression)}


f_1, g_1, a, b = sp.symbols("f_1 g_1 a b")
CASES = {
    # Rackauckas et al. (2020), arXiv:2001.04385
    "Lotka-Volterra": Case(
        sd.ODESystem({x: sp.Rational(13, 10) * x - f(x, y), y: g(x, y) - sp.Rational(9, 5) * y}),
        {f(x, y): f_1 * x * y, g(x, y): g_1 * x * y}, {"f_1": 0.9, "g_1": 0.8},
        [1, x, y, x**2, x * y, y**2, x**3, x**2 * y, x * y**2, y**3, sp.sin(x), sp.sin(y)],
        np.linspace(0, 3, 31), [{x: 0.44249296, y: 4.6280594}],
    ),
    # Leslie, Gower, Biometrika 45, 316 (1958): both species reproduce, each holds the other back
    "Leslie-Gower": Case(
        sd.DiscreteSystem({x: x * f(x, y), y: sp.Rational(12, 5) * y / (1 + 0.003 * x + 0.006 * y)}),
        {f(x, y): f_1 / (1 + h * x + k * y)}, {"f_1": 2.2, "h": 0.004, "k": 0.002},
        [1, x, y, x * y, x**2, y**2, 1 / (1 + h * x), 1 / (1 + h * y), sp.exp(-h * x), sp.exp(-h * x - k * y),
         1 / (1 + h * x + k * y)],
        np.arange(16.0), [{x: 5.0, y: 60.0}, {x: 1500.0, y: 800.0}], relative=True,
    ),
    "logistic growth, nothing known": Case(
        sd.ODESystem({x: sp.Function("f_x")(x)}), {sp.Function("f_x")(x): a * x + b * x**2}, {"a": 0.83, "b": -0.27},
        (), np.linspace(0, 8, 60), [{x: 0.3}], known=False,
    ),
}  # fmt: skip
#: Names of cases with their noise.
WANTED = (
    ("Lotka-Volterra", 0.01), ("Lotka-Volterra", 0.025), ("Leslie-Gower", 0.02), ("logistic growth, nothing known", 0.02),
)  # fmt: skip


def run(
    repeats: int = 200, cases: Sequence[tuple[str, float]] | None = None, *, first: int = 0, level: float = 0.9
) -> pd.DataFrame:
    """Recover each case from `repeats` noisy data sets.

    Parameters
    ----------
    repeats : int
    cases : sequence of (name, noise), optional
        Names of `CASES` with relative noise.
    first : int
        Seed of the first repeat.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row for each constant of each case: case, noise, repeats, exact (recoveries with the right terms), constant,
        covered (share of those whose interval holds the truth), deviation (root mean square of the error over the
        standard error: 1 if that is right), seconds (median processor time of a recovery).
    """
    rows = []
    for name, noise in cases or WANTED:
        case, held, scores, seconds = CASES[name], [], [], []
        for seed in range(first, first + repeats):
            data, begin = case.data(noise, seed), time.process_time()
            options = sd.discover.RecoverOptions(level=level)
            known: dict[str, Any] = {"library": case.library, "surrogate": None} if case.known else {}
            found = sd.recover(case.system if case.known else None, data, progress=False, options=options, **known)
            seconds.append(time.process_time() - begin)
            if not case.found(found):
                continue
            table, names = found.intervals.set_index("constant"), case.names(found)
            own = [(table.loc[names[c]], v) for c, v in case.constants.items()]
            held.append([row["lower"] <= v <= row["upper"] for row, v in own])
            scores.append([(row["value"] - v) / row["standard error"] for row, v in own])
        for i, constant in enumerate(case.constants):
            rows.append(
                {
                    "case": name,
                    "noise": noise,
                    "repeats": repeats,
                    "exact": len(held),
                    "constant": constant,
                    "covered": float(np.mean([h_[i] for h_ in held])) if held else np.nan,
                    "deviation": float(np.sqrt(np.mean([s[i] ** 2 for s in scores]))) if held else np.nan,
                    "seconds": float(np.median(seconds)),
                }
            )
    return pd.DataFrame(rows)


def text(frame: pd.DataFrame) -> str:
    """The table of a file of results."""
    rows = []
    for row in frame.to_dict("records"):
        exact, held = row["exact"], round(row["covered"] * row["exact"]) if row["exact"] else 0
        low, high = beta.ppf([0.025, 0.975], [max(held, 1e-9), held + 1], [exact - held + 1, max(exact - held, 1e-9)])
        share = f"{row['covered']:.3f} ({low:.3f}, {high:.3f})" if exact else "-"
        noise = "" if pd.isna(row["noise"]) else f", noise {row['noise']:g}"
        rows.append((row["case"] + noise, row["repeats"], exact, row["constant"], share, row["seconds"]))
    columns = ["case", "repeats", "right terms", "constant", "share", "seconds"]
    table = pd.DataFrame(rows, columns=columns).to_string(index=False, float_format="%.2f")
    return "\n".join([
        "Share of 90 % intervals of recovered constants that hold the truth, where the terms are right; in brackets the 95 %",
        "interval of the share (Clopper & Pearson).  Seconds of CPU are medians.  ``python -m benchmarks.discovery.coverage``",
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end", "", table, "",
    ])  # fmt: skip


def _stochastic(repeats: int, name: str) -> pd.DataFrame:
    """The rows of a case of `benchmarks.discovery.stochastic` as those of `run`."""
    frame = stochastic.run(repeats, (name,))
    exact = (frame["exact"] * frame["repeats"]).round().astype(int)
    return frame.assign(exact=exact, covered=frame["coverage"], noise=np.nan)[
        ["case", "noise", "repeats", "exact", "constant", "covered", "seconds"]
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.coverage", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=Path, default=Path("out") / "intervals.jsonl", help="file of rows, which are kept")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--case", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--out", type=Path, default=Path("out") / "benchmarks", help="folder of the table")
    chosen = parser.parse_args(arguments)
    rows = Rows(chosen.rows, ("case", "noise", "constant"))
    every: list[tuple[str, float | None, Mapping[str, float]]]
    every = [(name, noise, CASES[name].constants) for name, noise in WANTED]
    every += [(c.name, None, c.truth) for c in stochastic.cases()]
    for name, noise, constants in every:
        known = [rows.found.get((name, noise, c), {}).get("repeats") for c in constants]
        if known == [chosen.repeats] * len(constants) or (chosen.case and name not in chosen.case):
            continue
        frame = _stochastic(chosen.repeats, name) if noise is None else run(chosen.repeats, [(name, noise)])
        for row in frame.to_dict("records"):
            rows.add({str(k): v for k, v in row.items()} | {"noise": noise})
    keep(chosen.out / "intervals.txt", text(rows.frame()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
