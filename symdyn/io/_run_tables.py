"""Tables of a run file: keys, times, values along dimensions and statistics, between TOML and what `simulate` takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError, ParseError
from symdyn.models.text import expression_text
from symdyn.parsing import parse_expression

__all__ = [
    "KEYS",
    "SETTINGS",
    "listed",
    "read_statistics",
    "read_times_of",
    "read_values",
    "read_volume",
    "recorded_statistics",
    "recorded_values",
    "times_table",
    "typed",
    "value_table",
]

#: A statistic in the attribute ``reduce`` of a dataset: its name, and a number or numbers in brackets.
_STATISTIC = re.compile(r"(\w+)(?:: (\(.*?\)|[^,]+))?(?:, |$)")
#: Whole numbers of TOML are smaller.
_LARGEST = 2**63
#: Most output times of a range.
_MOST_TIMES = 10_000_000
#: Keys and the types of their values: of the model, of what `simulate` takes as it is, and of the rest.
MODEL: Mapping[str, tuple[type, ...]] = {
    "model": (str,), "file": (str,), "system": (str,), "time": (str,), "interpretation": (str,), "volume": (str, float, int),
    "combinatoric": (bool,),
}  # fmt: skip
SETTINGS: Mapping[str, tuple[type, ...]] = {
    "trajectories": (int,), "seed": (int,), "rtol": (float, int), "atol": (float, int), "step": (float, int), "until": (str,),
    "target": (str,),
}  # fmt: skip
KEYS: Mapping[str, tuple[type, ...]] = {
    **MODEL, **SETTINGS, "times": (list, dict), "method": (str,), "precision": (str,), "reduce": (list, dict),
    "options": (dict,), "parameters": (dict,), "initial": (dict,), "labels": (dict,), "versions": (str,),
}  # fmt: skip
_CALLED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "a table"}


def typed(key: str, value: Any, types: tuple[type, ...]) -> Any:
    """A value of one of the types; True is no number."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        names = " or ".join(dict.fromkeys(_CALLED[t] for t in types if not (t is int and float in types)))
        raise DeclarationError(f"{key} is {value!r}; expected {names}")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise DeclarationError(f"{key} is a whole number of {len(str(abs(value)))} digits; expected less than 2^63")
    return value


