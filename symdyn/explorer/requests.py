"""Requests of a page, checked: names and finite numbers, nothing that is evaluated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from symdyn.errors import DeclarationError

__all__ = ["read_request"]


def read_request(request: Any) -> dict[str, Any]:
    """The arguments of `Explorer.frame` in what came as JSON.

    Raises
    ------
    DeclarationError
        For anything else.

    Examples
    --------
    >>> read_request({"parameters": {"k": 2}, "stop": 10, "rest": True})
    {'parameters': {'k': 2.0}, 'stop': 10.0, 'rest': True}
    """
    if not isinstance(request, Mapping):
        raise DeclarationError(f"the request is {type(request).__name__}; expected an object")
    found: dict[str, Any] = {}
    for key, value in request.items():
        if key in ("parameters", "initial"):
            if not isinstance(value, Mapping) or not all(isinstance(n, str) and _number(v) for n, v in value.items()):
                raise _refusal(key, value, "numbers by name")
            found[key] = {n: float(v) for n, v in value.items()}
        elif key == "stop":
            if not _number(value):
                raise _refusal(key, value, "a number")
            found[key] = float(value)
        elif key in ("shown", "plane"):
            if value is not None and not (isinstance(value, list) and all(isinstance(n, str) for n in value)):
                raise _refusal(key, value, "a list of names")
            found[key] = value
        elif key == "rest":
            if not isinstance(value, bool):
                raise _refusal(key, value, "true or false")
            found[key] = value
        else:
            raise DeclarationError(f"the request has {str(key)[:80]!r}, which is not known")
    return found


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _refusal(key: str, value: Any, expected: str) -> DeclarationError:
    return DeclarationError(f"the request has {key!r} {repr(value)[:80]}; expected {expected}")
