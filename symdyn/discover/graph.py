"""The interaction graph of a system: which states enter which equation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.errors import RecoveryError
from symdyn.inference.kinds import right_sides
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["absent_states", "read_graph"]


def read_graph(system: System, graph: Mapping[Any, Collection[Any]] | None) -> dict[str, frozenset[str]]:
    """Names of the states that may enter the unknown functions in the equation of a state, itself among them.

    Raises
    ------
    RecoveryError
        If a key or one of its neighbours is no state, or the neighbours are no collection.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = f(x, y); y' = g(x, y)")
    >>> read_graph(system, {"x": []})
    {'x': frozenset({'x'})}
    """

    def state(key: Any) -> str:
        name = key if isinstance(key, str) else getattr(key, "name", str(key))
        if name not in system.names:
            known = ", ".join(system.names)
            raise RecoveryError(f"graph names {name!r}; known: {known}.{suggest(name, system.names)}")
        return name

    found = {}
    for key, neighbours in (graph or {}).items():
        if isinstance(neighbours, (str, Mapping)) or not isinstance(neighbours, Collection):
            raise RecoveryError(f"graph has {neighbours!r} for {key}; expected a sequence of states or their names, as ['y']")
        found[state(key)] = frozenset({state(key), *map(state, neighbours)})
    return found


def absent_states(system: System, unknown: AppliedUndef, graph: Mapping[str, frozenset[str]]) -> frozenset[sp.Symbol]:
    """States that may not enter an unknown function, as an equation in which it stands forbids them.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = f(x, y); y' = g(x, y)")
    >>> absent_states(system, system.unknowns[0], {"x": frozenset({"x"})})
    frozenset({y})
    """
    own = {v for v in system.unknowns if v.func == unknown.func}
    sides = zip(system.names, right_sides(system), strict=True)
    owners = [name for name, side in sides if name in graph and side.has(*own)]
    return frozenset(s for s in system.states if any(s.name not in graph[name] for name in owners))
