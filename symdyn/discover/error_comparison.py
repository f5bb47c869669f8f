"""Many models fitted to few data under one law of errors, without and with process noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover.ranked import Label, RankedSystem, filled
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import ErrorFit, fit_together
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood, Within
from symdyn.inference.naming import named_constants
from symdyn.system import System

__all__ = ["ErrorFits", "Fitted", "once", "together"]

#: Models that are fitted again with process noise of each state apart.
AGAIN = 6
#: A criterion, a model and its fit.
Fitted = tuple[float, RankedSystem, ErrorFit]


class ErrorFits:
    """Fits of models under one choice of logarithms, each made when it is asked for, those that are asked for together at once.

    Parameters
    ----------
    models : sequence of RankedSystem
    law : ErrorLaw
        Without process noise.
    data : Observations
    starts : (trajectories, n) float64
        Initial values of models that have none of their own.
    within : mapping of tuple of (str, str) to Within
        Of models with such terms, the larger system; see `together`.
    going : callable
        Whether there is time left; fits end where they are when there is none.
    held : (trajectories, n) bool, optional
        Initial values that are known.
    """

    def __init__(
        self, models: Sequence[RankedSystem], law: ErrorLaw, data: Observations, starts: np.ndarray,
        within: Mapping[int, Within], going: Callable[[], bool], *, held: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.models, self.law, self.data, self.starts = models, law, data, starts
        self.within, self.going, self.held = within, going, held
        self._found: dict[int, list[Fitted]] = {}

    def rows(self, wanted: Callable[[RankedSystem], bool] = lambda model: True) -> list[Fitted]:
        """Fits of some models: without process noise and with one for all states."""
        places = [j for j, model in enumerate(self.models) if wanted(model)]
        new = [j for j in places if j not in self._found]
        still = self._fitted([self.models[j] for j in new], None, [None] * len(new))
        moved = self._fitted([self.models[j] for j in new], "common", still)
        for j, fits in zip(new, zip(still, moved, strict=True), strict=True):
            self._found[j] = [_row(self.models[j], fit) for fit in fits if fit is not None]
        return [row for j in places for row in self._found[j]]

    def ranked(self) -> list[Fitted]:
        """Fits of all models, the best ones with process noise of each state apart as well; small criteria first."""
        rows = sorted(self.rows(), key=_criterion)
        best = once(rows)[:AGAIN] if len(self.data.states) > 1 else []
        each = self._fitted([m for _, m, _ in best], "each", [fit for _, _, fit in best])
        rows += [_row(m, fit) for (_, m, _), fit in zip(best, each, strict=True) if fit is not None]
        return sorted(rows, key=_criterion)

    def first(self, model: RankedSystem) -> ErrorFit | None:
        """The fit of a model without process noise."""
        rows = self.rows(lambda m: m is model)
        return next((fit for _, _, fit in rows if fit.law == self.law), None)

    def _fitted(
        self, models: Sequence[RankedSystem], process: str | None, before: Sequence[ErrorFit | None]
    ) -> list[ErrorFit | None]:  # fmt: skip
        likelihoods = [
            FilterLikelihood(
                model.system, self.data, replace(self.law, process=process),
                [p for p in model.system.parameters if p in model.free],
                starts=model.start if model.start is not None else self.starts, held=self.held, bounds=model.free,
                within=self.within.get(id(model)),
            )
            for model in models
        ]  # fmt: skip
        return fit_together(likelihoods, before, going=self.going)


def _row(model: RankedSystem, fit: ErrorFit) -> Fitted:
    return fit.criterion(model.prior), model, fit


def _criterion(row: Fitted) -> float:
    return row[0]


def once(rows: Sequence[Fitted]) -> list[Fitted]:
    """The first row of each model."""
    found: dict[Any, Fitted] = {}
    for row in rows:
        found.setdefault(row[1].labels, row)
    return list(found.values())


def together(declared: System, models: Sequence[RankedSystem], starts: np.ndarray) -> dict[int, Within]:
    """One system that holds the terms of all models, whose only constants are their coefficients.

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
        By the `id` of each model what it is in that system.
    """
    if not models:
        return {}
    owners = {str(u): u for u in declared.unknowns}
    shapes: dict[Label, tuple[Any, sp.Expr]] = {}
    for model in models:
        for label, constant in zip(model.labels, model.free, strict=True):
            unknown = owners[label[0]]
            shapes.setdefault(label, (unknown, model.formulas[unknown].coeff(constant)))
    working = {label: sp.Dummy() for label in shapes}
    names = named_constants(declared, [(u, working[label], ()) for label, (u, _) in shapes.items()])
    formulas: dict[Any, sp.Expr] = dict.fromkeys(declared.unknowns, sp.S.Zero)
    for label, (unknown, shape) in shapes.items():
        formulas[unknown] += names[working[label]] * shape
    kernel = compile(filled(declared, formulas, {names[c]: 0.0 for c in working.values()}, "small models", starts[0]))
    return {
        id(m): Within(kernel, {p: names[working[label]] for label, p in zip(m.labels, m.free, strict=True)}) for m in models
    }
