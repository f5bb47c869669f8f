"""From fitted models to a Recovery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.data import Observations
from symdyn.discover.evidence import intervals, weights
from symdyn.discover.recovery import Identifiability, Recovery, Terms
from symdyn.discover.whole.evidence import information, prediction_errors
from symdyn.discover.whole.fits import EquationFit, Fitter
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
    """The result of a search.

    Parameters
    ----------
    system : ODESystem
        With an unknown function for each right-hand side.
    fitter : Fitter
    ranked : sequence of EquationFit
        Models of different structures, the best first.
    visited : sequence of EquationFit
        All that share the evidence; `ranked` are their first ones, of which those that there is no time for are left out.
    """
    shares = weights([f.score for f in visited])
    position = {f.model.key: k for k, f in enumerate(visited)}
    first = np.searchsorted(fitter.problem.cut(ranked[0].windows)[:, 0], fitter.problem.first[:-1])
    rows: list[dict[str, Any]] = []
    systems, starts, facts = [], [], None
    for fit in ranked:
        if rows and fitter.late():
            break
        symbols = _symbols(system, fit)
        if facts is None:
            facts = information(fitter, fit, [s.name for s in symbols], system.names)
            formulas = _sides(system, fit, symbols)
            values = best = [_short(v, s) for v, s in zip(fit.model.theta, facts.deviations, strict=False)]
        else:
            values = [_short(v, ROUGH * abs(v)) for v in fit.model.theta]
        filled = system.with_terms(_sides(system, fit, symbols), dict(zip(symbols, values, strict=True)))
        start = fit.starts[first]
        begun = filled.with_initial(dict(zip(system.states, map(float, start[0]), strict=True)))
        line = f"recovered from {seen.size} data, with nothing known, by simulation of candidates"
        systems.append(begun.replace(provenance=(*begun.provenance, line)))
        starts.append(start)
        numbers = _numbers(system, fit, values)
        rows.append(
            {
                "terms": "; ".join(f"{u} = {_text(e)}" for u, e in numbers.items()),
                "complexity": sum(1 for e in numbers.values() for _ in sp.preorder_traversal(e)),
                "parameters": fit.model.K + fit.model.Q,
                "bic": fit.score,
                "weight": float(shares[position[fit.model.key]]),
                **prediction_errors(fitter, fit, seen, later),
            }
        )
    assert facts is not None
    table = pd.DataFrame(rows)
    gaps = table["bic"] - table["bic"][0]
    equivalent, plausible = (tuple(table["terms"][1:][gaps[1:] < width]) for width in (2, 6))
    frame = intervals(facts, level)
    return Recovery(
        system=systems[0],
        systems=tuple(systems),
        terms=Terms(_numbers(system, ranked[0], best)),
        formulas=Terms(formulas),
        table=table,
        intervals=frame,
        covariance=pd.DataFrame(facts.covariance(), index=frame["constant"], columns=frame["constant"]),
        identifiability=Identifiability(len(facts.names), facts.rank, facts.condition, equivalent, plausible),
        inclusion=_inclusion(system, visited, shares),
        evaluations=fitter.runs,
        observations=seen,
        heldout=later,
        starts=tuple(starts),
        warnings=tuple(notes),
        complete=complete,
    )


def _symbols(system: ODESystem, fit: EquationFit) -> list[sp.Symbol]:
    """Names of the constants of a model in the order of its values: ``f_1, f_2, ...`` for those of f, term by term."""
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    counts: dict[str, int] = {}

    def new(e: int) -> sp.Symbol:
        label = system.drift[e].func.__name__
        counts[label] = counts.get(label, 0) + 1
        while f"{label}_{counts[label]}" in taken:
            counts[label] += 1
        return sp.Symbol(f"{label}_{counts[label]}")

    coefficients, inner = [], []
    for e, term in fit.model.terms:
        coefficients.append(new(e))
        inner += [new(e) for _ in term.constants]
    return coefficients + inner


def _sides(system: ODESystem, fit: EquationFit, values: Sequence[sp.Expr]) -> dict[AppliedUndef, sp.Expr]:
    """Right-hand sides with expressions for the constants."""
    sides = dict.fromkeys(system.drift, sp.S.Zero)
    inner = iter(values[fit.model.K :])
    for (e, term), c in zip(fit.model.terms, values, strict=False):
        sides[system.drift[e]] += c * term.expression(system.states, [next(inner) for _ in term.constants])
    return sides


def _numbers(system: ODESystem, fit: EquationFit, values: Sequence[float]) -> dict[AppliedUndef, sp.Expr]:
    return _sides(system, fit, [sp.Integer(int(v)) if v == int(v) else sp.Float(v) for v in values])


def _short(value: float, deviation: float) -> float:
    """A number without the digits that its standard error makes meaningless."""
    if not np.isfinite(deviation) or deviation <= 0 or value == 0:
        return float(value)
    places = -int(np.floor(np.log10(max(DIGITS * deviation, 1e-12 * abs(value)))))
    return float(round(float(value), places))


def _text(expression: sp.Expr) -> str:
    return str(expression.xreplace({n: sp.Float(n, 4) for n in expression.atoms(sp.Float)}))


def _inclusion(system: ODESystem, visited: Sequence[EquationFit], shares: np.ndarray) -> pd.DataFrame:
    """The weight of all models that hold each term, constants inside it written K, or k where they multiply a state."""
    evidence: dict[tuple[str, str], float] = {}
    for fit, share in zip(visited, shares, strict=True):
        for e, term in fit.model.terms:
            names = [sp.Symbol("K") if kind == 0 else sp.Symbol("k") for _, kind, _ in term.constants]
            label = str(system.drift[e]), str(term.expression(system.states, names))
            evidence[label] = evidence.get(label, 0.0) + float(share)
    frame = pd.DataFrame([(*label, weight) for label, weight in evidence.items()], columns=["unknown", "term", "weight"])
    return frame.sort_values("weight", ascending=False, kind="stable", ignore_index=True)
