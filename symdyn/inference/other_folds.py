"""Cross-validation of fits whose measurements are rows of tables, and of paths of systems with randomness."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np
import pandas as pd

from symdyn.errors import RecoveryError
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.fits import Fit
from symdyn.inference.information import inverse
from symdyn.inference.levenberg import Fits
from symdyn.inference.long_run import LongRun
from symdyn.inference.stochastic_problem import StochasticProblem, made_problem

__all__ = ["RowsProblem", "done_folds", "foretold_paths", "foretold_rows"]

#: Iterations of the fits to the other folds, and the gain of twice the log-likelihood that still counts.
ITERATIONS, LAST_GAIN = 200, 1e-8


class RowsProblem(FitProblem):
    """A likelihood whose measurements are independent rows of a table."""

    @abstractmethod
    def row_table(self) -> pd.DataFrame:
        """Columns ``condition``, ``time``, ``observable`` and ``measured`` of the rows."""

    @abstractmethod
    def with_rows(self, kept: np.ndarray) -> RowsProblem:
        """The same with rows (M, N) of its own for every candidate: those that are False count for nothing."""

    @abstractmethod
    def row_densities(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected values and log densities (M, N) of the rows at coordinates (M, P)."""


def done_folds(
    run: LongRun, anew: FitProblem, theta: np.ndarray, starts: np.ndarray, *, gain: float
) -> tuple[Fits, np.ndarray]:  # fmt: skip
    """Fits of a likelihood without the data of each fold, from coordinates and initial values, all at once: of folds at (m,).

    Raises
    ------
    RecoveryError
        If the budget ended before any came to rest.
    KeyboardInterrupt
        If there is nothing to keep at an interrupt.
    """
    fits, at = None, np.arange(len(theta))
    with run.ending(lambda: run.settled is not None and len(run.settled[1])):
        fits = run.fitted("folds", anew, theta, starts, iterations=ITERATIONS, gain=gain)
    if fits is None:
        fits, at = run.settled or (None, np.zeros(0, dtype=int))
    if fits is None or not len(at):
        raise run.nothing("the cross-validation", "before a fold was done")
    return fits, at


def foretold_rows(
    fit: Fit, problem: RowsProblem, folds: int | None, by: str, rng: np.random.Generator, run: LongRun
) -> tuple[pd.DataFrame, list[int], np.ndarray, int]:
    """The table of what fits without each fold foretell, the folds that are done, their coordinates, and how many there are.

    Raises
    ------
    RecoveryError
        If the budget ended before a fold was done, for kinds of folds that rows do not have, and folds without which data and
        priors leave a value open.
    """
    table = problem.row_table()
    if by == "trajectory":
        raise RecoveryError("measurements of a PEtab problem have conditions, and no trajectories; take by='condition'")
    if by == "time":
        of = np.zeros(len(table), dtype=int)
        count = 5 if folds is None else folds
        for (condition, observable), own in table.groupby(["condition", "observable"], sort=False):
            times = np.unique(own["time"])
            if len(times) < count:
                raise RecoveryError(
                    f"{observable} has measurements at {len(times)} times in the condition {condition}, fewer than the {count} "
                    "folds; take by='measurement', or fewer"
                )
            for f, block in enumerate(np.array_split(times, count)):
                of[own.index[own["time"].isin(block)]] = f
    else:
        labels = list(range(len(table))) if by == "measurement" else list(table["condition"])
        groups = list(dict.fromkeys(labels))
        count = (5 if by == "measurement" else len(groups)) if folds is None else folds
        of_group = dict(zip(groups, _shuffled(len(groups), count, by, rng, whole=by != "measurement"), strict=True))
        of = np.array([of_group[label] for label in labels])
    left = of[None] != np.arange(count)[:, None]
    none = np.zeros((count, *fit.scaled_starts.shape))
    fits, at = done_folds(run, problem.with_rows(left), np.repeat(fit.theta[None], count, axis=0), none, gain=LAST_GAIN)
    _refuse_open(fit, problem.with_rows(left[at]), fits.theta, at)
    expected, density = problem.row_densities(fits.theta)
    rows = np.flatnonzero(np.isin(of, at))
    row = np.searchsorted(at, of[rows])
    found = table.iloc[rows].assign(
        fold=of[rows], trajectory=0, lower=np.nan, upper=np.nan, expected=expected[row, rows], log_density=density[row, rows]
    )  # fmt: skip
    return found, at.tolist(), fits.theta, count


