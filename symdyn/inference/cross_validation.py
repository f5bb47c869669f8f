"""Cross-validation of a fit: how well measurements are foretold by fits to the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.information import arrow, inverse
from symdyn.inference.long_run import LongRun, check_running, long_run
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.other_folds import RowsProblem, done_folds, foretold_paths, foretold_rows
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.methods.options import check_whole

__all__ = ["CrossValidation", "cross_validate"]

GROUPS = ("time", "trajectory", "condition", "measurement")
#: Gain of twice the log-likelihood that still counts in fits to the other folds.
LAST_GAIN = 1e-10
#: What tells two measurements of the tables of two models apart.
KEYS = ["trajectory", "condition", "time", "observable"]
STAGES = {"folds": (0.0, 1.0)}


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation:
    """What fits to the other folds foretell of each; `Fit.cross_validate` makes one.

    Attributes
    ----------
    table : DataFrame
        A row for each measurement, of systems with randomness for each path: ``fold``, ``trajectory``, ``condition``, ``time``,
        ``observable``, ``measured``, of a
        censored one its limits ``lower`` and ``upper``, ``expected`` by the fit to the other folds, and ``log_density`` there
        (of a censored one its log probability).
    parameters : DataFrame
        Values that were fitted without each fold.
    by : str
    count : int, optional
        How many folds there are; those that were done unless given.

    Attributes
    ----------
    complete : bool
        Whether all were done: else a budget or an interrupt ended it, and the table has the measurements of the others alone.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(12.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> found = sd.fit(sd.ODESystem.from_text("x' = -k*x; x(0) = 3"), data).cross_validate(4)
    >>> print(found)
    4 folds by time: log score 33.08 ± 1.4 of 12 measurements
    """

    table: pd.DataFrame
    parameters: pd.DataFrame
    by: str
    count: int | None = None

    @property
    def complete(self) -> bool:
        """Whether all folds were done."""
        return self.count is None or len(self.parameters) == self.count

    @property
    def log_score(self) -> float:
        """The sum of the log densities: greater is better."""
        return float(self.table["log_density"].sum())

    @property
    def error(self) -> float:
        """Standard error of `log_score`, from the spread of the measurements' densities."""
        return float(np.sqrt(len(self.table) * self.table["log_density"].var(ddof=1)))

    def compare(self, other: CrossValidation) -> pd.Series:
        """By how much this model foretells the same measurements better than another, and the standard error of that.

        Parameters
        ----------
        other : CrossValidation
            Of another model with the same folds.

        Returns
        -------
        Series
            ``difference`` of the log scores and its ``error``, from the differences of single measurements.

        Raises
        ------
        RecoveryError
            If measurements or folds differ.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> t = np.arange(12.0)
        >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
        >>> right, wrong = (sd.fit(sd.ODESystem.from_text(text), data).cross_validate(4)
        ...                 for text in ("x' = -k*x; x(0) = 3", "x' = -k; x(0) = 3"))
        >>> found = right.compare(wrong)
        >>> bool(found["difference"] > 3 * found["error"])
        True
        """
        if not isinstance(other, CrossValidation):
            raise RecoveryError(f"a cross-validation is compared with another one, not with a {type(other).__name__}")
        keys = [*KEYS, "fold", "measured", "lower", "upper"]
        mine, theirs = (c.table.sort_values(keys, ignore_index=True) for c in (self, other))
        if len(mine) != len(theirs) or not mine[keys].equals(theirs[keys]):
            short = "" if self.complete and other.complete else "; one was cut short: go on from its checkpoint"
            raise RecoveryError(
                f"the two cross-validations differ in their measurements, limits or folds; give both the same{short}"
            )
        apart = mine["log_density"] - theirs["log_density"]
        return pd.Series({"difference": apart.sum(), "error": np.sqrt(len(apart) * apart.var(ddof=1))})

    def __str__(self) -> str:
        done = [str(f) for f in self.parameters.index]
        folds = f"{len(done)} folds" if self.complete else f"{len(done)} of {self.count} folds ({', '.join(done)}), cut short,"
        return f"{folds} by {self.by}: log score {self.log_score:.4g} ± {self.error:.2g} of {len(self.table)} measurements"

    __repr__ = __str__


def cross_validate(
    fit: Fit, folds: int | None = None, *, by: str = "time", seed: int | None = None, budget: float | None = None,
    checkpoint: str | Path | None = None, progress: bool | Callable[[str, float], None] | None = None,
) -> CrossValidation:  # fmt: skip
    r"""Foretell every fold of the data by a fit to the others: :math:`\sum_i \log p(y_i\,|\,\hat\theta_{-f(i)})`.

    All fits begin at the fit to all data, with its priors and bounds, and are climbed at once, in lanes; scales of noise that
    are estimated along come from the other folds.  Where noise grows with the values by default, its relative sizes remain
    those of the fit to all data; ``noise="normal"`` or an expression has none.

    Parameters
    ----------
    fit : Fit
        With one window for each trajectory.  Of PEtab problems folds are measurements, conditions, or blocks of times of each
        observable in each condition; of systems with randomness, whose measurements depend on each other, whole paths, and the
        likelihood is none that is simulated.
    folds : int, optional
        Into how many the data are divided; 5 for ``"time"`` and ``"measurement"``, and otherwise each trajectory or condition
        by itself, unless given.
    by : {'time', 'trajectory', 'condition', 'measurement'}
        What stays together: blocks of neighbouring times, as many in each trajectory, which ask for interpolation and, at the
        end, for a forecast; trajectories or conditions, which ask for experiments that were not made; or nothing, where
        neighbours in time tell what is left out.
    seed : int, optional
        Of the order in which measurements, or several trajectories or conditions a fold, come to folds; 0 unless given.
    budget : float, optional
        Seconds after which it ends with the folds that are done, as it does at an interrupt (Ctrl-C).
    checkpoint : str or Path, optional
        File from which the same call goes on after that, with the bits of one that was not cut short; see `symdyn.fit`.
    progress : bool or callable, optional
        A bar, or ``progress(stage, fraction)`` with the stage ``"folds"``.

    Returns
    -------
    CrossValidation
        Where the time was over, of some folds alone, and ``complete`` is False.

    Warns
    -----
    UserWarning
        If the time was over, or the fit itself was cut short.

    Raises
    ------
    RecoveryError
        If there are fewer groups than folds, for a seed where nothing is drawn, or if without a fold the data and priors do
        not determine a value that is fitted, such as the initial value of a trajectory or the scale of the noise of a column;
        for cells that are not followed, and likelihoods that are simulated; if the budget ended before the first fold was
        done; for a checkpoint as `symdyn.fit`.

    References
    ----------
    Stone, J. R. Stat. Soc. B 36, 111 (1974); Bergmeir, Benitez, Inf. Sci. 191, 192 (2012) (blocks); Vehtari, Gelman, Gabry,
    Stat. Comput. 27, 1413 (2017) (errors of scores and their differences).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(12.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data)
    >>> found = fit.cross_validate(3)
    >>> found.table.groupby("fold").size().tolist(), len(found.parameters)
    ([4, 4, 4], 3)
    """
    if by not in GROUPS:
        raise RecoveryError(f"by is {by!r}; expected one of {', '.join(GROUPS)}")
    if fit.windows > 1:
        raise RecoveryError(f"the fit has {fit.windows} windows for a trajectory; cross-validate one with windows=1")
    check_whole(2, folds=folds)
    if seed is not None and (by == "time" or (folds is None and by != "measurement")):
        what = "blocks of times" if by == "time" else f"one fold for each {by}"
        raise RecoveryError(f"seed has no effect on {what}; leave it out")
    check_whole(0, seed=seed)
    check_running(budget, checkpoint, progress)
    rng = np.random.default_rng(seed or 0)
    facts = (folds, by, seed)
    with long_run(fit, "cross_validate", STAGES, facts, budget=budget, checkpoint=checkpoint, progress=progress) as run:
        if isinstance(fit.problem, RowsProblem):
            table, done, theta, count = foretold_rows(fit, fit.problem, folds, by, rng, run)
        elif isinstance(fit.problem, StochasticProblem):
            table, done, theta, count = foretold_paths(fit, fit.problem, folds, by, rng, run)
        else:
            table, done, theta, count = _foretold(fit, observed_problem(fit, "cross-validations"), folds, by, rng, run)
        run.note("the cross-validation", f"the folds {', '.join(map(str, done))} of {count}")
    parameters = pd.DataFrame(fit.problem.values(theta), index=pd.Index(done, name="fold"), columns=fit.problem.names)
    names = ["fold", *KEYS, "measured", "lower", "upper", "expected", "log_density"]
    return CrossValidation(_known(table[names]), parameters, by, count)


def _foretold(
    fit: Fit, problem: ObservedProblem, folds: int | None, by: str, rng: np.random.Generator, run: LongRun
) -> tuple[pd.DataFrame, list[int], np.ndarray, int]:
    """The table of what fits without each fold foretell, the folds that are done, their coordinates, and how many there are."""
    place, count = _folds(problem, folds, by, rng)
    seen = problem.cut.values
    kept = np.repeat(seen[None], count, axis=0)
    kept[np.arange(count)[:, None, None, None] == place] = np.nan
    _refuse_noise(problem, kept, by)
    begin = (np.repeat(v[None], count, axis=0) for v in (fit.theta, fit.scaled_starts))
    fits, at = done_folds(run, problem.with_values(kept), *begin, gain=LAST_GAIN)
    kept, anew = kept[at], problem.with_values(kept[at])
    _refuse_unknown(fit, anew, fits.theta, fits.starts, at)
    values, _ = anew.evaluate(fits.theta, fits.starts)
    laws, times, rows = anew.noise.at(kept, values), problem.times(), []
    for o, (spec, (mean, parameters)) in enumerate(zip(problem.setup.observed, laws, strict=True)):
        with np.errstate(all="ignore"):
            density = problem.noise.scored(o, seen[None, ..., o], mean, parameters, fisher=False).value
        for v, j in zip(*np.nonzero(np.isfinite(seen[..., o])), strict=True):
            k, f = int(problem.cut.origins[v, 0]), int(place[v, j, o])
            if f not in at:
                continue
            row = int(np.searchsorted(at, f))
            condition = problem.setup.conditions[k] if problem.setup.conditions else ""
            lower, upper = (np.nan, np.nan) if problem.noise.limits is None else problem.noise.limits[v, j, o]
            measured = seen[v, j, o], lower, upper
            rows.append((f, k, condition, times[v, j], spec.name, *measured, mean[row, v, j], density[row, v, j]))
    names = ["fold", *KEYS, "measured", "lower", "upper", "expected", "log_density"]
    return pd.DataFrame(rows, columns=names), at.tolist(), fits.theta, count


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """A table all of whose densities are known."""
    if not np.isfinite(table["log_density"]).all():
        lost = table.loc[~np.isfinite(table["log_density"]), "fold"].iloc[0]
        raise RecoveryError(f"without the fold {lost} the fit foretells values in it that it takes for impossible, or fails")
    return table


def _folds(problem: ObservedProblem, folds: int | None, by: str, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """The fold (V, T, n) of every measurement, -1 where there is none, and how many folds there are."""
    seen = np.isfinite(problem.cut.values)
    place = np.full(seen.shape, -1)
    trajectories = problem.cut.origins[:, 0]
    if by == "time":
        wanted = 5 if folds is None else folds
        for v in range(len(seen)):
            rows = np.flatnonzero(seen[v].any(axis=-1))
            if len(rows) < wanted:
                raise RecoveryError(
                    f"trajectory {trajectories[v]} has measurements at {len(rows)} times, fewer than the {wanted} folds"
                )
            for f, block in enumerate(np.array_split(rows, wanted)):
                place[v, block] = f
        return np.where(seen, place, -1), wanted
    if by == "measurement":
        size = int(seen.sum())
        wanted = 5 if folds is None else folds
        if size < wanted:
            raise RecoveryError(f"the data hold {size} measurements, fewer than the {wanted} folds")
        place[seen] = rng.permutation(np.arange(size) % wanted)
        return place, wanted
    labels: list[Any] = [int(k) for k in trajectories]
    if by == "condition":
        if not problem.setup.conditions:
            raise RecoveryError("the fit has no conditions; take by='trajectory' or by='time'")
        labels = [problem.setup.conditions[k] for k in trajectories]
    groups = list(dict.fromkeys(labels))
    wanted = len(groups) if folds is None else folds
    if not 1 < wanted <= len(groups):
        what = f"{len(groups)} {'trajectories' if by == 'trajectory' else 'conditions'}"
        raise RecoveryError(f"the data hold {what}, too few for {max(wanted, 2)} folds")
    order = rng.permutation(np.arange(len(groups)) % wanted) if wanted < len(groups) else np.arange(wanted)
    of_group = dict(zip(groups, order, strict=True))
    for v, label in enumerate(labels):
        place[v] = of_group[label]
    return np.where(seen, place, -1), wanted


def _refuse_noise(problem: ObservedProblem, kept: np.ndarray, by: str) -> None:
    """Refuse folds without which too few measurements are left for noise that is estimated along."""
    left = np.isfinite(kept).any(axis=(1, 2))
    for o, spec in enumerate(problem.setup.observed):
        if spec.parameters is None and not problem.noise.pooled and not left[:, o].all():
            f = int(np.flatnonzero(~left[:, o])[0])
            raise RecoveryError(
                f"the fold {f} by {by} holds every measurement of {spec.name}, without which its noise is not known; "
                f"give noise={{{spec.name!r}: ...}}, or divide otherwise"
            )
    counts = np.isfinite(kept).sum(axis=(1, 2, 3))
    if problem.concentrated and (few := np.flatnonzero(counts <= problem.count)).size:
        raise RecoveryError(
            f"without the fold {few[0]} there are {counts[few[0]]} data, which cannot tell {problem.count} values and the "
            "scale of the noise; divide into more folds, or give the noise"
        )


def _refuse_unknown(fit: Fit, anew: ObservedProblem, theta: np.ndarray, starts: np.ndarray, folds: np.ndarray) -> None:
    """Refuse folds without which data and priors do not determine a fitted value: it would stay where all data put it."""
    local = anew.expand(np.arange(len(theta)), theta, starts, fisher=True)
    moved = np.concatenate([np.ones(theta.shape[1], dtype=bool), anew.open_starts.ravel()])
    matrices = (arrow(*parts) for parts in zip(local.information, local.mixed, local.start_information, strict=True))
    lost = np.stack([inverse(m[np.ix_(moved, moved)]).undetermined for m in matrices])
    known = ~fit.information.undetermined
    if (lost & known).any():
        f, i = (int(x) for x in np.argwhere(lost & known)[0])
        name = (*anew.names, *anew.start_names)[i]
        raise RecoveryError(
            f"without the fold {folds[f]} the data do not tell {name}; divide the data otherwise, give a prior, or hold the "
            "value"
        )
