"""A system without known terms: a state for each column of the data, an unknown function for each right-hand side."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.errors import RecoveryError
from symdyn.inference.kinds import plain
from symdyn.inference.reading import read_data
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["declared"]


def declared(system: System | None, data: Any) -> ODESystem:
    """``x' = f_x(x, y, ...)`` for every column x, y, ... of the data that changes; or `system`, if it says just that.

    Raises
    ------
    RecoveryError
        If the data have no such columns, or a right-hand side of `system` is not an unknown function of all states.

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
    read = read_data(data)
    changing = [n for n in read.names if read.constant(n) is None]
    if not changing:
        raise RecoveryError(
            f"the data have no column that changes beside time (columns: {', '.join(read.names) or 'none'}); every state "
            "needs one"
        )
    states = [sp.Symbol(n) for n in changing]
    return ODESystem({s: sp.Function(f"f_{s.name}")(*states) for s in states})