def foretold_paths(
    fit: Fit, problem: StochasticProblem, folds: int | None, by: str, rng: np.random.Generator, run: LongRun
) -> tuple[pd.DataFrame, list[int], np.ndarray, int]:
    """The same of paths, whose measurements depend on each other: the log density of each path as a whole.

    Raises
    ------
    RecoveryError
        For cells that are not followed, likelihoods that are simulated, other folds than trajectories, and those that leave a
        value open.
    """
    setup = problem.setup
    if setup.snapshots:
        raise RecoveryError("cells that are not followed are not divided into folds; fit the times by themselves and compare")
    if problem.noisy:
        raise RecoveryError(
            f"the likelihood {problem.likelihood.name!r} is simulated; its errors are larger than differences of scores: "
            "take 'projection', 'lna', 'moments' or 'langevin'"
        )
    if by != "trajectory":
        raise RecoveryError(
            f"measurements of a path depend on each other, so that folds by {by} are none; take by='trajectory'"
        )
    trajectories = setup.data.trajectories
    if len(trajectories) < 2:
        raise RecoveryError("the data hold one trajectory, which cannot be left out")
    count = len(trajectories) if folds is None else folds
    of = np.array(_shuffled(len(trajectories), count, by, rng, whole=True))
    ends = list[tuple[list[tuple[object, ...]], np.ndarray]]()
    none = np.zeros((1, *fit.scaled_starts.shape))
    with run.ending(lambda: ends):
        for f in range(count):
            kept = tuple(t for t, own in zip(trajectories, of, strict=True) if own != f)
            anew = made_problem(replace(setup, data=replace(setup.data, trajectories=kept)), problem.likelihood)
            fitted = run.fitted(
                "folds", anew, fit.theta[None].copy(), none, iterations=ITERATIONS, gain=LAST_GAIN,
                part=(f / count, (f + 1) / count), key=(f,),
            )  # fmt: skip
            _refuse_open(fit, anew, fitted.theta, np.array([f]))
            found = list[tuple[object, ...]]()
            for k in np.flatnonzero(of == f):
                alone = made_problem(
                    replace(setup, data=replace(setup.data, trajectories=(trajectories[k],))), problem.likelihood
                )
                density = float((alone.log_posterior(fitted.theta) - alone.log_prior(fitted.theta))[0])
                found.append((int(k), "", np.nan, "path", np.nan, f, np.nan, np.nan, np.nan, density))
            ends.append((found, fitted.theta[0]))
    if not ends:
        raise run.nothing("the cross-validation", "before a fold was done")
    names = ["trajectory", "condition", "time", "observable", "measured", "fold", "lower", "upper", "expected", "log_density"]
    rows = [row for found, _ in ends for row in found]
    return pd.DataFrame(rows, columns=names), list(range(len(ends))), np.array([theta for _, theta in ends]), count


def _shuffled(groups: int, count: int, by: str, rng: np.random.Generator, *, whole: bool) -> np.ndarray:
    """The fold of each group; in order where there is one for each."""
    if not 1 < count <= groups:
        plural = "trajectories" if by == "trajectory" else f"{by}s"
        raise RecoveryError(f"the data hold {groups} {plural}, too few for {max(count, 2)} folds")
    return np.arange(count) if whole and count == groups else rng.permutation(np.arange(groups) % count)


def _refuse_open(fit: Fit, anew: FitProblem, theta: np.ndarray, folds: np.ndarray) -> None:
    """Refuse folds without which data and priors do not determine a fitted value: it would stay where all data put it."""
    local = anew.expand(np.arange(len(theta)), theta, np.zeros((len(theta), *fit.scaled_starts.shape)), fisher=True)
    lost = np.stack([inverse(m).undetermined for m in local.information])
    known = ~fit.information.undetermined
    if (lost & known).any():
        f, i = (int(x) for x in np.argwhere(lost & known)[0])
        raise RecoveryError(
            f"without the fold {folds[f]} the data do not tell {anew.names[i]}; divide the data otherwise, "
            "give a prior, or hold the value"
        )
