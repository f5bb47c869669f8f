"""Many models fitted to few data under laws of errors, without and with process noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover.ranked import Label, RankedSystem, filled, summed
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import ErrorFit, fit_together
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood, Within
from symdyn.system import System

__all__ = ["ErrorFits", "Fitted", "once", "together"]

#: Models that are fitted again with process noise of each state apart.
AGAIN = 6
#: Distance behind the best criterion so far at which a fit is given up.
FAR = 16.0
#: A criterion, a model and its fit.
Fitted = tuple[float, RankedSystem, ErrorFit]


class ErrorFits:
    """Fits of models under laws of errors, each made when it is asked for, those that are asked for together at once.

    Parameters
    ----------
    pairs : sequence of (ErrorLaw, RankedSystem)
        Laws without process noise.
    data : Observations
    starts : (trajectories, n) float64
        Initial values of models that have none of their own.
    within : mapping of int to Within
        What models are in a larger system; see `together`.
    going : callable
        Whether there is time left; fits end where they are when there is none.
    held : (trajectories, n) bool, optional
        Initial values that are known.
    process : bool
        Whether there are fits with process noise as well.

    Attributes
    ----------
    runs : int
        Simulations of the fits that were not given up.
    """

    def __init__(
        self, pairs: Sequence[tuple[ErrorLaw, RankedSystem]], data: Observations, starts: np.ndarray,
        within: Mapping[int, Within], going: Callable[[], bool], *, held: np.ndarray | None = None, process: bool = True,
    ) -> None:  # fmt: skip
        self.pairs, self.data, self.starts, self.within, self.going, self.held = pairs, data, starts, within, going, held
        self.process, self.runs = process, 0
        self._found: dict[int, list[Fitted]] = {}

    def rows(self, wanted: Callable[[RankedSystem], bool] = lambda model: True) -> list[Fitted]:
        """Fits of some models: without process noise and with one for all states, which is given up where it falls behind."""
        places = [k for k, (_, model) in enumerate(self.pairs) if wanted(model)]
        new = [k for k in places if k not in self._found]
        still = self._fitted([self.pairs[k] for k in new], [None] * len(new))
        for k, fit in zip(new, still, strict=True):
            self._found[k] = [_row(self.pairs[k][1], fit)] if fit is not None else []
        again = list(zip(new, still, strict=True)) if self.process else []
        common = [(replace(law, process="common"), model) for law, model in (self.pairs[k] for k, _ in again)]
        for (k, _), fit in zip(again, self._fitted(common, [fit for _, fit in again]), strict=True):
            self._found[k] += [_row(self.pairs[k][1], fit)] if fit is not None else []
        return [row for k in places for row in self._found[k]]

    def ranked(self, wanted: Callable[[RankedSystem], bool] = lambda model: True) -> list[Fitted]:
        """Fits of all models, the smallest criterion first, under the law of the smallest of a wanted model.

        Those of the best ones with process noise of each state apart as well.
        """
        rows = sorted(self.rows(), key=_criterion)
        laws = list(dict.fromkeys(fit.law.logarithmic for _, _, fit in rows))
        found = {logarithmic: [row for row in rows if row[2].law.logarithmic == logarithmic] for logarithmic in laws}
        apart = self.process and len(self.data.states) > 1
        best = [row for own in found.values() for row in once(own)[:AGAIN]] if apart else []
        pairs = [(replace(fit.law, process="each"), model) for _, model, fit in best]
        for (law, model), fit in zip(pairs, self._fitted(pairs, [fit for _, _, fit in best]), strict=True):
            found[law.logarithmic] += [_row(model, fit)] if fit is not None else []
        least = {logarithmic: min((c for c, m, _ in own if wanted(m)), default=np.inf) for logarithmic, own in found.items()}
        return sorted(found[min(least, key=least.__getitem__)], key=_criterion) if least else []

    def first(self, model: RankedSystem) -> ErrorFit | None:
        """The fit of a model under the first law, without process noise."""
        rows = self.rows(lambda m: m is model)
        return next((fit for _, _, fit in rows if fit.law == self.pairs[0][0]), None)

    def _fitted(
        self, pairs: Sequence[tuple[ErrorLaw, RankedSystem]], before: Sequence[ErrorFit | None]
    ) -> list[ErrorFit | None]:  # fmt: skip
        likelihoods = [
            FilterLikelihood(
                model.system, self.data, law, [p for p in model.system.parameters if p in model.free],
                starts=model.start if model.start is not None else self.starts, held=self.held, bounds=model.free,
                within=self.within.get(id(model)),
            )
            for law, model in pairs
        ]  # fmt: skip
        best = min((row[0] for own in self._found.values() for row in own), default=np.inf)
        fits = fit_together(likelihoods, before, going=self.going, priors=[m.prior for _, m in pairs], worst=best + FAR)
        self.runs += sum(fit.runs for fit in fits if fit is not None)
        return fits


def _row(model: RankedSystem, fit: ErrorFit) -> Fitted:
    return fit.criterion(model.prior), model, fit


def _criterion(row: Fitted) -> float:
    return row[0]


def once(rows: Sequence[Fitted]) -> list[Fitted]:
    """The first row of each model."""
    found: dict[Any, Fitted] = {}
    for row in rows:
        found.setdefault(frozenset(row[1].labels), row)
    return list(found.values())


def together(declared: System, models: Sequence[RankedSystem], starts: np.ndarray) -> dict[int, Within]:
    """One system that holds the terms of models whose only constants are their coefficients.

    Models with terms that are not finite everywhere are left out: nought times infinity would end the runs of all others.

    Parameters
    ----------
    declared : System
        With unknown functions.
    models : sequence of RankedSystem
        Their fitted parameters are in the order of their terms.
    starts : (trajectories, n) float64

    Returns
    -------
    dict
        By the `id` of each of these models what it is in that system.
    """
    models = [m for m in models if all(_finite(e, declared.states) for e in m.formulas.values())]
    if not models:
        return {}
    owners = {str(u): u for u in declared.unknowns}
    shapes: dict[Label, tuple[Any, sp.Expr]] = {}
    for model in models:
        for label, constant in zip(model.labels, model.free, strict=True):
            unknown = owners[label[0]]
            shapes.setdefault(label, (unknown, model.formulas[unknown].coeff(constant)))
    formulas, names = summed(declared, list(shapes.values()))
    kernel = compile(filled(declared, formulas, dict.fromkeys(names, 0.0), "small models", starts[0]))
    place = dict(zip(shapes, names, strict=True))
    return {id(m): Within(kernel, {p: place[label] for label, p in zip(m.labels, m.free, strict=True)}) for m in models}


def _finite(shape: sp.Expr, states: Sequence[sp.Symbol]) -> bool:
    """Whether an expression is finite wherever states are: a polynomial of them and of functions without poles."""
    functions = shape.atoms(sp.sin, sp.cos, sp.tanh, sp.Abs)
    outer = shape.xreplace({f: sp.Dummy() for f in functions})
    return bool(outer.is_polynomial(*states)) and all(_finite(f.args[0], states) for f in functions)
