"""Terms chosen with the simulation in the loop, on a grid that is fine enough for the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.fits import FieldFits, dissipative_signs
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.matching import FieldMatching, match
from symdyn.discover.fields.search import FieldSearch
from symdyn.discover.fields.smoothing import smooth_fields
from symdyn.discover.fields.starts import read_starts
from symdyn.errors import RecoveryError
from symdyn.inference.budget import SEARCHING, Budget
from symdyn.inference.journal import Journal

__all__ = ["Beginning", "Simulated", "simulate_terms"]

#: Error of a run, relative to the size of a field, below which differences between models mean nothing.
PRECISION = 3e-4
#: Cells for each function that the steepest snapshot needs, and most cells along an axis by dimension.
CELLS, MOST = 4, {1: 2048, 2: 128, 3: 32}
#: What errors of the grid may add to the sum of squares, in variances of the residuals: less than a term has to gain.
ADDED = 3.0
#: How much a grid of twice as many cells lowers errors of the fourth order, in their squares.
FINER = 1 / 225
#: Doublings of the grid.
DOUBLINGS = 4

#: A choice of terms (K,), and columns (P,) and coefficients of initial fields (M,) from which to fit it.
Beginning = tuple[np.ndarray, np.ndarray, np.ndarray | None]


@dataclass
class Simulated:
    """A search that has ended.

    Attributes
    ----------
    search : FieldSearch
    resolved : bool
        Whether errors of the grid are small beside the residuals.
    evaluations : int
    late : bool
        Whether its first level was cut short.
    """

    search: FieldSearch
    resolved: bool
    evaluations: int
    late: bool


def simulate_terms(
    candidates: FieldCandidates,
    data: FieldData,
    beginnings: Sequence[Beginning],
    *,
    largest: int,
    beam: int,
    rounds: int,
    alone: bool,
    lost: float,
    budget: Budget,
    report: Callable[[float], None],
    journal: Journal,
) -> Simulated | None:
    """Fit, add, drop and exchange terms; None if no candidate can be simulated along the data.

    Parameters
    ----------
    candidates : FieldCandidates
    data : FieldData
    beginnings : sequence
        Models that another stage proposes; those that match changes between snapshots are added.
    largest, beam, rounds : int
        Most terms; models whose neighbours are looked at, and how often.
    alone : bool
        Whether to begin also from no terms and from those that match changes between snapshots.
    lost : float
        Share of the variance of the data; where the best of `beginnings` leaves more there is no search.
    budget : Budget
        At whose end the best so far is the result; time that a limit leaves goes to wider neighbourhoods.
    report : callable
        Called with the completed fraction.
    journal : Journal
    """
    cells, spent, last = first_cells(candidates, data), 0, None
    searching = budget.share(SEARCHING)
    least = floor = float(np.mean((PRECISION * data.scale / data.noise) ** 2))
    proposed, matched = list(beginnings), alone
    for _ in range(DOUBLINGS + 1):
        here, matching = _search(candidates, data, cells, searching.over, largest=largest, floor=floor, journal=journal)
        room, coarse = all(2 * c <= MOST[len(cells)] for c in cells), False
        with budget.keeping(partial(_any, here, last)):
            begin = [*proposed, *(_matched(candidates, matching) if matched else [])]
            _begin(here, begin)
            if np.isfinite(lost) and here.ranked() and here.ranked()[0].fit.rss > lost * _variance(data):
                return None
            coarse = room and _is_coarse(here, data, least)
            if here.ranked() and not coarse:
                here.climb(beam=beam, rounds=rounds, report=report)
                coarse = room and _is_coarse(here, data, least)
                if not coarse:
                    here.widen(searching, beam=beam, rounds=rounds)
        spent += here.fits.lanes.simulations
        ranked = here.ranked()
        if ranked:
            late = budget.interrupted or (searching.over() and not here.level)
            last = Simulated(here, not coarse, spent, late)
            if late or not coarse:
                here.fits.stop = budget.over  # the best are fitted to the end
                return last
            # the next grid begins from what was best on this one
            proposed = [(m.chosen, m.theta, m.fit.starts) for m in ranked[:6]]
            matched, floor = False, max(here.floor * FINER, least)
        elif budget.interrupted or searching.over() or not room:
            return last
        cells = tuple(2 * c for c in cells)
    return last


def _any(search: FieldSearch, before: Simulated | None) -> bool:
    """Whether there are models, of this grid or of the one before."""
    return bool(search.ranked()) or before is not None


def _search(
    candidates: FieldCandidates, data: FieldData, cells: tuple[int, ...], stop: Callable[[], bool], **options: Any
) -> tuple[FieldSearch, FieldMatching]:
    """A search on a grid, and what changes between snapshots match."""
    lanes = Lanes(candidates, data, cells)
    starts = read_starts(lanes, data)
    matching = match(lanes, starts)
    fits = FieldFits(lanes, starts, matching.sizes, dissipative_signs(candidates), stop)
    return FieldSearch(fits, **options), matching


def first_cells(candidates: FieldCandidates, data: FieldData) -> tuple[int, ...]:
    """Cells along each axis for the steepest snapshots."""
    system = candidates.system
    found = [32] * len(data.positions)
    for i in range(len(system.fields)):
        for run in data.trajectories:
            frames = run.values[:, i]
            for k in np.unique(np.linspace(0, len(frames) - 1, 6).round().astype(int)):
                if np.isfinite(frames[k]).any():
                    counts = smooth_fields(system, data.positions, frames[k][None], float(data.noise[i])).counts
                    found = [max(a, CELLS * c) for a, c in zip(found, counts, strict=True)]
    most = MOST[len(found)]
    cells = []
    for axis, wanted in enumerate(found):
        n = len(data.positions[axis])
        # on the cells of the data nothing has to be interpolated
        own = n if _are_centers(system.domain.box[:, axis], data.positions[axis]) else 0
        fine = wanted <= own or len(found) > 1
        cells.append(own if own and fine and own <= most // 2 else min(wanted + wanted % 2, most // 2))
    return tuple(cells)


def _are_centers(ends: np.ndarray, points: np.ndarray) -> bool:
    n, h = len(points), float(ends[1] - ends[0]) / len(points)
    return bool(np.allclose(points, ends[0] + (np.arange(n) + 0.5) * h, rtol=0, atol=1e-6 * h))


def _matched(candidates: FieldCandidates, matching: FieldMatching) -> list[Beginning]:
    """Models to begin with: no terms, and those that match changes between snapshots."""
    none = np.zeros(len(candidates.terms), dtype=bool)
    found: list[Beginning] = [(none, np.where(candidates.always, candidates.guesses[0], 0.0), None)]
    for c in matching.subsets:
        inside = candidates.active(c.chosen) & (c.theta == 0)
        found.append((c.chosen, np.where(inside, candidates.guesses[0], c.theta), None))
    return found


def _begin(search: FieldSearch, beginnings: Sequence[Beginning]) -> None:
    candidates, first, done = search.candidates, search.fits.starts.first, set()
    for chosen, theta, starts in beginnings:
        if chosen.sum() > search.largest:
            continue
        if search.fits.stop() and search.visited:
            return
        if chosen.tobytes() not in done:
            done.add(chosen.tobytes())
            known = starts is not None and starts.size == first.size
            begin = starts if starts is not None and known else first
            bounded = np.clip(theta, candidates.low, candidates.high)
            search.visit(chosen, bounded, begin, grow=not known and first.size > 0)


def _variance(data: FieldData) -> float:
    """Sum of squares of the data about the mean of every field, in variances of the noise."""
    total = 0.0
    for i, noise in enumerate(data.noise):
        values = np.concatenate([r.values[:, i].ravel() for r in data.trajectories])
        total += float(np.nansum((values - np.nanmean(values)) ** 2)) / noise**2 if np.isfinite(values).any() else 0.0
    return total


def _is_coarse(search: FieldSearch, data: FieldData, least: float) -> bool:
    """Whether a grid of twice as many cells changes the best run more than the residuals allow.

    Where it does not, models are judged again with that change as what counts as zero; where it does, it is kept as the floor.
    """
    if not search.ranked():
        return True
    best, fits = search.ranked()[0], search.fits
    try:
        finer = Lanes(search.candidates, data, tuple(2 * c for c in fits.lanes.cells))
        starts = read_starts(finer, data)
    except RecoveryError:
        return False
    other = FieldFits(finer, starts, fits.sizes, fits.signs, fits.stop)
    after = other.residuals(best.theta[None], best.fit.starts[None])[0]
    if not np.isfinite(after).all():
        return True
    change = after - best.fit.residual
    # initial fields that are fitted make up for a part of it
    free = np.linalg.qr(search.nuisance(best.fit))[0]
    error = float(np.mean((change - free @ (free.T @ change)) ** 2))
    search.settle(max(error, least))
    return error > max(ADDED * best.fit.rss / fits.size**2, least)
