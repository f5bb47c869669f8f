"""Datasets as netCDF files: what is in them is what xarray writes, an independent writer."""

import re

import netCDF4
import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.io.datasets import read_dataset, write_dataset

X = sp.Symbol("X")
DECAY = sd.ODESystem({X: -X}, initial={X: 1.0})
DEATH = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 30")


def _made(name):
    options = {"progress": False, "seed": 1}
    if name == "single":
        return sd.simulate(DECAY, [0.0, 0.5, 1.0], **options)
    if name == "sweep":
        starts = xr.DataArray([1.0, 2.0], dims="case")
        return sd.simulate(DEATH, [0, 1], initial={X: starts}, parameters={"k": [1, 2]}, trajectories=3, **options)
    if name == "statistics":
        return sd.simulate(DEATH, [0, 1], trajectories=5, reduce=["mean", "quantile", "histogram"], **options)
    if name == "events":
        return sd.simulate(sd.ODESystem({X: -X}, events=sd.dose(X, 1, start=2), initial={X: 1.0}), [0, 1, 3], **options)
    if name == "field":
        return sd.simulate(sd.PDESystem.example(), [0, 0.01], grid=4, **options)
    if name == "names and gaps":
        numbers = {"x": (("time", "species"), [[0.5, np.nan]]), "count": ("time", np.array([3], np.int32))}
        place = {"species": ["a", "\u03b2"], "cell": ("time", [7]), "k": 2.0, "other": ("unused", [1.0, 2.0])}
        return xr.Dataset(numbers, place, {"levels": [0.1, 0.9], "\u00e9": "\u00fc", "seed": 4})
    if name == "truth and dates":  # as xarray encodes them
        return xr.Dataset({"on": ("time", [True, False])}, {"time": np.array(["2001-01-01", "2001-01-03"], "datetime64[ns]")})
    return xr.Dataset({"x": xr.Variable("time", [1.0, 2.0], {"scale_factor": 0.5})})


def _contents(path):
    """All dimensions, variables and attributes of a file, with their types."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        dims = {name: (len(dim), dim.isunlimited()) for name, dim in file.dimensions.items()}
        found = {
            name: (
                str(v.dtype),
                v.dimensions,
                v[...].tolist() if v.dtype is str else v[...].tobytes(),
                v.filters(),
                v.chunking(),
            )
            for name, v in file.variables.items()
        }
        attrs = {
            (name, key): repr(v.getncattr(key)) for name, v in [("", file), *file.variables.items()] for key in v.ncattrs()
        }
        return list(dims.items()), list(found.items()), attrs


@pytest.mark.parametrize(
    "name", ["single", "sweep", "statistics", "events", "field", "names and gaps", "truth and dates", "scaled"]
)
def test_files_are_those_of_xarray(tmp_path, name):
    data = _made(name)
    write_dataset(data, tmp_path / "own.nc")
    data.to_netcdf(tmp_path / "other.nc", engine="netcdf4")
    assert _contents(tmp_path / "own.nc") == _contents(tmp_path / "other.nc")
    assert read_dataset(tmp_path / "own.nc").identical(xr.load_dataset(tmp_path / "other.nc"))


@pytest.mark.parametrize("data", [{"x": ("t/q", [1.0])}, {"": ("t", [1.0])}], ids=["dimension", "variable"])
def test_names_that_no_file_has_are_refused_as_by_xarray(tmp_path, data):
    with pytest.raises(ValueError, match=r"dimension|length") as expected:
        xr.Dataset(data).to_netcdf(tmp_path / "other.nc", engine="netcdf4")
    with pytest.raises(ValueError, match=re.escape(str(expected.value))):
        write_dataset(xr.Dataset(data), tmp_path / "own.nc")
    assert not (tmp_path / "own.nc").exists()


def test_what_was_read_keeps_its_encoding(tmp_path):
    data = xr.Dataset({"x": ("time", np.arange(100.0))})
    data.to_netcdf(tmp_path / "packed.nc", engine="netcdf4", encoding={"x": {"zlib": True, "dtype": "int16"}})
    write_dataset(read_dataset(tmp_path / "packed.nc"), tmp_path / "again.nc")
    with netCDF4.Dataset(tmp_path / "again.nc") as file:
        assert file["x"].dtype == np.int16
        assert file["x"].filters()["zlib"]
