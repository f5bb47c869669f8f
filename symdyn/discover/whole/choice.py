"""The choice among the models of a search."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from symdyn.discover.whole.fits import EXPANSION, EquationFit, Fitter

__all__ = ["MARGIN", "chosen", "lost", "ranked"]

#: Gain in the logarithm of the mean square of each state for which more windows are preferred, and the mean square of the
#: fewest windows that must be exceeded for that.
GAIN, UNEXPLAINED = 0.7, 1.6
#: Difference of scores within which models are nearly as good, that within which one whose constants the data determine goes
#: before one where they do not, and the most models that are looked at.
MARGIN, TELLING, LOOKED = 6.0, 30.0, 20


def ranked(fitter: Fitter, windows: int) -> list[EquationFit]:
    """Models over so many windows, the best first."""
    return sorted((f for (_, count), f in fitter.visited.items() if count == windows), key=lambda f: f.score)


def chosen(fitter: Fitter, sound: Callable[[EquationFit], bool] = lambda fit: True) -> EquationFit:
    """The best model over the number of windows that the data ask for: few, unless many explain far more or errors grow far.

    Of models that are nearly as good with noise, those whose runs explode from a start within the noise are passed over; so
    are models that are not `sound`.
    """
    problem = fitter.problem
    best: dict[int, EquationFit] = {}
    for (_, windows), fit in fitter.visited.items():
        if windows not in best or fit.score < best[windows].score:
            best[windows] = fit

    def left(fit: EquationFit) -> float:
        return float(np.log(problem.mean_squares(fit.rss) + problem.floor).sum())

    few = min(best)
    for windows in sorted(best):
        unexplained = np.max(problem.mean_squares(best[few].rss)) > UNEXPLAINED
        far = left(best[windows]) < left(best[few]) - GAIN * problem.d
        if best[windows].score < best[few].score and ((unexplained and far) or fitter.stretched(best[few])):
            few = windows
    order = ranked(fitter, few)[:LOOKED]
    if not problem.clean and len(order) > 1 and order[1].score < order[0].score + MARGIN:
        near = [f for f in order if f.score < order[0].score + MARGIN]
        order = [*sorted(near, key=lambda f: f.score + MARGIN * lost(fitter, f)), *order[len(near) :]]
    return next((f for f in order if f.score < order[0].score + TELLING and sound(f)), order[0])


def lost(fitter: Fitter, fit: EquationFit) -> float:
    """Share of the runs that are lost when a state begins where its first measurement, with its noise, may have been."""
    problem = fitter.problem
    weights = problem.w[problem.cut(fit.windows)[:, 0]]
    reach = np.where(weights > 0, 1 / np.where(weights > 0, weights, 1.0), 0.0)
    lost = 0
    for j, sign in itertools.product(range(problem.d), (-1.0, 1.0)):
        moved = fit.starts.copy()
        moved[:, j] += sign * reach[:, j]
        lost += not fitter.call(fit.model, moved, fit.windows, EXPANSION).info[0]
    return lost / (2 * problem.d)
