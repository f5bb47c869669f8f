"""Simulated datasets to files: netCDF, CSV and JSON, selected by the suffix.

The JSON form is one object::

    {"format": "symdyn-dataset", "version": 2,
     "attrs": {"method": "dop853", ...},
     "coords": {"time": {"dims": ["time"], "values": [0.0, ...], "attrs": {...}}, "case": [0, 1]},
     "variables": {"x": {"dims": ["case", "time"], "values": [[30.0, ...]]}, ...}}

with ``null`` where a value is not finite, and a list in place of a coordinate that labels its dimension and has no attributes.
The CSV form is that of `to_frame`.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.files import UNFINISHED, clear
from symdyn.io.netcdf_files import write_netcdf

__all__ = ["FORMATS", "check_format", "load_netcdf", "read_dataset", "to_frame", "write_csv", "write_dataset", "write_file"]

FORMATS = (".nc", ".csv", ".json")


def check_format(path: str | Path) -> str:
    """The suffix of a file to be written.

    Raises
    ------
    DeclarationError
        If it names no format, or the folder does not exist.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DeclarationError(
            f"{path}: the suffix determines the format; expected {', '.join(FORMATS)}, got {suffix or 'none'!r}"
        )
    if not path.parent.is_dir():
        raise DeclarationError(f"{path}: the folder {path.parent} does not exist; create it first")
    return suffix


