"""The choice among the models of a search."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from symdyn.discover.whole.fits import EXPANSION, EquationFit, Fitter
from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.library import DEGREE_COST
from symdyn.discover.whole.terms import INV, CandidateTerm

__all__ = ["chosen", "collapsed", "pruned", "ranked"]

#: Gain in the logarithm of the mean square of each state for which more windows are preferred, and the mean square of the
#: fewest windows that must be exceeded for that.
GAIN, UNEXPLAINED = 0.7, 1.6
#: Share of its equation below which a term is left out, and how much worse the fit may become.
SMALL, WORSE = 1e-4, 2.0
#: A constant beside a power is none where the power is larger, or smaller, than it by this factor all along.
APART = 20.0
#: Difference of scores within which models are nearly as good, and the most of them that are looked at.
MARGIN, LOOKED = 6.0, 20


def ranked(fitter: Fitter, windows: int) -> list[EquationFit]:
    """Models over so many windows, the best first."""
    return sorted((f for (_, count), f in fitter.visited.items() if count == windows), key=lambda f: f.score)


def chosen(fitter: Fitter) -> EquationFit:
    """The best model over the number of windows that the data ask for: few, unless many explain far more.

    Of models that are nearly as good with noise, those whose runs explode from a start within the noise are passed over.
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
        better = best[windows].score < best[few].score and left(best[windows]) < left(best[few]) - GAIN * problem.d
        if windows > few and unexplained and better:
            few = windows
    near = [f for f in ranked(fitter, few) if f.score < best[few].score + MARGIN][:LOOKED]
    if problem.clean or len(near) == 1:
        return best[few]
    return min(near, key=lambda f: f.score + MARGIN * _lost(fitter, f))


def _lost(fitter: Fitter, fit: EquationFit) -> float:
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


def pruned(fitter: Fitter, fit: EquationFit) -> EquationFit:
    """Without terms that contribute next to nothing, as long as the fit stays as it is."""
    problem = fitter.problem
    for _ in range(12):
        model = fit.model
        if model.K < 2:
            return fit
        values = np.empty((model.K, problem.n))
        driver().columns(problem.smooth, model.table, values)
        size = np.abs(model.theta[: model.K]) * np.nanstd(values, axis=1)
        largest = np.array([max(size[model.equations == e].max(), 1e-300) for e in model.equations])
        share = np.where([t.key == "1" for _, t in model.terms], np.inf, size / largest)
        k = int(np.argmin(share))
        if share[k] > SMALL:
            return fit
        new = fitter.fit(model.changed(drop=k), fit.starts, fit.windows, 10)
        if new is None or not np.all(new.rss < np.maximum(0.5 * problem.seen, WORSE * fit.rss)):
            return fit
        fit = new
    return fit


def collapsed(fitter: Fitter, fit: EquationFit) -> EquationFit:
    """With ``x^a/(K + x^n)`` replaced by the power that it has become, where K is far smaller or far larger than ``x^n``."""
    model = fit.model
    for k, power, coefficient in _limits(fitter, fit):
        e = model.terms[k][0]
        added = None if (e, power.key) in model.key else (e, power, coefficient)
        simpler = model.changed(drop=k, add=added)
        if not simpler.K:
            continue
        new = fitter.fit(simpler, fit.starts, fit.windows, 15)
        if new is not None and new.score < fit.score:
            return collapsed(fitter, new)
    return fit


def _limits(fitter: Fitter, fit: EquationFit) -> Iterator[tuple[int, CandidateTerm, float]]:
    """Terms of a fit that have become monomials, these, and their coefficients."""
    model, size = fit.model, np.abs(fitter.problem.smooth)
    for k, ((_, term), inner) in enumerate(zip(model.terms, model.inner, strict=True)):
        if len(term.atoms) != 1 or term.atoms[0].function != INV or term.constants != ((0, 0, 0),):
            continue
        atom, constant, c = term.atoms[0], inner[0], float(model.theta[k])
        i = int(np.flatnonzero(atom.weights)[0])
        power = size[:, i] ** atom.power
        if abs(constant) > APART * power.max():
            exponents, c = term.exponents, c / constant
        elif term.exponents[i] >= atom.power and abs(constant) < power.min() / APART:
            exponents = tuple(e - atom.power if j == i else e for j, e in enumerate(term.exponents))
        else:
            continue
        yield k, CandidateTerm(exponents, cost=DEGREE_COST[min(sum(exponents), len(DEGREE_COST) - 1)]), c
