"""The result of a recovery of drift and noise, with checks of the step and of measurement noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.attached import DiffusionRecoveryVerbs
from symdyn.discover.data import Observations
from symdyn.discover.diffusions.increments import Increments, increments, lagged
from symdyn.discover.diffusions.search import DiffusionModel, DiffusionSearch
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedModel, named_constants, ranked_fields, squeezed, transformed
from symdyn.discover.recovery import Recovery
from symdyn.discover.scoring import maximise, sandwich
from symdyn.models.sde import SDESystem

__all__ = ["DiffusionRecovery", "result"]

#: Standard errors of the correlation of successive residuals, and of the change with the step, that are not chance.
CORRELATED, MOVED = 4.0, 3.0
#: A standardised residual that no normal step has, whatever the length of the path.
LEAP = 9.0


@dataclass(frozen=True, kw_only=True)
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

    residuals: np.ndarray
    variances: np.ndarray
    declared: SDESystem
    steps: pd.DataFrame
    increments: Increments

    def __repr__(self) -> str:
        best = self.table.iloc[0]
        lines = [f"DiffusionRecovery: {len(self.systems)} systems from {self.increments.count} steps"]
        lines += [f"    {u} = {squeezed(e)}" for u, e in self.terms.items()]
        lines.append(f"  weight {best['weight']:.2g}, log-likelihood {best['log_likelihood']:.6g}")
        return "\n".join([*lines, *self._remarks()])


def result(
    search: DiffusionSearch, seen: Observations, later: Observations | None, options: RecoverOptions, notes: Sequence[str], *,
    complete: bool,
) -> DiffusionRecovery:  # fmt: skip
    """The result of a search that has ended."""
    declared = search.declared
    visited = search.ranked()
    ahead = increments(later) if later is not None else None
    ranked = [_named(search, m, ahead if k < options.keep else None) for k, m in enumerate(visited)]
    library = [(str(t.unknown), _label(search, k)) for k, t in enumerate(declared.terms)]
    fields = ranked_fields(
        declared.system, ranked[: options.keep], ranked, level=options.level, library=library, evaluations=search.evaluations,
        line=f"recovered from {search.data.count} steps of observed paths",
    )  # fmt: skip
    steps, stretched = _stretched(search, visited[0], ranked[0], seen)
    best = visited[0]
    residual, covariance = search.likelihood(best.active).residuals(best.theta[best.active])
    told = [*notes, *_residual_notes(search, residual, covariance), *stretched]
    return DiffusionRecovery(
        **fields, observations=seen, heldout=later, warnings=tuple(told), complete=complete, steps=steps,
        increments=search.data, declared=declared.system, residuals=residual,
        variances=np.diagonal(covariance, axis1=1, axis2=2),
    )  # fmt: skip


def _label(search: DiffusionSearch, k: int) -> str:
    """A term as the table of evidence names it."""
    term = search.declared.terms[k]
    return f"{term.shape} in {term.unknown}**2" if term.unknown in search.declared.squares else str(term.shape)


def _names(search: DiffusionSearch, model: DiffusionModel) -> tuple[dict[sp.Symbol, sp.Symbol], list[sp.Expr]]:
    """Names of the active columns, and what stands for each: the root of a lone square."""
    declared = search.declared
    chosen = np.flatnonzero(model.chosen)
    owners = [(declared.terms[k].unknown, declared.columns[k], tuple(declared.terms[k].constants)) for k in chosen]
    names = named_constants(declared.system, owners)
    lone = {}
    for u in declared.squares:
        own = [k for k in chosen if declared.terms[k].unknown == u]
        if len(own) == 1:
            lone[declared.columns[own[0]]] = sp.sqrt(declared.columns[own[0]])
    columns = [c for c, on in zip(declared.columns, model.active, strict=True) if on]
    return {c: names.get(c, c) for c in columns}, [lone.get(c, c) for c in columns]


def _named(search: DiffusionSearch, model: DiffusionModel, ahead: Increments | None) -> RankedModel:
    declared, fit = search.declared, model.fit
    names, meanings = _names(search, model)
    old, values = list(names), model.theta[model.active]
    covariance, rank, condition, undetermined = sandwich(fit.score)
    at = {c: sp.Float(v) for c, v in zip(old, values, strict=True)}
    new = np.array([float(e.xreplace(at)) for e in meanings])
    likelihood = search.likelihood(model.active)
    rms = _relative(likelihood.residuals(values)[0], search.data)
    heldout = np.nan
    if ahead is not None:
        heldout = _relative(search.likelihood(model.active, ahead).residuals(values)[0], ahead)
    return RankedModel(
        formulas=declared.formulas(model.chosen, names),
        symbols=tuple(names.values()),
        values=new,
        covariance=transformed(covariance, values, meanings, old),
        logarithmic=np.zeros(len(new), dtype=bool),
        undetermined=undetermined,
        rank=rank,
        condition=condition,
        log_likelihood=fit.score.value,
        criterion=model.criterion,
        terms=tuple((str(declared.terms[k].unknown), _label(search, k)) for k in map(int, np.flatnonzero(model.chosen))),
        rms=rms,
        heldout=heldout,
    )


def _relative(residual: np.ndarray, data: Increments) -> float:
    size = np.sqrt(((data.end - data.begin) ** 2).mean(axis=1))
    return float(np.sqrt(np.mean((residual / np.maximum(size, 1e-300)) ** 2)))


def _residual_notes(search: DiffusionSearch, residual: np.ndarray, covariance: np.ndarray) -> list[str]:
    """What successive residuals say of measurement noise and memory, and large ones of jumps."""
    white = np.linalg.solve(np.linalg.cholesky(covariance), residual[..., None])[..., 0]
    strength, product = lagged(white, residual, search.data.runs)
    notes = []
    for s, z, c, w in zip(search.declared.system.names, strength, product, white.T, strict=True):
        if z < -CORRELATED:
            notes.append(
                f"successive increments of {s} are negatively correlated ({z:.1f} standard errors), as measurement noise on "
                f"top of the path makes them, of standard deviation about {np.sqrt(max(-c, 0.0)):.2g}: the noise found is too "
                "large and the drift wrong; use every k-th point, so that the path moves further than that between them"
            )
        elif z > CORRELATED:
            notes.append(
                f"successive increments of {s} are positively correlated ({z:.1f} standard errors): the path is smoother than "
                "a diffusion, or the drift has other variables; use points further apart, or add states"
            )
        if np.abs(w).max() > LEAP:
            notes.append(
                f"an increment of {s} is {np.abs(w).max():.0f} standard deviations off, which no diffusion makes: "
                "are there jumps?"
            )
    return notes


def _stretched(
    search: DiffusionSearch, model: DiffusionModel, ranked: RankedModel, seen: Observations
) -> tuple[pd.DataFrame, list[str]]:
    """The first system fitted to steps twice as long, and a note if that moves it."""
    names, meanings = _names(search, model)
    twice = increments(seen, 2)
    likelihood = search.likelihood(model.active, twice)
    likelihood.steps = 2 * search.steps
    low, high = search.declared.low[model.active], search.declared.high[model.active]
    fit = maximise(likelihood, model.theta[model.active], low=low, high=high)
    at = {c: sp.Float(v) for c, v in zip(names, fit.theta, strict=True)}
    long = np.array([float(e.xreplace(at)) for e in meanings])
    deviations = np.sqrt(np.maximum(np.diag(ranked.covariance), 0.0))
    moved = np.where(ranked.undetermined, 0.0, np.abs(long - ranked.values) / np.maximum(deviations, 1e-300))
    frame = pd.DataFrame(
        {
            "constant": [s.name for s in ranked.symbols],
            "all steps": ranked.values,
            "twice as long": long,
            "extrapolated": ranked.values + (ranked.values - long) / 3,
            "standard error": deviations,
        }
    )
    if not np.isfinite(fit.score.value) or not (moved > MOVED).any():
        return frame, []
    worst = int(np.argmax(moved))
    return frame, [
        f"from steps twice as long {frame['constant'][worst]} is {long[worst]:.4g} instead of {ranked.values[worst]:.4g}, "
        f"{moved[worst]:.1f} standard errors away: the steps are too long for the process (or it is not the one found); "
        "use data closer together, or see 'steps' for values extrapolated to short steps"
    ]
