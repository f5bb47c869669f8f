"""Measurements in any of the usual containers -> one trajectory after another, in the order of a system's states."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import chi2

from symdyn.errors import RecoveryError
from symdyn.inference.headers import TRAJECTORY
from symdyn.inference.kinds import whole_steps
from symdyn.inference.limits import without_limits
from symdyn.inference.reading import DataTable, Reading, read_data
from symdyn.system import System

__all__ = ["Observations", "Trajectory", "estimated_noise", "observations", "paths_or_cells", "typical_sizes"]

#: Noise of the data of a map, relative to each state's scale, with which a fit begins.
FIRST_NOISE = 0.05
#: Least noise, relative to each state's scale.
LEAST = 1e-8


@dataclass(frozen=True)
class Trajectory:
    """One run of an experiment.

    Attributes
    ----------
    times : (T,) float64
        Increasing, unevenly spaced if need be.
    values : (T, n) float64
        Columns in the order of the system's states; NaN where nothing was measured.
    limits : (T, n, 2) float64, optional
        Of censored measurements, between which the value lies; NaN where it was measured.
    place : tuple of float
        Where a field was measured; empty for numbers.
    """

    times: np.ndarray
    values: np.ndarray
    limits: np.ndarray | None = None
    place: tuple[float, ...] = ()

    def columns(self, at: Sequence[int] | np.ndarray) -> Trajectory:
        """Some of the columns, by position; of -1 nothing was measured."""
        missing = np.asarray(at) < 0
        limits = None if self.limits is None else np.where(missing[:, None], np.nan, self.limits[:, at])
        if limits is not None and np.isnan(limits).all():
            limits = None
        return Trajectory(self.times, np.where(missing, np.nan, self.values[:, at]), limits, self.place)


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
    notes : tuple of str
        What was made of dates, headers and columns when the data were read.
    estimated : bool
        Whether the noise comes from the data; that of maps does not.
    """

    trajectories: tuple[Trajectory, ...]
    states: tuple[str, ...]
    scale: np.ndarray
    noise: np.ndarray
    notes: tuple[str, ...] = ()
    estimated: bool = False

    @property
    def size(self) -> int:
        """How many values were measured."""
        return sum(int(np.isfinite(t.values).sum()) for t in self.trajectories)

    def estimate(self, state: int) -> float:
        """The estimated noise of a state by position; NaN where it is none, for the data do not tell."""
        return float(self.noise[state]) if self.estimated and self.noise[state] > LEAST * self.scale[state] else np.nan

    def split(self, fraction: float) -> tuple[Observations, Observations]:
        """The early part and the last `fraction` of the time points of every trajectory.

        Raises
        ------
        RecoveryError
            Unless both parts keep a point of every trajectory.
        """
        early, late = list[Trajectory](), list[Trajectory]()
        for t in self.trajectories:
            kept = len(t.times) - round(fraction * len(t.times))
            if not 0 < kept < len(t.times):
                raise RecoveryError(f"a trajectory of {len(t.times)} points cannot hold out the fraction {fraction} of them")
            for part, rows in ((early, slice(kept)), (late, slice(kept, None))):
                part.append(Trajectory(t.times[rows], t.values[rows], None if t.limits is None else t.limits[rows]))
        return replace(self, trajectories=tuple(early)), replace(self, trajectories=tuple(late))


