"""What a recovered system says of other times and other data: runs of it, and their coefficients of determination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.codegen.kernel import compile
from symdyn.discover.evidence import known_mean, prediction_errors, with_past
from symdyn.discover.forecasts import bands, refitted
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.given_values import lookup
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["determination", "predict", "score"]

#: Times closer than this, relative to their size, are the same.
SAME = 1e-12


def predict(
    recovery: Recovery,
    times: Sequence[float] | np.ndarray,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    *,
    band: float | None = None,
    **options: Any,
) -> xr.Dataset:
    """Simulate the first system.

    Where the system has an error of its own, and all times are after the data, runs begin from the state that all of the data
    tell at the end of them.

    Parameters
    ----------
    recovery : Recovery
    times : (T,) sequence of float
        Output times, increasing, in the unit of time of the system; not before the data begin, unless `initial` is given.
    initial : mapping from symbols or names to values, optional
        Values at the first of `times`.  By default the run of every trajectory of the data is continued: from its fitted
        initial values, or from its first values where none were fitted (SDEs and reaction networks).
    parameters : mapping from symbols or names to values, optional
        Over the fitted ones.
    band : float, optional
        Probability of bands of data to come, between 0 and 1, for ODE systems and maps and times after the data: each state x
        gets ``x_lower`` and ``x_upper``.  They hold what is not known of structure, values and the state, and both errors, and
        are widened by how far forecasts within the data miss, see `symdyn.discover.forecasts`.
    **options
        Further arguments of `symdyn.simulate`, such as ``trajectories=100, seed=1`` for systems with noise.

    Returns
    -------
    Dataset
        As of `symdyn.simulate`; where the data had several trajectories, with a dimension ``experiment`` in their order.

    Raises
    ------
    RecoveryError
        If the times begin before the data do, there are no values to begin from, or there can be no bands.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
    >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
    >>> found.predict([10, 11])["x"].values.round().tolist(), found.predict([0, 1], {x: 2})["x"].values.round(6).tolist()
    ([59049.0, 177147.0], [2.0, 6.0])
    """
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or np.any(np.diff(times) <= 0):
        raise RecoveryError(f"the times of a prediction are {times.tolist()}; expected increasing numbers")
    settings: dict[str, Any] = {"progress": False, "parameters": parameters} | options
    if band is not None and (initial is not None or parameters is not None):
        raise RecoveryError("bands are those of the fitted values: give no initial= or parameters= beside band=")
    if initial is not None:
        return simulate(recovery.system, times, initial=initial, **settings)
    ends = [t.times[-1] for t in getattr(recovery.observations, "trajectories", ())]
    after = bool(ends) and times[0] > max(ends)
    if band is not None and not after:
        raise RecoveryError("bands are those of data to come: give times after those of the data")
    fit = refitted(recovery) if recovery.law is not None and recovery.law.process and after else None
    runs = []
    for k, (begin, values) in enumerate(recovery._beginnings()):
        if fit is not None:
            begin, values = ends[k], dict(zip(recovery.system.names, map(float, fit.ended()[k]), strict=True))
        gap = times[0] - begin
        early = abs(gap) <= SAME * max(abs(begin), abs(times[-1]))
        if gap < 0 and not early:
            raise RecoveryError(
                f"the prediction begins at {times[0]:g}, before the initial values that are known, at {begin:g}; predict from "
                "there, or give initial= with values for the first of the times"
            )
        run = simulate(recovery.system, times if early else np.concatenate([[begin], times]), initial=values, **settings)
        runs.append(run if early else run.isel(time=slice(1, None)))
    if not runs:
        raise RecoveryError("the data hold no complete values to begin from; give initial=")
    if band is not None:
        runs = [_banded(run, recovery.system, *bounds) for run, bounds in zip(runs, bands(recovery, times, band), strict=True)]
    if len(runs) == 1:
        return runs[0]
    runs = [run.drop_vars(s.name for s in recovery.system.helpers) for run in runs]
    return xr.concat(
        runs, "experiment", data_vars="all", coords="minimal", compat="override", join="exact", combine_attrs="drop_conflicts"
    )


def _banded(run: xr.Dataset, system: System, lower: np.ndarray, upper: np.ndarray) -> xr.Dataset:
    """A prediction with bands (T, n) of its states, which are made to hold it: they are those of other systems too."""
    more = {}
    for i, state in enumerate(system.states[: lower.shape[1]]):
        if state in system.helpers:
            continue
        own = run[name := state.name].values
        for side, values in (("lower", np.fmin(lower[:, i], own)), ("upper", np.fmax(upper[:, i], own))):
            more[f"{name}_{side}"] = ("time", values, dict(run[name].attrs))
    return run.assign(more)


def score(recovery: Recovery, data: Any = None, initial: Mapping[Any, float] | None = None) -> pd.DataFrame:
    r"""Coefficients of determination of the first system on data, by state.

    .. math:: R^2 = 1 - \frac{\sum_k (\hat x_k - x_k)^2}{\sum_k (x_k - \bar x)^2}

    with means over all values of a state that are compared, of all trajectories.  1 is a perfect prediction; 0 is as good as
    the mean.

    Parameters
    ----------
    recovery : Recovery
    data : optional
        As for `symdyn.recover`; those of the recovery, without the ones held out, unless given.
    initial : mapping, optional
        Where free runs of all trajectories begin.  By default with the fitted initial values on the data of the recovery,
        with the first values of each trajectory on other data.

    Returns
    -------
    DataFrame
        A row for each state, with the columns

        - ``one_step``: each value predicted from those measured one time earlier; of systems with noise by the drift, or
          the rate equations;
        - ``persistence``: the same if nothing changed, for comparison;
        - ``free_run``: runs from the initial values; NaN of systems with noise.

    Raises
    ------
    RecoveryError
        If the data are not those of the system, or a free run has no initial value.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
    >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
    >>> found.score().round(3).to_dict("index")
    {'x': {'one_step': 1.0, 'persistence': 0.429, 'free_run': 1.0}}
    """
    seen, system = recovery._measured(data), recovery._mean_system()
    noisy = system is not recovery.system
    if noisy:
        starts = np.stack([t.values[0] for t in seen.trajectories])
    elif data is None and initial is None:
        starts = recovery.starts[0]
    else:
        given = {lookup(k, system.states, "state").name: float(v) for k, v in (initial or {}).items()}
        rows = [[given.get(s, t.values[0, i]) for i, s in enumerate(seen.states)] for t in seen.trajectories]
        starts = np.array(rows, dtype=float)
        missing = [s for i, s in enumerate(seen.states) if not np.isfinite(starts[:, i]).all()]
        if missing:
            raise RecoveryError(f"the first values of {', '.join(missing)} are missing; give them as initial=")
    row = np.array([system.defaults[p] for p in system.parameters])
    measured = prediction_errors(compile(system), row, starts, seen, None).set_index("kind")[list(seen.states)]
    pairs = [(with_past(system, t.times, t.values)[:-1], t.values[1:]) for t in seen.trajectories]
    before, after = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    known = np.isfinite(before).all(axis=1)[:, None] & np.isfinite(after)
    every = np.concatenate([t.values for t in seen.trajectories])
    still, ahead = np.where(known, before, np.nan), np.where(known, after, np.nan)
    found = {
        "one_step": determination(measured.loc["one-step"].to_numpy(float) ** 2, ahead),
        "persistence": determination(known_mean(still - ahead, 2), ahead),
        "free_run": determination(measured.loc["free-run"].to_numpy(float) ** 2, every),
    }
    if noisy:
        found["free_run"] = np.full(len(seen.states), np.nan)
    return pd.DataFrame(found, index=pd.Index(seen.states, name="state"))


def determination(squares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients of determination (n,) for mean squares (n,) of errors in values (m, n); NaN of states that are constant.

    >>> determination(np.array([0.5, 0.0]), np.array([[0.0, 1.0], [2.0, 1.0]])).tolist()
    [0.5, nan]
    """
    spread = known_mean(values - known_mean(values), 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, 1 - squares / spread, np.nan)
