"""Models to begin with where none can be simulated: terms whose integrals along the data explain how the states change."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from symdyn.declaration import derivative
from symdyn.discover.choose import LinearChoice, choose
from symdyn.discover.regressors.subsets import least_squares
from symdyn.inference.formulas import evaluated
from symdyn.inference.kinds import right_sides
from symdyn.inference.problem import SelectionProblem
from symdyn.inference.shooting import ShootingWindows, windows

__all__ = ["matched_models", "matched_values"]

#: Nodes of Gauss and Legendre in each interval between two data, and their weights, on [0, 1].
NODES, WEIGHTS = (v / 2 for v in (np.polynomial.legendre.leggauss(3)[0] + 1, np.polynomial.legendre.leggauss(3)[1]))


def matched_models(problem: SelectionProblem, pieces: int) -> list[LinearChoice]:
    r"""Choices of terms and scaled parameters, those with the least criterion first, found without a simulation.

    The data :math:`x(t_j)` of a window are regressed on

    .. math:: x(t_j) = c + \int_{t_0}^{t_j} f(s) \, dt + \sum_k \theta_k \int_{t_0}^{t_j} \phi_k(s) \, dt

    along curves :math:`s` through them, with a constant for each state and window; the next values of a map on the present
    ones.  The noise of the curves makes estimates slightly wrong, so they are only good to begin with.

    Parameters
    ----------
    problem : SelectionProblem
        Its candidates have :math:`f` without terms, and a term :math:`\phi_k` for every coefficient.  Other columns enter by
        their slopes at their first guesses.
    pieces : int
        Windows a trajectory.

    References
    ----------
    Dattner, Klaassen, Electronic Journal of Statistics 9, 1939 (2015).
    """
    candidates, table = problem.candidates, _table(problem, pieces)
    if not len(table):
        return []
    count = len(candidates.terms)
    found = choose(
        table[:, :-1], table[:, -1], np.arange(count), count + np.flatnonzero(candidates.always[count:]),
        largest=problem.largest, floor=0.0,
    )  # fmt: skip
    guess = np.where(np.arange(len(candidates.columns)) < count, 0.0, candidates.guesses[0])
    return [
        LinearChoice(c.chosen, np.clip(c.theta + guess, candidates.low, candidates.high), c.rss, c.criterion) for c in found
    ]


def matched_values(problem: SelectionProblem, pieces: int, chosen: np.ndarray) -> np.ndarray:
    """Scaled parameters (M, P) of choices of terms (M, K), found like those of `matched_models`."""
    candidates, table = problem.candidates, _table(problem, pieces)
    count = len(candidates.terms)
    theta = np.tile(np.where(np.arange(len(candidates.columns)) < count, 0.0, candidates.guesses[0]), (len(chosen), 1))
    always = count + np.flatnonzero(candidates.always[count:])
    for row, own in zip(theta, chosen, strict=True):
        columns = np.concatenate([np.flatnonzero(own), always])
        row[columns] += least_squares(table[:, columns], table[:, -1])[0]
    return np.clip(theta, candidates.low, candidates.high)


def _table(problem: SelectionProblem, pieces: int) -> np.ndarray:
    """Equations of all windows, (rows, P + 1), over the noise."""
    cut = windows(problem.shooting.observations, pieces)
    table = np.concatenate([_rows(problem, cut, v) for v in range(cut.count)])
    return table[np.isfinite(table).all(axis=1)]


def _rows(problem: SelectionProblem, cut: ShootingWindows, v: int) -> np.ndarray:
    """Equations of a window, (rows, P + 1), over the noise: what columns change, and what the rest leaves."""
    (k, begin), values = cut.origins[v], cut.values[v]
    length = int(np.flatnonzero(np.isfinite(values).any(axis=1)).max(initial=0)) + 1
    values, here = values[:length], slice(begin, begin + length)
    times, rough = problem.shooting.observations.trajectories[k].times[here], problem.rough[0][k][here]
    noise, found = problem.shooting.noise, [np.empty((0, len(problem.candidates.columns) + 1))]
    if length == 1:
        return found[0]
    if problem.kind.stepwise:
        changes = _along(problem, times[:-1], rough[:-1])
        left = np.where(np.diff(times)[:, None] == 1, values[1:], np.nan)
        have = np.isfinite(left) & np.isfinite(values[:-1])
    else:
        curve, gaps = CubicSpline(times, rough), np.diff(times)[:, None]
        nodes = times[:-1, None] + gaps * NODES
        sampled = _along(problem, nodes.ravel(), curve(nodes.ravel()))
        sampled = np.einsum("jgic,g->jic", sampled.reshape(*nodes.shape, *sampled.shape[1:]), WEIGHTS) * gaps[:, :, None]
        changes = np.concatenate([np.zeros((1, *sampled.shape[1:])), np.cumsum(sampled, axis=0)])
        left, have = values, np.isfinite(values)
    for i, seen in enumerate(have.T):
        part = np.c_[changes[seen, i, 1:], left[seen, i] - changes[seen, i, 0]] / noise[i]
        found.append(part if problem.kind.stepwise else part - part.mean(axis=0) if len(part) else part)
    return np.concatenate(found)


def _along(problem: SelectionProblem, times: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The right-hand sides without terms, and their slopes by every scaled column, at states (T, n): (T, n, 1 + P)."""
    candidates, system = problem.candidates, problem.candidates.system
    count, columns = len(candidates.terms), candidates.columns
    none = dict.fromkeys(columns[:count], 0)
    sides = right_sides(system)
    expressions = [e.xreplace(none) for e in sides]
    expressions += [derivative(e, c).xreplace(none) for c in columns for e in sides]
    known = dict(system.defaults) | dict(zip(columns, map(float, candidates.guesses[0] * candidates.sizes), strict=True))
    along = dict(zip(system.states, states.T, strict=True)) | {system.time: times} | known
    values = np.ascontiguousarray(evaluated(expressions, along, times.shape).T).reshape(len(times), -1, len(sides))
    return np.concatenate([values[:, :1], values[:, 1:] * candidates.sizes[:, None]], axis=1).swapaxes(1, 2)
