"""Values that a user gives, by symbols or names, checked, with messages that state how to correct them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.paths import Path
from symdyn.registry import suggest
from symdyn.text.derivatives import derivative_name

__all__ = [
    "TIMES",
    "by_symbol",
    "initial_values",
    "keyed",
    "listed",
    "lookup",
    "name_of",
    "numeric_values",
    "over_text",
    "refuse_inputs",
    "refuse_over_time",
    "refuse_repeated",
    "value_of",
]

#: What the axis of time is called in data.
TIMES = ("time", "t")


def lookup(key: Any, symbols: Iterable[sp.Symbol], what: str) -> sp.Symbol:
    """The symbol among `symbols` that `key` (a symbol, a name or ``x'``) means, whatever its assumptions."""
    return _found(key, {s.name: s for s in symbols}, what)


def keyed(values: Mapping[Any, Any], symbols: Iterable[sp.Symbol], what: str) -> dict[sp.Symbol, Any]:
    """Values by the symbols among `symbols` that their keys mean, as `lookup` finds them; of two keys of one the last counts.

    So it does where some values are written over others, ``{**system.defaults, "k": 2}``.

    >>> x, y = sp.symbols("x y")
    >>> keyed({"y": 1, x: 2}, (x, y), "state")
    {y: 1, x: 2}
    """
    by_name = {s.name: s for s in symbols}
    return {_found(key, by_name, what): value for key, value in values.items()}


def listed(given: Any) -> list[Any]:
    """What was given, one after another: a name or an expression alone is one."""
    return [given] if isinstance(given, (str, sp.Basic)) else list(given)


def _found(key: Any, by_name: Mapping[str, sp.Symbol], what: str) -> sp.Symbol:
    """The symbol that `key` means."""
    name = name_of(key)
    if isinstance(name, str) and name not in by_name and name.endswith("'"):
        name = derivative_name(name.rstrip("'"), len(name) - len(name.rstrip("'")))
    if name in by_name:
        return by_name[name]
    known = ", ".join(by_name) or "none"
    several = what if what.endswith("s") else f"{what}s"
    raise DeclarationError(f"{key!r} is not a {what} of this system; its {several}: {known}.{suggest(str(key), by_name)}")


def name_of(key: Any) -> Any:
    """The name of a state or parameter given as a symbol, as ``x(t)``, as a derivative ``x(t).diff(t)`` or by name."""
    key = key.expr if isinstance(key, sp.Subs) else key  # a derivative at a point, as conditions of dsolve are written
    if isinstance(key, sp.Derivative) and isinstance(key.expr, AppliedUndef):
        return derivative_name(key.expr.func.__name__, key.derivative_count)
    return key.func.__name__ if isinstance(key, AppliedUndef) else getattr(key, "name", key)


def refuse_inputs(symbol: sp.Symbol) -> None:
    """Raise an error for an input over time, whose values are no numbers."""
    if isinstance(symbol, Path):
        raise DeclarationError(f"{symbol} is an input over time, not a number; give it as a Path, inputs={{'{symbol}': ...}}")


def refuse_repeated(labels: Iterable[Any], what: str) -> None:
    """Raise an error for a label of a table that comes twice, with two values of one symbol."""
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise DeclarationError(f"{what} {twice[0]} is given twice; give one value, or one column, for each {what}")


def by_symbol(given: Any, symbols: Iterable[sp.Symbol], what: str) -> Any:
    """Values in one of the forms in which they are given, as a mapping.

    The states of a dataset are taken out of it, so that a run goes on where another one ended; a Series has them by its labels.
    Numbers in a list, tuple or array belong to the states in their order.

    >>> x, y = sp.symbols("x y")
    >>> by_symbol([1, 0], (x, y), "state")
    {x: 1, y: 0}
    """
    symbols = tuple(symbols)
    if hasattr(given, "data_vars"):
        found = {s: given[s.name] for s in symbols if s.name in given}
        if found:
            return found
        names = ", ".join(s.name for s in symbols)
        raise DeclarationError(
            f"a dataset was given for {what} values, which has none of {names}; its variables: {', '.join(given)}"
        )
    if isinstance(given, Mapping) or given is None:
        return given
    if hasattr(given, "to_dict") and hasattr(given, "index") and not hasattr(given, "columns"):
        refuse_repeated(given.index, what)
        return given.to_dict()
    ordered = isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim > 0)
    if not (ordered and what.endswith("state") and symbols):
        example = symbols[0] if symbols else "x"
        raise DeclarationError(f"{what} values must be a mapping such as {{{example}: 1.0}}, got {type(given).__name__}")
    if len(given) != len(symbols):
        order = ", ".join(s.name for s in symbols)
        raise DeclarationError(f"{len(given)} initial values were given for {len(symbols)} states; in their order: {order}")
    for s, v in zip(symbols, given, strict=True):
        if getattr(v, "ndim", 0) or isinstance(v, (list, tuple)):
            raise DeclarationError(
                f"initial values in the order of the states are single numbers, and {s} has {v!r}; a sweep is a mapping, "
                f"{{{s}: [1, 2]}}, and an array (runs, states) or a data frame has a row for each run"
            )
    return dict(zip(symbols, given, strict=True))


