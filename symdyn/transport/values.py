"""Values that a flow is run with: parameters, and states as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import numeric_values
from symdyn.models.ode import ODESystem

__all__ = ["dataset_of", "node_times", "parameter_numbers", "state_rows", "time_of"]


def parameter_numbers(flow: ODESystem, parameters: Mapping[Any, Any] | None) -> np.ndarray:
    """The parameters of a flow in its order, from values given over its defaults."""
    values = {**flow.defaults, **numeric_values(parameters, flow.parameters, "parameter")}
    if missing := [p for p in flow.parameters if p not in values]:
        raise DeclarationError(f"the parameter {missing[0]} has no value; give it in parameters=")
    return np.array([float(values[p]) for p in flow.parameters])


def node_times(nodes: Any, least: int = 2) -> np.ndarray:
    """Nodes as an array, checked: finite, in order, so many at least."""
    try:
        found = np.array(nodes, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"nodes are {nodes!r}; expected a sequence of times, such as sd.transport.nodes gives") from None
    gaps = np.diff(found) if found.ndim == 1 else np.array([np.nan])
    if found.ndim != 1 or len(found) < least or not np.isfinite(found).all() or not ((gaps > 0).all() or (gaps < 0).all()):
        raise DeclarationError(f"nodes are {nodes!r}; expected at least {least} finite times, from noise to data, in order")
    return found


def time_of(value: Any, what: str) -> float:
    """A finite time."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = np.nan
    if not np.isfinite(found):
        raise DeclarationError(f"{what} is {value!r}; expected a finite time")
    return found


def state_rows(flow: ODESystem, given: Any, times: Sequence[float], what: str) -> list[np.ndarray]:
    """States at times as arrays (K, n); a mapping, or a dataset without times, holds the first of them alone.

    Raises
    ------
    DeclarationError
        For states that are missing, unknown, not finite or of different lengths, and where the first time is not there.
    """
    names = [s.name for s in flow.states]
    if not isinstance(given, Mapping):  # datasets are mappings
        raise DeclarationError(
            f"{what} is a {type(given).__name__}; expected values of {', '.join(names)} by name, or a dataset"
        )
    dataset = isinstance(given, xr.Dataset)
    by_name = {str(key): given[key] for key in (names if dataset and set(names) <= set(given) else given)}
    if set(by_name) != set(names):
        raise DeclarationError(f"{what} has {', '.join(by_name) or 'nothing'}; expected values of {', '.join(names)}")
    found: list[np.ndarray] = []
    for k, time in enumerate(times):
        columns = []
        for name in names:
            value = by_name[name]
            if isinstance(value, xr.DataArray) and "time" in value.dims:
                near = np.abs(value.time.values - time)
                if near.min() > 1e-12 * max(1.0, abs(time)):
                    if k:
                        return found
                    raise DeclarationError(f"{what} has no values at {time:g}, the time of the data")
                value = value.isel(time=int(near.argmin()))
            elif k:
                return found
            try:
                columns.append(np.atleast_1d(np.asarray(value, float)))
            except (TypeError, ValueError):
                raise DeclarationError(f"{name} in {what} is {value!r}; expected numbers, one of each trajectory") from None
        if len({c.shape for c in columns}) > 1 or columns[0].ndim != 1:
            shapes = ", ".join(f"{n} {c.shape}" for n, c in zip(names, columns, strict=True))
            raise DeclarationError(f"{what} has the shapes {shapes}; expected one value of each trajectory, equally many")
        rows = np.stack(columns, axis=1)
        if not np.isfinite(rows).all():
            raise DeclarationError(f"{what} has values that are not finite at {time:g}; drop those trajectories")
        found.append(rows)
    return found


def dataset_of(flow: ODESystem, rows: np.ndarray, time: float) -> xr.Dataset:
    """States (K, n) at a time as a dataset."""
    return xr.Dataset(
        {s.name: ("trajectory", np.ascontiguousarray(rows[:, i])) for i, s in enumerate(flow.states)}, coords={"time": time}
    )
