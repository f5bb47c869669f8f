"""Measurements in any of the usual containers -> one trajectory after another, in the order of a system's states."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import chi2

from symdyn.discover.kinds import whole_steps
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["Observations", "Trajectory", "estimated_noise", "observations"]

#: Column of a data frame that tells trajectories apart.
TRAJECTORY = "trajectory"
#: Noise of the data of a map, relative to each state's scale, with which a fit begins.
FIRST_NOISE = 0.05


@dataclass(frozen=True)
class Trajectory:
    """One run of an experiment.

    Attributes
    ----------
    times : (T,) float64
        Increasing, unevenly spaced if need be.
    values : (T, n) float64
        Columns in the order of the system's states; NaN where nothing was measured.
    """

    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Observations:
    """All trajectories, with estimates of their size and noise.

    Attributes
    ----------
    trajectories : tuple of Trajectory
    states : tuple of str
        Names of the columns.
    scale : (n,) float64
        Typical size (root mean square) of each state; 1 for a state that was never measured.
    noise : (n,) float64
        Estimated standard deviation of the measurement error, at least ``1e-8 * scale``.
    """

    trajectories: tuple[Trajectory, ...]
    states: tuple[str, ...]
    scale: np.ndarray
    noise: np.ndarray

    @property
    def size(self) -> int:
        """How many values were measured."""
        return sum(int(np.isfinite(t.values).sum()) for t in self.trajectories)

    def split(self, fraction: float) -> tuple[Observations, Observations]:
        """The early part and the last `fraction` of the time points of every trajectory.

        Raises
        ------
        RecoveryError
            Unless both parts keep a point of every trajectory.
        """
        early, late = [], []
        for t in self.trajectories:
            kept = len(t.times) - round(fraction * len(t.times))
            if not 0 < kept < len(t.times):
                raise RecoveryError(f"a trajectory of {len(t.times)} points cannot hold out the fraction {fraction} of them")
            early.append(Trajectory(t.times[:kept], t.values[:kept]))
            late.append(Trajectory(t.times[kept:], t.values[kept:]))
        return replace(self, trajectories=tuple(early)), replace(self, trajectories=tuple(late))


def observations(system: System, data: Any) -> Observations:
    """Measurements of the states of `system`.

    Parameters
    ----------
    system : System
        Names the states and time.
    data : Dataset, DataFrame, mapping of arrays, or a list of them
        A dataset has the dimension ``time``; every other dimension gives several trajectories.  A data frame or mapping
        has a column named ``time`` or like the system's time (a data frame's index may take its place); a data frame may hold
        several trajectories, told apart by a column ``trajectory``.
        Missing values are NaN; states without a column are unobserved.

    Raises
    ------
    RecoveryError
        If no column is a state or all their values are missing, times are missing or repeated, those of a map are not whole
        steps apart, or a value is infinite.

    Notes
    -----
    The noise of ODE data is what local polynomials leave.  Maps jump, so that tells nothing of theirs: it is taken to be
    the same share of every state's scale until a fit shows its residuals.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, y = sp.symbols("x y")
    >>> seen = observations(sd.ODESystem({x: y, y: -x}), {"t": [0, 1, 3], "x": [1.0, 0.5, np.nan]})
    >>> seen.size, seen.trajectories[0].values.shape
    (2, (3, 2))
    """
    time = system.time.name
    tables = [table for part in (data if isinstance(data, (list, tuple)) else [data]) for table in _tables(part, time)]
    if not tables:
        raise RecoveryError("there are no data: expected at least one table")
    columns = list(dict.fromkeys(name for _, table in tables for name in table))
    if not any(name in columns for name in system.names):
        raise RecoveryError(
            f"no column of the data is a state: columns {', '.join(map(str, columns)) or 'none'}; "
            f"states {', '.join(system.names)}; rename the columns"
        )
    ignored = [c for c in columns if c not in system.names]
    if ignored:
        warnings.warn(f"columns that are no state are ignored: {', '.join(map(str, ignored))}", stacklevel=2)
    found = (_trajectory(times, table, system.names) for times, table in tables)
    trajectories = tuple(Trajectory(whole_steps(system, t.times), t.values) for t in found)
    if not any(np.isfinite(t.values).any() for t in trajectories):
        raise RecoveryError(f"the data hold no number of any state ({', '.join(system.names)}): all are NaN; give some values")
    scale = np.ones(len(system.names))
    for i in range(len(scale)):
        seen = np.concatenate([t.values[:, i] for t in trajectories])
        seen = seen[np.isfinite(seen)]
        if seen.size and np.any(seen):
            scale[i] = np.sqrt(np.mean(seen**2))
    if system.map is not None:
        noise = FIRST_NOISE * scale
    elif {"diffusion", "propensities"} & system.parts:  # their paths are rough by themselves
        noise = np.zeros(len(scale))
    else:
        noise = np.array([estimated_noise([(t.times, t.values[:, i]) for t in trajectories]) for i in range(len(scale))])
    return Observations(trajectories, tuple(system.names), scale, np.maximum(noise, 1e-8 * scale))


def _tables(data: Any, time: str) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Times and columns of every trajectory in one container."""
    if isinstance(data, xr.Dataset):
        yield from _dataset(data, time)
        return
    if isinstance(data, pd.DataFrame):
        if TRAJECTORY in data:
            for _, part in data.groupby(TRAJECTORY, sort=True, dropna=False):
                yield from _tables(part.drop(columns=TRAJECTORY), time)
            return
        columns: dict[str, Any] = {str(c): data[c].to_numpy() for c in data.columns}
        if data.index.name in ("time", "t", time):
            columns.setdefault(str(data.index.name), data.index.to_numpy())
    elif isinstance(data, Mapping):
        columns = {str(getattr(k, "name", k)): v for k, v in data.items()}
    else:
        raise RecoveryError(
            f"data of type {type(data).__name__} cannot be read; expected an xarray.Dataset, a pandas.DataFrame, "
            "a mapping of arrays, or a list of them"
        )
    for name in dict.fromkeys((time, "time", "t")):
        if name in columns:
            times = columns.pop(name)
            yield np.asarray(times, dtype=float), {k: np.asarray(v, dtype=float) for k, v in columns.items()}
            return
    raise RecoveryError(f"the data have no column of times; name one 'time' or {time!r}; columns: {', '.join(columns)}")


