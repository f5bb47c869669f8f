"""The result of a recovery of drift and noise, with checks of the step and of measurement noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.attached import DiffusionRecoveryVerbs
from symdyn.discover.diffusions.declared import Declared
from symdyn.discover.diffusions.search import DiffusionModel, DiffusionSearch
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, TermModels, possible
from symdyn.discover.recovery import Recovery
from symdyn.inference.data import Observations
from symdyn.inference.increments import Increments, increments, residual_notes
from symdyn.inference.information import Information
from symdyn.inference.scoring import maximise, sandwich
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem

__all__ = ["DiffusionRecovery", "result"]

#: Standard errors of the change with the step that are not chance.
MOVED = 3.0


@dataclass(frozen=True, kw_only=True, repr=False)
class DiffusionRecovery(DiffusionRecoveryVerbs, Recovery):
    """Drift and noise of stochastic differential equations.

    The column rms of `table` is the error one step ahead relative to the size of the increments, which noise keeps near 1.

    Attributes
    ----------
    steps : DataFrame
        Constants of the first system from all steps, from steps twice as long, and extrapolated to steps of no length (the
        error is of second order in them); with the standard error.
    increments : Increments
        The steps that were used.
    residuals, variances : (N, n) float64
        Increments less what the first system expects, and their variances by it.
    declared : SDESystem
        The system with its unknown functions.
    """

    system: SDESystem
    residuals: np.ndarray
    variances: np.ndarray
    declared: SDESystem
    steps: pd.DataFrame
    increments: Increments

    def _data(self) -> str:
        return f"{self.increments.count} steps"

    def _mean_system(self) -> ODESystem:
        system = self.system.ito()
        free = set().union(*(e.free_symbols for e in system.drift))
        known = {p: v for p, v in system.defaults.items() if p in free}
        return ODESystem(dict(zip(system.states, system.drift, strict=True)), known, time=system.time)


def result(
    search: DiffusionSearch, seen: Observations, later: Observations | None, options: RecoverOptions, notes: Sequence[str], *,
    complete: bool,
) -> DiffusionRecovery:  # fmt: skip
    """The result of a search that has ended.

    Raises
    ------
    RecoveryError
        If there is no model.
    """
    visited = possible(search.ranked())
    ahead = increments(later) if later is not None else None
    best, line = visited[0], f"recovered from {search.data.count} steps of observed paths"
    written = _Written(search.declared.system, search.declared, line)
    facts = _facts(written, best)
    steps, stretched = _stretched(search, written, best, facts, seen)
    residual, covariance = search.likelihood(best.active).residuals(best.theta[best.active])

    def ranked(model: DiffusionModel) -> RankedSystem:
        theta = model.theta[model.active]
        rms = _relative(search.likelihood(model.active).residuals(theta)[0], search.data)
        errors = {"rms": rms, "one_step": rms}
        if ahead is not None:
            errors["heldout_one_step"] = _relative(search.likelihood(model.active, ahead).residuals(theta)[0], ahead)
        return written.shown(model, model.theta, errors, log_likelihood=model.fit.score.value)

    return written.recovery(
        DiffusionRecovery, map(ranked, visited[: options.keep]), visited, facts, level=options.level,
        notes=[*notes, *residual_notes(written.system.names, search.data.runs, residual, covariance), *stretched],
        evaluations=search.evaluations,
        observations=seen, heldout=later, complete=complete, steps=steps, increments=search.data,
        declared=search.declared.system, residuals=residual, variances=np.diagonal(covariance, axis1=1, axis2=2),
    )  # fmt: skip


@dataclass(frozen=True)
class _Written(TermModels):
    """Diffusions: of a noise that is known by its square, a lone coefficient is shown by its root."""

    columns: Declared

    def labels(self) -> list[tuple[str, str]]:
        squares, plain = self.columns.squares, super().labels()
        return [
            (u, f"{e} in {u}**2" if t.unknown in squares else e) for t, (u, e) in zip(self.columns.terms, plain, strict=True)
        ]

    def formulas(self, chosen: np.ndarray) -> dict[AppliedUndef, sp.Expr]:
        return self.columns.formulas(chosen, self.names(chosen))

    def values(self, chosen: np.ndarray, theta: np.ndarray) -> dict[sp.Symbol, float]:
        return super().values(chosen, self.columns.rooted(chosen, theta))


def _facts(written: _Written, model: DiffusionModel) -> Information:
    """Information about the values that are shown, by their slopes."""
    found, columns, on = sandwich(model.fit.score), written.columns, model.active
    values, low, high = (columns.rooted(model.chosen, v)[on] for v in (model.theta, columns.low, columns.high))
    slopes = np.where(columns.lone(model.chosen)[on], 0.5 / np.maximum(values, 1e-300), 1.0)
    names = tuple(c.name for c, active in zip(columns.columns, on, strict=True) if active)
    return Information(
        names, values, found.covariance * slopes[:, None] * slopes, found.undetermined, found.rank, found.condition,
        low=low, high=high,
    )  # fmt: skip


def _relative(residual: np.ndarray, data: Increments) -> float:
    size = np.sqrt(((data.end - data.begin) ** 2).mean(axis=1))
    return float(np.sqrt(np.mean((residual / np.maximum(size, 1e-300)) ** 2)))


def _stretched(
    search: DiffusionSearch, written: _Written, model: DiffusionModel, facts: Information, seen: Observations
) -> tuple[pd.DataFrame, list[str]]:
    """The first system fitted to steps twice as long, and a note if that moves it."""
    twice = increments(seen, 2)
    likelihood = search.likelihood(model.active, twice)
    likelihood.steps = 2 * search.steps
    low, high = search.declared.low[model.active], search.declared.high[model.active]
    fit = maximise(likelihood, model.theta[model.active], low=low, high=high)
    theta = model.theta.copy()
    theta[model.active] = fit.theta
    long, names = written.columns.rooted(model.chosen, theta)[model.active], written.names(model.chosen)
    moved = np.abs(long - facts.values) / np.maximum(facts.deviations, 1e-300)
    frame = pd.DataFrame(
        {
            "constant": [names.get(c, c).name for c in np.array(written.columns.columns)[model.active]],
            "all steps": facts.values,
            "twice as long": long,
            "extrapolated": facts.values + (facts.values - long) / 3,
            "standard error": facts.deviations,
        }
    )
    if not np.isfinite(fit.score.value) or not (moved > MOVED).any():
        return frame, []
    worst = int(np.argmax(moved))
    return frame, [
        f"from steps twice as long {frame['constant'][worst]} is {long[worst]:.4g} instead of {facts.values[worst]:.4g}, "
        f"{moved[worst]:.1f} standard errors away: the steps are too long for the process (or it is not the one found); "
        "use data closer together, or see 'steps' for values extrapolated to short steps"
    ]
