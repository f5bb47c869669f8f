"""Candidate terms of unknown functions: from a library, and from formulas that a regressor found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression
from symdyn.discover.candidates import Term, open_constants
from symdyn.discover.kinds import plain, right_sides
from symdyn.discover.library import library_terms
from symdyn.errors import RecoveryError
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["allowed_terms", "formula_terms", "function_name", "one_of_each", "start_theta", "with_unknown_states"]

#: Formulas of a regressor that give terms, and the largest terms taken from them (nodes).
FORMULAS, LARGEST_TERM, MOST_NEW = 3, 20, 6


def with_unknown_states(system: System, unknown: Sequence[Any] | None) -> System:
    """The system with an unknown term of all states added to the equation of each state in `unknown`.

    Names of unknown functions may be given too; those are in the system already.

    Raises
    ------
    RecoveryError
        If nothing is unknown, or a name is neither a state nor an unknown function.
    """
    names = {u.func.__name__ for u in system.unknowns}
    taken = {s.name for s in (*system.states, *system.parameters)} | names
    sides, added = list(right_sides(system)), False
    for entry in unknown or ():
        name = function_name(entry)
        if name in names:
            continue
        if name not in system.names:
            known = (*sorted(names), *system.names)
            raise RecoveryError(
                f"{name!r} is neither an unknown function nor a state; known: {', '.join(known)}.{suggest(name, known)}"
            )
        state = system.states[system.names.index(name)]
        label = f"f_{name}"
        while label in taken:
            label += "_"
        sides[system.states.index(state)] += sp.Function(label)(*system.states)
        added = True
        taken.add(label)
    changed = plain(system, sides) if added else system
    if not changed.unknowns:
        raise RecoveryError(
            "the system has no unknown term; write one as an undefined function, f = sympy.Function('f'), "
            "in its equations, name states in unknown=[...], or fit its parameters with "
            "symdyn.discover.fitting.fit_parameters"
        )
    return changed


def function_name(key: Any) -> str:
    """The name of a function or state, given by name, as a symbol, as ``f`` or as ``f(x, y)``."""
    if isinstance(key, str):
        return key.partition("(")[0]
    return getattr(key, "name", None) or getattr(key, "__name__", None) or key.func.__name__


def one_of_each(unknowns: Sequence[AppliedUndef]) -> tuple[AppliedUndef, ...]:
    """One application of each unknown function; the others follow from it."""
    found: dict[str, AppliedUndef] = {}
    for u in unknowns:
        found.setdefault(u.func.__name__, u)
    return tuple(found.values())


def allowed_terms(
    system: System, unknown: AppliedUndef, choice: Any, *, degree: int, functions: Sequence[str]
) -> tuple[sp.Expr, ...]:
    """The terms that `choice` allows to one unknown function.

    Parameters
    ----------
    choice : None, int, sequence of Expr, or mapping
        Monomials of `degree`, or of another one; the terms themselves; or one of these for each function by name,
        function or application.  Of a plain sequence, terms with states that are no argument are left out.

    Raises
    ------
    RecoveryError
        If nothing is left, or a mapping does not name the function.
    """
    if isinstance(choice, Mapping):
        name = unknown.func.__name__
        by_name = {function_name(k): v for k, v in choice.items()}
        if name not in by_name:
            raise RecoveryError(f"the library has no terms for {unknown}; its keys: {', '.join(by_name)}")
        choice = by_name[name]
    if choice is None or isinstance(choice, int):
        return library_terms(unknown.args, degree if choice is None else choice, functions)
    terms = [expression(e) for e in choice]
    foreign = {*system.states, system.time} - unknown.free_symbols
    kept = [e for e in terms if not e.free_symbols & foreign]
    if not kept:
        raise RecoveryError(f"no term of the library is made of the arguments of {unknown}")
    return library_terms(unknown.args, 0, functions, kept, constant=False)


def formula_terms(
    unknown: AppliedUndef,
    formulas: Sequence[sp.Expr],
    terms: list[Term],
    taken: set[str],
) -> list[list[tuple[int, float]]]:
    """Append the terms of formulas to `terms`; return each formula as places in that list with coefficients.

    Decimal numbers inside a term become constants that are fitted along.  Formulas with terms that are too large, or
    that need a fractional power or a logarithm of something not positive on the data, are passed over.
    """
    found = []
    new = 0
    known = {(t.unknown, t.shape): k for k, t in enumerate(terms)}
    for formula in formulas[:FORMULAS]:
        parts: list[tuple[int, float]] = []
        for part in sp.Add.make_args(sp.expand(formula)):
            coefficient, shape = part.as_coeff_Mul()
            if (unknown, shape) not in known:
                if new >= MOST_NEW or not _harmless(shape):
                    break
                opened, constants = open_constants(shape, unknown.func.__name__, taken)
                known[unknown, shape] = len(terms)
                terms.append(Term(unknown, opened, constants))
                new += 1
            parts.append((known[unknown, shape], float(coefficient)))
        else:
            found.append(parts)
    return found


def _harmless(shape: sp.Expr) -> bool:
    """Whether a term is small, and defined wherever a trajectory may stray."""
    if sum(1 for _ in sp.preorder_traversal(shape)) > LARGEST_TERM or shape.has(sp.log):
        return False
    return all(p.exp.is_Integer for p in shape.atoms(sp.Pow))


def start_theta(
    parts: Sequence[Sequence[tuple[int, float]]], columns: int, count: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chosen terms (K,) and scaled parameters (P,) of formulas, one for each unknown function."""
    chosen, theta = np.zeros(count, dtype=bool), np.zeros(columns)
    for formula in parts:
        for k, coefficient in formula:
            chosen[k] = True
            theta[k] += coefficient / sizes[k]
    return chosen, theta
