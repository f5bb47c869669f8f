"""Rows of initial values and parameters, simulated in parallel lanes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.simulation.run import simulate
from symdyn.simulation.sweeps import Design, make_design
from symdyn.system import System

__all__ = ["labelled", "plain", "read_rows", "run_rows"]


def read_rows(system: System, initial: Mapping[Any, Any] | None, parameters: Mapping[Any, Any] | None):
    """The design of a sweep without trajectories, with initial values (N, n) and parameters (N, k).

    Raises
    ------
    DeclarationError
        If `system` is no ODESystem, or values are missing.
    """
    reason = system.unmet(["drift"]) if isinstance(system, System) else f"got {type(system).__name__}"
    if reason is not None:
        raise DeclarationError(f"expected an ODESystem; {reason}")
    design = make_design(system, initial, parameters, None)
    return design, *design.rows(0, design.size)


def plain(system: System) -> ODESystem:
    """The equations alone: a system that starts from values of its states, also if `system` does not."""
    rows = dict(zip(system.states, system.deterministic("a run of many rows"), strict=True))
    kept = {"observables": system.observables, "time": system.time, "provenance": system.provenance}
    return ODESystem(rows, dict(system.defaults), **kept)  # parameters may occur in observables alone


def run_rows(system: System, times: np.ndarray, initial: np.ndarray, parameters: np.ndarray, **options: Any):
    """Values (N, T, n) and status (N,) of each row; NaN from a failure on."""
    rows = {s.name: xr.DataArray(initial[:, i], dims="row") for i, s in enumerate(system.states)}
    values = {s.name: xr.DataArray(parameters[:, i], dims="row") for i, s in enumerate(system.parameters)}
    data = simulate(system, times, initial=rows, parameters=values, progress=False, on_failure="nan", **options)
    found = np.stack([data[n].transpose("row", "time").values for n in system.names], axis=-1)
    return found, data.status.values.reshape(-1)


def labelled(design: Design, columns: Mapping[str, np.ndarray], attrs: dict[str, Any]) -> xr.Dataset:
    """Columns (N,) as variables with the dims of the sweep."""
    data = xr.Dataset(coords={d: (d, c) for d, c in design.coords.items()})
    for name, values in columns.items():
        data[name] = (design.dims, np.asarray(values).reshape(design.shape))
    data.attrs = attrs
    return data
