"""What `recover` hands back for fields."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from symdyn.attached import FieldRecoveryVerbs
from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData, read_fields
from symdyn.discover.ranked import TermModels
from symdyn.discover.recovery import Recovery
from symdyn.inference.climb import Fitted
from symdyn.inference.information import Information, Inverse, estimated, inverse
from symdyn.models.pde import PDESystem

__all__ = ["FieldOutcome", "FieldRecovery", "assembled_fields", "information_of"]


@dataclass(frozen=True, kw_only=True, repr=False)
class FieldRecovery(FieldRecoveryVerbs, Recovery):
    """Ranked systems of fields with the unknown terms filled in; see `Recovery` for what all of them have.

    Attributes
    ----------
    system : PDESystem
        Of the declared domain and boundary; it simulates on other grids and from other starts.
    table : DataFrame
        ``rms`` is the error of a run from the start, relative to the size of the fields; ``one_step`` is NaN.
    starts : tuple of (trajectories, fields, *cells) float64
        One array: the initial fields from which the data were fitted, on the grid of the fit.
    fitted : tuple of Dataset
        For each experiment the run of the first system from its start, at the times and places of the data.
    method : {'simulation', 'weak form'}
        Where the values come from.
    """

    system: PDESystem
    systems: tuple[PDESystem, ...]
    fitted: tuple[xr.Dataset, ...] = field(default=())
    method: str = "simulation"

    def _beginnings(self) -> list[tuple[float, dict[str, Any]]]:
        names = self.observations.fields
        pairs = zip(self.fitted, self.starts, strict=True)
        return [(float(run["time"][0]), dict(zip(names, start, strict=True))) for run, start in pairs]

    def _measured(self, data: Any) -> Any:
        return self.observations if data is None else read_fields(self.system, data)


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
    written = TermModels(system, outcome.candidates, f"recovered from {seen.size} data by {outcome.method}")
    errors = itertools.chain(outcome.errors, itertools.repeat((np.nan, np.nan)))
    shown = [
        written.shown(m, m.theta, {"rms": rms, "heldout_free_run": ahead})
        for m, (rms, ahead) in zip(outcome.models[:keep], errors, strict=False)
    ]
    return written.recovery(
        FieldRecovery, shown, outcome.models, outcome.facts, level=level, notes=outcome.notes,
        evaluations=outcome.evaluations, observations=seen, heldout=later, starts=outcome.starts, fitted=outcome.fitted,
        method=outcome.method, complete=outcome.complete,
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
