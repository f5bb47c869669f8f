"""Evidence for a fitted model: the information of the data on its constants, and the errors of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from symdyn_kernels.arguments.candidates import Integration

from symdyn.discover.evidence import relative_errors
from symdyn.discover.whole.continuity import cut_up, linear
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.ties import conditions
from symdyn.inference.data import Observations
from symdyn.inference.information import Information, estimated, inverse
from symdyn.inference.misfit import StateResiduals

__all__ = ["information", "lasts", "prediction_errors", "residuals"]


def information(fitter: Fitter, fit: EquationFit, constants: Sequence[str], states: Sequence[str]) -> Information:
    """Gauss-Newton information of a fit about its constants and initial values, the noise estimated from the residuals.

    Windows along which errors grow are cut up, see `symdyn.discover.whole.continuity`.
    """
    problem, pieces, run = fitter.problem, cut_up(fitter, fit), fitter.run(fit)
    starts = fit.starts if run is None or not len(pieces.joined) else run[pieces.cut[:, 0]]
    found = linear(fitter, fit.model, pieces, starts, conditions(fit.ties, len(fit.model.theta)))
    p, d = len(fit.model.theta), problem.d
    first = np.setdiff1d(np.arange(len(pieces.cut)), pieces.joined)
    free = np.concatenate([np.arange(p), (p + first[:, None] * d + np.arange(d)).ravel()])
    names = list(constants)
    trajectory = np.searchsorted(problem.first, problem.cut(fit.windows)[:, 0], side="right") - 1
    several = len(problem.first) > 2
    for v, first in enumerate(problem.cut(fit.windows)[:, 0]):
        which = f" of trajectory {trajectory[v]}" if several else ""
        names += [f"{s}({problem.t[first]:g}){which}" for s in states]
    values = np.concatenate([fit.model.theta, fit.starts.ravel()])
    if found is None:
        nothing = np.zeros((len(values), len(values)))
        return Information(tuple(names), values, nothing, np.ones(len(values), dtype=bool), 0, np.inf)
    told = inverse(found.basis.T @ found.matrix @ found.basis, found.basis[free])
    freedom = int(problem.seen.sum()) - len(free) + len(fit.ties)
    return estimated(names, values, told, float(found.rss.sum()), freedom, scales=found.unit[free])


def residuals(fitter: Fitter, fit: EquationFit, seen: Observations) -> list[StateResiduals]:
    """What a fitted model leaves of the data of each state, in each window; none where it cannot be run."""
    problem, run = fitter.problem, fitter.run(fit)
    if run is None:
        return []
    found = []
    for j, name in enumerate(seen.states):
        each = [np.flatnonzero(problem.w[a:b, j] > 0) + a for a, b in problem.cut(fit.windows)]
        given = bool(problem.given[j])
        left = tuple(problem.x[k, j] - run[k, j] for k in each)
        deviations = tuple(1 / problem.w[k, j] for k in each)
        noise = float(np.median(np.concatenate(deviations))) if given else seen.estimate(j)
        found.append(StateResiduals(name, left, deviations, float(problem.spread[j]), noise, given))
    return found


def lasts(fitter: Fitter, fit: EquationFit, seen: Observations) -> bool:
    """Whether the runs of a fit over whole trajectories go on for the time of the data once more."""
    times = [np.append(t.times, t.times[1:] + (t.times[-1] - t.times[0])) for t in seen.trajectories]
    return all(np.isfinite(_run(fitter, fit, s, t)[-1]).all() for s, t in zip(_starts(fitter, fit), times, strict=True))


def _longer(fitter: Fitter) -> Integration:
    """Integration of runs that are not fitted."""
    return fitter.problem.integration.scaled(1.0, attempts=100)._replace(largest=np.inf)


def _starts(fitter: Fitter, fit: EquationFit) -> np.ndarray:
    """Initial values (trajectories, d)."""
    return fit.starts[np.searchsorted(fitter.problem.cut(fit.windows)[:, 0], fitter.problem.first[:-1])]


def _run(fitter: Fitter, fit: EquationFit, start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """States (T, d); NaN where the run is lost."""
    whole = np.array([[0, len(times)]], np.int64)
    return fitter.simulated(fit.model, times, whole, start[None], integration=_longer(fitter)).run


def prediction_errors(fitter: Fitter, fit: EquationFit, seen: Observations, later: Observations | None) -> dict[str, float]:
    """Relative errors of runs and of single steps, as the table of a recovery names them."""
    longer = _longer(fitter)

    def ahead(times: np.ndarray, values: np.ndarray) -> np.ndarray:
        found, known = np.full_like(values, np.nan), np.flatnonzero(np.isfinite(values[:-1]).all(axis=1))
        for begin in (known[known % 2 == parity] for parity in (0, 1)):  # windows of two points that share none
            if begin.size:
                cut = np.ascontiguousarray(np.stack([begin, begin + 2], axis=1))
                made = fitter.simulated(fit.model, times, cut, values[begin], integration=longer)
                found[begin + 1] = made.run[begin + 1]
        return found

    return relative_errors(partial(_run, fitter, fit), ahead, _starts(fitter, fit), seen, later)
