"""What a fit foretells: states and observables at other times, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import t as student

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.foretold_ensembles import ensemble_prediction
from symdyn.inference.information import check_level
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.simulation.dataset import helpers_aside

__all__ = ["increasing", "predict_fit"]


def predict_fit(
    fit: Fit, times: Sequence[float] | np.ndarray, *, trajectory: int = 0, level: float | None = None
) -> xr.Dataset:
    r"""States and observables of a trajectory at any times from its beginning on, with bands of what is expected.

    The bands are those of the fitted values alone, without noise, to first order: :math:`y \pm q \sqrt{J C J^\top}` with the
    derivatives J of the simulation, and the covariance C and quantile q of `Fit.intervals`.  Of systems with randomness of
    their own a thousand simulations from the first time on, with fitted values drawn from the normal law of the estimates,
    give means and bands that hold the share `level` of them, again without noise of measurement.

    Parameters
    ----------
    fit : Fit
        Of a system; not of a PEtab problem.
    times : (T,) sequence of float
        Increasing, not before the first time of the data; of a map whole steps from there.
    trajectory : int
        Of the data, from 0: its condition and initial values.
    level : float, optional
        Of the bands; that of the fit unless given.

    Returns
    -------
    Dataset
        Over ``time``: each state and observable, and ``<name>_lower``, ``<name>_upper``; infinite where the data do not tell.

    Raises
    ------
    RecoveryError
        If there is no such trajectory, or times do not increase or begin too early.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> t = np.arange(6.0)
    >>> fit = sd.fit(sd.ODESystem({x: a + 0 * x}), {"t": t, "x": 1 + 2 * t + 0.1 * np.cos(5 * t)})
    >>> later = fit.predict([0, 10])
    >>> bool(later.x_upper[1] - later.x[1] > later.x_upper[0] - later.x[0])
    True
    """
    level = fit.level if level is None else level
    check_level(level)
    random = fit.problem if isinstance(fit.problem, StochasticProblem) else None
    problem: Any = random or observed_problem(fit, "predictions")
    cells = random is not None and random.setup.snapshots
    count = 1 if cells else len(problem.setup.data.trajectories)
    if not isinstance(trajectory, Integral) or not 0 <= trajectory < count:
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {count}, counted from 0")
    begin = problem.setup.begin if cells else float(problem.setup.data.trajectories[trajectory].times[0])
    wanted = increasing(times, begin)
    if random is not None:
        return ensemble_prediction(fit, random, wanted, int(trajectory), level, begin)
    apart = wanted - begin
    if problem.system.map is not None and not np.allclose(apart, np.round(apart), rtol=0, atol=1e-9):
        raise RecoveryError(f"the times are {times!r}; a map is known at whole steps from {begin:g} on alone")
    first = int(np.flatnonzero(problem.first)[trajectory])
    grid = np.union1d([begin], wanted)
    if len(grid) == 1:
        grid = np.append(grid, begin + 1.0)
    run = problem.along(grid, trajectory)
    values, slopes = run.evaluate(fit.theta[None], fit.scaled_starts[None, [first]])
    at, P = np.searchsorted(grid, wanted), len(fit.theta)
    facts, open_ = fit.information, problem.open_starts
    places = np.cumsum(open_.ravel()).reshape(open_.shape) - 1
    chosen = [*range(P), *(P + places[first][open_[first]])]
    columns = [*range(P), *(P + np.flatnonzero(open_[first]))]
    covariance, lost = facts.covariance[np.ix_(chosen, chosen)], facts.undetermined[chosen]
    reach = float(student.ppf(0.5 + level / 2, facts.freedom))
    found: dict[str, Any] = {}
    for o, spec in enumerate(run.setup.observed):
        mean, jacobian = values[o][0, 0, at], slopes[o][0, 0][at][:, columns]
        if o >= len(problem.setup.observed) and np.isnan(mean).all():  # fields, of a trajectory of numbers
            continue
        with np.errstate(invalid="ignore"):
            spread = reach * np.sqrt(np.maximum(np.einsum("tp,pq,tq->t", jacobian, covariance, jacobian), 0.0))
        spread[(np.abs(jacobian[:, lost]) > 0).any(axis=1)] = np.inf
        found |= {spec.name: ("time", mean), f"{spec.name}_lower": ("time", mean - spread)}
        found[f"{spec.name}_upper"] = ("time", mean + spread)
    told = xr.Dataset(found, coords={"time": wanted}, attrs={"level": level, "trajectory": trajectory})
    return helpers_aside(told, problem.system)


def increasing(times: Sequence[float] | np.ndarray, begin: float) -> np.ndarray:
    """The times as an array, checked."""
    try:
        wanted = np.asarray(times, dtype=float)
    except (TypeError, ValueError):
        wanted = np.zeros(0)
    if (
        wanted.ndim != 1
        or not wanted.size
        or not np.isfinite(wanted).all()
        or (np.diff(wanted) <= 0).any()
        or wanted[0] < begin
    ):
        raise RecoveryError(f"the times are {times!r}; expected increasing ones from {begin:g}, the first time of the data, on")
    return wanted
