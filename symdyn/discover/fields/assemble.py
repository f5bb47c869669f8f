"""From fitted models to a FieldRecovery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

from symdyn.discover.assembly import inclusion, written
from symdyn.discover.evidence import Information, intervals, weights
from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.recovery import Identifiability, Terms
from symdyn.models.pde import PDESystem

__all__ = ["FieldOutcome", "Ranked", "assembled_fields", "information_of"]

#: Eigenvalues of the scaled information matrix below this share of the largest count as zero.
RANK_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Ranked:
    """A model in the result.

    Attributes
    ----------
    chosen : (K,) bool
    theta : (P,) float64
    criterion : float
    rms, later : float
        Relative errors of its run along the data used, and along the validation data; NaN unless it was run.
    """

    chosen: np.ndarray
    theta: np.ndarray
    criterion: float
    rms: float = np.nan
    later: float = np.nan


@dataclass
class FieldOutcome:
    """Result of a search: models best first, all of them for their evidence, and facts of the first."""

    candidates: FieldCandidates
    models: list[Ranked]
    visited: list[Ranked]
    facts: Information
    method: str
    starts: tuple[np.ndarray, ...] = ()
    fitted: tuple[xr.Dataset, ...] = ()
    evaluations: int = 0
    notes: list[str] = field(default_factory=list)
    complete: bool = True


def assembled_fields(
    system: PDESystem, outcome: FieldOutcome, seen: FieldData, later: FieldData | None, level: float
) -> FieldRecovery:
    """The result of a recovery of the unknown terms of `system`."""
    candidates = outcome.candidates
    shares = weights([m.criterion for m in outcome.visited])
    by_key = {m.chosen.tobytes(): s for m, s in zip(outcome.visited, shares, strict=True)}
    systems, rows = [], []
    for model in outcome.models:
        values = dict(zip(candidates.columns, map(float, model.theta), strict=True))
        systems.append(_filled(system, candidates, model, values, f"recovered from {seen.size} data by {outcome.method}"))
        expressions = _expressions(system, candidates, model, {c: sp.Float(v) for c, v in values.items()})
        rows.append(
            {
                "terms": written(expressions) or _valueswritten(candidates, model),
                "complexity": sum(1 for e in expressions.values() for _ in sp.preorder_traversal(e)),
                "parameters": int(candidates.active(model.chosen[None]).sum()),
                "bic": model.criterion,
                "weight": by_key.get(model.chosen.tobytes(), 0.0),
                "rms": model.rms,
                "one_step": np.nan,
                "heldout_one_step": np.nan,
                "heldout_free_run": model.later,
            }
        )
    table, first = pd.DataFrame(rows), outcome.models[0]
    gaps = table["bic"] - table["bic"][0]
    close = [tuple(table["terms"][1:][(gaps[1:] < width) & (gaps[1:] >= above)]) for above, width in ((0, 2), (0, 6))]
    values = {c: sp.Float(v) for c, v in zip(candidates.columns, first.theta, strict=True)}
    names = _names(system, candidates, first)
    frame = intervals(outcome.facts, level)
    frame["constant"] = frame["constant"].replace({c.name: n.name for c, n in names.items()})
    return FieldRecovery(
        system=systems[0],
        systems=tuple(systems),
        terms=Terms(_expressions(system, candidates, first, values)),
        formulas=Terms(_expressions(system, candidates, first, {c: names.get(c, c) for c in candidates.columns})),
        table=table,
        intervals=frame,
        covariance=pd.DataFrame(outcome.facts.covariance(), index=frame["constant"], columns=frame["constant"]),
        identifiability=Identifiability(len(outcome.facts.names), outcome.facts.rank, outcome.facts.condition, *close),
        inclusion=inclusion(candidates, outcome.visited, shares),
        evaluations=outcome.evaluations,
        observations=seen,
        heldout=later,
        starts=outcome.starts,
        fitted=outcome.fitted,
        method=outcome.method,
        warnings=tuple(outcome.notes),
        complete=outcome.complete,
    )


def information_of(
    candidates: FieldCandidates, chosen: np.ndarray, theta: np.ndarray, jacobian: np.ndarray, rss: float
) -> Information:
    """What a linear model of the residuals says about the active columns.

    Parameters
    ----------
    candidates : FieldCandidates
    chosen : (K,) bool
    theta : (P,) float64
    jacobian : (D, A + M) float64
        Of the active columns, then of what else was fitted.
    rss : float
        Sum of squares that is left, from which the noise is estimated.
    """
    active = np.flatnonzero(candidates.active(chosen[None])[0])
    size = np.linalg.norm(jacobian, axis=0)
    unit = 1 / np.where(size > 0, size, np.inf)
    eigenvalues, vectors = np.linalg.eigh((jacobian * unit).T @ (jacobian * unit))
    kept = eigenvalues > RANK_TOLERANCE * max(float(eigenvalues[-1]) if eigenvalues.size else 0.0, 1e-300)
    inverse = (vectors[:, kept] / eigenvalues[kept]) @ vectors[:, kept].T
    freedom = len(jacobian) - jacobian.shape[1]
    spread = np.sqrt(np.maximum(np.diag(inverse), 0.0) * rss / max(freedom, 1)) * unit
    spread = np.where((vectors[:, ~kept] ** 2).sum(axis=1) > 1e-6, np.inf, spread)
    root = np.sqrt(np.maximum(np.diag(inverse), 1e-300))
    correlation = inverse / root[:, None] / root
    lost = int((~kept).sum())
    condition = float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues.size and kept.all() else np.inf
    few = len(active)
    return Information(
        tuple(candidates.columns[k].name for k in active), theta[active], spread[:few], correlation[:few, :few], freedom,
        max(few - lost, 0), condition if few else 1.0,
    )  # fmt: skip


def _names(system: PDESystem, candidates: FieldCandidates, model: Ranked) -> dict[sp.Symbol, sp.Symbol]:
    """Names of the coefficients of a model: ``f_1, f_2, ...`` for those of f, in the order of its terms."""
    taken = {s.name for s in (*system.states, *system.space, *system.parameters, *system.observables, system.time)}
    taken |= {c.name for t in candidates.terms for c in t.constants}
    names: dict[sp.Symbol, sp.Symbol] = {}
    for k in np.flatnonzero(model.chosen):
        label, number = candidates.terms[k].unknown.func.__name__, 1
        while f"{label}_{number}" in taken:
            number += 1
        taken.add(f"{label}_{number}")
        names[candidates.columns[k]] = sp.Symbol(f"{label}_{number}")
    return names


def _expressions(system: PDESystem, candidates: FieldCandidates, model: Ranked, values: dict[Any, Any]) -> dict[Any, sp.Expr]:
    """Every unknown function of the system with the terms of a model."""
    found = candidates.expressions(model.chosen, values)
    return {u: found.get(u, sp.S.Zero) for u in {t.unknown: None for t in candidates.terms}}


def _filled(
    system: PDESystem, candidates: FieldCandidates, model: Ranked, values: dict[sp.Symbol, float], line: str
) -> PDESystem:
    names = _names(system, candidates, model)
    symbols = {c: names.get(c, c) for c in candidates.columns}
    expressions = _expressions(system, candidates, model, symbols)
    own = {symbols[c]: v for c, v in values.items() if symbols[c] not in system.parameters}
    filled = system.with_terms(expressions, own) if expressions else system
    fitted = {p: values[p] for p in filled.parameters if p in values}
    complete = filled.with_parameters(fitted)
    return complete.replace(provenance=(*complete.provenance, line))


def _valueswritten(candidates: FieldCandidates, model: Ranked) -> str:
    return "; ".join(f"{c} = {v:.4g}" for c, v in zip(candidates.columns, model.theta, strict=True))
