"""From fitted models to a FieldRecovery."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.ranked import RankedSystem, filled, ranked_recovery
from symdyn.inference.climb import Fitted
from symdyn.inference.information import Information, Inverse, estimated, inverse
from symdyn.inference.naming import named_constants
from symdyn.models.pde import PDESystem

__all__ = ["FieldOutcome", "assembled_fields", "information_of"]


@dataclass
class FieldOutcome:
    """Result of a search: all models, best first, and facts of the first.

    `errors` are relative errors of the runs of the first ones, along the data used and along the validation data.
    """

    candidates: FieldCandidates
    models: Sequence[Fitted]
    facts: Information
    method: str
    errors: list[tuple[float, float]] = field(default_factory=list)
    starts: tuple[np.ndarray, ...] = ()
    fitted: tuple[xr.Dataset, ...] = ()
    evaluations: int = 0
    level: int = 0
    notes: list[str] = field(default_factory=list)
    complete: bool = True


def assembled_fields(
    system: PDESystem, outcome: FieldOutcome, seen: FieldData, later: FieldData | None, *, keep: int, level: float
) -> FieldRecovery:
    """The result of a recovery of the unknown terms of `system`, with the `keep` best models."""
    candidates, columns = outcome.candidates, outcome.candidates.columns
    unknowns, line = dict.fromkeys(t.unknown for t in candidates.terms), f"recovered from {seen.size} data by {outcome.method}"

    def names(model: Fitted) -> dict[sp.Symbol, sp.Symbol]:
        terms = ((k, candidates.terms[k]) for k in np.flatnonzero(model.chosen))
        return named_constants(system, [(t.unknown, columns[k], tuple(t.constants)) for k, t in terms])

    def formulas(model: Fitted, values: Mapping[sp.Symbol, Any]) -> dict[Any, sp.Expr]:
        found = candidates.expressions(model.chosen, values)
        return {u: found.get(u, sp.S.Zero) for u in unknowns}

    def named(model: Fitted) -> dict[Any, sp.Expr]:
        return formulas(model, dict(zip(columns, columns, strict=True)) | names(model))

    def ranked(model: Fitted, rms: float, ahead: float) -> RankedSystem:
        values = dict(zip(columns, map(float, model.theta), strict=True))
        own = {n: values[c] for c, n in names(model).items()} | {p: values[p] for p in system.parameters if p in values}
        text = None if unknowns else "; ".join(f"{c} = {v:.4g}" for c, v in values.items())
        return RankedSystem(
            filled(system, named(model), own, line), formulas(model, {c: sp.Float(v) for c, v in values.items()}),
            int(candidates.active(model.chosen[None]).sum()), model.criterion,
            {"rms": rms, "heldout_free_run": ahead}, text=text,
        )  # fmt: skip

    labels = [(str(t.unknown), str(t.shape)) for t in candidates.terms]
    errors = itertools.chain(outcome.errors, itertools.repeat((np.nan, np.nan)))
    shown = [ranked(m, *e) for m, e in zip(outcome.models[:keep], errors, strict=False)]
    first = outcome.models[0]
    return ranked_recovery(
        FieldRecovery, shown, outcome.facts.renamed({c.name: n.name for c, n in names(first).items()}),
        level=level, compared=[(m.criterion, [labels[k] for k in np.flatnonzero(m.chosen)]) for m in outcome.models],
        library=labels, formulas=named(first), notes=outcome.notes, evaluations=outcome.evaluations,
        observations=seen, heldout=later, starts=outcome.starts, fitted=outcome.fitted, method=outcome.method,
        complete=outcome.complete,
    )  # fmt: skip


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
    found, few = inverse(jacobian.T @ jacobian), len(active)
    lost = jacobian.shape[1] - found.rank
    own = Inverse(found.covariance[:few, :few], found.undetermined[:few], max(few - lost, 0), found.condition)
    return estimated(
        [candidates.columns[k].name for k in active], theta[active], own, rss, len(jacobian) - jacobian.shape[1],
        low=candidates.low[active], high=candidates.high[active],
    )  # fmt: skip