def over_text(written: Mapping[str, Any], given: Any, *, ordered: bool = True) -> Any:
    """What a text says by name with what was given over it; values that are no mapping stand alone, for the class to read.

    >>> over_text({"x": 1, "y": 2}, {sp.Symbol("y"): 3}), over_text({"x": 1}, [4])
    ({'x': 1, 'y': 3}, [4])
    """
    if given is not None and not isinstance(given, Mapping):
        if ordered:
            return given
        raise DeclarationError(f"observables are {given!r}; expected a mapping from names to expressions")
    return {**written, **{name_of(k): v for k, v in (given or {}).items()}}


def numeric_values(values: Mapping[Any, Any] | None, symbols: Iterable[sp.Symbol], what: str) -> dict[sp.Symbol, float]:
    """`values` with symbols for keys and finite floats for values."""
    by_name = {s.name: s for s in symbols}
    if values is not None and not isinstance(values, Mapping):
        raise DeclarationError(f"{what} values are {values!r}; expected a mapping from symbols or names to numbers")
    checked = {}
    for symbol, value in keyed(values or {}, by_name.values(), what).items():
        refuse_inputs(symbol)
        refuse_over_time(value, symbol, what)
        try:
            number = float(value)
        except (TypeError, ValueError):
            expected = "a number" if what == "parameter" else "a number, or an expression of parameters"
            raise DeclarationError(f"{what} {symbol} has the value {value!r}; expected {expected}") from None
        except OverflowError:  # a whole number that no float holds
            raise DeclarationError(f"the value of {what} {symbol} is beyond 1e308, where floats end") from None
        if not math.isfinite(number):
            raise DeclarationError(f"{what} {symbol} has the value {value!r}; expected a finite number")
        checked[symbol] = number
    return checked


