"""Fields on a card with a linear part, or with spectral derivatives, as problems for `symdyn.integration.integrate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from symdyn_kernels.stencils import layout as at

from symdyn.grids.card import CardSpace
from symdyn.grids.card_arrays import CardArrays, CardLift
from symdyn.grids.card_modes import CardModes
from symdyn.grids.card_spectral import CardSpectralRates
from symdyn.grids.problems import FieldProblem, SpectralProblem
from symdyn.grids.spectral import SpectralModel
from symdyn.integration.problem import DiagonalProblem, Problem

__all__ = ["card_problem"]


def card_problem(problem: Problem, p: np.ndarray, cards: Sequence[Any], arrays: CardArrays) -> Problem:
    """A problem of the processor, with states and modes on a card.

    Parameters
    ----------
    problem : Problem
        Of `symdyn.grids.problems.make_problem`.
    p : (k,) array
        Values of the parameters, from which it was made.
    cards : sequence of CardGrid or CardPoints
        The kernels of its model: of the grid, or of each pass over points.
    arrays : CardArrays

    Returns
    -------
    Problem
    """
    if isinstance(problem, SpectralProblem):
        rates = CardSpectralRates(problem.bound.model, p, cards, arrays)
        return SpectralProblem(CardModes(problem.linear_part, arrays), rates, arrays)
    if isinstance(problem, DiagonalProblem):
        lift = None if problem.lift is None else CardLift(problem.lift, arrays)
        cells = CardCells(cards[0], p)
        return DiagonalProblem(
            CardModes(problem.linear_part, arrays), cells, lift=lift, corrected=problem.corrected, arrays=arrays
        )
    assert isinstance(problem, FieldProblem)
    return CardSpectralProblem(problem, cards, arrays)


class CardCells:
    """The rates of fields on cells, of a plain state on a card.

    Parameters
    ----------
    card : CardGrid
    p : (k,) array
        Values of the parameters.
    """

    def __init__(self, card: Any, p: np.ndarray) -> None:
        self.space, self.block, self.results = CardSpace(card, 2, p), card.model.block, int(card.model.table[at.NR])

    def __call__(self, y: Any, t: float, out: Any) -> Any:
        """Fill `out` (size,) with the rates of the state y (size,) at time t."""
        self.space.load(y, 0)
        self.space.rates(0, self.block, t, 0.0, 0, 1)
        self.space.unload(self.block, out, self.results)
        return out


class CardSpectralProblem(FieldProblem):
    """All rates of fields with spectral derivatives, for explicit methods on a card.

    Parameters
    ----------
    problem : FieldProblem
        Of the processor.
    cards : sequence of CardPoints
    arrays : CardArrays
    """

    def __init__(self, problem: FieldProblem, cards: Sequence[Any], arrays: CardArrays) -> None:
        super().__init__(problem.model, problem.p)
        assert isinstance(problem.model, SpectralModel)
        self.arrays = arrays
        self._rates = CardSpectralRates(problem.model, problem.p, cards, arrays)

    def rates(self, y: Any, t: float, out: Any) -> Any:
        return self._rates.rates(y, t, out)
