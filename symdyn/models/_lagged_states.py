"""Delays of maps as further states: the state x one step ago is a state, ``x_lag1``, whose next value is x."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import by_symbol, lookup, name_of
from symdyn.models._delays import at_first, check_delays, read_history, refuse_idle_history
from symdyn.system import delays_in

__all__ = ["MOST_LAGS", "LaggedStates", "past_states"]

#: Steps of the longest delay of a state.
MOST_LAGS = 1000


def past_states(rows: Mapping[sp.Symbol, sp.Expr]) -> tuple[sp.Symbol, ...]:
    """The states of the past among those of a map, also of one that was read from its text.

    >>> x, y, x_lag1 = sp.symbols("x y x_lag1")
    >>> past_states({x: x_lag1 / 2, x_lag1: x, y: x})
    (x_lag1,)
    >>> past_states({x_lag1: x})  # of a parameter
    ()
    """
    parts = {s: s.name.rpartition("_lag") for s in rows}
    return tuple(
        s for s, (state, _, lag) in parts.items()
        if state and lag.isdecimal() and int(lag) > 0 and rows[s] in rows and rows[s] == _past(sp.Symbol(state), int(lag) - 1)
    )  # fmt: skip


def _past(state: sp.Symbol, lag: int) -> sp.Symbol:
    return sp.Symbol(f"{state}_lag{lag}") if lag else state


class LaggedStates:
    """The states that the delays in expressions of a map stand for.

    Attributes
    ----------
    swap : dict of Function to Symbol
        From ``x(t - k)`` to its state.
    rows : dict of Symbol to Expr
        Their next values, those of x one to k steps ago.

    Examples
    --------
    >>> x, t, X = *sp.symbols("x t"), sp.Function("x")
    >>> lagged = LaggedStates((x,), [x * X(t - 2)], t)
    >>> lagged.swap, lagged.rows
    ({x(t - 2): x_lag2}, {x_lag1: x, x_lag2: x_lag1})
    >>> lagged.beginning({"x": 3, "x_lag2": 5}, {x: 2})
    {x_lag1: 2, x_lag2: 5, x: 3}
    """

    def __init__(
        self, states: tuple[sp.Symbol, ...], sides: Iterable[sp.Basic], time: sp.Symbol, parameters: Iterable[Any] = ()
    ) -> None:
        self.time, self.states, named = time, states, {s.name: s for s in states}
        calls = [call for call in delays_in(sides, named) if call.args != (time,)]
        check_delays(calls, states, time, {})
        self.swap: dict[sp.Basic, sp.Symbol] = {}
        longest: dict[sp.Symbol, int] = {}
        for call in calls:
            name, lag = call.func.__name__, sp.expand(time - call.args[0])
            if name not in named or not (lag.is_Integer and 0 < lag <= MOST_LAGS):
                raise DeclarationError(
                    f"{call} is not a state at an earlier step of this map; expected a delay of 1 to {MOST_LAGS} steps, as in "
                    f"{name}({time} - 1)"
                )
            state = named[name]
            self.swap[call] = _past(state, int(lag))
            longest[state] = max(longest.get(state, 0), int(lag))
        self.of = {_past(s, k): (s, k) for s, most in longest.items() for k in range(1, most + 1)}
        self.rows = {lagged: _past(s, k - 1) for lagged, (s, k) in self.of.items()}
        if taken := next((s for s in self.rows if s.name in {*named, *map(name_of, parameters)}), None):
            raise DeclarationError(f"{taken} is the name of the state {self.of[taken][0]} in the past; rename this one")

    def beginning(self, initial: Any, history: Any) -> Any:
        """Initial values, with those of the past: the history, or the initial value of the state.

        Raises
        ------
        DeclarationError
            For a history that nothing looks up, or that depends on time.
        """
        before = read_history(history, self.states, self.time)
        for state, e in before.items():
            if self.time in e.free_symbols:
                raise DeclarationError(
                    f"the history {e} of {state} depends on {self.time}; of a map it is one value, and others are initial "
                    f"values of the states of the past, initial={{'{state}_lag1': ..., '{state}_lag2': ...}}"
                )
        if idle := {s: e for s, e in before.items() if s not in {s for s, _ in self.of.values()}}:
            refuse_idle_history(idle, self.time)
        past = {s: before.get(x, x) for s, (x, _) in self.of.items()}
        if not past:
            return initial
        every = (*self.states, *past)
        short = isinstance(initial, (list, tuple, np.ndarray)) and len(initial) == len(self.states)
        given = by_symbol(initial, self.states if short else every, "state")  # those of the past may be left out
        begun = at_first(given, self.states, self.time, before, self.swap) or {}
        own = {lookup(key, every, "state"): value for key, value in begun.items()}
        return {**past, **before, **own}
