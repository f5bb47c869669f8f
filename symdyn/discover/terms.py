"""Unknown functions of a system, and the terms that a library allows in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression
from symdyn.discover.library import library_terms
from symdyn.discover.named_libraries import named_terms
from symdyn.errors import RecoveryError
from symdyn.inference.kinds import KINDS, plain, right_sides
from symdyn.models.operators import AXES, OPERATORS, laplacian
from symdyn.models.pde import PDESystem
from symdyn.models.sde import SDESystem
from symdyn.registry import suggest
from symdyn.system import System

__all__ = [
    "added_functions",
    "allowed_terms",
    "function_name",
    "known_names",
    "named",
    "one_of_each",
    "own_library",
    "with_unknown_terms",
]


def with_unknown_terms(system: Any, unknown: Sequence[Any] | None, *, needed: bool = True) -> Any:
    """The system with an unknown function of all states added to the equation of each state in `unknown`.

    Names of unknown functions may be given too; those are in the system already.  Of fields the functions are of their
    first derivatives and laplacian too; of diffusions they are added to the drift.

    Parameters
    ----------
    system : ODESystem, DiscreteSystem, SDESystem or PDESystem
    unknown : sequence, optional
    needed : bool
        Whether a system in which nothing is unknown is refused.

    Raises
    ------
    RecoveryError
        If nothing is unknown, a name is neither a state nor an unknown function, or an unknown function is an argument of
        another, or is named like a random number or an operator.

    Notes
    -----
    Of a matrix model whose numbers are clamped at 0 the new terms stand inside: the result is clamped with them.
    """
    _check_functions(system)
    added = added_functions(system, unknown)
    if added:
        system = _with_added(system, {s: sp.Function(added[s.name]) for s in system.states if s.name in added})
    if needed and not system.unknowns:
        ways = "or name states in unknown=[...]"
        if system.parts <= set(KINDS):
            ways = (
                "name states in unknown=[...], fit its parameters with symdyn.fit, or ask which of "
                "its terms are wrong with options=RecoverOptions(repair=True)"
            )
        raise RecoveryError(
            "the system has no unknown term; write one as an undefined function, f = sympy.Function('f'), in its equations, "
            + ways
        )
    return system


def _with_added(system: Any, functions: Mapping[sp.Symbol, Any]) -> Any:
    """The system with functions in the equations of some states."""
    if isinstance(system, PDESystem):
        scalars = [s for s in functions if s not in system.fields]
        if scalars:
            fields = ", ".join(map(str, system.fields))
            raise RecoveryError(f"{scalars[0]} is a scalar; unknown terms can be added to fields: {fields}")
        axes = AXES[: system.dimension]
        terms = {s: f(*system.fields, *(axis(s) for axis in axes), laplacian(s)) for s, f in functions.items()}
        return system.replace(rates=_sums(system, system.rates, terms))
    terms = {s: f(*system.states) for s, f in functions.items()}
    if isinstance(system, SDESystem):
        return system.replace(drift=_sums(system, system.drift, terms))
    sides = _sums(system, right_sides(system.replace(clamped=False) if system.clamped else system), terms)
    return plain(system, [sp.Max(0, side) for side in sides] if system.clamped else sides)


def _sums(system: System, sides: Sequence[sp.Expr], terms: Mapping[sp.Symbol, sp.Expr]) -> tuple[sp.Expr, ...]:
    """Right-hand sides with further terms by state."""
    return tuple(side + terms.get(s, 0) for s, side in zip(system.states, sides, strict=True))


def added_functions(system: System, unknown: Sequence[Any] | None) -> dict[str, str]:
    """Names of new unknown functions by the state whose equation gets them; functions of the system are passed over.

    Raises
    ------
    RecoveryError
        If a name is neither a state nor an unknown function.
    """
    functions = {u.func.__name__ for u in system.unknowns}
    taken, added = {s.name for s in (*system.states, *system.parameters)} | functions, {}
    for name in dict.fromkeys(map(function_name, unknown or ())):
        if name in functions:
            continue
        if name not in system.names:
            known = (*sorted(functions), *system.names)
            raise RecoveryError(
                f"{name!r} is neither an unknown function nor a state; known: {', '.join(known)}.{suggest(name, known)}"
            )
        label = f"f_{name}"
        while label in taken:
            label += "_"
        added[name] = label
        taken.add(label)
    return added


def _check_functions(system: System) -> None:
    """Refuse unknown functions for which no terms can be told."""
    for u in system.unknowns:
        inner = [v for a in u.args for v in a.atoms(AppliedUndef)]
        if inner:
            raise RecoveryError(
                f"the unknown term {inner[0]} is an argument of another, {u}; only one of them can be recovered: "
                "write the other as a formula"
            )
        if system.drawn(sp.Symbol(u.func.__name__)):
            raise RecoveryError(f"the unknown function {u.func} is named like a random number of a map; rename it")
        if "fields" in system.parts and u.func.__name__ in OPERATORS:
            raise RecoveryError(f"the unknown function {u.func} is named like an operator; rename it")


def function_name(key: Any) -> str:
    """The name of a function or state, given by name, as a symbol, as ``f`` or as ``f(x, y)``."""
    if isinstance(key, str):
        return key.partition("(")[0]
    return getattr(key, "name", None) or getattr(key, "__name__", None) or key.func.__name__


def named(option: str, key: Any) -> str:
    """The name of a symbol, function or application among the keys of an option.

    Raises
    ------
    RecoveryError
        If it has none.
    """
    try:
        return function_name(key)
    except AttributeError:
        raise RecoveryError(f"{option} names {key!r}; expected a symbol, a function or its name") from None


def known_names(option: str, keys: Iterable[Any], known: Collection[str]) -> list[str]:
    """The names of the keys of an option.

    Raises
    ------
    RecoveryError
        If one of them is not known.

    Examples
    --------
    >>> known_names("signs", [sp.Function("f"), "g(x)"], ["f", "g"])
    ['f', 'g']
    """
    names = [named(option, key) for key in keys]
    for name in names:
        if name not in known:
            listed = ", ".join(dict.fromkeys(known)) or "none"
            raise RecoveryError(f"{option} names {name!r}; known: {listed}.{suggest(name, known)}")
    return names


def one_of_each(unknowns: Sequence[AppliedUndef]) -> tuple[AppliedUndef, ...]:
    """One application of each unknown function; the others follow from it."""
    found: dict[str, AppliedUndef] = {}
    for u in unknowns:
        found.setdefault(u.func.__name__, u)
    return tuple(found.values())


def own_library(unknown: AppliedUndef, choice: Any, *, needed: bool = True) -> Any:
    """What a library says of one unknown function: itself, or of a mapping the entry with its name, None if it is not needed.

    Raises
    ------
    RecoveryError
        If a mapping does not name the function.
    """
    if not isinstance(choice, Mapping):
        return choice
    by_name = {function_name(k): v for k, v in choice.items()}
    if needed and unknown.func.__name__ not in by_name:
        raise RecoveryError(f"the library has no terms for {unknown}; its keys: {', '.join(by_name)}")
    return by_name.get(unknown.func.__name__)


def allowed_terms(
    system: System, unknown: AppliedUndef, choice: Any, *, degree: int, functions: Sequence[str]
) -> tuple[sp.Expr, ...]:
    """The terms that `choice` allows to one unknown function.

    Parameters
    ----------
    choice : None, int, str, sequence of Expr, or mapping
        Monomials of `degree`, or of another one; the name of a library; the terms themselves; or one of these for each
        function by name, function or application.  Of a plain sequence, terms with states that are no argument are left out.

    Raises
    ------
    RecoveryError
        If nothing is left, or a mapping does not name the function.
    """
    choice = own_library(unknown, choice)
    if choice is None or isinstance(choice, int):
        return library_terms(unknown.args, degree if choice is None else choice, functions)
    terms = list(named_terms(system, unknown, choice)) if isinstance(choice, str) else [expression(e) for e in choice]
    foreign = {*system.states, *getattr(system, "space", ()), system.time} - unknown.free_symbols
    kept = [e for e in terms if not e.free_symbols & foreign]
    if not kept:
        raise RecoveryError(f"no term of the library is made of the arguments of {unknown}")
    return library_terms(unknown.args, 0, functions, kept, constant=False)
