"""From fitted models to a Recovery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.model_error import recovery_with_errors
from symdyn.discover.named_libraries import NAMED
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, filled
from symdyn.discover.recovery import Recovery
from symdyn.discover.rivals import Offer, TextbookModel
from symdyn.discover.textbooks import textbook_models
from symdyn.discover.whole.evidence import information, prediction_errors, residuals
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.library import monomials
from symdyn.discover.whole.terms import CandidateTerm
from symdyn.discover.whole.ties import Tie
from symdyn.inference.criterion import order, price
from symdyn.inference.data import Observations
from symdyn.inference.misfit import misfit
from symdyn.inference.naming import named_constants
from symdyn.inference.parameters import LibraryTerm
from symdyn.models.ode import ODESystem

__all__ = ["assembled", "told"]

#: Digits of a constant that are below this share of its standard error are left out.
DIGITS = 0.01
#: Relative standard error that constants of models after the first are taken to have.
ROUGH = 1e-3
#: Most states of models of textbooks.
MOST = 2
#: Kinds of problems whose laws are as likely: those of the libraries by name, and others.
KINDS = 1 + len(NAMED)


def assembled(
    system: ODESystem, fitter: Fitter, ranked: Sequence[EquationFit], visited: Sequence[EquationFit], seen: Observations,
    later: Observations | None, *, options: RecoverOptions, notes: Sequence[str], standing: Sequence[str], complete: bool,
) -> Recovery:  # fmt: skip
    """The result of a search: a system with an unknown function for each right-hand side, and models of different structures.

    `visited` share the evidence; `ranked` are their first ones, the best first, of which those that there is no time for are
    left out.  The notes `standing` are of the first.
    """
    first = np.searchsorted(fitter.problem.cut(ranked[0].windows)[:, 0], fitter.problem.first[:-1])
    facts = information(fitter, ranked[0], [s.name for s in _symbols(system, ranked[0])], system.names)
    line = f"recovered from {seen.size} data, with nothing known, by simulation of candidates"
    simple = monomials(len(system.states))

    def prior(term: CandidateTerm) -> float:
        """Minus twice the logarithm of the prior of a term; those that are no monomials count by their cost."""
        shape = term.expression(system.states, [sp.Symbol("K")] * len(term.constants))
        orders = order(shape, system.states) if not term.atoms else max(order(shape, system.states), round(term.cost))
        return price((), terms=1, library=len(system.states) * len(simple), orders=orders)

    def shown(fit: EquationFit, deviations: np.ndarray) -> RankedSystem:
        symbols, start = _symbols(system, fit), fit.starts[first]
        formulas = _sides(system, fit, symbols)
        values = [_short(v, s) for v, s in zip(fit.model.theta, deviations, strict=False)]
        return RankedSystem(
            filled(system, formulas, dict(zip(symbols, values, strict=True)), line, start[0]),
            formulas, _sides(system, fit, [sp.Integer(int(v)) if v == int(v) else sp.Float(v) for v in values]),
            fit.model.K + fit.model.Q, fit.score, prediction_errors(fitter, fit, seen, later), start=start,
            free=dict.fromkeys(symbols, (-np.inf, np.inf)), labels=tuple(_labels(system, fit)),
            prior=sum(prior(t) for _, t in fit.model.terms),
        )  # fmt: skip

    models = [shown(ranked[0], facts.deviations)]
    for fit in ranked[1:]:
        if fitter.late():
            break
        models.append(shown(fit, ROUGH * np.abs(fit.model.theta)))
    return recovery_with_errors(
        Recovery, models, facts, declared=system, data=seen, later=later, options=options, notes=notes, complete=complete,
        offers=[Offer(u, t.expression(system.states, []), prior(t)) for u in system.drift for t in simple],
        compared=[(f.score, _labels(system, f)) for f in visited], evaluations=fitter.runs,
        misfit=misfit(residuals(fitter, ranked[0], seen), facts.rank), standing=standing,
        going=lambda: fitter.budget.going() and not fitter.late(),
        known=() if options.noise else _textbooks(system, seen),  # which are compared with noise that is fitted
    )  # fmt: skip


def _textbooks(system: ODESystem, seen: Observations) -> list[TextbookModel]:
    """Models of populations where no state is negative: one of `KINDS` of laws, as likely together as one of them.

    Of more than two states these are no models that few data tell apart.
    """
    values = np.concatenate([t.values for t in seen.trajectories])
    if len(system.states) > MOST or not np.nanmin(values) >= 0:
        return []
    simple = monomials(len(system.states))
    terms = [LibraryTerm(u, t.expression(system.states, [])) for u in system.drift for t in simple]
    books = [signs for each in textbook_models(system, terms).values() for signs in each]
    prior = 2 * float(np.log(max(KINDS * len(books), 1)))
    return [
        TextbookModel({(terms[k].unknown, terms[k].shape): int(signs[k]) for k in np.flatnonzero(signs)}, prior)
        for signs in books
    ]


def told(system: ODESystem, fit: EquationFit, ties: Sequence[Tie]) -> list[str]:
    """Ties of constants in words."""
    names = [s.name for s in _symbols(system, fit)]
    right = [str(t.factor) if t.other is None else f"{'-' if t.factor < 0 else ''}{names[t.other]}" for t in ties]
    return [f"{names[t.which]} = {other}" for t, other in zip(ties, right, strict=True)]


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