def observations(system: System, data: Any, *, columns: Sequence[str] | None = None, censored: bool = False) -> Observations:
    """Measurements of the states of `system`.

    Parameters
    ----------
    system : System
        Names the states and time.
    data : Dataset, DataFrame, Series, mapping of arrays, pair (t, X) of arrays, or a list of these
        A dataset has the dimension ``time``, with values; every other dimension gives several trajectories.  A data frame or
        mapping has a column of times: called ``time``, ``t`` or like the system's time, the only one with dates, or the first
        if it is called ``day``, ``year`` or the like; the index of a data frame or series may take its place.  Columns
        ``trajectory``, ``id``, ``run``, ``replicate`` and the like tell trajectories apart.  Of bare arrays t has the shape
        (T,), and X (T, n) in the order of the states, or (T,); t increases.
        Missing values are NaN; states without a column are unobserved.  Headers may have units, ``mass [kg]``, and whatever
        else `symdyn.inference.headers.legible_names` takes out of a name.
    columns : sequence of str, optional
        What is measured; the states unless given.
    censored : bool
        Whether columns may have limits, ``<0.5``, ``>8`` or ``0.2..0.5``.

    Returns
    -------
    Observations
        Dates are days since the first of them, in UTC, and lengths of time days.

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
    names = tuple(system.names if columns is None else columns)
    read = read_data(data, names, system.time.name)
    what = "a state" if columns is None or names == system.names else "a state or an observable"
    if not any(name in read.names for name in names):
        raise RecoveryError(
            f"no column of the data is {what}: columns {', '.join(read.names) or 'none'}; "
            f"{'states' if what == 'a state' else 'known are'} {', '.join(names)}; rename the columns"
        )
    notes = (*read.notes, *left_out(read, names))
    found = (_trajectory(table, names, censored) for table in read.tables)
    trajectories = tuple(replace(t, times=whole_steps(system, t.times)) for t in found)
    if not any(np.isfinite(t.values).any() for t in trajectories):
        raise RecoveryError(f"the data hold no number of any state ({', '.join(names)}): all are NaN; give some values")
    scale, estimated = typical_sizes([t.values for t in trajectories]), False
    if system.map is not None:
        noise = FIRST_NOISE * scale
    elif {"diffusion", "propensities"} & system.parts:  # their paths are rough by themselves
        noise = np.zeros(len(scale))
    else:
        estimated = True
        noise = np.array([estimated_noise([(t.times, t.values[:, i]) for t in trajectories]) for i in range(len(scale))])
    return Observations(trajectories, names, scale, np.maximum(noise, LEAST * scale), notes, estimated)


def paths_or_cells(system: System, data: Any, columns: Sequence[str]) -> tuple[Observations, bool]:
    """Measurements of a system with randomness: paths, or cells that are not followed, one trajectory for each time of them.

    A table or mapping with a time that occurs more than once holds snapshots of cells unless a column ``trajectory`` tells
    paths apart; so does a dataset with the dimension ``cell``; everything else holds paths.

    Returns
    -------
    Observations, bool
        And whether they are cells.

    Raises
    ------
    RecoveryError
        If both kinds are mixed, no column is known, or the data are no measurements as in `observations`.
    """
    names = tuple(columns)
    read = read_data(data, names, system.time.name)
    loose = [len(np.unique(t.times)) < len(t.times) if t.followed is None else not t.followed for t in read.tables]
    if not any(loose):
        return observations(system, read, columns=names), False
    if not all(loose):
        raise RecoveryError("the data mix snapshots of cells and paths; give one kind, or both as snapshots")
    known = tuple(n for n in names if n in read.names)
    if not known:
        kind = "a species" if system.propensities is not None else "a state"
        raise RecoveryError(
            f"no column of the data is {kind}{'' if names == system.names else ' or an observable'}: columns "
            f"{', '.join(read.names)}; known are {', '.join(names)}"
        )
    none = np.full(1, np.nan)
    tables = [
        np.stack([t.numbers(n) if n in t.columns else np.broadcast_to(none, t.times.shape) for n in known], axis=1)
        for t in read.tables
    ]
    rows, times, scale = np.concatenate(tables), np.concatenate([t.times for t in read.tables]), typical_sizes(tables)
    parts = tuple(Trajectory(np.full(int((times == t).sum()), float(t)), rows[times == t]) for t in np.unique(times))
    return Observations(parts, known, scale, LEAST * scale, (*read.notes, *left_out(read, known))), True


def typical_sizes(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Root mean squares (n,) of the finite values of tables (T, n, ...); 1 where there are none but zeros."""
    columns = (np.concatenate([table[:, i].ravel() for table in tables]) for i in range(tables[0].shape[1]))
    finite = (column[np.isfinite(column)] for column in columns)
    return np.array([np.sqrt(np.mean(values**2)) if np.any(values) else 1.0 for values in finite])


def left_out(read: Reading, states: Sequence[str]) -> list[str]:
    """Notes on constant and empty columns that are no state; a warning of others."""
    others = [name for name in read.names if name not in states]
    constant = {name: value for name in others if (value := read.constant(name)) is not None}
    ignored = [name for name in others if name not in constant]
    if ignored:
        warnings.warn(f"columns that are no state are ignored: {', '.join(ignored)}", stacklevel=3)
    about = {name: "empty" if np.isnan(value) else f"constant, {value:g}" for name, value in constant.items()}
    return [f"{name} is {what}, and no state" for name, what in about.items()]


def _trajectory(table: DataTable, names: Sequence[str], censored: bool) -> Trajectory:
    times = table.times
    if times.ndim != 1 or times.size < 2:
        raise RecoveryError(f"{table.where}a trajectory needs two or more times in one dimension, got shape {times.shape}")
    values, limits = np.full((times.size, len(names)), np.nan), np.full((times.size, len(names), 2), np.nan)
    for i, name in enumerate(names):
        if name in table.columns:
            column, found = without_limits(table.columns[name], f"{table.where}the column {name!r}")
            if found is not None and not censored:
                row = int(np.flatnonzero(~np.isnan(found[:, 0]))[0])
                raise RecoveryError(
                    f"{table.where}the column {name!r} has a limit in row {row} (from 0) in place of a measurement, which "
                    "symdyn.fit of systems without randomness alone takes; give numbers, or NaN"
                )
            values[:, i] = replace(table, columns={name: column}).numbers(name)
            limits[:, i] = np.nan if found is None else found
    order = np.argsort(times, kind="stable")
    times, values, limits = times[order], values[order], limits[order]
    if np.any(np.diff(times) <= 0):
        twice = times[:-1][np.diff(times) <= 0][0]
        raise RecoveryError(
            f"{table.where}the time {twice:g} occurs twice in one trajectory; give repeats as further ones, numbered in a "
            f"column {TRAJECTORY!r} (cells that are not followed are data of a ReactionNetwork)"
        )
    return Trajectory(times, values, None if np.isnan(limits).all() else limits)


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
