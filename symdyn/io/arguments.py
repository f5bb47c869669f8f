"""Numbers as they are typed in a shell: ranges, lists and assignments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.parsing import parse_expression

__all__ = [
    "parse_assignments", "parse_bounds", "parse_duration", "parse_noise", "parse_range", "parse_starts",
    "parse_times", "parse_values",
]  # fmt: skip

#: The beginning of a name; the e of 1e3 is none.
_NAME = re.compile(r"(?<![0-9.])[A-Za-z_]")
#: A second name with its value.
_FURTHER = re.compile(r",\s*([A-Za-z_]\w*)\s*=(?!=)")
_MOST_POINTS = 10_000_000


def _number(text: str, argument: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        whole = "" if text.strip() == argument.strip() else f" in {argument!r}"
        raise DeclarationError(f"{text.strip()!r}{whole} is not a finite number")
    return value


def parse_range(text: str) -> np.ndarray:
    """``start:stop:count`` as equally spaced values, both ends included.

    Raises
    ------
    DeclarationError
        For other texts, and for a count below 2.

    Examples
    --------
    >>> parse_range("0:20:5").tolist()
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    parts = text.split(":")
    if len(parts) != 3:
        raise DeclarationError(f"got {text!r}; expected start:stop:count, such as 0:20:101, or 0,5,20")
    count = parts[2].strip()
    if not (count.isascii() and count.isdigit() and 2 <= int(count[:10]) <= _MOST_POINTS):
        raise DeclarationError(f"the count in {text!r} is {count!r}; expected a whole number from 2 to {_MOST_POINTS}")
    return np.linspace(_number(parts[0], text), _number(parts[1], text), int(count))


def parse_duration(text: str) -> float:
    """Seconds in ``90``, ``90s``, ``10m`` or ``2h``.

    >>> parse_duration("10m"), parse_duration("1.5h"), parse_duration("90")
    (600.0, 5400.0, 90.0)
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    unit = text[-1:] if text[-1:] in units else ""
    seconds = _number(text.removesuffix(unit), text) * units.get(unit, 1.0)
    if not seconds > 0:
        raise DeclarationError(f"the time {text!r} is not positive; write 90s, 10m or 2h")
    return seconds


def parse_values(text: str) -> float | np.ndarray:
    """One number, or the values of a sweep: ``0.4,0.5,0.6`` or ``0.4:0.6:3``.

    Examples
    --------
    >>> parse_values("0.5"), parse_values("1,2").tolist(), parse_values("0:1:3").tolist()
    (0.5, [1.0, 2.0], [0.0, 0.5, 1.0])
    """
    if ":" in text:
        return parse_range(text)
    if "," in text:
        return np.array([_number(part, text) for part in text.split(",")])
    return _number(text, text)


def parse_times(text: str) -> np.ndarray:
    """Output times: ``0:20:101``, or one by one, ``0,5,20``.

    Raises
    ------
    DeclarationError
        As `parse_range`, and for what is no number.

    Examples
    --------
    >>> parse_times("0:1:3").tolist(), parse_times("0,5,20").tolist()
    ([0.0, 0.5, 1.0], [0.0, 5.0, 20.0])
    """
    return np.array([_number(part, text) for part in text.split(",")]) if "," in text else parse_range(text)


def parse_starts(items: Iterable[str]) -> dict[str, Any]:
    """``name=values`` for each state, or ``name=expression`` of parameters.

    Raises
    ------
    DeclarationError
        As `parse_assignments`; a text that is neither numbers nor an expression is a ParseError.

    Examples
    --------
    >>> parse_starts(["x=2*k", "y=0.5,1"])
    {'x': 2*k, 'y': array([0.5, 1. ])}
    """
    return parse_assignments(items, lambda text: parse_expression(text) if _NAME.search(text) else parse_values(text))


def parse_assignments(items: Iterable[str], read: Callable[[str], Any] = parse_values) -> dict[str, Any]:
    """``name=values`` for each name, in the order given; `read` reads the values.

    Raises
    ------
    DeclarationError
        If one is not an assignment, or a name occurs twice.

    Examples
    --------
    >>> parse_assignments(["a=0.5", "b=1"])
    {'a': 0.5, 'b': 1.0}
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, values = (part.strip() for part in item.partition("="))
        if not (name and equals and values):
            raise DeclarationError(f"got {item!r}; expected name=value, such as a=0.5, a=0.4,0.5 or a=0.4:0.6:3")
        if further := _FURTHER.search(values):
            raise DeclarationError(f"got {item!r}; an option takes one name: give it once more for {further[1]}")
        if name in found:
            sweep = f"a sweep is written {name}=0.4,0.5 or {name}=0.4:0.6:3" if read is parse_values else "leave one out"
            raise DeclarationError(f"{name} is given twice; {sweep}")
        found[name] = read(values)
    return found


def parse_bounds(items: Iterable[str]) -> dict[str, tuple[float | None, float | None]]:
    """A name, or a name with bounds, ``name=low:high``, of which one may be left out.

    Raises
    ------
    DeclarationError
        As `parse_assignments`; and for bounds that are none.

    Examples
    --------
    >>> parse_bounds(["a", "b=0.1:10", "c=0:"])
    {'a': (None, None), 'b': (0.1, 10.0), 'c': (0.0, None)}
    """

    def read(text: str) -> tuple[float | None, float | None]:
        parts = text.split(":")
        if len(parts) != 2:
            raise DeclarationError(f"got {text!r}; expected bounds low:high, such as 0.1:10, 0: or :10")
        low, high = (_number(part, text) if part.strip() else None for part in parts)
        return low, high

    return parse_assignments((item if "=" in item else f"{item}=:" for item in items), read)


def parse_noise(text: str | None) -> float | str | None:
    """A standard deviation, or the name of a law.

    >>> parse_noise("0.1"), parse_noise("lognormal")
    (0.1, 'lognormal')
    """
    if text is None or _NAME.match(text.strip()):
        return text
    return _number(text, text)
