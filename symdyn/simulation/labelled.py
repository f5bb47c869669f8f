"""Labelled arrays of xarray from numpy arrays, without the search for arrays of other kinds, for which xarray imports dask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex

__all__ = ["as_coordinates", "as_variable"]

#: Kinds of entries that xarray converts: objects, and points and lengths of time.
CONVERTED = "OMm"


def as_variable(dims: str | Sequence[str], values: Any, attrs: Mapping[str, Any] | None = None) -> xr.Variable:
    """A variable with these values.

    >>> dict(as_variable("x", np.arange(3.0)).sizes)
    {'x': 3}
    """
    array = np.asarray(values)
    return xr.Variable(dims, array, attrs, fastpath=array.dtype.kind not in CONVERTED)


def as_coordinates(labels: Mapping[str, Any]) -> xr.Coordinates:
    """Coordinates from what `as_variable` takes, by name, or from sequences; those of their own dimension are indexes.

    >>> list(as_coordinates({"x": ("x", np.arange(3.0)), "y": ("x", np.zeros(3))}).xindexes)
    ['x']
    """
    variables: dict[str, xr.Variable] = {}
    indexes: dict[str, PandasIndex] = {}
    for name, given in labels.items():
        variable = as_variable(*given) if isinstance(given, tuple) else as_variable(name, given)
        if variable.dims == (name,):
            if variable.dtype.kind in CONVERTED:
                index = PandasIndex.from_variables({name: variable}, options={})
            else:
                index = PandasIndex(pd.Index(variable.values), name, coord_dtype=variable.dtype)
            indexes[name] = index
            variables |= index.create_variables({name: variable})
        else:
            variables[name] = variable
    return xr.Coordinates(variables, indexes)
