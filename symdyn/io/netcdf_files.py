"""Datasets of plain numbers and names as netCDF files, without what xarray imports where it writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.locks import HDF5_LOCK, NETCDFC_LOCK

__all__ = ["write_netcdf"]

#: Attributes that say how numbers are read, and which coordinates there are.
ENCODED = frozenset(
    (
        "_FillValue",
        "missing_value",
        "scale_factor",
        "add_offset",
        "_Unsigned",
        "_Encoding",
        "dtype",
        "units",
        "calendar",
        "coordinates",
    )
)


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset to a netCDF file, as xarray would.

    xarray asks dask, where that is installed, who computes the chunks, even of a dataset that has none: to import it with its
    scheduler and scipy takes longer than most simulations.  Datasets of numbers and names in memory are therefore written here,
    with the attributes that xarray gives them: the fill value of real numbers is not a number, and ``coordinates`` names the
    coordinates that label no dimension.  All others are left to xarray.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : Path
        A file that does not exist, or is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.

    References
    ----------
    CF Metadata Conventions 1.11, section 5, for ``coordinates``.

    Examples
    --------
    >>> import tempfile
    >>> data = xr.Dataset({"x": ("time", [1.0, np.nan])}, {"time": [0.0, 0.5], "k": 2.0}, {"method": "dop853"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_netcdf(data, path := Path(folder) / "run.nc")
    ...     xr.load_dataset(path).identical(data)
    True
    """
    if not _plain(dataset):
        dataset.to_netcdf(path, engine="netcdf4")
        return
    import netCDF4  # only files need it

    variables = {str(name): variable for name, variable in dataset.variables.items()}
    beside = sorted({str(name) for name in dataset.coords} - {str(dim) for dim in dataset.dims})
    named: set[str] = set()
    with NETCDFC_LOCK, HDF5_LOCK, netCDF4.Dataset(path, "w") as file:
        for name, variable in variables.items():
            dims = tuple(map(str, variable.dims))
            for dim, size in zip(dims, variable.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
            values: Any = variable.values
            text, fill = values.dtype.kind == "U", np.nan if values.dtype.kind == "f" else None
            made = file.createVariable(name, str if text else values.dtype, dims, fill_value=fill)
            own = [c for c in beside if set(variables[c].dims) <= set(dims) and name not in (*beside, *dims)]
            named.update(own)
            _describe(made, variable.attrs, own)
            made[...] = values.astype(object) if text else values
        _describe(file, dataset.attrs, [name for name in beside if name not in named])


def _describe(target: Any, attrs: Mapping[Any, Any], coordinates: Sequence[str]) -> None:
    """Give a file or a variable its attributes, and name coordinates that belong to it."""
    for name, value in attrs.items():
        target.setncattr(name, value)
    if coordinates:
        target.setncattr("coordinates", " ".join(coordinates))


def _plain(dataset: xr.Dataset) -> bool:
    """Whether a dataset has numbers and names in memory alone, and attributes that are numbers and texts."""
    return (
        not dataset.encoding
        and _described(dataset.attrs)
        and all(isinstance(dim, str) and dim and "/" not in dim for dim in dataset.dims)
        and all(
            isinstance(name, str)
            and name
            and not {" ", "/"} & set(name)
            and not variable.encoding
            and variable.chunks is None
            and variable.dtype.isnative
            and (
                variable.dtype.kind in "iu"
                or variable.dtype in (np.float32, np.float64)
                or (variable.dtype.kind == "U" and variable.ndim)
            )
            and _described(variable.attrs)
            for name, variable in dataset.variables.items()
        )
    )


def _described(attrs: Mapping[Any, Any]) -> bool:
    """Whether attributes are texts, numbers and lists of numbers, and change nothing of how a file is read."""
    return not ENCODED & set(attrs) and all(
        isinstance(name, str)
        and name
        and (isinstance(value, str | int | float) or (isinstance(value, list) and _numbers(value)))
        for name, value in attrs.items()
    )


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(v, int | float) for v in values)
