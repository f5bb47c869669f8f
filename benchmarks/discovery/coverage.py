"""How often the 90 % intervals of recovered constants hold the truth, and how often the right terms are found.

``python -m benchmarks.discovery.coverage`` prints a table; `run` returns it.  An interval is meant to hold the truth given the
right terms, so only recoveries that found those count for the coverage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from symdyn.system import System

__all__ = ["CASES", "Case", "run"]

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
    """

    system: System
    truth: Mapping[Any, sp.Expr]
    constants: Mapping[str, float]
    library: Sequence[Any]
    times: np.ndarray
    initial: Sequence[Mapping[sp.Symbol, float]]
    relative: bool = False
    exact: list[dict[str, np.ndarray]] = field(default_factory=list)

    def data(self, noise: float, seed: int) -> list[dict[str, np.ndarray]]:
        """Noisy trajectories."""
        if not self.exact:
            complete = self.system.with_terms({u: e.subs(self.constants) for u, e in self.truth.items()})
            options = {} if complete.kind == "map" else {"rtol": 1e-10, "atol": 1e-12}
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


def _forms(expression: sp.Expr) -> set[sp.Expr]:
    """Terms without the constants before them."""
    return {term.as_independent(x, y, as_Add=False)[1] for term in sp.Add.make_args(expression)}


f_1, g_1 = sp.symbols("f_1 g_1")
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
}  # fmt: skip


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
    wanted = cases or [("Lotka-Volterra", 0.01), ("Lotka-Volterra", 0.025), ("Leslie-Gower", 0.02)]
    rows = []
    for name, noise in wanted:
        case, held, scores, seconds = CASES[name], [], [], []
        for seed in range(first, first + repeats):
            data, begin = case.data(noise, seed), time.process_time()
            found = sd.recover(
                case.system, data, library=case.library, surrogate=None, progress=False,
                options=sd.discover.RecoverOptions(level=level),
            )  # fmt: skip
            seconds.append(time.process_time() - begin)
            if not case.found(found):
                continue
            table = found.intervals.set_index("constant")
            held.append([table.loc[c, "lower"] <= v <= table.loc[c, "upper"] for c, v in case.constants.items()])
            scores.append([(table.loc[c, "value"] - v) / table.loc[c, "standard error"] for c, v in case.constants.items()])
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


if __name__ == "__main__":
    print(run().to_string(index=False))