def read_statistics(given: list[Any] | dict[str, Any]) -> Any:
    """Statistics as `simulate` takes them; those without numbers are an empty list in a table."""
    if isinstance(given, list):
        return [typed("reduce", name, (str,)) for name in given]
    return {name: None if v == [] else tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def read_volume(given: Any) -> Any:
    """A volume, of which the number may be written as a text."""
    return parse_expression(given) if isinstance(given, str) and not given.isidentifier() else given


def listed(reduced: Any) -> list[str]:
    """Names of statistics without numbers."""
    return [reduced] if isinstance(reduced, str) else list(reduced)


def times_table(times: np.ndarray) -> Any:
    """A range where that gives the same numbers, else all of them."""
    times = np.asarray(times, dtype=float)
    if len(times) > 2 and np.array_equal(np.linspace(times[0], times[-1], len(times)), times):
        return {"start": float(times[0]), "stop": float(times[-1]), "count": len(times)}
    return times


def read_times_of(given: list[Any] | dict[str, Any]) -> np.ndarray:
    """Output times of a list or a range."""
    if isinstance(given, list):
        return np.array([typed("times", t, (float, int)) for t in given], dtype=float)
    if given.keys() != {"start", "stop", "count"}:
        raise DeclarationError(f"times are {given!r}; expected {{start = 0, stop = 20, count = 101}}")
    start, stop = (typed(f"times.{end}", given[end], (float, int)) for end in ("start", "stop"))
    count = typed("times.count", given["count"], (int,))
    if not (2 <= count <= _MOST_TIMES and math.isfinite(start) and math.isfinite(stop)):
        raise DeclarationError(f"times are {given!r}; expected finite ends and a count from 2 to {_MOST_TIMES}")
    return np.linspace(start, stop, count)


def value_table(name: str, value: Any, labels: dict[str, np.ndarray]) -> Any:
    """A number, expression, list, or table of values along dimensions, whose labels are added to `labels`."""
    if isinstance(value, sp.Expr) and not value.is_number:
        text = expression_text(value)
        try:
            parse_expression(text)
        except ParseError as error:
            raise DeclarationError(f"the initial value of {name}, {text}, has no text: {error.reason}") from None
        return text
    if not isinstance(value, xr.DataArray):
        return value if isinstance(value, str) else np.asarray(value, dtype=float)
    own = value.dims in {(name,), (f"{name}0",)} and np.array_equal(value[value.dims[0]], value)  # a sweep, labelled by itself
    for dim in (d for d in value.dims if d in value.coords):
        of = value[dim]
        if not own and not {"parameter", "initial"} & of.attrs.keys():
            if of.dtype.kind not in "iufUO" or (of.dtype.kind == "O" and not all(isinstance(v, str) for v in of.values)):
                raise DeclarationError(f"labels of {dim} are {of.dtype}; a run file holds numbers and texts")
            labels[str(dim)] = of.values
    if own and value.dims[0] in value.coords:
        return value.values
    return {"along": list(map(str, value.dims)), "values": value.values}


def read_values(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters and initial values."""
    labels = {
        name: [typed(f"labels.{name}", v, (str, float, int)) for v in typed(f"labels.{name}", values, (list,))]
        for name, values in table.get("labels", {}).items()
    }
    found = [_values_of(table, kind, labels) for kind in ("parameters", "initial")]
    used = {d for values in found for v in values.values() if isinstance(v, xr.DataArray) for d in v.dims}
    if idle := [name for name in labels if name not in used]:
        raise DeclarationError(f"labels.{idle[0]} labels nothing; no value is along {idle[0]}")
    return found


def _values_of(table: Mapping[str, Any], kind: str, labels: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in table.get(kind, {}).items():
        key, types = f"{kind}.{name}", (float, int, list, dict, *((str,) if kind == "initial" else ()))
        value = typed(key, given, types)
        if isinstance(value, str):
            value = parse_expression(value)
        elif isinstance(value, list):
            value = _array(key, value)
        elif isinstance(value, dict):
            if value.keys() != {"along", "values"}:
                raise DeclarationError(f'{key} is {given!r}; expected {{along = ["case"], values = [0.1, 0.2]}}')
            dims = [typed(f"{key}.along", d, (str,)) for d in typed(f"{key}.along", value["along"], (list,))]
            numbers = _array(key, typed(f"{key}.values", value["values"], (list,)))
            if numbers.ndim != len(dims) or len(set(dims)) < len(dims):
                raise DeclarationError(f"{key} has values of {numbers.ndim} dimensions along {dims}; expected a name for each")
            own = {d: labels[d] for d in dims if d in labels}
            for d, size in zip(dims, numbers.shape, strict=True):
                if d in own and len(own[d]) != size:
                    raise DeclarationError(f"{key} has {size} values along {d}, and labels.{d} has {len(own[d])}")
            value = xr.DataArray(numbers, dims=dims, coords=own)
        found[name] = value
    return found


def _array(key: str, values: list[Any]) -> np.ndarray:
    """A list of numbers, or of lists of them of one length."""
    try:
        found = np.array(values)
    except ValueError:
        found = np.array([], dtype=object)
    if found.dtype.kind not in "if" or not found.size:
        raise DeclarationError(f"{key} is {values!r}; expected numbers, or lists of numbers of one length")
    return found.astype(float)


def recorded_values(text: str) -> dict[str, Any]:
    """``k = 1, V = 100`` as a mapping."""
    pairs = (pair.partition(" = ") for pair in text.split(", "))
    return {name: float(value) for name, _, value in pairs if name}


def recorded_statistics(text: str) -> dict[str, Any]:
    """``mean, quantile: (0.1, 0.5), histogram: 16`` as a mapping."""
    found: dict[str, Any] = {}
    for name, value in _STATISTIC.findall(text):
        numbers = tuple(float(v) for v in value.strip("()").split(",") if v.strip())
        found[name] = None if not value else numbers if value.startswith("(") else int(value)
    return found