def write_file(path: str | Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path and move the file into place, so that no incomplete file is visible."""
    path = Path(path)
    clear(path)
    with tempfile.TemporaryDirectory(UNFINISHED, f".{path.name}-", path.parent) as folder:
        temporary = Path(folder) / path.name
        write(temporary)
        os.replace(temporary, path)


def write_dataset(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a dataset in the format that the suffix names: ``.nc``, ``.csv`` or ``.json``.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : str or Path

    Raises
    ------
    DeclarationError
        For other suffixes, and for data that a format cannot represent.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, symdyn as sd
    >>> run = sd.simulate(sd.ODESystem.from_text("x' = -x; x(0) = 1"), [0, 1], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_dataset(run, f"{folder}/run.json")
    ...     bool((read_dataset(f"{folder}/run.json").x == run.x).all())
    True
    """
    suffix = check_format(path)
    if suffix == ".nc":
        write_file(path, partial(write_netcdf, dataset))
    elif suffix == ".json":
        text = json.dumps(_as_json(dataset), separators=(",", ":"), allow_nan=False) + "\n"
        write_file(path, partial(Path.write_text, data=text, encoding="utf-8"))
    else:

        def write(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                write_csv(dataset, stream)

        write_file(path, write)


def load_netcdf(path: str | Path) -> xr.Dataset:
    """The dataset of a netCDF file, in memory.

    Raises
    ------
    DeclarationError
        If it is no such file, or is damaged.
    OSError
        If it cannot be read.
    """
    try:
        return xr.load_dataset(path, engine="netcdf4")
    except OSError as error:
        if error.errno is None or error.errno >= 0:  # else it is an error of netCDF, and the file is there
            raise
        raise DeclarationError(f"{path}: this is no netCDF file, or it is damaged ({error.strerror})") from None


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read what `write_dataset` wrote to a ``.nc`` or ``.json`` file; `read_table` reads ``.csv`` files.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    xarray.Dataset
        In memory.

    Raises
    ------
    DeclarationError
        For other suffixes, and files that hold something else or are damaged.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_dataset(xr.Dataset({"x": ("time", [1.0, 0.5])}, {"time": [0.0, 1.0]}), f"{folder}/run.nc")
    ...     read_dataset(f"{folder}/run.nc").x.values.tolist()
    [1.0, 0.5]
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".nc":
        return load_netcdf(path)
    if suffix != ".json":
        raise DeclarationError(f"{path}: expected a .nc or .json file; tables are read by symdyn.io.tables.read_table")
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DeclarationError(f"{path}: this is not JSON ({error})") from None
    if not isinstance(found, dict) or found.get("format") != "symdyn-dataset" or found.get("version") not in (1, 2):
        raise DeclarationError(f"{path}: this is not a symdyn-dataset of version 1 or 2")
    variables = {name: (v["dims"], _from_json(v["values"])) for name, v in found["variables"].items()}
    coords = {
        k: (v["dims"], _from_json(v["values"]), v["attrs"]) if isinstance(v, dict) else v for k, v in found["coords"].items()
    }
    return xr.Dataset(variables, coords=coords, attrs=found["attrs"])


def _as_json(dataset: xr.Dataset) -> dict[str, Any]:
    return {
        "format": "symdyn-dataset",
        "version": 2,
        "attrs": {k: v.item() if isinstance(v, np.generic) else v for k, v in dataset.attrs.items()},
        "coords": {str(k): _coordinate(v) for k, v in dataset.coords.items()},
        "variables": {str(k): {"dims": list(v.dims), "values": _finite(v.values)} for k, v in dataset.data_vars.items()},
    }


def _coordinate(v: xr.DataArray) -> Any:
    """A list for the labels of a dimension, else dims and values; with attributes these too."""
    values = _finite(v.values)
    return values if v.dims == (v.name,) and not v.attrs else {"dims": list(v.dims), "values": values, "attrs": v.attrs}


def _finite(values: np.ndarray) -> list:
    """Nested lists with None where a value is not finite."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return values.tolist()
    return np.where(np.isfinite(values), values.astype(object), np.array(None)).tolist()


def _from_json(values: list) -> np.ndarray:
    array = np.array(values)
    return array.astype(float) if array.dtype == object else array


def to_frame(dataset: xr.Dataset, rows: str = "times") -> pd.DataFrame:
    """A simulated dataset as a frame: one row for each output time, or one for each firing of an event.

    ``Dataset.to_dataframe`` of xarray repeats every output time for each event and firing instead.

    Parameters
    ----------
    dataset : Dataset
        As `simulate` returns it.
    rows : {'times', 'events'}, optional
        - 'times': a row for each point of the sweep, trajectory and output time, with the states, the observables,
          ``first_passage`` and ``status``; the counts of steps are left out.  Statistics of reduced datasets are columns
          (``x_mean``, ``x_quantile_0.05``), beside ``failed``, the number of trajectories left out.
        - 'events': a row for each firing whose time was recorded, with the event, the number of its firing and the time; a
          warning says where an event happened more often.

    Returns
    -------
    DataFrame

    Raises
    ------
    DeclarationError
        For other rows, for histograms, which do not fit in, for datasets without times of firings, and for what is no
        simulated dataset.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> A, k = sp.symbols("A k")
    >>> model = sd.ODESystem({A: 0 * A}, initial={A: 1}, events=sd.dose(A, 2, every=12, times=2, start=6))
    >>> data = sd.simulate(model, [0, 10, 20], progress=False)
    >>> sd.to_frame(data)[["time", "A"]].values.tolist()
    [[0.0, 1.0], [10.0, 3.0], [20.0, 5.0]]
    >>> sd.to_frame(data, "events")[["firing", "time"]].values.tolist()
    [[0.0, 6.0], [1.0, 18.0]]
    """
    if not isinstance(dataset, xr.Dataset) or "time" not in dataset.dims:
        raise DeclarationError(
            f"expected a dataset with the dimension 'time', as simulate returns it, got {type(dataset).__name__}"
        )
    if rows == "events":
        return _firings(dataset)
    if rows != "times":
        raise DeclarationError(f"rows is {rows!r}; expected 'times' or 'events'")
    if "bin" in dataset.dims:
        raise DeclarationError("histograms do not fit in a CSV table; write a .nc or .json file")
    sampled = [v for v in dataset.data_vars.values() if "time" in v.dims]
    flat: dict[str, xr.DataArray] = {}
    for variable in sampled:
        if "quantile" in variable.dims:
            for level in dataset["quantile"].values:
                flat[f"{variable.name}_{level:g}"] = variable.sel(quantile=level, drop=True)
        else:
            flat[str(variable.name)] = variable
    dims = list(next(iter(flat.values())).dims)
    if "reduce" in dataset.attrs:
        wrong = dataset["status"] != 0
        flat["failed"] = wrong.sum([d for d in wrong.dims if d not in dims])
    else:
        flat |= {name: dataset[name] for name in ("first_passage", "status") if name in dataset}
    return xr.Dataset(flat).reset_coords(drop=True).to_dataframe(dim_order=dims).reset_index()


def _firings(dataset: xr.Dataset) -> pd.DataFrame:
    if "fired_at" not in dataset:
        raise DeclarationError(
            "the dataset has no times of events; a system with events gives them unless it has record=0, the run reduce=, or "
            "target='cuda'"
        )
    at = dataset["fired_at"].reset_coords(drop=True).rename("time")
    known = at.notnull().sum("firing")
    if ((known > 0) & (dataset["fired"] > known)).any():
        warnings.warn(
            f"an event happened {dataset['fired'].max().item():g} times, and the times of the first {known.max().item()} are "
            "recorded; an Event takes record=",
            stacklevel=3,
        )
    table = at.to_dataframe(dim_order=list(at.dims)).reset_index()
    return table[np.isfinite(table["time"])].reset_index(drop=True)


def write_csv(dataset: xr.Dataset, stream: TextIO) -> None:
    """Write `to_frame` to a text stream, after the attributes as lines that begin with ``#``."""
    table = to_frame(dataset)
    for name, value in dataset.attrs.items():
        for line in str(value).splitlines():
            stream.write(f"# {name}: {line}\n")
    table.to_csv(stream, index=False, lineterminator="\n")