def _dataset(data: xr.Dataset, time: str) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    name = next((n for n in ("time", time) if n in data.dims), None)
    if name is None:
        dimensions = ", ".join(map(str, data.dims))
        raise RecoveryError(f"the dataset has no dimension 'time' or {time!r}; its dimensions: {dimensions}")
    variables = [v for v in data.data_vars if name in data[v].dims]
    others = list(dict.fromkeys(d for v in variables for d in data[v].dims if d != name))
    times = np.asarray(data[name], dtype=float)
    stacked = {str(v): data[v].broadcast_like(data[variables]).transpose(*others, name).to_numpy() for v in variables}
    for index in np.ndindex(*(data.sizes[d] for d in others)):
        yield times, {v: np.asarray(a[index], dtype=float) for v, a in stacked.items()}


def _trajectory(times: np.ndarray, table: Mapping[str, np.ndarray], names: Sequence[str]) -> Trajectory:
    values = np.full((times.size, len(names)), np.nan)
    for i, name in enumerate(names):
        if name in table:
            if table[name].shape != times.shape:
                raise RecoveryError(
                    f"the column {name} has shape {table[name].shape}, the times {times.shape}; expected the same"
                )
            values[:, i] = table[name]
    if times.ndim != 1 or times.size < 2 or not np.all(np.isfinite(times)):
        raise RecoveryError(f"a trajectory needs two or more finite times in one dimension, got shape {times.shape}")
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if np.any(np.diff(times) <= 0):
        twice = times[:-1][np.diff(times) <= 0][0]
        raise RecoveryError(
            f"the time {twice:g} occurs twice in one trajectory; give repeats as further ones, numbered in a column "
            f"{TRAJECTORY!r} (cells that are not followed are data of a ReactionNetwork)"
        )
    if np.any(np.isinf(values)):
        raise RecoveryError("the data hold infinite values; mark missing values as NaN")
    return Trajectory(times, values)


def estimated_noise(series: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Standard deviation of the noise: the smallest estimate over local polynomials of several degrees.

    Every window of ``degree + 4`` neighbours gives a residual sum of squares with 3 degrees of freedom.  Their median,
    over the median of that chi-square law, disregards the windows that the polynomial cannot follow.
    """
    estimates = []
    for degree in (2, 4, 6):
        window, sums = degree + 4, []
        for times, values in series:
            seen = np.isfinite(values)
            t, v = times[seen], values[seen]
            if len(t) < window:
                continue
            at = np.arange(len(t) - window + 1)[:, None] + np.arange(window)
            s = (t[at] - t[at[:, :1]]) / (t[at[:, -1:]] - t[at[:, :1]])
            basis = np.linalg.qr((2 * s - 1)[:, :, None] ** np.arange(degree + 1))[0]
            local = v[at] - v[at[:, :1]]
            left = local - np.einsum("kwd,kud,ku->kw", basis, basis, local, optimize=True)
            sums.extend((left**2).sum(axis=1))
        if sums:
            estimates.append(np.sqrt(np.median(sums) / chi2.median(3)))
    return min(estimates, default=0.0)
