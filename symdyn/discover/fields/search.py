"""Choosing terms of fields with the simulation in the loop: add, drop and exchange terms while the criterion falls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.fits import FieldFit, FieldFits
from symdyn.inference.criterion import criterion
from symdyn.inference.journal import Journal

__all__ = ["FieldModel", "FieldSearch"]

#: Neighbours of a model that are fitted: those with a term more, a term less, and another term; and in a rough search.
MOVES, ROUGH_MOVES = {1: 4, -1: 3, 0: 4}, {1: 2, -1: 2, 0: 2}
#: Share of a squared sensitivity that must be its own for a term to be added.
NOVELTY = 1e-6


class _CutShort(Exception):
    """A fit ended at the budget of time."""


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


class FieldSearch:
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
    rough : bool
        Whether a few steps of every fit are enough.
    """

    def __init__(self, fits: FieldFits, *, largest: int, floor: float, journal: Journal, rough: bool = False) -> None:
        self.fits, self.largest, self.floor, self.journal, self.rough = fits, largest, floor, journal, rough
        self.candidates: FieldCandidates = fits.lanes.candidates
        self.visited: dict[bytes, FieldModel] = {}
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
        options: dict[str, Any] = {}
        if fine or self.rough:
            options = dict(iterations=20, tolerance=1e-7) if fine else dict(iterations=3, tolerance=1e-2)
        cut: list[FieldFit] = []

        def compute() -> tuple[np.ndarray, ...]:
            begin = (theta, starts)
            if grow:
                grown = self.fits.grown(theta, starts, active)
                begin = (grown.theta, grown.starts)
            found = self.fits.fit(*begin, active, start_slopes=shared, **options)
            if self.fits.stop():  # a fit that was cut short is not to be found again
                cut.append(found)
                raise _CutShort
            return found.theta, found.starts, found.residual

        context = (*self.fits.facts, theta, starts, active, np.zeros(0) if shared is None else shared, fine, grow)
        try:
            fit = FieldFit(*self.journal(context, compute))
        except _CutShort:
            fit = cut[0]
        if shared is None and fit.starts.size and np.isfinite(fit.rss):
            self._shared = self.fits.start_slopes(fit)
        model = FieldModel(chosen, fit, self.value(fit.rss, chosen))
        key = chosen.tobytes()
        if key not in self.visited or model.criterion < self.visited[key].criterion:
            self.visited[key] = model
        return self.visited[key]

    def nuisance(self, fit: FieldFit) -> np.ndarray:
        """Sensitivities (D, M) to the coefficients of initial fields, as last computed."""
        if self._shared is None:
            self._shared = self.fits.start_slopes(fit)
        return self._shared

    def ranked(self) -> list[FieldModel]:
        """All models that could be simulated, best first."""
        found = (m for m in self.visited.values() if np.isfinite(m.criterion))
        return sorted(found, key=lambda m: m.criterion)

    def settle(self, floor: float) -> None:
        """Judge all models again, with another mean square that counts as zero."""
        self.floor = floor
        for key, m in self.visited.items():
            self.visited[key] = FieldModel(m.chosen, m.fit, self.value(m.fit.rss, m.chosen))

    def climb(
        self, *, beam: int, rounds: int, width: int = 1, report: Callable[[float], None] = lambda fraction: None
    ) -> None:  # fmt: skip
        """Fit neighbours of the best models until none is better; `width` times as many of each as usual."""
        looked: set[bytes] = set()
        for step in range(rounds):
            fresh = [m for m in self.ranked()[:beam] if m.chosen.tobytes() not in looked]
            if not fresh or self.fits.stop():
                return
            looked |= {m.chosen.tobytes() for m in fresh}
            for model in fresh:
                for chosen, theta in self._proposals(model, width):
                    if self.fits.stop():
                        return
                    if chosen.tobytes() not in self.visited:
                        found = self.visit(chosen, theta, model.fit.starts)
                        if not np.isfinite(found.criterion) and self.fits.starts.first.size:
                            self.visit(chosen, theta, model.fit.starts, grow=True)
            report((step + 1) / rounds)

    def _proposals(self, model: FieldModel, width: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """Promising neighbours: choices, and columns from which to fit them."""
        fit, count = model.fit, len(model.chosen)
        slopes = self.fits.slopes(fit, np.arange(len(fit.theta)))
        nuisance = self.fits.start_slopes(fit)
        if nuisance.shape[1]:
            self._shared = nuisance
        active = self.candidates.active(model.chosen[None])[0]
        base = np.concatenate([slopes[:, active], nuisance], axis=1)
        found: list[tuple[int, float, np.ndarray, np.ndarray]] = []
        gains, values = self._additions(base, slopes[:, :count], fit.residual)
        for k in np.flatnonzero(~model.chosen & (gains > 0)):
            if model.chosen.sum() < self.largest:
                chosen = model.chosen.copy()
                chosen[k] = True
                theta = self._opened(model, chosen)
                theta[k] = values[k]
                found.append((1, self.value(max(fit.rss - gains[k], 0.0), chosen), chosen, theta))
        for k in np.flatnonzero(model.chosen):
            dropped = model.chosen.copy()
            dropped[k] = False
            kept = self.candidates.active(dropped[None])[0]
            rest = np.concatenate([slopes[:, kept], nuisance], axis=1)
            without = fit.residual - slopes[:, k] * fit.theta[k]
            move, left = _least(rest, without)
            theta = np.where(kept, fit.theta, 0.0)
            theta[kept] += move[: int(kept.sum())]
            found.append((-1, self.value(float(left @ left), dropped), dropped, theta))
            gains, values = self._additions(rest, slopes[:, :count], left)
            for j in np.argsort(-gains)[: width * MOVES[0]]:
                if gains[j] > 0 and j != k and not model.chosen[j]:
                    chosen = dropped.copy()
                    chosen[j] = True
                    changed = np.where(self.candidates.active(chosen[None])[0], theta, 0.0)
                    changed[j] = values[j]
                    found.append((0, self.value(max(float(left @ left) - gains[j], 0.0), chosen), chosen, changed))
        limits = {kind: width * count for kind, count in (ROUGH_MOVES if self.rough else MOVES).items()}
        for kind, _, chosen, theta in sorted(found, key=lambda f: f[1]):
            if chosen.tobytes() not in self.visited and limits[kind] > 0:
                limits[kind] -= 1
                yield chosen, self._bounded(theta)

    def _opened(self, model: FieldModel, chosen: np.ndarray) -> np.ndarray:
        """Columns of a model, with guesses of constants inside terms that are new."""
        new = self.candidates.active(chosen[None])[0] & ~self.candidates.active(model.chosen[None])[0]
        return np.where(new, self.candidates.guesses[0] * self.candidates.sizes, model.theta)

    def _bounded(self, theta: np.ndarray) -> np.ndarray:
        return np.clip(theta, self.candidates.low, self.candidates.high)

    @staticmethod
    def _additions(base: np.ndarray, slopes: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score tests: how much the sum of squares falls when one column joins, and the value that it takes."""
        q = np.linalg.qr(base)[0] if base.shape[1] else np.zeros((len(residual), 0))
        left = residual - q @ (q.T @ residual)
        own = slopes - q @ (q.T @ slopes)
        square = np.square(own).sum(axis=0)
        novel = square > NOVELTY * np.square(slopes).sum(axis=0)
        score = own.T @ left
        safe = np.where(novel & (square > 0), square, np.inf)
        return score**2 / safe, -score / safe


def _least(base: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step that makes a linear residual smallest, and what is left of it."""
    if not base.shape[1]:
        return np.zeros(0), residual
    size = np.linalg.norm(base, axis=0)
    size = np.where(size > 0, size, 1.0)
    step = -np.linalg.lstsq(base / size, residual, rcond=1e-10)[0] / size
    return step, residual + base @ step
