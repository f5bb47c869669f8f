"""TOML, written: what `tomllib` reads back as the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["toml"]

#: A key without quotes.
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(table: Mapping[str, Any]) -> str:
    r"""A table as a document: tables within it follow, under their names; texts of several lines are written as such.

    Parameters
    ----------
    table : mapping
        Of texts, bools, numbers, lists and arrays of these, and tables; tables within tables are written inline.

    Examples
    --------
    >>> print(toml({"rate": 0.1, "case": {"k": [1.0, 2.0], "two words": {"n": 3}}}), end="")
    rate = 0.1
    <BLANKLINE>
    [case]
    k = [1.0, 2.0]
    "two words" = {n = 3}
    """
    lines = [f"{_key(name)} = {_value(v, lines=True)}" for name, v in table.items() if not isinstance(v, Mapping)]
    for name, inner in table.items():
        if isinstance(inner, Mapping):
            lines += ["", f"[{_key(name)}]", *(f"{_key(key)} = {_value(v)}" for key, v in inner.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, *, lines: bool = False) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        if not lines or "\n" not in value:
            return _text(value)
        return '"""\n' + "\n".join(_text(line)[1:-1] for line in value.split("\n")) + '"""'
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(int(value))
