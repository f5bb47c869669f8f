"""What is refused in the arguments of `recover`: values, names, and stages and their options, each in one place."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.discover.library import FUNCTIONS
from symdyn.discover.named_libraries import NAMED, inner_names, library_names
from symdyn.discover.options import RecoverOptions, Request
from symdyn.discover.priors import read_conserved, read_graph, read_signs
from symdyn.discover.reads import Reads
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.terms import added_functions, function_name, known_names, named, one_of_each
from symdyn.errors import RecoveryError
from symdyn.inference.allowed_values import FLAG, RUNNING, AllowedValue, check_value, is_real, or_none
from symdyn.inference.guesses import read_bounds
from symdyn.inference.kinds import KINDS
from symdyn.parsing import parse_expression
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["check_names", "check_stages", "check_values"]


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
    known_names("library", library_names(arguments.get("library")), NAMED)
    for name, value in vars(options).items():
        check_value(f"options.{name}", value, VALUES[f"options.{name}"])
    known_names("options.functions", options.functions, FUNCTIONS)
    for key, value in options.guesses.items():
        if not (is_real(value) and math.isfinite(value)):
            raise RecoveryError(f"the guess of {key} in options.guesses is {value!r}; expected a finite number")
    for key, value in (options.noise or {}).items():
        if not (is_real(value) and 0 < value < math.inf):
            raise RecoveryError(f"the noise of {key} is {value!r}; expected a positive standard deviation in options.noise")


#: Names of constants that a search makes itself, after the name of the function: of formulas, of Hill terms, of a library
#: whose constant has a name that is taken.
MADE = r"c\d+_*|K\w*"


def check_names(system: System, request: Request) -> None:
    """Refuse names that a system does not have, signs that are none, and bounds that are none.

    Parameters
    ----------
    system : System
        As it was declared, or made of the columns of the data where nothing is known.
    request : Request
        What was asked for; its values are of the right types.

    Raises
    ------
    RecoveryError
        Naming the option, the first such name and the names that are known.

    Examples
    --------
    >>> from symdyn.discover.options import RecoverOptions
    >>> from symdyn.models.ode import ODESystem
    >>> hidden = ODESystem.from_text("x' = -rate*x + f(x)")
    >>> check_names(hidden, Request(options=RecoverOptions(guesses={"rat": 1})))
    Traceback (most recent call last):
    ...
    symdyn.errors.RecoveryError: options.guesses names 'rat'; known: rate. Did you mean 'rate'?
    """
    for key in request.unknown or ():
        named("unknown", key)
    if request.options.repair:
        request = replace(request, unknown=None)  # states whose equations may be changed
    added = [sp.Function(label)(*system.states) for label in added_functions(system, request.unknown).values()]
    unknowns = one_of_each((*system.unknowns, *added))
    functions = [u.func.__name__ for u in unknowns]
    read_signs(unknowns, request.signs)
    read_conserved(system, request.conserved)
    read_graph(system, request.graph)
    constants = _constants(system, request.library)
    states, parameters = ([s.name for s in part] for part in (system.states, system.parameters))
    if isinstance(request.library, Mapping):
        known_names("library", request.library, states if request.options.repair else functions)
    initial = states if system.parts <= set(KINDS) else []
    known_names("options.fit", request.options.fit, [*parameters, *initial])
    known_names("options.guesses", request.options.guesses, [*parameters, *constants])
    _refuse_fixed("options.guesses", request.options.guesses, system, request.options.fit)
    known_names("options.noise", request.options.noise or (), states)
    bounds = {named("bounds", key): pair for key, pair in (request.bounds or {}).items()}
    inner = "|".join((MADE, *map(re.escape, constants)))
    own = re.compile(f"({'|'.join(map(re.escape, functions))})_({inner})")
    begun = [] if system.parts & {"diffusion", "fields"} else states  # whose initial values or numbers are limited
    fitted = [*begun, *parameters, *constants]
    _refuse_fixed("bounds", bounds, system, request.options.fit)
    known_names("bounds", [name for name in bounds if not own.fullmatch(name)], fitted)
    read_bounds(bounds, map(sp.Symbol, (*fitted, *bounds)), map(sp.Symbol, begun))


def _refuse_fixed(option: str, keys: Iterable[Any], system: System, fit: Iterable[Any]) -> None:
    """Refuse what is said of parameters that have values and are not fitted."""
    fitted = set(map(function_name, fit))
    fixed = {p.name: value for p, value in system.defaults.items() if p.name not in fitted}
    for name in (named(option, key) for key in keys):
        if name in fixed:
            raise RecoveryError(
                f"{option} names {name!r}, which has the value {fixed[name]:g} and is not fitted; name it in options.fit, or "
                f"leave it out of {option}"
            )


def _constants(system: System, library: Any) -> list[str]:
    """Names of the symbols in the terms of a library that the system does not have."""
    parts = library.values() if isinstance(library, Mapping) else [library]
    known = {s.name for s in (*system.states, *system.parameters, *getattr(system, "space", ()), system.time)}
    found: set[str] = set()
    for part in parts:
        if isinstance(part, str):
            found |= {*inner_names(system, part)} - known
            continue
        for term in () if part is None or isinstance(part, int) else part:
            # terms of fields may be text
            read = parse_expression(term) if isinstance(term, str) and "fields" in system.parts else expression(term)
            found |= {s.name for s in read.free_symbols} - known
    return sorted(found)


def check_stages(system: System, request: Request, route: Reads) -> None:
    """Refuse surrogates and regressors that there are not, and options that they do not have.

    Parameters
    ----------
    system : System
        Decides what the surrogate 'auto' may be.
    request : Request
        What was asked for.
    route : Reads
        Of the route that is taken.

    Raises
    ------
    SymdynError
        Naming what is unknown, and what is known.

    Examples
    --------
    >>> from symdyn.models.ode import ODESystem
    >>> check_stages(ODESystem.from_text("x' = f(x)"), Request(regressor="sparce"), Reads("an ODESystem", frozenset()))
    Traceback (most recent call last):
    ...
    symdyn.errors.SymdynError: unknown regressor 'sparce'; known: operon, pysr, sparse. Did you mean 'sparse'?
    """
    if request.surrogate not in (None, "auto"):
        route.surrogates[request.surrogate]
    if request.regressor not in (None, "auto"):
        REGRESSORS[request.regressor]
    if request.options.surrogate and request.surrogate is not None:
        usual = next((kind.surrogates for part, kind in KINDS.items() if system.parts == {part}), ())
        names = usual if request.surrogate == "auto" else (request.surrogate,)
        _check_options("surrogate", route.surrogates, names, request.options.surrogate)
    if request.options.regressor and request.regressor is not None:
        name = route.regressor if request.regressor == "auto" else request.regressor
        _check_options("regressor", REGRESSORS, [name], request.options.regressor)


def _check_options(stage: str, makers: Mapping[str, Any], names: Iterable[str], options: Mapping[str, Any]) -> None:
    """Refuse options that none of the stages of these names takes."""
    refused = [_refused(stage, name, makers[name], options) for name in names]
    if refused and refused[0] is not None and all(refused):
        raise refused[0]


def _refused(stage: str, name: str, make: Any, options: Mapping[str, Any]) -> RecoveryError | None:
    """Why what is made of that name does not take the options; None if it does."""
    free = [key for key in inspect.signature(make).parameters if key not in {"names", "random_state"}]
    wrong = [key for key in options if key not in free]
    if wrong:
        return RecoveryError(
            f"unknown option of the {stage} {name!r}: {wrong[0]}; known: {', '.join(free)}.{suggest(wrong[0], free)}"
        )
    try:
        make(**options)
    except RecoveryError as error:
        return error
    return None
