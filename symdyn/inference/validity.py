"""Whether the likelihood of a fit can be trusted: its bias at the fitted values, from data that the system itself gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.fits import Fit
from symdyn.inference.information import inverse
from symdyn.inference.likelihoods.projected import ProjectionLikelihood
from symdyn.inference.long_run import check_running, long_run
from symdyn.inference.simulated_data import SimulatedData
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.methods.options import check_whole
from symdyn.projection.statistics import relative_errors

__all__ = ["FitValidity", "validity"]

#: Bias in standard errors above which a likelihood misleads, and by how many of its own errors it must exceed zero.
BIASED, SURE = 1.0, 2.0
#: Ratios of the true to the stated standard error outside of which intervals are wrong.
NARROW, WIDE = 1.4, 0.6
#: States up to which the master equation gives exact moments.
LARGEST = 5000
#: Fewest simulated data sets.
FEWEST = 10
STAGES = {"data sets": (0.0, 1.0)}


@dataclass(frozen=True, eq=False, repr=False)
class FitValidity:
    """What a comparison of a likelihood with the system itself shows; `Fit.validity` makes one.

    Attributes
    ----------
    likelihood : str
    table : DataFrame
        For each fitted value ``bias`` in the coordinate of the fit (a logarithm where that is fitted), ``bias_error`` of the
        simulations, ``standard_error`` that the likelihood states, ``ratio`` of bias to standard error, and ``spread``, the
        ratio of the true standard deviation of estimates to the stated one.
    moments : Dataset
        Over ``time`` and ``column``: ``mean_error`` and ``std_error`` of the normal law of the likelihood, relative to exact
        moments; empty where the likelihood has no moments.
    reference : {'projection', 'simulation', 'none'}
        Where the exact moments come from.
    misleads : bool
        Whether the bias of a value is larger than its standard error, or intervals are far too narrow.
    verdict : str
        In one line.
    complete : bool
        False if a budget or an interrupt left out data sets.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"g": 1}, initial={"X": 0})
    >>> cells = {"t": np.full(50, 3.0), "X": np.random.RandomState(0).poisson(8 * (1 - np.exp(-3)), 50)}
    >>> found = sd.fit(net, cells, likelihood="lna", starts=2).validity(50)
    >>> found.misleads, found.reference
    (False, 'projection')
    """

    likelihood: str
    table: pd.DataFrame
    moments: xr.Dataset
    reference: str
    misleads: bool
    verdict: str
    complete: bool = True

    def __str__(self) -> str:
        return (
            self.verdict if self.table.empty else f"{self.verdict}\n{self.table.to_string(float_format=lambda v: f'{v:.3g}')}"
        )

    __repr__ = __str__


def validity(
    fit: Fit, repeats: int = 100, *, seed: int = 0, budget: float | None = None, checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> FitValidity:  # fmt: skip
    r"""Whether the approximation in the likelihood of a fit matters: its bias beside the standard errors.

    Data as those that were measured are simulated from the system itself with the fitted values.  If the likelihood were that
    of the system, its score g would have the expected value zero and the information I for covariance; to first order
    estimates have

    .. math:: \text{bias} = I^{-1} \langle g \rangle, \qquad \text{covariance} = I^{-1} \langle g g^T \rangle I^{-1}.

    Means and standard deviations of the likelihood at the times of the data are compared with exact ones as in
    `symdyn.studies.closure_validity`: by the master equation where its states are few, else by the simulations.

    Parameters
    ----------
    fit : Fit
        Of a system with randomness.
    repeats : int
        Simulated data sets, 10 or more.
    seed : int
    budget : float, optional
        Seconds after which it ends with the data sets that were evaluated, as it does at an interrupt (Ctrl-C); they are all
        simulated before.
    checkpoint : str or Path, optional
        File from which the same call goes on after that, with the bits of one that was not cut short; see `symdyn.fit`.
    progress : bool or callable, optional
        A bar, or ``progress(stage, fraction)`` with the stage ``"data sets"``.

    Returns
    -------
    FitValidity

    Warns
    -----
    UserWarning
        If the time was over, or the fit itself was cut short.

    Raises
    ------
    RecoveryError
        For fits of systems without randomness, likelihoods that simulate themselves, and fewer repeats; if the budget ended
        before ten data sets were evaluated; for a checkpoint as `symdyn.fit`.

    References
    ----------
    White, Econometrica 50, 1 (1982).

    Examples
    --------
    Rare bursts are no normal variables, but their mean is known.

    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 40})
    >>> path = {"t": [0.0, 0.5, 1.0, 1.5], "X": [40, 26, 14, 9]}
    >>> print(str(sd.fit(net, path, likelihood="projection", starts=2).validity()))
    the likelihood 'projection' is that of the system itself
    """
    check_whole(FEWEST, repeats=repeats)
    check_whole(0, seed=seed)
    check_running(budget, checkpoint, progress)
    problem = fit.problem
    if not isinstance(problem, StochasticProblem):
        raise RecoveryError(
            "validity compares approximate likelihoods of systems with randomness; this fit has its own likelihood"
        )
    name = problem.likelihood.name
    if problem.likelihood.exact and not problem.noisy:
        more = "".join(f"; {r}" for r in problem.evaluator.remarks(problem.values(fit.theta)))
        return FitValidity(
            name,
            pd.DataFrame(),
            xr.Dataset(),
            "none",
            bool(more),
            f"the likelihood {name!r} is that of the system itself{more}",
        )
    if problem.noisy or name == "abc":
        raise RecoveryError(
            f"the likelihood {name!r} simulates the system itself: its error is log_likelihood_error, not a bias"
        )
    setup, values = problem.setup, problem.values(fit.theta)
    gradients, informations, tried = [], [], 0
    facts = (repeats, seed)
    with long_run(fit, "validity", STAGES, facts, budget=budget, checkpoint=checkpoint, progress=progress) as run:
        made = SimulatedData(setup, seed).like(np.repeat(values[None], repeats, axis=0))
        with run.ending(lambda: tried >= FEWEST):
            for k, data in enumerate(made):
                run.go_on()
                run.began()
                score = run.computed(("score", k), partial(_score, problem, fit.theta, data))
                run.ended()
                tried += 1
                if len(score):
                    gradients.append(score[0])
                    informations.append(score[1])
                run.report("data sets", tried / repeats)
        if tried < min(FEWEST, repeats):
            raise run.nothing("the comparison", f"after {tried} data sets, of which it takes {FEWEST}")
        run.note("the comparison", f"{tried} of {repeats} simulated data sets")
    made, complete = made[:tried], tried == repeats
    if len(gradients) < tried / 2:
        verdict = f"the likelihood {name!r} misleads: {tried - len(gradients)} of {tried} simulated data sets are impossible"
        return FitValidity(name, pd.DataFrame(), xr.Dataset(), "simulation", True, verdict, complete)
    g, found = np.array(gradients), inverse(np.mean(informations, axis=0))
    if found.undetermined.any():
        lost = ", ".join(n for n, u in zip(problem.names, found.undetermined, strict=True) if u)
        raise RecoveryError(f"the data do not tell {lost}, so that there is no bias to speak of; give it a value or a prior")
    bias, errors = found.covariance @ g.mean(axis=0), np.sqrt(np.diag(found.covariance))
    spread = found.covariance @ np.cov(g.T).reshape(len(bias), -1) @ found.covariance
    with np.errstate(invalid="ignore", divide="ignore"):
        table = pd.DataFrame(
            {
                "bias": bias, "bias_error": np.sqrt(np.diag(spread) / len(g)), "standard_error": errors, "ratio": bias / errors,
                "spread": np.sqrt(np.diag(spread)) / errors,
            },
            index=list(problem.names),
        )  # fmt: skip
    moments, reference = _moments(problem, values, made)
    misleads, verdict = _verdict(name, table)
    if len(g) < tried:
        verdict += f"; {tried - len(g)} of {tried} simulated data sets are impossible and were left out"
    if not complete:
        verdict += f"; cut short after {tried} of {repeats} data sets"
    return FitValidity(name, table, moments, reference, misleads, verdict, complete)


def _score(problem: StochasticProblem, theta: np.ndarray, data: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Gradient (P,) and information (P, P) of the log-likelihood of simulated data; nothing where they are impossible."""
    terms = problem.scaled(theta[None], problem.evaluator.with_data(_as_data(problem.setup, data)))
    return (terms.gradient[0], terms.information[0]) if np.isfinite(terms.value[0]) else ()


