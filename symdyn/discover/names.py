"""Names in the arguments of `recover`: of states, parameters, unknown functions, constants, and of stages and their options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.discover.conserved import read_conserved
from symdyn.discover.graph import read_graph
from symdyn.discover.named_libraries import inner_names
from symdyn.discover.reads import Reads
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.request import Request
from symdyn.discover.signs import read_signs
from symdyn.discover.terms import added_functions, function_name, one_of_each
from symdyn.errors import RecoveryError
from symdyn.inference.guesses import read_bounds
from symdyn.inference.kinds import KINDS
from symdyn.parsing import parse_expression
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["check_names", "check_stages"]

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
        _name("unknown", key)
    if request.options.repair:
        request = replace(request, unknown=None)  # states whose equations may be changed
    added = [sp.Function(label)(*system.states) for label in added_functions(system, request.unknown).values()]
    unknowns = one_of_each((*system.unknowns, *added))
    functions = [u.func.__name__ for u in unknowns]
    for key in request.signs or ():
        _name("signs", key)
    read_signs(unknowns, request.signs)
    read_conserved(system, request.conserved)
    read_graph(system, request.graph)
    constants = _constants(system, request.library)
    states, parameters = ([s.name for s in part] for part in (system.states, system.parameters))
    if isinstance(request.library, Mapping):
        _known("library", request.library, states if request.options.repair else functions)
    initial = states if system.parts <= set(KINDS) else []
    _known("options.fit", request.options.fit, [*parameters, *initial])
    _known("options.guesses", request.options.guesses, [*parameters, *constants])
    _refuse_fixed("options.guesses", request.options.guesses, system, request.options.fit)
    _known("options.noise", request.options.noise or (), states)
    bounds = {_name("bounds", key): pair for key, pair in (request.bounds or {}).items()}
    inner = "|".join((MADE, *map(re.escape, constants)))
    own = re.compile(f"({'|'.join(map(re.escape, functions))})_({inner})")
    begun = [] if system.parts & {"diffusion", "fields"} else states  # whose initial values or numbers are limited
    fitted = [*begun, *parameters, *constants]
    _refuse_fixed("bounds", bounds, system, request.options.fit)
    _known("bounds", [name for name in bounds if not own.fullmatch(name)], fitted)
    read_bounds(bounds, map(sp.Symbol, (*fitted, *bounds)), map(sp.Symbol, begun))


def _refuse_fixed(option: str, keys: Iterable[Any], system: System, fit: Iterable[Any]) -> None:
    """Refuse what is said of parameters that have values and are not fitted."""
    fitted = set(map(function_name, fit))
    fixed = {p.name: value for p, value in system.defaults.items() if p.name not in fitted}
    for name in (_name(option, key) for key in keys):
        if name in fixed:
            raise RecoveryError(
                f"{option} names {name!r}, which has the value {fixed[name]:g} and is not fitted; name it in options.fit, or "
                f"leave it out of {option}"
            )


def _name(option: str, key: Any) -> str:
    """The name of a symbol, function or application in the keys of an option."""
    try:
        return function_name(key)
    except AttributeError:
        raise RecoveryError(f"{option} names {key!r}; expected a symbol, a function or its name") from None


def _known(option: str, keys: Iterable[Any], known: Collection[str]) -> None:
    for key in keys:
        name = _name(option, key)
        if name not in known:
            listed = ", ".join(dict.fromkeys(known)) or "none"
            raise RecoveryError(f"{option} names {name!r}; known: {listed}.{suggest(name, known)}")


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
