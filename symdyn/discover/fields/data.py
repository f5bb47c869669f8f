"""Snapshots of fields in labelled arrays -> runs of arrays, with estimates of their size and noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.data import typical_sizes
from symdyn.inference.headers import legible_names
from symdyn.inference.reading import DataTable, dataset_times, on_one_clock, positions
from symdyn.models.pde import PDESystem

__all__ = ["FieldData", "FieldRun", "difference_noise", "field_times", "read_fields"]

#: Orders of the differences from which noise is estimated.
DIFFERENCES = (2, 4, 6)
#: Of a normal law the median absolute value, in standard deviations.
MEDIAN = 0.6744897501960817
#: Differences of positions and times by less than this, relative to their mean, count as none.
EVEN = 1e-4


@dataclass(frozen=True)
class FieldRun:
    """Snapshots of one experiment.

    Attributes
    ----------
    times : (T,) float64
        Increasing.
    values : (T, fields, *shape) float64
        NaN where nothing was measured.
    """

    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class FieldData:
    """All experiments.

    Attributes
    ----------
    trajectories : tuple of FieldRun
    fields : tuple of str
    positions : tuple of (n,) float64
        Along each axis, increasing.
    scale, noise : (fields,) float64
        Root mean square of each field (1 if it was never measured), and the standard deviation of its noise.
    notes : tuple of str
        What was made of dates and names when the data were read.
    """

    trajectories: tuple[FieldRun, ...]
    fields: tuple[str, ...]
    positions: tuple[np.ndarray, ...]
    scale: np.ndarray
    noise: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many values were measured."""
        return sum(int(np.isfinite(r.values).sum()) for r in self.trajectories)

    @property
    def dense(self) -> bool:
        """Whether everything was measured on an even grid of positions, at even times."""
        even = all(_even(p) for p in self.positions) and all(_even(r.times) for r in self.trajectories)
        return even and all(np.isfinite(r.values).all() for r in self.trajectories)

    @property
    def span(self) -> float:
        """The longest time from a first to a last snapshot."""
        return max(float(r.times[-1] - r.times[0]) for r in self.trajectories)

    def split(self, fraction: float) -> tuple[FieldData, FieldData | None]:
        """The early snapshots and the last `fraction` of those of every experiment.

        Raises
        ------
        RecoveryError
            Unless two snapshots of every experiment stay in the early part, and one is left over.
        """
        if not fraction:
            return self, None
        early, late = [], []
        for run in self.trajectories:
            kept = len(run.times) - round(fraction * len(run.times))
            if not 1 < kept < len(run.times):
                raise RecoveryError(
                    f"{len(run.times)} snapshots cannot hold out the fraction {fraction} of them; two have to be left to fit"
                )
            early.append(FieldRun(run.times[:kept], run.values[:kept]))
            late.append(FieldRun(run.times[kept:], run.values[kept:]))
        return _measured(early, self.fields, self.positions, self.notes), _measured(late, self.fields, self.positions)


def read_fields(system: PDESystem, data: Any) -> FieldData:
    """Snapshots of the fields of a system.

    Parameters
    ----------
    system : PDESystem
        Names the fields, the axes and time.
    data : Dataset, or a list of them
        With the dimensions ``time`` and those of space, with values; every other dimension gives several experiments.  Dates
        become days since the first of them.

    Raises
    ------
    RecoveryError
        If dimensions, positions or fields are missing or outside the domain, or fewer than two snapshots are left.
    """
    parts = data if isinstance(data, (list, tuple)) else [data]
    if not parts:
        raise RecoveryError("there are no data: expected at least one xarray.Dataset")
    axes = [s.name for s in system.space]
    names = [f.name for f in system.fields]
    clocks: list[DataTable] = []
    read: list[tuple[str, xr.Dataset]] = []
    notes: list[str] = []
    places: tuple[np.ndarray, ...] | None = None
    for part in parts:
        time, clock = field_times(part, axes, system.time.name)
        named = legible_names(map(str, part.data_vars), names)
        notes += [f"{name} is the variable {header!r}" for header, name in named.items() if name != header and name in names]
        here = tuple(positions(part, n) for n in axes)
        if places is not None and any(a.shape != b.shape or not np.allclose(a, b) for a, b in zip(here, places, strict=True)):
            raise RecoveryError("the data sets have different positions; interpolate them to the same ones")
        places = here
        clocks.append(clock)
        read.append((time, part.rename({h: n for h, n in named.items() if h != n})))
    assert places is not None
    clocks, origin = on_one_clock(clocks)
    notes = [*([] if origin is None else [f"times are days since {origin}"]), *dict.fromkeys(notes)]
    runs = [r for clock, (time, part) in zip(clocks, read, strict=True) for r in _runs(system, part, time, clock.times, axes)]
    order = [np.argsort(p, kind="stable") for p in places]
    places = tuple(p[i] for p, i in zip(places, order, strict=True))
    for name, p, low, high in zip(axes, places, *system.domain.box, strict=True):
        slack = 1e-6 * (high - low)
        if not np.isfinite(p).all() or np.any(np.diff(p) <= 0) or p[0] < low - slack or p[-1] > high + slack:
            raise RecoveryError(
                f"the positions {name} reach from {p[0]:g} to {p[-1]:g}; expected different finite numbers within the domain, "
                f"{low:g} to {high:g}"
            )
    runs = [FieldRun(r.times, _sorted(r.values, order)) for r in runs]
    found = _measured(runs, tuple(names), places, tuple(notes))
    if not np.isfinite(np.concatenate([r.values.ravel() for r in found.trajectories])).any():
        raise RecoveryError(f"the data hold no number of any field ({', '.join(found.fields)}): all are NaN; give some values")
    return found


