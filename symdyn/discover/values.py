"""Values that the arguments of `recover` and the fields of `RecoverOptions` may have."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Integral
from typing import Any

from symdyn.discover.library import FUNCTIONS
from symdyn.discover.named_libraries import NAMED, library_names
from symdyn.discover.options import RecoverOptions
from symdyn.errors import RecoveryError
from symdyn.inference.allowed_values import FLAG, RUNNING, AllowedValue, check_value, is_real, or_none
from symdyn.registry import suggest

__all__ = ["check_values"]


def _count(least: int) -> AllowedValue:
    return AllowedValue(f"a whole number of {least} or more", lambda v: _whole(v) and v >= least)


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _several(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping))


def _terms(value: Any) -> bool:
    if isinstance(value, int):
        return _whole(value) and value >= 0
    return value is None or isinstance(value, str) or (_several(value) and len(value) > 0)


STATES = AllowedValue("a sequence of states or their names, such as ['x']", _several)
MAPPING = AllowedValue("a mapping", lambda v: isinstance(v, Mapping))
NAME = AllowedValue("a name", lambda v: isinstance(v, str))

#: Of the arguments of `recover`, and of the fields of `RecoverOptions` after "options.".
VALUES: Mapping[str, AllowedValue] = {
    **RUNNING,
    "unknown": or_none(STATES),
    "library": AllowedValue(
        "the degree of monomials, the name of a library, a sequence of one term or more, or a mapping from unknown functions "
        "to these",
        lambda v: len(v) > 0 and all(map(_terms, v.values())) if isinstance(v, Mapping) else _terms(v),
    ),
    "surrogate": or_none(NAME),
    "regressor": or_none(NAME),
    "selection": FLAG,
    "seed": AllowedValue("a whole number from 0 to below 2**32", lambda v: _whole(v) and 0 <= v < 2**32),
    "heldout": AllowedValue("a fraction from 0 to below 1", lambda v: is_real(v) and 0 <= v < 1),
    "bounds": or_none(MAPPING),
    "signs": or_none(MAPPING),
    "conserved": or_none(AllowedValue("a sequence of expressions of states, such as ['x + y']", _several)),
    "graph": or_none(MAPPING),
    "options": AllowedValue("RecoverOptions(...)", lambda v: isinstance(v, RecoverOptions)),
    "options.degree": _count(0),
    "options.functions": AllowedValue("a sequence of names, such as ['sin']", lambda v: _several(v) and all(map(NAME.fits, v))),
    "options.fit": AllowedValue("a sequence of parameters or their names, such as ['k']", _several),
    "options.guesses": MAPPING,
    "options.noise": or_none(MAPPING),
    "options.windows": or_none(_count(1)),
    "options.largest": _count(1),
    "options.beam": _count(1),
    "options.rounds": _count(0),
    "options.keep": _count(1),
    "options.level": AllowedValue("a number between 0 and 1", lambda v: is_real(v) and 0 < v < 1),
    "options.process": or_none(AllowedValue("True, False or 'auto'", lambda v: FLAG.fits(v) or (NAME.fits(v) and v == "auto"))),
    "options.repair": FLAG,
    "options.repeats": FLAG,
    "options.units": or_none(MAPPING),
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
        check_value(name, value, VALUES[name])
    options = arguments["options"]
    for name in library_names(arguments.get("library")):
        if name not in NAMED:
            raise RecoveryError(f"library names {name!r}; known: {', '.join(NAMED)}.{suggest(name, NAMED)}")
    for name, value in vars(options).items():
        check_value(f"options.{name}", value, VALUES[f"options.{name}"])
    for name in options.functions:
        if name not in FUNCTIONS:
            raise RecoveryError(f"options.functions names {name!r}; known: {', '.join(FUNCTIONS)}.{suggest(name, FUNCTIONS)}")
    for key, value in options.guesses.items():
        if not (is_real(value) and math.isfinite(value)):
            raise RecoveryError(f"the guess of {key} in options.guesses is {value!r}; expected a finite number")
    for key, value in (options.noise or {}).items():
        if not (is_real(value) and 0 < value < math.inf):
            raise RecoveryError(f"the noise of {key} is {value!r}; expected a positive standard deviation in options.noise")
