"""The flows of dysts (Gilpin, NeurIPS 2021) as systems: their functions, called with symbols."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd

__all__ = ["DystsFlows"]


def _each(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of symbols, of arrays entry by entry."""
    return lambda *a: np.vectorize(f, otypes=[object])(*a) if any(isinstance(v, np.ndarray) for v in a) else f(*a)


def _least(a: Any, axis: int | None = None) -> Any:
    return np.frompyfunc(sp.Min, 2, 1).reduce(np.asarray(a, dtype=object), axis=axis)


#: What their functions take from numpy, for symbols.
_FUNCTIONS = {
    "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "exp": sp.exp,
    "log": sp.log, "sqrt": sp.sqrt, "abs": sp.Abs, "arctan": sp.atan, "maximum": sp.Max, "minimum": sp.Min, "mod": sp.Mod,
    "power": lambda a, b: a**b, "sign": lambda x: sp.Piecewise((1, x > 0), (-1, True)),
    "heaviside": lambda x, at: sp.Piecewise((0, x < 0), (at, sp.Eq(x, 0)), (1, True)),
}  # fmt: skip
_ARRAYS = ("array", "asarray", "sum", "dot", "matmul", "roll", "zeros", "hstack", "vstack", "stack", "append", "copy", "diag",
           "ones", "reshape", "concatenate", "arange")  # fmt: skip
_NUMPY = SimpleNamespace(
    pi=sp.pi, min=_least, zeros_like=lambda x: np.zeros(np.shape(x), dtype=object), **{k: getattr(np, k) for k in _ARRAYS},
    **{k: _each(f) for k, f in _FUNCTIONS.items()},
)  # fmt: skip
_NAMES = {"np": _NUMPY, "len": len, "range": range, "abs": _each(sp.Abs), "sum": sum, "zip": zip, "min": sp.Min, "max": sp.Max,
          "staticjit": staticmethod}  # fmt: skip


class DystsFlows(Mapping[str, sd.ODESystem]):
    """All flows by name; a name whose equations cannot be written is a KeyError that says why."""

    def __getitem__(self, name: str) -> sd.ODESystem:
        entry = _entries().get(name)
        if entry is None:
            raise KeyError(f"dysts has no flow {name}")
        if entry["delay"]:
            raise KeyError(f"{name} has a delay; its past is part of its state")
        start = np.asarray(entry["initial_conditions"], dtype=float).ravel()
        states = list(sp.symbols(f"x:{len(start)}"))
        try:
            rates = np.asarray(_rates(name, entry, states), dtype=object).ravel()
            equations = dict(zip(states, rates, strict=True))
            return sd.ODESystem(equations, initial=dict(zip(states, map(float, start), strict=True)))
        except (TypeError, AttributeError, ValueError, sd.SymdynError) as error:
            raise KeyError(f"{name} is not written out: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(_entries()))

    def __len__(self) -> int:
        return len(_entries())


@functools.cache
def _entries() -> dict[str, dict[str, Any]]:
    place = find_spec("dysts")
    if place is None or not place.submodule_search_locations:
        return {}
    file = Path(place.submodule_search_locations[0], "data", "chaotic_attractors.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())
    return found


def _plain(function: Any) -> Any:
    """A function of dysts whose numpy is that for symbols."""
    own = function
    while (inner := getattr(own, "__func__", getattr(own, "py_func", None))) is not None:
        own = inner
    return FunctionType(own.__code__, dict(_NAMES), own.__name__, own.__defaults__, own.__closure__)


def _rates(name: str, entry: dict[str, Any], states: list[sp.Symbol]) -> Any:
    import dysts.flows

    kind, t = getattr(dysts.flows, name), sp.Symbol("t")
    values = {k: np.asarray(v) if np.ndim(v) else v for k, v in entry["parameters"].items()}
    own = SimpleNamespace(**values)
    parts = {k: v for c in reversed(kind.__mro__) if c.__module__ == kind.__module__ for k, v in vars(c).items()}
    for key, part in parts.items():
        if isinstance(part, staticmethod) or hasattr(part, "py_func"):
            setattr(own, key, _plain(part))
        elif isinstance(part, FunctionType):
            setattr(own, key, MethodType(_plain(part), own))
    if "rhs" in parts:
        return own.rhs(np.array(states, dtype=object), t)
    code = own._rhs.__code__
    names = code.co_varnames[: code.co_argcount]
    at = names.index("t")
    given = states if at == len(states) else [np.array(states, dtype=object)]
    return own._rhs(*given, t, *(values[n] for n in names[at + 1 :]))
