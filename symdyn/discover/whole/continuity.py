r"""Fits over long windows: multiple shooting with the initial value of each piece constrained to the end of the previous one.

Where a flow pulls neighbours apart, the normal equations of one long run are singular to working precision, and a fit ends
short of the optimum.  Cut into pieces, each with initial values :math:`s_v` of its own, and with

.. math:: s_{v+1} = \Phi_v(s_v, \theta)

as constraints of a Gauss-Newton step, the problem is the same and its matrices are well conditioned: with an orthonormal basis
Z of the null space of the linear constraints, :math:`(Z^T H Z)^{-1}` is the covariance.

References
----------
Bock, in: Numerical Treatment of Inverse Problems in Differential and Integral Equations, Birkhäuser 1983, 95.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from symdyn_kernels.arguments.candidates import Integration, Points

from symdyn.discover.whole.fits import STRETCHED, EquationFit, Fitter
from symdyn.discover.whole.terms import EquationModel
from symdyn.discover.whole.ties import Ties
from symdyn.inference.information import arrow

__all__ = ["Linear", "Pieces", "cut_up", "linear", "polished", "settled"]

#: Growth of errors of initial values in each piece of a run.
REACH = 8.0
#: Errors of steps relative to those of the search.
TIGHT = 1e-2
#: Steps, the shares of one that are tried, and its length, in standard deviations, that ends them.
STEPS, SHARES, ENOUGH = 25, (1.0, 0.3, 0.1, 0.03), 1e-4
#: Mismatch of pieces, in units of the noise, that is none.
CLOSED = 1e-3


@dataclass(frozen=True)
class Pieces:
    """Windows of a fit, cut up into so many of each trajectory.

    `cut` (v, 2) are first points and the points after the last ones, `joined` (k,) the pieces that begin where the one before
    them ends.
    """

    windows: int
    cut: np.ndarray
    joined: np.ndarray


@dataclass(frozen=True)
class Linear:
    """A fit linear in the n changes of constants and initial values, in units in which its matrix has a unit diagonal.

    The columns of `basis` (n, f) span the null space of the constraints, which the change `particular` (n,) fulfils; the
    `mismatch` is that of pieces that join, in units of the noise.
    """

    unit: np.ndarray
    matrix: np.ndarray
    gradient: np.ndarray
    basis: np.ndarray
    particular: np.ndarray
    mismatch: float
    rss: np.ndarray

    def move(self) -> tuple[np.ndarray, float]:
        """The Gauss-Newton step (n,), and its length in standard deviations."""
        left = self.basis.T @ (self.gradient - self.matrix @ self.particular)
        reduced = self.basis.T @ self.matrix @ self.basis
        move = self.particular + self.basis @ np.linalg.lstsq(reduced, left, rcond=1e-13)[0]
        return move * self.unit, float(np.sqrt(max(move @ self.matrix @ move, 0.0)))


def cut_up(fitter: Fitter, fit: EquationFit) -> Pieces:
    """The windows of a fit, cut until errors of the initial values grow little in each piece."""
    problem, whole = fitter.problem, fitter.problem.cut(fit.windows)
    count, run = 1, fitter.run(fit)
    found = Pieces(fit.windows, whole, np.zeros(0, np.int64))
    while run is not None:
        cut = problem.cut(fit.windows * count)
        if np.isin(whole[:, 0], cut[:, 0]).all():
            found = Pieces(fit.windows * count, cut, np.flatnonzero(~np.isin(cut[:, 0], whole[:, 0])))
            growth = fitter.growth(fit.model, cut, run[cut[:, 0]])
            if np.isinf(growth) or growth < (STRETCHED if count == 1 else REACH):
                break
        if len(cut) < len(problem.cut(2 * fit.windows * count)):
            count *= 2
        else:
            break
    return found


def linear(fitter: Fitter, model: EquationModel, pieces: Pieces, starts: np.ndarray, ties: Ties | None = None) -> Linear | None:
    """A model over pieces that begin at `starts` (v, d), its constants with `ties`; None if a run fails."""
    problem, p, d = fitter.problem, len(model.theta), fitter.problem.d
    made = fitter.over(model, pieces.cut, starts, integration=_tight(fitter))
    ok, rss, (own, slope, mixed, inner, slopes) = made.info[0], made.rss, made.arrow
    ends = _ends(fitter, model, pieces, starts) if ok and len(pieces.joined) else None
    if not ok or (ends is None and len(pieces.joined)):
        return None
    size = p + starts.size
    matrix, gradient = arrow(own, mixed, inner), np.concatenate([slope, slopes.ravel()])
    unit = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    matrix, gradient = matrix * unit[:, None] * unit, gradient * unit
    if ends is None and ties is None:
        return Linear(unit, matrix, gradient, np.eye(size), np.zeros(size), 0.0, rss)
    rows, right = np.zeros((len(pieces.joined), d, size)), np.empty((len(pieces.joined), d))
    scale = 1 / problem.deviations(pieces.cut[:, 0])
    for k, (v, reached, by_constant, by_start) in enumerate(zip(pieces.joined, *ends, strict=True) if ends else ()):
        rows[k, :, :p] = by_constant
        rows[k, :, p + (v - 1) * d : p + v * d] = by_start
        rows[k, :, p + v * d : p + (v + 1) * d] = -np.eye(d)
        rows[k] *= scale[v][:, None]
        right[k] = (starts[v] - reached) * scale[v]
    mismatch = float(np.abs(right).max(initial=0.0))
    conditions, values = rows.reshape(-1, size), right.ravel()
    if ties is not None:
        conditions = np.concatenate([np.pad(ties[0], ((0, 0), (0, starts.size))), conditions])
        values = np.concatenate([ties[1] - ties[0] @ model.theta, values])
    if not (np.isfinite(conditions).all() and np.isfinite(values).all()):
        return None  # where a piece ends depends on its initial values no more, and its slopes cannot be read off
    fixed = len(values)
    q, r = np.linalg.qr((conditions * unit).T, mode="complete")
    particular = q[:, :fixed] @ np.linalg.solve(r[:fixed].T, values)
    return Linear(unit, matrix, gradient, q[:, fixed:], particular, mismatch, rss)


def _tight(fitter: Fitter) -> Integration:
    return fitter.problem.integration.scaled(TIGHT, attempts=10)


def _ends(fitter: Fitter, model: EquationModel, pieces: Pieces, starts: np.ndarray):
    """States (k, d) where the pieces before those that are joined end, and their slopes by constants and initial values.

    Slopes (k, d, p) and (k, d, d) are read off the normal equations of a single residual, which is set to one.
    """
    problem, d, p, count = fitter.problem, fitter.problem.d, len(model.theta), len(pieces.joined)
    before = pieces.joined - 1
    t = np.stack([problem.t[pieces.cut[before, 0]], problem.t[pieces.cut[pieces.joined, 0]]], axis=1).ravel()
    cut = np.ascontiguousarray(2 * np.arange(count)[:, None] + np.array([0, 2]))
    tight = _tight(fitter)
    made = fitter.simulated(model, t, cut, starts[before], integration=tight)
    run, ok = made.run, made.info[0]
    by_constant, by_start = np.empty((count, d, p)), np.empty((count, d, d))
    for j in range(d) if ok else ():
        weights = np.zeros_like(run)
        weights[1::2, j] = 1.0
        points = Points(t, run + 1.0, weights)
        sums = fitter.over(model, cut, starts[before], integration=tight, points=points).arrow
        by_start[:, j] = slopes = sums.start_gradient
        each, largest = np.arange(count), np.argmax(np.abs(slopes), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # not finite where initial values are forgotten
            by_constant[:, j] = sums.mixed[each, :, largest] / slopes[each, largest][:, None]
    return (run[1::2], by_constant, by_start) if ok else None


def settled(
    fitter: Fitter, model: EquationModel, pieces: Pieces, starts: np.ndarray, ties: Ties | None = None
) -> tuple[EquationModel, np.ndarray, np.ndarray] | None:
    """The optimum of a model over joined pieces, initial values of its windows, sums of squares; None if it is not reached."""
    found, p = linear(fitter, model, pieces, starts, ties), len(model.theta)
    for _ in range(STEPS):
        if found is None or fitter.late():
            return None
        move, length = found.move()
        if length < ENOUGH and found.mismatch < CLOSED:
            break
        most = 3 * float(found.rss.sum()) + fitter.problem.seen.sum()
        for share in SHARES:
            trial = model.with_theta(model.theta + share * move[:p])
            moved = starts + share * move[p:].reshape(starts.shape)
            new = linear(fitter, trial, pieces, moved, ties)
            if new is not None and new.rss.sum() < most:
                break
        model, starts, found = trial, moved, new
    if found is None or not found.mismatch < CLOSED:
        return None
    return model, starts[np.setdiff1d(np.arange(len(starts)), pieces.joined)], found.rss


def polished(fitter: Fitter, model: EquationModel, windows: int, pieces: Pieces, starts: np.ndarray) -> EquationFit | None:
    """The optimum of a model over its windows, from initial values (v, d) of the pieces; None if it is not reached in time."""
    found = settled(fitter, model, pieces, starts)
    if found is None:
        return None
    model, begin, _ = found
    # errors of steps move the optimum of a long run along the direction that is known best
    return fitter.fit(model, begin, windows, 25, fall=1e-6)
