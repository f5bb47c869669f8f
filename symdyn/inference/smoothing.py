r"""States of random systems between and under what was measured of them: the law given all data, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import norm

from symdyn.errors import RecoveryError
from symdyn.inference.data import Trajectory
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.fits import Fit
from symdyn.inference.foretelling import increasing
from symdyn.inference.information import check_level
from symdyn.inference.likelihoods import Evaluator
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.inference.stochastic_request import stochastic_problem
from symdyn.system import System

__all__ = ["smooth", "smooth_fit"]


def smooth(
    system: Any,
    data: Any,
    *,
    noise: Any = None,
    observables: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | None = None,
    times: Sequence[float] | np.ndarray | None = None,
    likelihood: Any = "auto",
    level: float = 0.9,
) -> list[xr.Dataset]:
    r"""The law of the states of a random system at every time, given all that was measured: missing values with bands.

    A Kalman filter along the path and the pass back of Rauch, Tung and Striebel: means and covariances of
    :math:`p(x(t) \mid y_1 \ldots y_T)`.  They are exact for linear drift with additive noise and normal errors of measurement,
    where no other estimate has a smaller mean squared error; else they are those of the likelihood's normal laws.

    Parameters
    ----------
    system : SDESystem or ReactionNetwork
        With values for all parameters; `symdyn.fit` finds those that are not known, and ``fit.smooth()`` goes on from there.
    data : as for `symdyn.fit`
        Paths.  Times are any, and different for each; missing values are NaN.
    noise : as for `symdyn.fit`
        Of the measurements, with numbers for its parameters.
    observables, initial : mapping, optional
        As for `symdyn.fit`.  A path begins with the initial values at its first time; a row of NaN at an earlier time puts them
        there, so that a path that begins far back has come to rest at its first measurement.
    times : (T,) sequence of float, optional
        Where the states are wanted, not before the first time of a path; the times of each path unless given.
    likelihood : str or FitLikelihood
        As for `symdyn.fit`, ``"lna"``, ``"langevin"`` or ``"moments"``.  Where ``"auto"`` is another one, as of networks of few
        molecules, one of these has to be named.
    level : float
        Probability of the bands.

    Returns
    -------
    list of Dataset
        One for each path, over ``time``: each state, ``<name>_lower`` and ``<name>_upper``.

    Raises
    ------
    RecoveryError
        For what is not known, cells that are not followed, likelihoods without normal laws, or times before a path.

    References
    ----------
    Rauch, Tung, Striebel, AIAA J. 3, 1445 (1965); Särkkä, Bayesian Filtering and Smoothing (2013), sec. 8.2.

    Examples
    --------
    Of a Wiener process that is 0 at time 0 and 4 at time 4, what lies between is Brown's bridge: :math:`t \pm \sqrt{t (4 - t) /
    4}`.

    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> path, = sd.smooth(sd.SDESystem({x: 0}, {x: 1}, initial={x: 0}), {"t": [0, 4], "x": [np.nan, 4]}, times=[1, 2])
    >>> path.x.values.round(8).tolist(), ((path.x_upper - path.x) / 1.6448536).values.round(5).tolist()
    ([1.0, 2.0], [0.86603, 1.0])
    """
    check_level(level)
    if not isinstance(system, System) or (system.diffusion is None and system.propensities is None):
        raise RecoveryError(
            f"smooth takes a system with randomness of its own, such as an SDESystem, not a {type(system).__name__}"
        )
    wanted = FitRequest(
        parameters={}, priors={}, guesses={}, observables=observables, noise=noise, conditions=None, initial=initial, scales={},
        windows=None, seed=0, accuracy={}, likelihood=likelihood,
    )  # fmt: skip
    problem, _ = stochastic_problem(system, data, wanted)
    if problem.columns:
        names = ", ".join(problem.names)
        raise RecoveryError(
            f"smooth needs values of {names}: give them, or find them by sd.fit(...) and go on with fit.smooth()"
        )
    return _smoothed(problem, np.zeros(0), times, level)


def smooth_fit(
    fit: Fit, times: Sequence[float] | np.ndarray | None = None, *, trajectory: int = 0, level: float | None = None
) -> xr.Dataset:
    """The law of the states of a fitted path at every time, given all that was measured of it; see `symdyn.smooth`.

    Parameters
    ----------
    fit : Fit
        Of an SDESystem or a ReactionNetwork, to paths.
    times : (T,) sequence of float, optional
        Not before the first time of the path; its times unless given.
    trajectory : int
        Of the data, from 0.
    level : float, optional
        Of the bands, those of the states at the fitted values; that of the fit unless given.

    Returns
    -------
    Dataset
        Over ``time``: each state, ``<name>_lower`` and ``<name>_upper``.

    Raises
    ------
    RecoveryError
        For another kind of fit, or as `symdyn.smooth`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> walk = sd.SDESystem.from_text("dx = -k*x*dt + s*dW", parameters={"s": 0.5}, initial={"x": 1})
    >>> fit = sd.fit(walk, {"t": np.arange(6.0), "x": [1.0, 0.9, 0.1, np.nan, 0.3, 0.0]}, starts=2)
    >>> path = fit.smooth()
    >>> bool(path.x[1] == 0.9), bool(path.x_lower[3] < path.x[3] < path.x_upper[3])
    (True, True)
    """
    level = fit.level if level is None else level
    check_level(level)
    if not isinstance(fit.problem, StochasticProblem):
        raise RecoveryError(
            "this fit is of a system without randomness of its own, whose states follow from fitted values; take fit.predict"
        )
    parts = fit.problem.setup.data.trajectories
    if not isinstance(trajectory, Integral) or not 0 <= trajectory < len(parts):
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {len(parts)}, counted from 0")
    return _smoothed(fit.problem, fit.problem.values(fit.theta), times, level, int(trajectory))[0]


def _smoothed(
    problem: StochasticProblem, values: np.ndarray, times: Any, level: float, trajectory: int | None = None
) -> list[xr.Dataset]:
    """Of all paths or of one, at times or at those of the paths."""
    setup = problem.setup
    if setup.snapshots:
        raise RecoveryError("cells that are not followed have no paths; give data with one row for each time and path")
    data = setup.data
    kept = data.trajectories if trajectory is None else (data.trajectories[trajectory],)
    wanted = [t.times if times is None else increasing(times, float(t.times[0])) for t in kept]
    parts = tuple(_at(t, w) for t, w in zip(kept, wanted, strict=True))
    evaluator: Evaluator = problem.evaluator.with_data(replace(data, trajectories=parts))
    found = evaluator.smoothed(values)
    if found is None:
        raise RecoveryError(
            f"the likelihood {problem.likelihood.name!r} has no smoother; take likelihood='lna' or 'langevin', with normal "
            "noise of measurement or none"
        )
    reach, sets = float(norm.ppf(0.5 + level / 2)), []
    for number, (path, at) in enumerate(zip(found, wanted, strict=True)):
        k = np.searchsorted(path.times, at)
        if not (np.isfinite(path.means).all() and np.isfinite(path.covariances).all()):
            raise RecoveryError(
                f"path {number} has no law: the equations of mean and covariance blow up, or two of its times are too far apart"
            )
        spread = reach * np.sqrt(np.maximum(np.einsum("tii->ti", path.covariances[k]), 0.0))
        columns: dict[str, Any] = {}
        for i, name in enumerate(setup.system.names):
            mean = path.means[k, i]
            columns |= {name: ("time", mean), f"{name}_lower": ("time", mean - spread[:, i])}
            columns[f"{name}_upper"] = ("time", mean + spread[:, i])
        own = number if trajectory is None else trajectory
        sets.append(xr.Dataset(columns, coords={"time": at}, attrs={"level": level, "trajectory": own}))
    return sets


def _at(path: Trajectory, times: np.ndarray) -> Trajectory:
    """The same with rows, without values, at further times."""
    every = np.union1d(path.times, times)
    values = np.full((len(every), path.values.shape[1]), np.nan)
    values[np.searchsorted(every, path.times)] = path.values
    return Trajectory(every, values)
