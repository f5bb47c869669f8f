"""Coefficients of determination of recovered fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from symdyn.discover.evidence import known_mean
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.fields.smoothing import along, between_points, smooth_fields
from symdyn.discover.predictions import determination, predict

__all__ = ["score"]


def score(recovery: FieldRecovery, data: Any = None, initial: Mapping[Any, Any] | None = None) -> pd.DataFrame:
    r"""Coefficients of determination of runs of the first system on data, by field.

    .. math:: R^2 = 1 - \frac{\sum_k (\hat u_k - u_k)^2}{\sum_k (u_k - \bar u)^2}

    with sums over all points and times of a field, of all experiments.

    Parameters
    ----------
    recovery : FieldRecovery
    data : Dataset, or a list of them, optional
        As for `symdyn.recover`; those of the recovery, without the ones held out, unless given.
    initial : mapping, optional
        Fields from which all runs begin, as `symdyn.simulate` takes them.  By default those that were fitted on the data of
        the recovery, on other data the first snapshot of each experiment, smoothed.

    Returns
    -------
    DataFrame
        A row for each field with the columns ``persistence``, each snapshot predicted by the one before, and ``free_run``.

    Raises
    ------
    RecoveryError
        If the data are not those of the system.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd, xarray as xr
    >>> u, f = sp.Symbol("u"), sp.Function("f")
    >>> t, x = np.linspace(0, 2, 21), np.linspace(0, 1, 16, endpoint=False) + 1 / 32
    >>> shape = np.exp(-t)[:, None] * (2 + np.cos(2 * np.pi * x))
    >>> data = xr.Dataset({"u": (("time", "x"), shape)}, {"time": t, "x": x})
    >>> found = sd.recover(sd.PDESystem({u: f(u)}, domain=(0, 1), boundary="periodic"), data, library=1, progress=False)
    >>> found.score()["free_run"].round(3).to_dict(), found.score(2 * data)["free_run"].round(3).to_dict()
    ({'u': 1.0}, {'u': 1.0})
    """
    seen: FieldData = recovery._measured(data)
    runs, still, values = [], [], []
    for r, run in enumerate(seen.trajectories):
        if data is None and initial is None and recovery.fitted:
            fitted = recovery.fitted[r].sel(time=run.times)
            found = np.stack([fitted[f].values for f in seen.fields], axis=1)
        else:
            begin = initial if initial is not None else _first(recovery, seen, run.values[0])
            made = predict(recovery, run.times, begin)
            found = np.stack([made[f].values for f in seen.fields], axis=1)
            places = enumerate(zip(recovery.system.space, seen.positions, strict=True))
            found = along((between_points(recovery.system, a, made[s.name].values, p) for a, (s, p) in places), found, 2)
        values.append(_rows(run.values))
        runs.append(_rows(found))
        still.append(_rows(np.concatenate([np.full_like(run.values[:1], np.nan), run.values[:-1]])))
    table = np.concatenate(values)
    columns = {}
    for name, predicted in (("persistence", np.concatenate(still)), ("free_run", np.concatenate(runs))):
        gaps = predicted - table
        counted = np.isfinite(gaps)
        columns[name] = determination(known_mean(np.where(counted, gaps, np.nan), 2), np.where(counted, table, np.nan))
    return pd.DataFrame(columns, index=pd.Index(seen.fields, name="field"))


def _rows(values: np.ndarray) -> np.ndarray:
    """Fields (T, fields, *shape) as columns."""
    return np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])


def _first(recovery: FieldRecovery, seen: FieldData, frame: np.ndarray) -> dict[str, np.ndarray]:
    """A snapshot, smoothed, on the cells on which the recovery was fitted, or those of the data."""
    cells = recovery.starts[0].shape[1:] if recovery.starts else tuple(map(len, seen.positions))
    centers = recovery.system.discretize(cells).centers
    made = [smooth_fields(recovery.system, seen.positions, v[None], float(s)) for v, s in zip(frame, seen.noise, strict=True)]
    return {f: smooth(centers)[0] for f, smooth in zip(seen.fields, made, strict=True)}
