"""States as vectors, and vectors as datasets like those of the full system."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError

__all__ = ["RunStates", "StateLayout"]


@dataclass(frozen=True)
class RunStates:
    """Trajectories of the full system.

    Attributes
    ----------
    values : (L, T, n) float64
    times : (T,) float64
    sizes : dict from str to int
        Dimensions of the L trajectories.
    lead : xarray.Dataset
        Their coordinates.
    attrs : dict
    """

    values: np.ndarray
    times: np.ndarray
    sizes: dict[str, int]
    lead: xr.Dataset
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class StateLayout:
    """Names, shapes and positions of what a state consists of.

    Attributes
    ----------
    names : tuple of str
    shapes : tuple of tuple of int
        () of numbers, the shape of the grid of fields.
    space : mapping from str to (n,) float64
        Positions along each axis.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    space: Mapping[str, np.ndarray]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of each variable."""
        return tuple(math.prod(s) for s in self.shapes)

    @property
    def size(self) -> int:
        """Numbers of a state, n."""
        return sum(self.sizes)

    def slices(self) -> dict[str, slice]:
        """Where each variable is in a state."""
        ends = np.cumsum(self.sizes, dtype=int).tolist()
        return {name: slice(e - k, e) for name, k, e in zip(self.names, self.sizes, ends, strict=True)}

    def read(self, data: Any) -> list[RunStates]:
        """The trajectories of datasets.

        Raises
        ------
        DeclarationError
            For anything else, and where a variable is missing or a value is not finite.
        """
        listed = data if isinstance(data, Sequence) else [data]
        if not listed or not all(isinstance(d, xr.Dataset) for d in listed):
            raise DeclarationError(
                f"the runs are {type(data).__name__}; expected a dataset of symdyn.simulate, or a list of them"
            )
        return [self._read(d) for d in listed]

    def _read(self, data: xr.Dataset) -> RunStates:
        missing = [n for n in self.names if n not in data]
        if missing or "time" not in data.dims:
            raise DeclarationError(f"the runs have no variable {missing[0] if missing else 'time'}; they are of another system")
        stored = data.variables  # an array of a dataset takes all coordinates along: the square of their number
        first = stored[self.names[0]]
        lead = [d for d in first.dims if d not in ("time", *self.space)]
        found = []
        for name, shape in zip(self.names, self.shapes, strict=True):
            order = [*lead, "time", *(self.space if shape else ())]
            if set(stored[name].dims) != set(order) or tuple(data.sizes[d] for d in order[len(lead) + 1 :]) != shape:
                wanted = ", ".join(f"{d}: {n}" for d, n in zip(self.space, shape, strict=False))
                raise DeclarationError(
                    f"{name} has the dimensions {dict(stored[name].sizes)} in the runs; expected {order}"
                    + (f" with {wanted} of the grid" if wanted else "")
                )
            values = np.asarray(stored[name].transpose(*order).values, float)
            found.append(values.reshape(-1, data.sizes["time"], math.prod(shape)))
        whole = np.concatenate(found, axis=2)
        if not np.isfinite(whole).all():
            raise DeclarationError("the runs hold values that are not finite; leave failed trajectories out")
        along = (k for k in data.coords if set(stored[k].dims) <= set(lead) and "initial" not in stored[k].attrs)
        coordinates = {k: data.coords[k] for k in along}
        counted = {d: np.arange(data.sizes[d]) for d in lead if d not in coordinates}
        kept = xr.Dataset(coords={**coordinates, **counted})
        return RunStates(
            whole, np.asarray(stored["time"].values, float), {str(d): data.sizes[d] for d in lead}, kept, dict(data.attrs)
        )

    def state(self, values: Any) -> np.ndarray:
        """A state (n,) from arrays or numbers by variable, a dataset at one time, or an array (n,)."""
        if isinstance(values, xr.Dataset):
            values = {name: values[name].values for name in self.names if name in values}
        if isinstance(values, Mapping):
            given = {str(k): v for k, v in values.items()}
            missing = [n for n in self.names if n not in given]
            if missing:
                raise DeclarationError(f"the state has no value of {missing[0]}")
            parts = [
                np.broadcast_to(np.asarray(given[n], float), s).ravel() for n, s in zip(self.names, self.shapes, strict=True)
            ]
            return np.concatenate(parts)
        found = np.asarray(values, float)
        if found.shape != (self.size,):
            raise DeclarationError(f"the state has the shape {found.shape}; expected ({self.size},), or values by variable")
        return found

    def place(self, where: Any, sensor: Any) -> int:
        """The number of a value: that of the variable, or of a field in the cell at a position."""
        name, position = (str(where[0]), where[1]) if isinstance(where, tuple) and len(where) == 2 else (str(where), ())
        if name not in self.names:
            raise DeclarationError(f"the sensor {sensor} is at {where!r}; variables are {', '.join(self.names[:8])}")
        shape = self.shapes[self.names.index(name)]
        found = np.atleast_1d(np.asarray(position, float)) if shape else np.zeros(0)
        if len(found) != len(shape):
            raise DeclarationError(
                f"the sensor {sensor} is at {where!r}; expected {len(shape)} numbers of a position, such as ('u', 0.3)"
            )
        cells = []
        for x, (axis, points) in zip(found, self.space.items(), strict=False):
            half = 0.5 * abs(points[1] - points[0]) if len(points) > 1 else np.inf
            if not points[0] - half <= x <= points[-1] + half:
                raise DeclarationError(f"the sensor {sensor} is at {axis} = {x:g}, outside of the domain")
            cells.append(int(np.abs(points - x).argmin()))
        inner = int(np.ravel_multi_index(cells, shape)) if shape else 0
        return self.slices()[name].start + inner

    def variables(self, values: np.ndarray, dims: Iterable[str]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Variables of a dataset from values (..., n) of the leading dimensions `dims`."""
        dims, found = tuple(dims), {}
        for (name, where), shape in zip(self.slices().items(), self.shapes, strict=True):
            part = values[..., where]
            found[name] = ((*dims, *(self.space if shape else ())), part.reshape((*values.shape[:-1], *shape)))
        return found
