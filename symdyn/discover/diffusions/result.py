"""The result of a recovery of drift and noise, with checks of the step and of measurement noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.attached import DiffusionRecoveryVerbs
from symdyn.declaration import derivative
from symdyn.discover.diffusions.increments import Increments, increments, lagged
from symdyn.discover.diffusions.search import DiffusionModel, DiffusionSearch
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, filled, possible, ranked_recovery
from symdyn.discover.recovery import Recovery
from symdyn.inference.data import Observations
from symdyn.inference.information import Information
from symdyn.inference.naming import named_constants
from symdyn.inference.scoring import maximise, sandwich
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem

__all__ = ["DiffusionRecovery", "result"]

#: Standard errors of the correlation of successive residuals, and of the change with the step, that are not chance.
CORRELATED, MOVED = 4.0, 3.0
#: A standardised residual that no normal step has, whatever the length of the path.
LEAP = 9.0


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
    declared = search.declared
    visited = possible(search.ranked())
    ahead = increments(later) if later is not None else None
    labels, best = _labels(search), visited[0]
    facts = _facts(search, best)
    steps, stretched = _stretched(search, best, facts, seen)
    residual, covariance = search.likelihood(best.active).residuals(best.theta[best.active])
    return ranked_recovery(
        DiffusionRecovery, [_ranked(search, m, ahead) for m in visited[: options.keep]], facts, level=options.level,
        compared=[(m.criterion, [labels[k] for k in np.flatnonzero(m.chosen)]) for m in visited], library=labels,
        formulas=declared.formulas(best.chosen, _names(search, best)[0]),
        notes=[*notes, *_residual_notes(search, residual, covariance), *stretched], evaluations=search.evaluations,
        observations=seen, heldout=later, complete=complete, steps=steps, increments=search.data, declared=declared.system,
        residuals=residual, variances=np.diagonal(covariance, axis1=1, axis2=2),
    )  # fmt: skip


def _labels(search: DiffusionSearch) -> list[tuple[str, str]]:
    """Terms as the table of evidence names them."""
    squares = search.declared.squares
    return [
        (str(t.unknown), f"{t.shape} in {t.unknown}**2" if t.unknown in squares else str(t.shape))
        for t in search.declared.terms
    ]


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


def _values(search: DiffusionSearch, model: DiffusionModel, theta: np.ndarray) -> np.ndarray:
    """Values of the named constants of a model at its active columns `theta`."""
    names, meanings = _names(search, model)
    at = {c: sp.Float(v) for c, v in zip(names, theta, strict=True)}
    return np.array([float(e.xreplace(at)) for e in meanings])


def _facts(search: DiffusionSearch, model: DiffusionModel) -> Information:
    """Information about the named constants, by their slopes."""
    names, meanings = _names(search, model)
    theta, found = model.theta[model.active], sandwich(model.fit.score)
    at = {c: sp.Float(v) for c, v in zip(names, theta, strict=True)}
    slopes = np.array([float(derivative(e, c).xreplace(at)) for e, c in zip(meanings, names, strict=True)])
    lone = np.array([e.is_Pow for e in meanings], dtype=bool)  # the root of a square is not negative
    low, high = (b[model.active] for b in (search.declared.low, search.declared.high))
    return Information(
        tuple(s.name for s in names.values()), _values(search, model, theta),
        found.covariance * slopes[:, None] * slopes, found.undetermined, found.rank, found.condition,
        low=np.where(lone, np.sqrt(np.maximum(low, 0.0)), low), high=np.where(lone, np.sqrt(np.maximum(high, 0.0)), high),
    )  # fmt: skip


def _ranked(search: DiffusionSearch, model: DiffusionModel, ahead: Increments | None) -> RankedSystem:
    declared, (names, _) = search.declared, _names(search, model)
    theta = model.theta[model.active]
    values = dict(zip(names.values(), map(float, _values(search, model, theta)), strict=True))
    formulas = declared.formulas(model.chosen, names)
    known = {s: sp.Float(v) for s, v in values.items()}
    rms = _relative(search.likelihood(model.active).residuals(theta)[0], search.data)
    errors = {"rms": rms, "one_step": rms}
    if ahead is not None:
        errors["heldout_one_step"] = _relative(search.likelihood(model.active, ahead).residuals(theta)[0], ahead)
    return RankedSystem(
        filled(declared.system, formulas, values, f"recovered from {search.data.count} steps of observed paths"),
        {u: e.xreplace(known) for u, e in formulas.items()}, len(names), model.criterion, errors,
        model.fit.score.value,
    )  # fmt: skip


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
    search: DiffusionSearch, model: DiffusionModel, facts: Information, seen: Observations
) -> tuple[pd.DataFrame, list[str]]:
    """The first system fitted to steps twice as long, and a note if that moves it."""
    twice = increments(seen, 2)
    likelihood = search.likelihood(model.active, twice)
    likelihood.steps = 2 * search.steps
    low, high = search.declared.low[model.active], search.declared.high[model.active]
    fit = maximise(likelihood, model.theta[model.active], low=low, high=high)
    long = _values(search, model, fit.theta)
    moved = np.abs(long - facts.values) / np.maximum(facts.deviations, 1e-300)
    frame = pd.DataFrame(
        {
            "constant": list(facts.names),
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
