"""Traces of cells as arrays, and their late parts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells._cycles import Cycles, Swing, find_cycles, find_swing
from symdyn.errors import DeclarationError

__all__ = ["angles", "cell_traces", "flat", "late", "late_cycles", "late_phase", "late_start", "like", "oscillating",
           "read_traces", "time_weights", "with_cells"]  # fmt: skip


def cell_traces(data: xr.Dataset, state: Any = None) -> xr.DataArray:
    """One state of all cells as an array.

    Parameters
    ----------
    data : xarray.Dataset
        With variables ``v_1``, ``v_2`` ... of which ``time`` is a dim.
    state : Symbol or str, optional
        Its name without number; that of the first such variable by default.

    Returns
    -------
    xarray.DataArray
        Dims (..., ``cell``, ``time``); the coordinate ``cell`` counts from 1.

    Raises
    ------
    DeclarationError
        If there is no such state.

    Examples
    --------
    >>> data = xr.Dataset({"v_1": ("time", [0.0, 1.0]), "v_2": ("time", [2.0, 3.0])}, {"time": [0, 1]})
    >>> cell_traces(data, "v").sel(cell=2).values
    array([2., 3.])
    """
    if not isinstance(data, xr.Dataset):
        raise DeclarationError(f"expected a dataset with v_1, v_2, ... over time, got {type(data).__name__}")
    found: dict[str, dict[int, Any]] = {}
    for name, variable in data.data_vars.items():
        match = re.fullmatch(r"(.+)_([1-9]\d*)", str(name))
        if match and "time" in variable.dims:
            found.setdefault(match[1], {})[int(match[2])] = name
    if not found:
        shown = ", ".join(map(str, data.data_vars)) or "none"
        raise DeclarationError(f"the dataset has no states of cells, v_1, v_2, ... over time; its variables: {shown}")
    wanted = next(iter(found)) if state is None else str(state)
    if wanted not in found:
        raise DeclarationError(f"{wanted!r} is no state of the cells of this dataset; those are {', '.join(found)}")
    cells = sorted(found[wanted])
    joined = xr.concat([data[found[wanted][c]].rename(wanted) for c in cells], dim="cell", coords="minimal", compat="override")
    return joined.assign_coords(cell=cells).transpose(..., "cell", "time")


def read_traces(data: Any, state: Any) -> xr.DataArray:
    if isinstance(data, xr.DataArray):
        if state is not None:
            raise DeclarationError(f"state={state!r} chooses from a dataset; an array holds one state already, leave it out")
        found = data
    else:
        found = cell_traces(data, state)
    if "time" not in found.dims:
        raise DeclarationError(f"the traces have the dims {', '.join(map(str, found.dims))}; expected time among them")
    t = np.asarray(found["time"].values, float)
    if t.size < 4 or not (np.diff(t) > 0).all():
        raise DeclarationError(f"the traces have {t.size} times; expected at least 4, increasing")
    return found.transpose(..., "time").astype(float)


def with_cells(traces: xr.DataArray) -> xr.DataArray:
    if "cell" not in traces.dims:
        raise DeclarationError("one trace alone has nothing to be compared with; expected a dim 'cell', see cell_traces")
    return traces if "cell" in traces.coords else traces.assign_coords(cell=np.arange(1, traces.sizes["cell"] + 1))


def flat(traces: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and traces (R, n)."""
    return np.asarray(traces["time"].values, float), traces.values.reshape(-1, traces.sizes["time"])


def late_start(traces: xr.DataArray, after: float | None) -> float:
    t = np.asarray(traces["time"].values, float)
    start = (t[0] + t[-1]) / 2 if after is None else float(after)
    if np.count_nonzero(t >= start) < 4:
        raise DeclarationError(f"after {start:g} there are fewer than 4 times of the traces; the last is {t[-1]:g}")
    return start


def late(traces: xr.DataArray, after: float | None) -> tuple[np.ndarray, np.ndarray]:
    t, x = flat(traces)
    kept = t >= late_start(traces, after)
    return t[kept], x[:, kept]


def oscillating(t: np.ndarray, x: np.ndarray, least: float) -> Swing:
    """The range of traces; NaN where they do not oscillate."""
    swing = find_swing(t, x)
    scale = np.maximum(np.abs(swing.lowest), np.abs(swing.highest))
    moving = swing.highest - swing.lowest > np.maximum(least, 1e-12) * scale  # else rounding errors would count
    return Swing(*(np.where(moving, getattr(swing, k), np.nan) for k in ("lowest", "highest", "mean")))


def late_cycles(traces: xr.DataArray, after: float | None, least: float) -> tuple[Cycles, np.ndarray]:
    t, x = late(traces, after)
    return find_cycles(t, x, oscillating(t, x, least)), t


def late_phase(traces: xr.DataArray, after: float | None, least: float) -> xr.DataArray:
    cycles, t = late_cycles(traces, after, least)
    kept = traces.isel(time=traces["time"].values >= t[0])
    return like(kept, angles(t, cycles), "phase", time=True)


def angles(t: np.ndarray, cycles: Cycles) -> np.ndarray:
    out = np.full((len(cycles.count), t.size), np.nan)
    for row in np.flatnonzero(cycles.count > 2).tolist():
        k = cycles.count[row]
        out[row] = np.interp(t, cycles.times[row, :k], 2 * np.pi * np.arange(k), left=np.nan, right=np.nan)
    return out


def time_weights(time: xr.DataArray) -> xr.DataArray:
    """Of a mean over time by the trapezoidal rule."""
    t = np.asarray(time.values, float)
    steps = np.diff(t) / 2
    return xr.DataArray((np.append(steps, 0) + np.insert(steps, 0, 0)) / (t[-1] - t[0]), dims="time", coords={"time": time})


def like(traces: xr.DataArray, values: np.ndarray, name: str, *, time: bool = False) -> xr.DataArray:
    """Values with the dims and coordinates of the traces, with or without time."""
    shape = traces if time else traces.isel(time=0, drop=True)
    return xr.DataArray(values.reshape(shape.shape), shape.coords, shape.dims, name)
