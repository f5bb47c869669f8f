"""A finished run in one netCDF file, with its request and a checksum of every chunk."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from symdyn.errors import SymdynError
from symdyn.files import UNFINISHED, clear
from symdyn.optional import require

__all__ = ["open_file", "read_manifest", "write_file"]

#: The attribute that holds the manifest.
MANIFEST = "symdyn_store"


def write_file(data: xr.Dataset, manifest: Mapping[str, Any], path: Path, *, source: Path) -> None:
    """Write a dataset chunk by chunk, and move the file into place.

    Raises
    ------
    FileNotFoundError
        If `source`, which belongs to what the dataset is read from, is gone at the end: chunks may have been missing.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}{UNFINISHED}")
    clear(path)
    encoding = {}
    for name in manifest["variables"]:
        variable = data[name]
        sizes = [c[0] for c in variable.chunks] if variable.chunks else list(variable.shape)
        encoding[name] = {"fletcher32": True, "chunksizes": sizes} if variable.ndim else {}
    try:
        with require("dask").config.set(scheduler="synchronous"):  # the file is open in this process alone
            data.assign_attrs({MANIFEST: json.dumps(manifest)}).to_netcdf(temporary, engine="netcdf4", encoding=encoding)
        source.stat()
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a file.

    Raises
    ------
    SymdynError
        If it is no netCDF file, or was not written as a store.
    """
    import netCDF4  # only files need it

    try:
        with netCDF4.Dataset(path) as file:
            return json.loads(file.getncattr(MANIFEST))
    except (OSError, AttributeError, ValueError):
        raise SymdynError(f"{path} is not a store of symdyn; name a path where there is nothing, or remove it") from None


def open_file(path: Path, chunks: dict[str, int] | None) -> xr.Dataset:
    """The dataset, read when it is needed; by dask unless `chunks` is None."""
    data = xr.open_dataset(path, engine="netcdf4", chunks=chunks)
    del data.attrs[MANIFEST]
    return data
