"""From models fitted by likelihood to what a Recovery holds: systems, table, intervals, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from scipy.stats import norm
from sympy.core.function import AppliedUndef

from symdyn.declaration import derivative
from symdyn.discover.evidence import weights
from symdyn.discover.recovery import Identifiability, Terms
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["RankedModel", "named_constants", "ranked_fields", "squeezed", "transformed"]


@dataclass(frozen=True)
class RankedModel:
    """A fitted model with names for its constants.

    Attributes
    ----------
    formulas : dict of AppliedUndef to Expr
        Unknown functions in named constants.
    symbols : tuple of Symbol
        What was fitted: constants and parameters of the system.
    values : (P,) float64
    covariance : (P, P) float64
    logarithmic : (P,) bool
        Constants whose interval is symmetric in the logarithm, for they cannot be negative.
    undetermined : (P,) bool
        Those that are not identifiable from the data.
    rank : int
    condition : float
    log_likelihood, criterion : float
    terms : tuple of (str, str)
        Unknown function and shape of each term, as the table of evidence names them.
    rms, heldout : float
        Relative error one step ahead on the data used and on the validation data.
    """

    formulas: dict[AppliedUndef, sp.Expr]
    symbols: tuple[sp.Symbol, ...]
    values: np.ndarray
    covariance: np.ndarray
    logarithmic: np.ndarray
    undetermined: np.ndarray
    rank: int
    condition: float
    log_likelihood: float
    criterion: float
    terms: tuple[tuple[str, str], ...]
    rms: float
    heldout: float

    def numbers(self) -> dict[AppliedUndef, sp.Expr]:
        """The formulas with numbers for the constants."""
        known = {s: sp.Float(v) for s, v in zip(self.symbols, self.values, strict=True)}
        return {u: e.xreplace(known) for u, e in self.formulas.items()}

    def system(self, declared: System, line: str) -> System:
        """The declared system with the formulas, the fitted values as defaults."""
        values = dict(zip(self.symbols, map(float, self.values), strict=True))
        own = {s: v for s, v in values.items() if s not in declared.parameters}
        filled = declared.with_terms(dict(self.formulas), own)
        fitted = {p: values[p] for p in filled.parameters if p in values and p in declared.parameters}
        complete = filled.with_parameters(fitted)
        return complete.replace(provenance=(*complete.provenance, line))


def named_constants(
    system: System, owners: Sequence[tuple[AppliedUndef, sp.Symbol, Sequence[sp.Symbol]]]
) -> dict[sp.Symbol, sp.Symbol]:
    """Names ``f_1, f_2, ...`` for the coefficients of the terms of f, and for constants that no user's library named.

    Parameters
    ----------
    system : System
        Whose names are taken.
    owners : sequence of (unknown, coefficient, constants)
        One for each term of the model.
    """
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    taken |= {c.name for _, _, constants in owners for c in constants}
    names: dict[sp.Symbol, sp.Symbol] = {}
    counts: dict[str, int] = {}
    for unknown, coefficient, constants in owners:
        label = unknown.func.__name__
        counts[label] = counts.get(label, 0) + 1
        while f"{label}_{counts[label]}" in taken:
            counts[label] += 1
        names[coefficient] = sp.Symbol(f"{label}_{counts[label]}")
        names |= {c: c for c in constants}
    return names


def transformed(
    covariance: np.ndarray, values: Sequence[float], new: Sequence[sp.Expr], old: Sequence[sp.Symbol]
) -> np.ndarray:
    """Covariance of functions `new` of estimates `old`, by their slopes at `values`."""
    at = {s: sp.Float(v) for s, v in zip(old, values, strict=True)}
    slopes = np.array([[float(derivative(e, s).xreplace(at)) for s in old] for e in new]).reshape(len(new), len(old))
    return slopes @ covariance @ slopes.T


def ranked_fields(
    declared: System, models: Sequence[RankedModel], visited: Sequence[RankedModel], *, level: float, line: str,
    library: Sequence[tuple[str, str]], evaluations: int,
) -> dict[str, Any]:  # fmt: skip
    """Fields of a `Recovery` from its best `models`, the first of all `visited`, both in the order of the criterion.

    Raises
    ------
    RecoveryError
        If there is no model.
    """
    if not models:
        raise RecoveryError(
            "no candidate makes the data possible; check their units, give bounds or guesses of parameters, or a library"
        )
    best = models[0]
    shares = weights([m.criterion for m in visited])
    rows = [
        {
            "terms": "; ".join(f"{u} = {squeezed(e)}" for u, e in m.numbers().items()),
            "complexity": sum(1 for e in m.formulas.values() for _ in sp.preorder_traversal(e)),
            "parameters": len(m.symbols),
            "bic": m.criterion,
            "weight": share,
            "log_likelihood": m.log_likelihood,
            "rms": m.rms,
            "one_step": m.rms,
            "heldout_one_step": m.heldout,
            "heldout_free_run": np.nan,
        }
        for m, share in zip(models, shares, strict=False)
    ]
    table = pd.DataFrame(rows)
    gaps = table["bic"] - table["bic"][0]
    close = [tuple(table["terms"][1:][gaps[1:] < width]) for width in (2, 6)]
    evidence = [(u, t, float(sum(w for w, m in zip(shares, visited, strict=True) if (u, t) in m.terms))) for u, t in library]
    inclusion = pd.DataFrame(evidence, columns=["unknown", "term", "weight"])
    names = [s.name for s in best.symbols]
    return {
        "system": best.system(declared, line),
        "systems": tuple(m.system(declared, line) for m in models),
        "terms": Terms(best.numbers()),
        "formulas": Terms(best.formulas),
        "table": table,
        "intervals": _intervals(best, level),
        "covariance": pd.DataFrame(best.covariance, index=names, columns=names),
        "identifiability": Identifiability(len(names), best.rank, best.condition, *close),
        "inclusion": inclusion.sort_values("weight", ascending=False, kind="stable", ignore_index=True),
        "evaluations": evaluations,
    }


def _intervals(model: RankedModel, level: float) -> pd.DataFrame:
    reach = float(norm.ppf((1 + level) / 2))
    deviations = np.sqrt(np.maximum(np.diag(model.covariance), 0.0))
    values = model.values
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.exp(np.minimum(reach * deviations / np.abs(values), 300.0))
        lower = np.where(model.logarithmic, values / ratio, values - reach * deviations)
        upper = np.where(model.logarithmic, values * ratio, values + reach * deviations)
    told = ~model.undetermined
    return pd.DataFrame(
        {
            "constant": [s.name for s in model.symbols],
            "value": values,
            "standard error": np.where(told, deviations, np.inf),
            "lower": np.where(told, lower, np.where(model.logarithmic, 0.0, -np.inf)),
            "upper": np.where(told, upper, np.inf),
        }
    )


def squeezed(e: sp.Expr) -> sp.Expr:
    """An expression with four digits of its numbers."""
    return e.xreplace({n: sp.Float(n, 4) for n in e.atoms(sp.Float)})