def field_times(part: Any, axes: Sequence[str], time: str = "time") -> tuple[str, DataTable]:
    """The dimension of time of a dataset of fields, and its times.

    Raises
    ------
    RecoveryError
        If it is no dataset, or lacks a dimension.
    """
    if not isinstance(part, xr.Dataset):
        raise RecoveryError(
            f"the data of fields are {type(part).__name__}; expected an xarray.Dataset with the dims time, {', '.join(axes)}"
        )
    missing = next((n for n in axes if n not in part.dims), None)
    if missing is not None:
        raise RecoveryError(
            f"the data lack the dimension {missing!r}; expected time, {', '.join(axes)}, got "
            f"{', '.join(map(str, part.dims)) or 'none'}: rename or add it"
        )
    name, times, origin = dataset_times(part, time, states=axes)
    return name, DataTable("", times, {}, origin)


def _runs(system: PDESystem, part: xr.Dataset, time: str, times: np.ndarray, axes: Sequence[str]) -> Iterator[FieldRun]:
    """The experiments of one dataset."""
    names = [f.name for f in system.fields]
    known = [n for n in names if n in part.data_vars]
    if not known:
        raise RecoveryError(
            f"no variable of the data is a field: variables {', '.join(map(str, part.data_vars)) or 'none'}; fields "
            f"{', '.join(names)}; rename the variables"
        )
    wanted = (time, *axes)
    for n in known:
        if not set(wanted) <= set(part[n].dims):
            raise RecoveryError(f"the variable {n} has the dims {part[n].dims}; expected {', '.join(wanted)}")
    others = list(dict.fromkeys(d for n in known for d in part[n].dims if d not in wanted))
    arrays = {n: part[n].broadcast_like(part[known]).transpose(*others, *wanted).values.astype(float) for n in known}
    order = np.argsort(times, kind="stable")
    times = times[order]
    if times.size < 1 or np.any(np.diff(times) <= 0):
        raise RecoveryError("the times of the snapshots must be different; give repeats as further data sets")
    if times.size + (len(system.initial) > 0) < 2:
        raise RecoveryError("one snapshot tells nothing of a rate; give a later one, or the initial field in the system")
    shape = (times.size, len(names), *(part.sizes[a] for a in axes))
    for index in np.ndindex(*(part.sizes[d] for d in others)):
        values = np.full(shape, np.nan)
        for i, n in enumerate(names):
            if n in arrays:
                values[:, i] = arrays[n][index][order]
        if np.isinf(values).any():
            raise RecoveryError("the data hold infinite values; mark missing ones as NaN")
        yield FieldRun(times, values)


def _sorted(values: np.ndarray, order: Sequence[np.ndarray]) -> np.ndarray:
    for axis, i in enumerate(order):
        values = np.take(values, i, axis=2 + axis)
    return values


def _measured(
    runs: Sequence[FieldRun], fields: tuple[str, ...], positions: tuple[np.ndarray, ...], notes: tuple[str, ...] = ()
) -> FieldData:
    scale = typical_sizes([r.values for r in runs])
    noise = np.array([difference_noise([r.values[:, i] for r in runs]) for i in range(len(fields))])
    return FieldData(tuple(runs), fields, positions, scale, np.maximum(noise, 1e-8 * scale), notes)


def difference_noise(parts: Sequence[np.ndarray]) -> float:
    r"""Standard deviation of white noise on smooth arrays: the least estimate over axes and orders of differences.

    A difference of order d of noise has the variance :math:`\binom{2d}{d}\sigma^2`; the median of absolute values disregards
    the places where the field itself is not smooth.

    Examples
    --------
    >>> x = np.linspace(0, 1, 400)
    >>> noisy = np.sin(x) + 0.01 * np.random.default_rng(0).normal(size=(20, 400))
    >>> bool(abs(difference_noise([noisy]) - 0.01) < 0.001)
    True
    """
    estimates = []
    for axis in range(parts[0].ndim):
        for d in DIFFERENCES:
            size = np.sqrt(np.prod([(d + k) / k for k in range(1, d + 1)]))
            found = [np.abs(np.diff(p, n=d, axis=axis)).ravel() / size for p in parts if p.shape[axis] > d + 3]
            joined = np.concatenate(found) if found else np.empty(0)
            joined = joined[np.isfinite(joined)]
            if joined.size > 8:
                estimates.append(float(np.median(joined)) / MEDIAN)
    return min(estimates, default=0.0)


def _even(points: np.ndarray) -> bool:
    gaps = np.diff(points)
    return gaps.size > 0 and bool(np.ptp(gaps) <= EVEN * gaps.mean())
