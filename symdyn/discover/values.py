"""Values that the arguments of `recover` and the fields of `RecoverOptions` may have."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from symdyn.discover.library import FUNCTIONS
from symdyn.discover.named_libraries import NAMED, library_names
from symdyn.discover.options import RecoverOptions
from symdyn.errors import RecoveryError
from symdyn.registry import suggest

__all__ = ["check_values"]


@dataclass(frozen=True)
class _Value:
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


def _count(least: int) -> _Value:
    return _Value(f"a whole number of {least} or more", lambda v: _whole(v) and v >= least)


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def _several(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping))


def _terms(value: Any) -> bool:
    if isinstance(value, int):
        return _whole(value) and value >= 0
    return value is None or isinstance(value, str) or (_several(value) and len(value) > 0)


def _or_none(value: _Value) -> _Value:
    return _Value(f"{value.text}, or None", lambda v: v is None or value.fits(v))


STATES = _Value("a sequence of states or their names, such as ['x']", _several)
MAPPING = _Value("a mapping", lambda v: isinstance(v, Mapping))
FLAG = _Value("True or False", lambda v: isinstance(v, (bool, np.bool_)))
NAME = _Value("a name", lambda v: isinstance(v, str))

#: Of the arguments of `recover`, and of the fields of `RecoverOptions` after "options.".
VALUES: Mapping[str, _Value] = {
    "unknown": _or_none(STATES),
    "library": _Value(
        "the degree of monomials, the name of a library, a sequence of one term or more, or a mapping from unknown functions "
        "to these",
        lambda v: len(v) > 0 and all(map(_terms, v.values())) if isinstance(v, Mapping) else _terms(v),
    ),
    "surrogate": _or_none(NAME),
    "regressor": _or_none(NAME),
    "selection": FLAG,
    "budget": _or_none(_Value("a positive number of seconds", lambda v: _real(v) and v > 0)),
    "seed": _Value("a whole number from 0 to below 2**32", lambda v: _whole(v) and 0 <= v < 2**32),
    "progress": _or_none(_Value("True, False, or what to call with stage and fraction", lambda v: FLAG.fits(v) or callable(v))),
    "heldout": _Value("a fraction from 0 to below 1", lambda v: _real(v) and 0 <= v < 1),
    "bounds": _or_none(MAPPING),
    "signs": _or_none(MAPPING),
    "conserved": _or_none(_Value("a sequence of expressions of states, such as ['x + y']", _several)),
    "graph": _or_none(MAPPING),
    "checkpoint": _or_none(_Value("the path of a file", lambda v: isinstance(v, (str, os.PathLike)))),
    "options": _Value("RecoverOptions(...)", lambda v: isinstance(v, RecoverOptions)),
    "options.degree": _count(0),
    "options.functions": _Value("a sequence of names, such as ['sin']", lambda v: _several(v) and all(map(NAME.fits, v))),
    "options.fit": _Value("a sequence of parameters or their names, such as ['k']", _several),
    "options.guesses": MAPPING,
    "options.noise": _or_none(MAPPING),
    "options.windows": _or_none(_count(1)),
    "options.largest": _count(1),
    "options.beam": _count(1),
    "options.rounds": _count(0),
    "options.keep": _count(1),
    "options.level": _Value("a number between 0 and 1", lambda v: _real(v) and 0 < v < 1),
    "options.process": _or_none(_Value("True, False or 'auto'", lambda v: FLAG.fits(v) or (NAME.fits(v) and v == "auto"))),
    "options.repair": FLAG,
    "options.repeats": FLAG,
    "options.units": _or_none(MAPPING),
    "options.ties": FLAG,
    "options.surrogate": MAPPING,
    "options.regressor": MAPPING,
}


def check_values(arguments: Mapping[str, Any]) -> None:
    """Refuse values that no system and no data could make right.

    Parameters
    ----------
    arguments : mapping of str
        Arguments of `recover` by name; fields of ``options`` are looked at along.

    Raises
    ------
    RecoveryError
        Naming the first wrong one, what was got and what was expected.

    Examples
    --------
    >>> check_values({"seed": 3, "options": RecoverOptions(functions=["sine"])})
    Traceback (most recent call last):
    ...
    symdyn.errors.RecoveryError: options.functions names 'sine'; known: sin, cos, exp, decay, log, sqrt, inverse, tanh, \
saturating. Did you mean 'sin'?
    """
    for name, value in arguments.items():
        _check(name, value)
    options = arguments["options"]
    for name in library_names(arguments.get("library")):
        if name not in NAMED:
            raise RecoveryError(f"library names {name!r}; known: {', '.join(NAMED)}.{suggest(name, NAMED)}")
    for name, value in vars(options).items():
        _check(f"options.{name}", value)
    for name in options.functions:
        if name not in FUNCTIONS:
            raise RecoveryError(f"options.functions names {name!r}; known: {', '.join(FUNCTIONS)}.{suggest(name, FUNCTIONS)}")
    for key, value in options.guesses.items():
        if not (_real(value) and math.isfinite(value)):
            raise RecoveryError(f"the guess of {key} in options.guesses is {value!r}; expected a finite number")
    for key, value in (options.noise or {}).items():
        if not (_real(value) and 0 < value < math.inf):
            raise RecoveryError(f"the noise of {key} is {value!r}; expected a positive standard deviation in options.noise")


def _check(name: str, value: Any) -> None:
    expected = VALUES[name]
    if not expected.fits(value):
        raise RecoveryError(f"{name} is {value!r}; expected {expected.text}")
