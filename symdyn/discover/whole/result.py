"""From fitted models to a Recovery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.ranked import RankedSystem, filled, ranked_recovery
from symdyn.discover.recovery import Recovery
from symdyn.discover.whole.evidence import information, prediction_errors, residuals
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.inference.data import Observations
from symdyn.inference.misfit import misfit
from symdyn.inference.naming import named_constants
from symdyn.models.ode import ODESystem

__all__ = ["assembled"]

#: Digits of a constant that are below this share of its standard error are left out.
DIGITS = 0.01
#: Relative standard error that constants of models after the first are taken to have.
ROUGH = 1e-3


def assembled(
    system: ODESystem, fitter: Fitter, ranked: Sequence[EquationFit], visited: Sequence[EquationFit], seen: Observations,
    later: Observations | None, *, level: float, notes: Sequence[str], complete: bool,
) -> Recovery:  # fmt: skip
    """The result of a search: a system with an unknown function for each right-hand side, and models of different structures.

    `visited` share the evidence; `ranked` are their first ones, the best first, of which those that there is no time for are
    left out.
    """
    first = np.searchsorted(fitter.problem.cut(ranked[0].windows)[:, 0], fitter.problem.first[:-1])
    facts = information(fitter, ranked[0], [s.name for s in _symbols(system, ranked[0])], system.names)
    line = f"recovered from {seen.size} data, with nothing known, by simulation of candidates"

    def shown(fit: EquationFit, deviations: np.ndarray) -> RankedSystem:
        symbols, start = _symbols(system, fit), fit.starts[first]
        values = [_short(v, s) for v, s in zip(fit.model.theta, deviations, strict=False)]
        return RankedSystem(
            filled(system, _sides(system, fit, symbols), dict(zip(symbols, values, strict=True)), line, start[0]),
            _sides(system, fit, [sp.Integer(int(v)) if v == int(v) else sp.Float(v) for v in values]),
            fit.model.K + fit.model.Q, fit.score, prediction_errors(fitter, fit, seen, later), start=start,
        )  # fmt: skip

    models = [shown(ranked[0], facts.deviations)]
    for fit in ranked[1:]:
        if fitter.late():
            break
        models.append(shown(fit, ROUGH * np.abs(fit.model.theta)))
    return ranked_recovery(
        Recovery, models, facts, level=level, compared=[(f.score, _labels(system, f)) for f in visited],
        formulas=_sides(system, ranked[0], _symbols(system, ranked[0])), notes=notes,
        misfit=misfit(residuals(fitter, ranked[0], seen), facts.rank), evaluations=fitter.runs,
        observations=seen, heldout=later, complete=complete,
    )  # fmt: skip


def _symbols(system: ODESystem, fit: EquationFit) -> list[sp.Symbol]:
    """Names of the constants of a model in the order of its values: ``f_1, f_2, ...`` for those of f, term by term."""
    owners = []
    for k, (e, term) in enumerate(fit.model.terms):
        unknown = system.drift[e]
        inside = [sp.Symbol(f"{unknown.func.__name__}_{k}_{i}") for i in range(len(term.constants))]
        owners.append((unknown, sp.Symbol(f"c_{k}"), inside))
    names = named_constants(system, owners)
    return [names[c] for _, c, _ in owners] + [names[s] for _, _, inside in owners for s in inside]


def _sides(system: ODESystem, fit: EquationFit, values: Sequence[sp.Expr]) -> dict[AppliedUndef, sp.Expr]:
    """Right-hand sides with expressions for the constants."""
    sides = dict.fromkeys(system.drift, sp.S.Zero)
    inner = iter(values[fit.model.K :])
    for (e, term), c in zip(fit.model.terms, values, strict=False):
        sides[system.drift[e]] += c * term.expression(system.states, [next(inner) for _ in term.constants])
    return sides


def _short(value: float, deviation: float) -> float:
    """A number without the digits that its standard error makes meaningless."""
    if not np.isfinite(deviation) or deviation <= 0 or value == 0:
        return float(value)
    places = -int(np.floor(np.log10(max(DIGITS * deviation, 1e-12 * abs(value)))))
    return float(round(float(value), places))


def _labels(system: ODESystem, fit: EquationFit) -> list[tuple[str, str]]:
    """Its terms, constants inside them written K, or k where they multiply a state."""
    found = []
    for e, term in fit.model.terms:
        names = [sp.Symbol("K") if kind == 0 else sp.Symbol("k") for _, kind, _ in term.constants]
        found.append((str(system.drift[e]), str(term.expression(system.states, names))))
    return found
