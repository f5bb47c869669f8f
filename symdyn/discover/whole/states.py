"""A system without known terms: a state for each column of the data, an unknown function for each right-hand side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn.discover.data import TRAJECTORY
from symdyn.discover.kinds import plain
from symdyn.errors import RecoveryError
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["TIMES", "declared"]

#: Names that a column of times may have.
TIMES = ("time", "t")


def declared(system: System | None, data: Any) -> ODESystem:
    """``x' = f_x(x, y, ...)`` for every column x, y, ... of the data that is not time; or `system`, if it says just that.

    Raises
    ------
    RecoveryError
        If the data have no columns, or a right-hand side of `system` is not an unknown function of all states.

    Examples
    --------
    >>> print(declared(None, {"t": [0, 1], "x": [1, 2], "y": [1, 3]}))
    x' = f_x(x, y)
    y' = f_y(x, y)
    """
    if system is not None:
        if system.unmet(["drift"]):
            raise RecoveryError(f"whole right-hand sides are those of an ODESystem, got {type(system).__name__}")
        drift = system.part("drift")
        for state, side in zip(system.states, drift, strict=True):
            if not isinstance(side, AppliedUndef) or set(side.args) != set(system.states) or drift.count(side) > 1:
                raise RecoveryError(
                    f"the right-hand side of {state} is {side}; where nothing is known it is an unknown function of all states "
                    "and of no other equation"
                )
        return plain(system)
    names: list[str] = []
    for part in data if isinstance(data, (list, tuple)) else [data]:
        names += [n for n in _columns(part) if n not in names]
    if not names:
        raise RecoveryError("the data have no columns beside time; every state of the system needs one")
    states = [sp.Symbol(n) for n in names]
    return ODESystem({s: sp.Function(f"f_{s.name}")(*states) for s in states})


def _columns(data: Any) -> list[str]:
    if isinstance(data, xr.Dataset):
        time = next((n for n in TIMES if n in data.dims), None)
        return [str(v) for v in data.data_vars if time in data[v].dims]
    if isinstance(data, pd.DataFrame):
        names = [str(c) for c in data.columns if c != TRAJECTORY]
        # a named index of times leaves all columns to the states
        used = "" if data.index.name in TIMES else next((n for n in TIMES if n in names), "")
    elif isinstance(data, Mapping):
        names = [str(getattr(k, "name", k)) for k in data]
        used = next((n for n in TIMES if n in names), "")
    else:
        raise RecoveryError(
            f"data of type {type(data).__name__} cannot be read; expected an xarray.Dataset, a pandas.DataFrame, "
            "a mapping of arrays, or a list of them"
        )
    return [n for n in names if n != used]