def _verdict(name: str, table: pd.DataFrame) -> tuple[bool, str]:
    worst = table["ratio"].abs().idxmax()
    row: Any = table.loc[str(worst)]
    size = abs(row["ratio"])
    sure = abs(row["bias"]) > SURE * row["bias_error"]
    wide = table["spread"].max()
    of = f"the bias of {worst} is {size:.2g} standard errors"
    if size > BIASED and sure:
        return True, f"the likelihood {name!r} misleads: {of}, larger than one"
    if wide > NARROW:
        return (
            True,
            f"the likelihood {name!r} misleads: {table['spread'].idxmax()} varies {wide:.2g} times as much as stated",
        )
    wrong = f"; intervals of {table['spread'].idxmin()} are too wide" if table["spread"].min() < WIDE else ""
    return False, f"the likelihood {name!r} can be trusted here: {of} at most{wrong}"


def _as_data(setup: StochasticSetup, values: list[np.ndarray]) -> Observations:
    """Simulated measurements in the place of those that were measured."""
    pairs = zip(setup.data.trajectories, values, strict=True)
    return replace(setup.data, trajectories=tuple(Trajectory(t.times, v) for t, v in pairs))


# ---- moments -------------------------------------------------------------------------------------------------


def _moments(problem: StochasticProblem, values: np.ndarray, made: list[list[np.ndarray]]) -> tuple[xr.Dataset, str]:
    """Relative errors of means and standard deviations of the columns of cells, or of the first paths."""
    setup = problem.setup
    if setup.snapshots:
        times, rows = [t for t, _ in setup.cells()], [np.concatenate([m[k] for m in made]) for k in range(len(made[0]))]
    else:
        group = next(iter(setup.groups()))
        times, rows = list(group.times), list(np.stack([m[group.members[0]] for m in made], axis=1))
    found = problem.evaluator.columns_at(values, times)
    if found is None:
        return xr.Dataset(), "none"
    exact, reference = _exact(setup, values, times), "projection"
    if exact is None:
        with np.errstate(all="ignore"):
            exact, reference = (
                (np.stack([np.nanmean(r, axis=0) for r in rows]), np.stack([np.nanvar(r, axis=0, ddof=1) for r in rows])),
                "simulation",
            )
    mean_error, std_error = relative_errors(*found, *exact)
    dims = ("time", "column")
    return xr.Dataset(
        {"mean_error": (dims, mean_error), "std_error": (dims, std_error), "exact_mean": (dims, exact[0]),
         "exact_std": (dims, np.sqrt(exact[1]))},
        coords={"time": times, "column": [o.name for o in setup.observed]},
    ), reference  # fmt: skip


def _exact(setup: StochasticSetup, values: np.ndarray, times: list[float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Means and variances (T, n) of the columns by the master equation; None where it has too many states."""
    rule = ProjectionLikelihood(largest=LARGEST)
    if rule.unmet(setup) is not None:
        return None
    return rule.evaluator(setup).columns_at(values, times)
