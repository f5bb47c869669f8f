"""What may stand in place of an unknown term of fields: the libraries that are built where none is given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations_with_replacement
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression
from symdyn.discover.library import library_terms
from symdyn.discover.terms import allowed_terms, own_library
from symdyn.models.operators import AXES, Operator, laplacian, read_operators
from symdyn.models.pde import PDESystem
from symdyn.parsing import parse_expression

__all__ = ["conservative_library", "field_library"]

#: Degree of the polynomials before derivatives, where the arguments name derivatives.
BEFORE = 2
#: Highest derivatives in the library of equations of which nothing is known, by the number of fields.
HIGHEST = {1: 4}


def field_library(
    system: PDESystem, unknown: AppliedUndef, choice: Any, *, degree: int = 3, functions: Sequence[str] = ()
) -> tuple[sp.Expr, ...]:
    """The candidate terms of one unknown function of fields.

    Parameters
    ----------
    system : PDESystem
    unknown : AppliedUndef
        Its arguments are fields, positions, scalars, and derivatives such as ``dx(u)`` or ``laplacian(u)``.
    choice : None, int, sequence of Expr or str, or mapping
        Degree of the polynomials, the terms themselves, or one of these for each function.
    degree : int
        Of the polynomials where `choice` is None.
    functions : sequence of str
        Of single arguments without derivatives, see `symdyn.discover.library.FUNCTIONS`.

    Returns
    -------
    tuple of Expr
        Unless terms are given: polynomials p(u) of the arguments without derivatives up to the degree, and every argument
        with derivatives times 1 and times monomials of those up to degree 2, and the squares of first derivatives.

    Raises
    ------
    RecoveryError
        If nothing is left, or a mapping does not name the function.

    Examples
    --------
    >>> from symdyn.models.operators import dx
    >>> u, f = sp.Symbol("u"), sp.Function("f")
    >>> system = PDESystem({u: f(u, dx(u), laplacian(u))}, (0, 1))
    >>> field_library(system, f(u, dx(u), laplacian(u)), 1)
    (1, u, dx(u), u*dx(u), laplacian(u), u*laplacian(u), dx(u)**2)
    """
    choice = own_library(unknown, choice)
    plain = [a for a in unknown.args if not a.has(Operator)]
    if choice is None or isinstance(choice, int):
        whole = degree if choice is None else choice
        terms = list(library_terms(plain, whole, functions)) if plain else [sp.S.One]
        powers = range(min(whole, BEFORE) + 1)
        before = [sp.Mul(*p) for p in chain.from_iterable(combinations_with_replacement(plain, d) for d in powers)]
        steep = [a for a in unknown.args if a.has(Operator)]
        terms += [p * a for a in steep for p in before]
        terms += [a**2 for a in steep if isinstance(a, AXES) and not a.args[0].has(Operator)]
        return tuple(dict.fromkeys(terms))
    return allowed_terms(system, unknown, [_read(e, system) for e in choice], degree=0, functions=())


def _read(value: Any, system: PDESystem) -> sp.Expr:
    """A term of a library, its names those of the system."""
    e = read_operators(parse_expression(value)) if isinstance(value, str) else expression(value)
    known = {s.name: s for s in (*system.states, *system.space, *system.parameters, system.time)}
    return e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})


def conservative_library(
    fields: Sequence[sp.Symbol], dimension: int, *, degree: int = 3, highest: int | None = None
) -> tuple[sp.Expr, ...]:
    r"""Candidates for an equation of which nothing is known: derivatives of monomials of the fields.

    .. math:: 1,\; u^q,\; \partial_x^m u^q,\; q = 1 \ldots 3

    In the weak form all derivatives of such terms fall on the test functions.

    Parameters
    ----------
    fields : sequence of Symbol
    dimension : int
        In one dimension :math:`m \le 4` of one field and 2 of several; in two the first derivatives, the laplacian, and of
        one field its square.
    degree : int
        Of the monomials.
    highest : int, optional
        Another limit of m.

    Examples
    --------
    >>> conservative_library([sp.Symbol("u")], 1, degree=2, highest=2)
    (1, u, u**2, dx(u), dx(u**2)/2, laplacian(u), laplacian(u**2))
    """
    most = HIGHEST.get(len(fields), 2) if highest is None else highest
    monomials = library_terms(fields, degree, constant=False)
    terms: list[sp.Expr] = [sp.S.One, *monomials]
    for m in range(1, most + 1):
        for w in monomials if len(fields) == 1 or m == 1 else fields:
            inner: sp.Expr = w
            for _ in range(m // 2):
                inner = laplacian(inner)
            if m % 2 == 0:
                terms.append(inner)
            elif dimension == 1 or m == 1:
                # u dx(u) is better known than dx(u**2)/2, and has the same weak form
                power = w.as_base_exp()[1] if m == 1 and w.is_Pow else sp.S.One
                terms += [axis(inner) / power for axis in AXES[:dimension]]
    return tuple(dict.fromkeys(terms))
