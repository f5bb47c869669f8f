"""The optimum of runs along which errors grow, by way of fits over pieces of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from symdyn.discover.whole.climbing import ROUNDS, Climber
from symdyn.discover.whole.continuity import Pieces, cut_up, polished
from symdyn.discover.whole.fits import MARGIN, EquationFit
from symdyn.discover.whole.moves import Screen
from symdyn.discover.whole.terms import EquationModel

__all__ = ["stretched"]

#: Models over pieces of runs that are looked at over the runs.
NEAR = 4
#: Score above the best within which one of these is opened, to look at its neighbours.
OPEN = 12.0


def stretched(climber: Climber, best: EquationFit, screen: Screen | None, work: int) -> EquationFit:
    """The optimum of a run along which errors grow, and of models that are chosen over pieces of it, whichever is best.

    From there the search goes on among the neighbours of the best models, each fitted over pieces and then joined: long
    runs tell apart what pieces do not, and a fit of a long run itself ends short of its optimum.
    """
    pieces = cut_up(climber.fitter, best)
    if not len(pieces.joined) or climber.late:
        return best
    start = _in_pieces(climber, best, best.model, pieces)
    if start is None:
        return best
    if screen is None or climber.problem.clean:
        return min([best, *_polished(climber, best, [start], pieces)], key=lambda f: f.score)
    climber.allow(work)
    least = climber.climbed(start, screen).score
    # pieces tell less than long runs: what is nearly as good over them is polished, too
    near = [f for f in climber.fitter.ranked(pieces.windows)[:NEAR] if f.score < least + MARGIN and f is not start]
    known = _least([best, *_polished(climber, best, [start, *near], pieces)])
    opened: set[tuple] = set()
    for _ in range(ROUNDS):
        order = sorted(known.values(), key=lambda f: f.score)
        fit = next((f for f in order[:NEAR] if f.model.key not in opened and f.score < order[0].score + OPEN), None)
        if fit is None or climber.spent():
            break
        opened.add(fit.model.key)
        models = (fit.model.changed(move.drop, move.add) for move in screen.moves(fit))
        new = {m.key: m for m in models if m.K and m.key not in known}
        fits = [
            _in_pieces(climber, fit, m, pieces) for m in itertools.islice(new.values(), climber.trials) if not climber.spent()
        ]
        known = _least([*known.values(), *_polished(climber, fit, [f for f in fits if f is not None], pieces)])
    return min(known.values(), key=lambda f: f.score)


def _in_pieces(climber: Climber, fit: EquationFit, model: EquationModel, pieces: Pieces) -> EquationFit | None:
    """A model over the pieces of the run of a fit."""
    return climber.fitter.fit(model, climber.fitter.joined(fit, pieces.windows), pieces.windows, 25)


def _polished(climber: Climber, fit: EquationFit, fits: Sequence[EquationFit], pieces: Pieces) -> Iterator[EquationFit]:
    """Fits over pieces, each joined to one run over a trajectory, and to as many as another fit has."""
    for part, windows in itertools.product(fits, sorted({1, fit.windows})):
        joined = np.flatnonzero(~np.isin(pieces.cut[:, 0], climber.problem.cut(windows)[:, 0]))
        new = polished(climber.fitter, part.model, windows, replace(pieces, joined=joined), part.starts)
        if new is not None:
            yield new


def _least(fits: Iterable[EquationFit]) -> dict[tuple, EquationFit]:
    """The best fit of each structure, by its key."""
    return {f.model.key: f for f in sorted(fits, key=lambda f: -f.score)}