def value_of(e: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    """The value of an expression, or nan if it or a part of it is no finite real number.

    Operations follow one another with doubles, so that no tower of powers takes long.

    >>> k = sp.Symbol("k")
    >>> value_of(2 * k**2, {k: 3.0}), value_of(sp.exp(sp.exp(sp.exp(k))), {k: 1000.0})
    (18.0, nan)
    >>> value_of(sp.E - sp.E * sp.ceiling(k), {k: 0.5})
    0.0
    """
    found: dict[sp.Basic, sp.Basic] = {s: sp.Float(values[s]) for s in dag.free_symbols([e])}
    for node in dag.nodes([e]):
        if node in found:
            continue
        made = node.func(*(found[a] for a in node.args)) if node.args else node
        if (node.args or isinstance(node, sp.NumberSymbol)) and isinstance(made, sp.Expr):
            try:
                number = float(made) if made.is_comparable else math.nan
            except OverflowError:
                number = math.nan
            if not math.isfinite(number):
                return math.nan
            made = sp.Float(number)
        found[node] = made
    number = float(found[e]) if found[e].is_comparable else math.nan
    return number if math.isfinite(number) else math.nan


def refuse_over_time(value: Any, symbol: sp.Symbol, what: str, times: Collection[str] = TIMES) -> None:
    """Refuse a Series or DataArray that is a function of time, which is neither one value nor a sweep.

    Of a Series, the index is of dates or intervals of time, is called as one of `times`, or holds floating numbers without
    a name; a DataArray has such a dimension, or one whose labels are dates.

    >>> import xarray as xr
    >>> refuse_over_time(xr.DataArray([1.0, 2.0], dims="dose"), sp.Symbol("k"), "parameter")
    """
    index: Any = getattr(value, "index", None)
    if index is not None and hasattr(index, "dtype") and getattr(value, "ndim", 0) == 1:  # a Series of pandas
        axes, unclear = [(index.name, index.dtype)], index.name is None and index.dtype.kind == "f"
    elif hasattr(value, "dims") and hasattr(value, "coords"):  # a DataArray
        axes, unclear = [(d, value.coords[d].dtype if d in value.coords else None) for d in value.dims], False
    else:
        return
    dated = [name for name, dtype in axes if getattr(dtype, "kind", None) in ("m", "M") or str(dtype).startswith("period")]
    named = [name for name, _ in axes if name in times]
    if not (dated or named or unclear):
        return
    kind = f"a {type(value).__name__} over {(named or dated)[0] or 'time'}" if dated or named else (
        f"a Series with the index {index[0]:g} ... {index[-1]:g}, which may be time"
    )  # fmt: skip
    sweep = " (values of a sweep: .to_numpy())" if unclear else ""
    if what == "parameter":
        raise DeclarationError(
            f"parameter {symbol} is {kind}{sweep}; what changes over time is no parameter but an input: write "
            f"symdyn.Path({symbol.name!r}, times, values) for {symbol} in the right-hand sides, with times in the unit of time "
            "of the system, or a formula of time such as sympy.Piecewise((a, t < 1), (b, True)), in text piecewise(a, t < 1, b)"
        )
    raise DeclarationError(
        f"{what} {symbol} has for its initial value {kind}{sweep}; an initial value holds at the first time: take one, such as "
        f"{'.iloc[-1]' if index is not None else f'.isel({(named or dated)[0]}=-1)'}"
    )


def initial_values(
    values: Mapping[Any, Any] | None, states: Iterable[sp.Symbol], time: sp.Symbol, what: str = "state", *, timed: bool = False
) -> dict[sp.Symbol, float | sp.Expr]:
    """`values` with symbols for keys, and for values finite floats, or expressions of parameters and other initial values.

    If they are `timed`, these may contain the first time.

    >>> S, P, k, t = sp.symbols("S P k t")
    >>> initial_values({"S": 2 * k, P: 3}, (S, P), t)
    {S: 2*k, P: 3.0}
    """
    states = tuple(states)
    values = by_symbol(values, states, what)
    written = {k: v for k, v in (values or {}).items() if isinstance(v, sp.Expr) and not v.is_number}
    if not written:
        return {**numeric_values(values, states, what)}
    swap = {sp.Function(s.name)(time): s for s in states}
    found: dict[sp.Symbol, float | sp.Expr] = {}
    for key, value in (values or {}).items():
        if key not in written:
            found |= numeric_values({key: value}, states, what)
            continue
        symbol = lookup(key, states, what)
        dag.refuse_growth(dag.size(value), f"the initial value of {symbol}")
        found[symbol] = e = value.xreplace(swap)
        wrong = [f"the unknown term {u}" for u in sorted(map(str, e.atoms(AppliedUndef)))]
        wrong += [f"the time {time}"] if time in e.free_symbols and not timed else []
        wrong += [f"the input {p} over time" for p in e.free_symbols if isinstance(p, Path)]
        if wrong:
            raise DeclarationError(
                f"the initial value {e} of {symbol} contains {wrong[0]}; it may depend on parameters and on the initial values "
                "of other states"
            )
    dag.in_order({s: e for s, e in found.items() if isinstance(e, sp.Expr)}, "initial value of")
    return found
