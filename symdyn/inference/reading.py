"""Any container of measurements -> tables: the one reader of times, columns and trajectories."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.columns import as_array, as_numbers, as_times, days, has_dates, read_date, written_date
from symdyn.inference.headers import TRAJECTORY, label_columns, legible_names, split_unit, time_column, unique

__all__ = ["CELLS", "DataTable", "Reading", "dataset_times", "on_one_clock", "positions", "read_data"]

#: The dimension of a dataset along which cells are not followed.
CELLS = "cell"
_KINDS = "an xarray.Dataset, a pandas.DataFrame or Series, a mapping of arrays, a pair (t, X) of arrays, or a list of these"
#: What pandas calls a column of a file that has no name.
_UNNAMED = ("column ", "Unnamed: ")


@dataclass(frozen=True)
class DataTable:
    """A part of the data: one trajectory, or snapshots.

    Attributes
    ----------
    where : str
        Which part it is, for messages: empty, or ending with a colon and a blank.
    times : (T,) float64
    columns : dict of str to array-like
        What was measured, as it was given.
    origin : datetime64 or None
        From which date times count days.
    followed : bool or None
        Whether a label or dimension makes it a trajectory (True) or one of many cells (False); None if there is none.
    """

    where: str
    times: np.ndarray
    columns: Mapping[str, Any]
    origin: np.datetime64 | None = None
    followed: bool | None = None

    def numbers(self, name: str) -> np.ndarray:
        """A column as (T,) float64.

        Raises
        ------
        RecoveryError
            If it has another shape, a cell that is no number, or an infinite value.
        """
        found = as_numbers(self.columns[name], f"{self.where}the column {name!r}")
        if found.shape != self.times.shape:
            raise RecoveryError(
                f"{self.where}the column {name} has shape {found.shape}, the times {self.times.shape}; expected the same"
            )
        if np.isinf(found).any():
            row = int(np.flatnonzero(np.isinf(found))[0])
            raise RecoveryError(
                f"{self.where}the column {name} has infinite values, the first in row {row} (from 0); mark missing ones as NaN"
            )
        return found


@dataclass(frozen=True)
class Reading:
    """All tables, with the names of their columns.

    Attributes
    ----------
    tables : tuple of DataTable
    names : tuple of str
        Columns of all tables, in the order in which they occur.
    notes : tuple of str
        What was made of times, headers and labels, for the user.
    """

    tables: tuple[DataTable, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def constant(self, name: str) -> float | None:
        """The value of a column of numbers that has but one in all tables, NaN where it has none, else None.

        >>> found = read_data([{"t": [0, 1], "x": [2, 2], "y": [2, 3]}, {"t": [0], "x": [2]}])
        >>> found.constant("x"), found.constant("y")
        (2.0, None)
        """
        try:
            values = np.concatenate([t.numbers(name) for t in self.tables if name in t.columns])
        except RecoveryError:
            return None
        values = values[np.isfinite(values)]
        if not values.size:
            return np.nan
        return float(values[0]) if np.ptp(values) <= 1e-12 * np.abs(values).max() else None


def read_data(data: Any, states: Sequence[str] = (), time: str = "time") -> Reading:
    """Read data in any container.

    Parameters
    ----------
    data : Dataset, DataFrame, Series, mapping of arrays, pair (t, X), a list of these, or a Reading
        See `symdyn.inference.data.observations`.
    states : sequence of str
        Names that columns keep, and names of the columns of bare arrays; empty if nothing is known.
    time : str
        A name that the column of times may have beside ``time`` and ``t``.

    Raises
    ------
    RecoveryError
        If a container cannot be read or has no times, naming the part and the row.

    Examples
    --------
    >>> found = read_data({"date": ["2021-03-01", "2021-03-03"], "mass [g]": [1, 2]})
    >>> found.names, found.tables[0].times.tolist()
    (('mass',), [0.0, 2.0])
    >>> found.notes
    ('times are days since 2021-03-01', "mass is the column 'mass [g]'")
    """
    if isinstance(data, Reading):
        return data
    parts = list(data) if isinstance(data, (list, tuple)) and not _is_pair(data) else [data]
    notes: list[str] = []
    tables: list[DataTable] = []
    for k, part in enumerate(parts):
        tables += _tables(part, states, time, f"part {k} of the data: " if len(parts) > 1 else "", notes)
    if not tables:
        raise RecoveryError("there are no data: expected at least one table")
    tables, origin = on_one_clock(tables)
    names = legible_names(dict.fromkeys(name for table in tables for name in table.columns), states)
    renamed = tuple(replace(t, columns={names[h]: v for h, v in t.columns.items()}) for t in tables)
    first = [] if origin is None else [f"times are days since {origin}"]
    first += [f"{name} is the column {header!r}" for header, name in names.items() if name != header]
    return Reading(renamed, tuple(names.values()), tuple(dict.fromkeys([*first, *notes])))


def on_one_clock(tables: Sequence[DataTable]) -> tuple[list[DataTable], str | None]:
    """The tables with days counted from the first date of all, and that date as text; None if times are numbers.

    Raises
    ------
    RecoveryError
        If some have dates and others numbers.
    """
    origins = [t.origin for t in tables if t.origin is not None]
    if not origins:
        return list(tables), None
    if len(origins) < len(tables):
        other = next(t for t in tables if t.origin is None)
        raise RecoveryError(f"{other.where}the times are numbers, those of other parts dates; give all alike")
    first = min(origins)
    return [replace(t, times=t.times + days(o, first)) for t, o in zip(tables, origins, strict=True)], written_date(first)


def _tables(part: Any, states: Sequence[str], time: str, where: str, notes: list[str]) -> Iterator[DataTable]:
    """The trajectories in one container; `notes` are added to."""
    if isinstance(part, pd.Series):
        if part.index.name is None and part.index.equals(pd.RangeIndex(len(part))):
            raise RecoveryError(f"{where}a Series has its times in its index, and this one numbers its values; give it times")
        part = part.to_frame(part.name if part.name is not None else next(iter(states), "x"))
        if part.index.nlevels == 1:
            part = part.rename_axis(part.index.name or time)
    if isinstance(part, xr.Dataset):
        long = next((n for n in (time, "time") if n in part.variables and n not in part.dims), None)
        if long is not None and all(part[v].dims == part[long].dims and part[v].ndim == 1 for v in part.data_vars):
            yield from _frame(part.to_dataframe().reset_index(drop=True), states, time, where, notes)
        else:
            yield from _dataset(part, states, time, where)
    elif isinstance(part, Mapping):
        yield from _mapping(part, states, time, where, notes)
    elif isinstance(part, pd.DataFrame):
        yield from _frame(part, states, time, where, notes)
    elif _is_pair(part):
        yield _pair(part, states, where)
    elif isinstance(part, xr.DataArray):
        raise RecoveryError(f"{where}data of type DataArray cannot be read; give a dataset, data.to_dataset(name='x')")
    elif hasattr(part, "shape"):
        raise RecoveryError(
            f"{where}data of type {type(part).__name__} with shape {part.shape} have no times; give a pair (t, X): times of "
            "shape (T,), and X of shape (T, n) with a column for each state"
        )
    else:
        file = "; symdyn.io.read_table reads a file" if isinstance(part, (str, os.PathLike)) else ""
        raise RecoveryError(f"{where}data of type {type(part).__name__} cannot be read; expected {_KINDS}{file}")


def _time_of(columns: Mapping[str, Any], states: Sequence[str], time: str, where: str) -> str:
    found = time_column(list(columns), [h for h, v in columns.items() if has_dates(v)], states, time)
    if found is None:
        raise RecoveryError(
            f"{where}the data have no column of times; name one 'time'{f' or {time!r}' if time != 'time' else ''}, or give its "
            f"dates; columns: {', '.join(columns) or 'none'}"
        )
    return found


def _unit_of_time(header: str) -> list[str]:
    """A note if the header of the times has a unit."""
    return [f"times are the column {header!r}"] if split_unit(header)[1] else []


def _mapping(part: Mapping[Any, Any], states: Sequence[str], time: str, where: str, notes: list[str]) -> Iterator[DataTable]:
    columns = {str(getattr(k, "name", k)): v for k, v in part.items()}
    if label_columns(columns, states):
        try:
            frame = pd.DataFrame(columns)
        except ValueError as error:
            raise RecoveryError(f"{where}a mapping with labels of trajectories is no table ({error})") from None
        yield from _frame(frame, states, time, where, notes)
        return
    name = _time_of(columns, states, time, where)
    times, origin = as_times(columns.pop(name), f"{where}the column {name!r} of times")
    notes += _unit_of_time(name)
    yield DataTable(where, times, columns, origin)


def _frame(frame: pd.DataFrame, states: Sequence[str], time: str, where: str, notes: list[str]) -> Iterator[DataTable]:
    where = f"{frame.attrs['path']}: " if "path" in frame.attrs else where
    headers = unique(str(getattr(c, "name", c)) for c in frame.columns)
    columns = {h: frame.iloc[:, i].reset_index(drop=True) for i, h in enumerate(headers)}
    name = ""
    for level in range(frame.index.nlevels):
        values = frame.index.get_level_values(level)
        header = "time" if values.name is None else str(values.name)
        if header in columns:
            continue
        if values.name is not None and label_columns([header], states):
            columns[header] = pd.Series(values)
        elif has_dates(values) or (values.name is not None and time_column([header], states=states, time=time)):
            columns[header], name = pd.Series(values), header
    numbering = [h for h, v in columns.items() if h not in states and _numbers_rows(h, v)]
    notes += [f"the column {h!r} numbers the rows and is left out" for h in numbering]
    columns = {h: v for h, v in columns.items() if h not in numbering}
    name = name or _time_of(columns, states, time, where)
    times, origin = as_times(columns.pop(name), f"{where}the column {name!r} of times")
    if "origin" in frame.attrs and origin is None:
        origin = read_date(frame.attrs["origin"])
    notes += _unit_of_time(frame.attrs.get("time", name))
    labels = label_columns(columns, states)
    notes += [f"the column {h!r} labels trajectories" for h in labels if h != TRAJECTORY]
    if not labels:
        yield DataTable(where, times, columns, origin)
        return
    keys = [columns.pop(h) for h in labels]
    for h, key in zip(labels, keys, strict=True):
        if key.isna().any():
            row = int(np.flatnonzero(key.isna())[0])
            raise RecoveryError(f"{where}the column {h!r} has no label in row {row} (from 0); label every row")
    trajectories: Any = pd.Series(np.arange(len(times))).groupby(keys if len(keys) > 1 else keys[0], sort=True)
    for label, rows in trajectories:
        own = {h: v.iloc[rows] for h, v in columns.items()}
        yield DataTable(f"{where}trajectory {label}: ", times[rows], own, origin, followed=True)


def _numbers_rows(header: str, column: pd.Series) -> bool:
    """Whether a column has another label in every row, or no name and the numbers of the rows."""
    if header != TRAJECTORY and label_columns([header]):
        return column.is_unique
    values = pd.to_numeric(column, errors="coerce") if header.startswith(_UNNAMED) else np.empty(0)
    return len(values) > 1 and np.array_equal(values, values[0] + np.arange(len(values))) and values[0] in (0, 1)


def _dataset(data: xr.Dataset, states: Sequence[str], time: str, where: str) -> Iterator[DataTable]:
    name, times, origin = dataset_times(data, time, where, states)
    variables = [v for v in data.data_vars if name in data[v].dims]
    others = list(dict.fromkeys(d for v in variables for d in data[v].dims if d != name))
    stacked = {str(v): data[v].broadcast_like(data[variables]).transpose(*others, name).to_numpy() for v in variables}
    followed = CELLS not in others if others else None
    for index in np.ndindex(*(data.sizes[d] for d in others)):
        place = ", ".join(f"{d} {i}" for d, i in zip(others, index, strict=True))
        here = f"{where}{place}: " if place else where
        yield DataTable(here, times, {v: a[index] for v, a in stacked.items()}, origin, followed)


def dataset_times(
    data: xr.Dataset, time: str, where: str = "", states: Sequence[str] = ()
) -> tuple[str, np.ndarray, np.datetime64 | None]:
    """The dimension of time of a dataset, its times, and the date from which days are counted.

    Raises
    ------
    RecoveryError
        If there is no such dimension, or it has no values: times are not made up.

    Examples
    --------
    >>> dataset_times(xr.Dataset({"x": ("time", [1.0, 2.0])}), "t")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    symdyn.errors.RecoveryError: the dimension 'time' of the dataset has no values; ... data.assign_coords(time=[...])
    """
    dims = [str(d) for d in data.dims]
    name = time_column(dims, [d for d in dims if d in data.coords and has_dates(data[d].values)], states, time)
    if name is None:
        raise RecoveryError(
            f"{where}the dataset has no dimension 'time' or {time!r}; its dimensions: {', '.join(dims) or 'none'}; rename one"
        )
    return (name, *as_times(_coordinate(data, name, where), f"{where}the coordinate {name!r}"))


def positions(data: xr.Dataset, axis: str, where: str = "") -> np.ndarray:
    """The positions along an axis of a dataset, as numbers.

    Raises
    ------
    RecoveryError
        If the dataset has none.

    Examples
    --------
    >>> positions(xr.Dataset({"u": ("x", [1.0, 2.0])}, {"x": [0, 1]}), "x")
    array([0., 1.])
    """
    return as_numbers(_coordinate(data, axis, where), f"{where}the coordinate {axis!r}")


def _coordinate(data: xr.Dataset, name: str, where: str) -> Any:
    if name not in data.coords:
        raise RecoveryError(
            f"{where}the dimension {name!r} of the dataset has no values; give them, data = data.assign_coords({name}=[...])"
        )
    return data[name].values


def _is_pair(data: Any) -> bool:
    """Whether data are a tuple of times and values, rather than of two tables or two pairs."""
    if not isinstance(data, tuple) or len(data) != 2 or not _is_array(data[0]):
        return False
    return isinstance(data[1], pd.DataFrame) or _is_array(data[1])


def _is_array(part: Any) -> bool:
    """Whether a part is an array, or a list or tuple of numbers, dates or rows."""
    if isinstance(part, (list, tuple)):
        inner = part[0] if part else 0.0
        if isinstance(inner, (list, np.ndarray)):  # a list of rows, but a tuple of arrays is a pair
            return isinstance(part, list)
        return not isinstance(inner, (tuple, Mapping, pd.DataFrame))
    return hasattr(part, "__array__") and not isinstance(part, (pd.DataFrame, xr.Dataset))


def _pair(part: tuple[Any, Any], states: Sequence[str], where: str) -> DataTable:
    """Times and values in bare arrays; values in a data frame have its names."""
    what, form = f"{where}the times t", f"{where}the pair (t, X)"
    shape = as_array(part[0], what).shape
    if len(shape) != 1:
        raise RecoveryError(f"{form} begins with an array of shape {shape}; expected the times first, of shape (T,)")
    times, origin = as_times(part[0], what)
    if isinstance(part[1], pd.DataFrame):
        named = dict(zip(unique(map(str, part[1].columns)), part[1].to_numpy().T, strict=True))
        return DataTable(where, times, named, origin)
    values = as_numbers(part[1], f"{where}the array X")
    back = np.flatnonzero(np.diff(times) < 0)
    if back.size:
        swapped = values.ndim == 1 and values.size > 1 and bool((np.diff(values) > 0).all())
        mend = "give the times first, then X" if swapped else "sort both: i = np.argsort(t); (t[i], X[i])"
        raise RecoveryError(f"{form}: t decreases after row {back[0]} (from 0); {mend}")
    columns = values[:, None] if values.ndim == 1 else values
    count = len(states) or (columns.shape[1] if columns.ndim == 2 else 0)
    if columns.shape != (len(times), count):
        turned = columns.ndim == 2 and columns.shape[1] == len(times) and len(states) in (0, len(columns))
        listed = f", a column for each of {', '.join(states)}" if states else ""
        raise RecoveryError(
            f"{form} has {len(times)} times and X of shape {values.shape}; expected X of shape ({len(times)}, "
            f"{len(states) or 'n'}){listed}{': give X.T' if turned else ''}; several trajectories are a list of pairs, and a "
            "part of the states is given as a mapping, {'t': t, 'x': x}"
        )
    names = list(states) or (["x", "y", "z"][:count] if count <= 3 else [f"x{i + 1}" for i in range(count)])
    return DataTable(where, times, dict(zip(names, columns.T, strict=True)), origin)
