"""Conditions on states, parameters and time, from sympy or text: where a trajectory stops."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.operators import OPERATORS, read_operators
from symdyn.parsing import parse_condition
from symdyn.system import System, delays_in

__all__ = ["read_condition"]


def read_condition(value: Any, system: System) -> sp.Basic | None:
    """A condition in the symbols of `system`, observables written out, or None if none is given.

    Raises
    ------
    DeclarationError
        For anything that is not a comparison, or names what the system does not have.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("X -> 0, k")
    >>> read_condition("X <= 0", net)
    X <= 0
    """
    if value is None:
        return None
    functions = OPERATORS if system.fields else system.names if system.delayed else ()
    condition = parse_condition(value, functions) if isinstance(value, str) else value
    if not isinstance(condition, Boolean) or isinstance(condition, BooleanAtom) or condition.is_Symbol:
        raise DeclarationError(f"until is {value!r}; expected a comparison, such as 'X <= 0' or sympy.Le(X, 0)")
    known = (*system.states, *system.parameters, system.time, *system.observables)
    names = {s: lookup(s, known, "symbol") for s in sorted(condition.free_symbols, key=str)}
    if not system.delays and (calls := delays_in([condition], system.names)):
        raise DeclarationError(
            f"until contains {calls[0]}, a state at another time, which a system without delays does not keep; let an "
            f"observable have it, as in late := {calls[0]}"
        )
    return read_operators(condition.xreplace(names).xreplace(dict(system.observables)))
