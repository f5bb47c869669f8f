"""What results of analyses say of the parameters at which they were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.given_values import name_of
from symdyn.system import System

__all__ = ["found_at", "values_at"]


def found_at(system: System, start: Any) -> dict[str, float]:
    """Values of parameters of a system at which a dataset was found, from its attribute ``parameters`` and its coordinates.

    >>> import symdyn as sd
    >>> from symdyn.analysis import steady_states
    >>> system = sd.ODESystem.from_text("x' = a - b*x")
    >>> found_at(system, steady_states(system, {"a": [1, 2], "b": 0.1}).isel(a=1, branch=0))
    {'a': 2.0, 'b': 0.1}
    """
    if not isinstance(start, xr.Dataset):
        return {}
    names = [s.name for s in system.parameters]
    pairs = [part.split(" = ") for part in str(start.attrs.get("parameters", "")).split(", ") if " = " in part]
    found = {name: float(value) for name, value in pairs if name in names}
    found |= {name: float(start[name]) for name in names if name in start and start[name].ndim == 0}
    return {name: found[name] for name in names if name in found and np.isfinite(found[name])}


def values_at(system: System, start: Any, parameters: Mapping[Any, float] | None) -> dict[str, float]:
    """The same, over which those that are given are put."""
    return {**found_at(system, start), **{name_of(k): v for k, v in (parameters or {}).items()}}
