"""A system without known terms: a state for each column of the data, an unknown function for each right-hand side."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.errors import RecoveryError
from symdyn.inference.reading import read_data
from symdyn.models.ode import ODESystem

__all__ = ["declared"]


def declared(data: Any) -> ODESystem:
    """``x' = f_x(x, y, ...)`` for every column x, y, ... of the data that changes.

    Raises
    ------
    RecoveryError
        If the data have no such columns.

    Examples
    --------
    >>> print(declared({"t": [0, 1], "x": [1, 2], "y": [1, 3]}))
    x' = f_x(x, y)
    y' = f_y(x, y)
    """
    read = read_data(data)
    changing = [n for n in read.names if read.constant(n) is None]
    if not changing:
        raise RecoveryError(
            f"the data have no column that changes beside time (columns: {', '.join(read.names) or 'none'}); every state "
            "needs one"
        )
    states = [sp.Symbol(n) for n in changing]
    return ODESystem({s: sp.Function(f"f_{s.name}")(*states) for s in states})
