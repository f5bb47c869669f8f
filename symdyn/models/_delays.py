"""Reading delays: states at other times in right-hand sides, and the histories before the first time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import expression, lookup
from symdyn.errors import DeclarationError
from symdyn.paths import Path

__all__ = ["check_delays", "now", "read_history"]


def now(states: Iterable[sp.Symbol], sides: Iterable[sp.Basic], time: sp.Symbol) -> dict[sp.Basic, sp.Symbol]:
    """The state for each ``x(t)`` in expressions.

    >>> x, t, X = *sp.symbols("x t"), sp.Function("x")
    >>> now([x], [X(t) * X(t - 1)], t)
    {x(t): x}
    """
    named = {s.name: s for s in states}
    calls = [e for e in dag.nodes(sides) if isinstance(e, AppliedUndef) and e.args == (time,)]
    return {e: named[e.func.__name__] for e in calls if e.func.__name__ in named}


def read_history(
    history: Mapping[Any, Any] | None, states: tuple[sp.Symbol, ...], time: sp.Symbol
) -> Mapping[sp.Symbol, sp.Expr]:
    """Histories by state: expressions of time and parameters.

    Raises
    ------
    DeclarationError
        For anything else.

    Examples
    --------
    >>> x, t = sp.symbols("x t")
    >>> dict(read_history({"x": sp.cos(t)}, (x,), t))
    {x: cos(t)}
    """
    if history is not None and not isinstance(history, Mapping):
        raise DeclarationError(f"the history is {history!r}; expected a mapping from states to expressions of time, {{x: 1}}")
    found = {}
    for key, value in (history or {}).items():
        state = lookup(key, states, "state")
        e = found[state] = expression(value)
        wrong = [f"the state {s}" for s in states if s in e.free_symbols]
        wrong += [f"the term {u}" for u in sorted(map(str, e.atoms(AppliedUndef)))]
        wrong += [f"the input {p}" for p in e.free_symbols if isinstance(p, Path)]
        if wrong:
            raise DeclarationError(f"the history {e} of {state} contains {wrong[0]}; it depends on {time} and parameters alone")
    return MappingProxyType(found)


def check_delays(
    sides: Iterable[sp.Expr], further: Iterable[sp.Basic], states: tuple[sp.Symbol, ...], time: sp.Symbol,
    history: Mapping[sp.Symbol, sp.Expr],
) -> None:  # fmt: skip
    """Refuse delays that mean nothing, and those outside right-hand sides (`further`).

    Raises
    ------
    DeclarationError
        Naming the term, and how a delay is written.
    """
    names = {s.name for s in states}
    found, elsewhere = (
        [e for e in dag.nodes(part) if isinstance(e, AppliedUndef) and e.func.__name__ in names] for part in (sides, further)
    )
    slopes = [e for e in dag.nodes(sides) if isinstance(e, AppliedUndef) and e.func.__name__ in {f"{name}'" for name in names}]
    if slopes:
        raise DeclarationError(f"{slopes[0]} is a derivative at another time, of a neutral equation; that is not supported")
    for call in (*found, *elsewhere):
        name, free = call.func.__name__, dag.free_symbols(call.args)
        if path := next((p for p in free if isinstance(p, Path)), None):
            raise DeclarationError(
                f"the delay of {call} depends on the input {path}; let it depend on parameters, states and time"
            )
        if len(call.args) != 1 or not free & {time, *states} or (time not in free and not history):
            raise DeclarationError(
                f"{call} is a call of the state {name}; write the symbol {name}, or {name}({time}) everywhere, and a delay as "
                f"{name}({time} - 1), or as {name}(...) of states with history={{...}}"
            )
        if inner := next((e for e in found if e in call.args[0].atoms(AppliedUndef)), None):
            raise DeclarationError(f"the delay of {call} depends on {inner}, a state at another time; that is not supported")
        delay = sp.expand(time - call.args[0])
        if delay.is_number and not delay.is_positive:
            raise DeclarationError(f"{call} looks into the future; expected a positive delay, as in {name}({time} - 1)")
    if elsewhere:
        raise DeclarationError(
            f"{elsewhere[0]} is a state at another time, which right-hand sides alone may contain; make it a state"
        )
    if history and not found:
        state = next(iter(history))
        raise DeclarationError(
            f"the history of {state} has no effect, as no right-hand side contains a delay such as {state}({time} - 1); "
            f"give initial={{{state}: ...}}"
        )
