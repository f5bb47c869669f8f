"""Values that arguments may have, and those of arguments that every search has: `budget`, `checkpoint` and `progress`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError

__all__ = ["FLAG", "RUNNING", "AllowedValue", "check_value", "is_real", "or_none"]


@dataclass(frozen=True)
class AllowedValue:
    """What a value has to be.

    Attributes
    ----------
    text : str
        In words, for messages.
    fits : callable
        Whether a value is one.
    """

    text: str
    fits: Callable[[Any], bool]


def is_real(value: Any) -> bool:
    """Whether a value is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def or_none(value: AllowedValue) -> AllowedValue:
    """The same, or None."""
    return AllowedValue(f"{value.text}, or None", lambda v: v is None or value.fits(v))


FLAG = AllowedValue("True or False", lambda v: isinstance(v, (bool, np.bool_)))

#: By name.
RUNNING: Mapping[str, AllowedValue] = {
    "budget": or_none(AllowedValue("a positive number of seconds", lambda v: is_real(v) and v > 0)),
    "progress": or_none(
        AllowedValue("True, False, or what to call with stage and fraction", lambda v: FLAG.fits(v) or callable(v))
    ),
    "checkpoint": or_none(AllowedValue("the path of a file", lambda v: isinstance(v, (str, os.PathLike)))),
}


def check_value(name: str, value: Any, expected: AllowedValue) -> None:
    """Refuse a value of an argument.

    Raises
    ------
    RecoveryError
        Naming the argument, what was got and what was expected.

    Examples
    --------
    >>> check_value("budget", -1, RUNNING["budget"])
    Traceback (most recent call last):
    ...
    symdyn.errors.RecoveryError: budget is -1; expected a positive number of seconds, or None
    """
    if not expected.fits(value):
        raise RecoveryError(f"{name} is {value!r}; expected {expected.text}")
