"""Reading delays: states at other times in expressions, and the histories before the first time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.parsing import ModelText
from symdyn.paths import Path
from symdyn.system import delays_in

__all__ = ["at_first", "check_delays", "kept_span", "named_slopes", "now", "read_history", "read_span", "refuse_idle_history"]


def now(states: Iterable[sp.Symbol], sides: Iterable[sp.Basic], time: sp.Symbol) -> dict[sp.Basic, sp.Symbol]:
    """The state for each ``x(t)`` in expressions.

    >>> x, t, X = *sp.symbols("x t"), sp.Function("x")
    >>> now([x], [X(t) * X(t - 1)], t)
    {x(t): x}
    """
    named = {s.name: s for s in states}
    calls = [e for e in dag.nodes(sides) if isinstance(e, AppliedUndef) and e.args == (time,)]
    return {e: named[e.func.__name__] for e in calls if e.func.__name__ in named}


def named_slopes(side: Any) -> Any:
    """A side of an equation with ``x'(s)`` for each derivative of x by time, at another time s.

    >>> t, x = sp.Symbol("t"), sp.Function("x")
    >>> named_slopes(x(t - 1).diff(t) / 2 - x(t))
    -x(t) + x'(t - 1)/2
    """
    swap = {}
    for node in dag.nodes([side]) if isinstance(side, sp.Basic) else ():
        if not isinstance(node, sp.Subs):
            continue
        rate = node.expr
        if isinstance(rate, sp.Derivative) and isinstance(rate.expr, AppliedUndef) and rate.variables == node.variables:
            swap[node] = sp.Function(f"{rate.expr.func.__name__}'")(*node.point)
    return side.xreplace(swap) if swap else side


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


def read_span(span: Any, history: Mapping[sp.Symbol, sp.Expr]) -> tuple[float, float] | None:
    """From when to when histories are known.

    Raises
    ------
    DeclarationError
        For anything but two numbers in order, and where there is no history.

    Examples
    --------
    >>> x, t = sp.symbols("x t")
    >>> read_span((1900, 1907), {x: sp.cos(t)})
    (1900.0, 1907.0)
    """
    if span is None:
        return None
    try:
        low, high = map(float, span)
    except (TypeError, ValueError):
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise DeclarationError(f"history_span is {span!r}; expected two times, (from, to), between which the history is known")
    if not history:
        raise DeclarationError(f"history_span is {span!r}, and there is no history; give history={{...}}, or leave it out")
    return low, high


def kept_span(model: ModelText, options: Mapping[str, Any]) -> Any:
    """The span of the histories of a text, unless another, or another history of every state, is given."""
    given = {str(name_of(k)) for k in options.get("history") or {}}
    return options.get("history_span", None if given and given >= model.history.keys() else model.history_span)


def at_first(
    initial: Mapping[Any, Any] | None, states: tuple[sp.Symbol, ...], time: sp.Symbol, history: Mapping[sp.Symbol, sp.Expr],
    elsewhere: Iterable[sp.Basic],
) -> Mapping[Any, Any] | None:  # fmt: skip
    """Initial values in which states before the first time, which the symbol of time then stands for, are their histories.

    >>> x, y, t, X = *sp.symbols("x y t"), sp.Function("x")
    >>> at_first({y: 2 * X(t - 1)}, (x, y), t, {x: sp.cos(t)}, [])
    {y: 2*cos(t - 1)}

    Raises
    ------
    DeclarationError
        For delays that are neither numbers nor, without states and time, in one of the expressions `elsewhere`.
    """
    if not isinstance(initial, Mapping):
        return initial
    named = {s.name: s for s in states}
    values = [v for v in initial.values() if isinstance(v, sp.Basic)]
    calls = [call for call in delays_in(values, named) if call.args != (time,)]
    check_delays(calls, states, time, {})
    checked = {sp.expand(time - call.args[0]) for call in delays_in(elsewhere, named)}
    swap = {}
    for call in calls:
        delay = sp.expand(time - call.args[0])
        if not delay.is_number and (delay not in checked or delay.free_symbols & {time, *states}):
            raise DeclarationError(
                f"an initial value contains {call}, whose delay {delay} may be negative; expected a number, or a delay that an "
                "equation has too"
            )
        state = named[call.func.__name__]
        swap[call] = history.get(state, state).xreplace({time: call.args[0]})
    return {k: v.xreplace(swap) if isinstance(v, sp.Basic) else v for k, v in initial.items()}


def refuse_idle_history(history: Mapping[sp.Symbol, sp.Expr], time: sp.Symbol) -> None:
    """Raise the error of a history that nothing looks up."""
    state = next(iter(history))
    raise DeclarationError(
        f"the history of {state} has no effect, as nothing contains a delay such as {state}({time} - 1); "
        f"give initial={{{state}: ...}}"
    )


def check_delays(
    sides: Iterable[sp.Basic], states: tuple[sp.Symbol, ...], time: sp.Symbol, history: Mapping[sp.Symbol, sp.Expr]
) -> None:
    """Refuse delays that mean nothing, in right-hand sides, observables and events.

    Raises
    ------
    DeclarationError
        Naming the term, and how a delay is written.
    """
    names = {s.name for s in states}
    found = [e for e in dag.nodes(sides) if isinstance(e, AppliedUndef) and e.func.__name__.rstrip("'") in names]
    for call in found:
        name, free = call.func.__name__, dag.free_symbols(call.args)
        if name not in names and (name.endswith("''") or sp.expand(time - call.args[0]).free_symbols & {time, *states}):
            raise DeclarationError(
                f"{call} is not supported: expected the first derivative of a state, delayed by a number or a parameter"
            )
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
