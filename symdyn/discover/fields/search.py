"""Choosing terms of fields with the simulation in the loop: add, drop and exchange terms while the criterion falls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.fits import FieldFit, FieldFits
from symdyn.inference.climb import Climb, Neighbour, Profiled
from symdyn.inference.criterion import criterion
from symdyn.inference.journal import Journal

__all__ = ["FieldModel", "FieldSearch"]

#: Options of fits that go on until nothing changes.
FINE = dict(iterations=30, tolerance=1e-6)


@dataclass(frozen=True)
class FieldModel:
    """A choice of terms, fitted.

    Attributes
    ----------
    chosen : (K,) bool
    fit : FieldFit
    criterion : float
    """

    chosen: np.ndarray
    fit: FieldFit
    criterion: float

    @property
    def theta(self) -> np.ndarray:
        """Values of the columns, (P,)."""
        return self.fit.theta


class FieldSearch(Climb[FieldModel]):
    """The search for terms; records every model that it fitted.

    Parameters
    ----------
    fits : FieldFits
    largest : int
        Most terms in a model.
    floor : float
        Mean square of residuals that counts as zero: that of the errors of the grid.
    journal : Journal
        Stores fits, so that an interrupted search can be resumed.
    """

    LIMITS: ClassVar[dict[int, int]] = {1: 4, -1: 3, 0: 4}
    NOVELTY: ClassVar[float] = 1e-6
    candidates: FieldCandidates

    def __init__(self, fits: FieldFits, *, largest: int, floor: float, journal: Journal) -> None:
        super().__init__(fits.lanes.candidates, largest)
        self.fits, self.floor, self.journal = fits, floor, journal
        self.going = lambda: not fits.stop()
        self._shared: np.ndarray | None = None

    def value(self, rss: float, chosen: np.ndarray) -> float:
        """The criterion of a model with this sum of squares."""
        return criterion(
            rss, self.fits.size, self.fits.starts.first.size, int(self.candidates.active(chosen[None]).sum()),
            terms=int(chosen.sum()), library=len(chosen), floor=self.floor,
        )  # fmt: skip

    def visit(
        self, chosen: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fine: bool = False, grow: bool = False
    ) -> FieldModel:
        """Fit a choice of terms and remember it if it is better than before.

        Parameters
        ----------
        chosen, theta, starts
            The terms, and where to begin.
        fine : bool
            Whether to go on until nothing changes.
        grow : bool
            Whether to take in later snapshots by and by.
        """
        active = self.candidates.active(chosen[None])[0]
        shared = None if fine or grow else self._shared
        options: dict[str, Any] = FINE if fine else {}

        def compute() -> tuple[np.ndarray, ...]:
            begin = (theta, starts)
            if grow:
                grown = self.fits.grown(theta, starts, active)
                begin = (grown.theta, grown.starts)
            found = self.fits.fit(*begin, active, start_slopes=shared, **options)
            return found.theta, found.starts, found.residual

        context = (*self.fits.facts, theta, starts, active, np.zeros(0) if shared is None else shared, fine, grow)
        fit = FieldFit(*self.journal(context, compute, keep=self.going))
        if shared is None and fit.starts.size and np.isfinite(fit.rss):
            self._shared = self.fits.moved(fit.theta, fit.starts)[1]
        return self.remember(FieldModel(chosen, fit, self.value(fit.rss, chosen)))

    def nuisance(self, fit: FieldFit) -> np.ndarray:
        """Sensitivities (D, M) to the coefficients of initial fields, as last computed."""
        if self._shared is None:
            self._shared = self.fits.moved(fit.theta, fit.starts)[1]
        return self._shared

    def settle(self, floor: float) -> None:
        """Judge all models again, with another mean square that counts as zero."""
        self.floor = floor
        for key, m in self.visited.items():
            self.visited[key] = replace(m, criterion=self.value(m.fit.rss, m.chosen))

    def expansions(self, model: FieldModel) -> list[Profiled]:
        """The expansion about a model by its sensitivities, with the initial fields eliminated."""
        theta = self._opened(model)
        both = self.fits.moved(theta, model.fit.starts, np.arange(len(theta)))[1]
        slopes, self._shared = np.split(both, [len(theta)], axis=1)
        q = np.linalg.qr(self._shared)[0]
        own, left = (part - q @ (q.T @ part) for part in (slopes, model.fit.residual))
        # what the initial fields make up for is no sensitivity
        own[:, np.square(own).sum(axis=0) <= self.NOVELTY * np.square(slopes).sum(axis=0)] = 0.0
        return [Profiled(theta, float(left @ left), own.T @ own, -own.T @ left)]

    def _opened(self, model: FieldModel) -> np.ndarray:
        """Columns of a model, with guesses of constants inside terms that it lacks."""
        return np.where(self.candidates.active(model.chosen[None])[0], model.theta, self.candidates.guesses[0])

    def fit_neighbours(self, moves: Iterator[tuple[FieldModel, Neighbour]]) -> None:
        """Fit neighbours one after another, with snapshots taken in by and by where the run of one fails."""
        for model, move in moves:
            if self.fits.stop():
                return
            theta = np.clip(move.origin.theta + move.step, self.candidates.low, self.candidates.high)
            found = self.visit(move.chosen, theta, model.fit.starts)
            if not np.isfinite(found.criterion) and self.fits.starts.first.size:
                self.visit(move.chosen, theta, model.fit.starts, grow=True)
