"""Libraries of candidate terms: monomials of the arguments, functions of single arguments, and whatever is added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, combinations_with_replacement

import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import RecoveryError
from symdyn.registry import suggest

__all__ = ["FUNCTIONS", "library_terms"]

#: Functions of a single argument, by name; those with a constant inside use 1, in the units of the data.
FUNCTIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "sin": sp.sin,
    "cos": sp.cos,
    "exp": sp.exp,
    "decay": lambda x: sp.exp(-x),
    "log": sp.log,
    "sqrt": sp.sqrt,
    "inverse": lambda x: 1 / x,
    "tanh": sp.tanh,
    "saturating": lambda x: x / (1 + x),
}


def library_terms(
    arguments: Sequence[sp.Symbol],
    degree: int = 3,
    functions: Sequence[str] = (),
    extra: Sequence[sp.Expr] = (),
    *,
    constant: bool = True,
) -> tuple[sp.Expr, ...]:
    """Candidate terms in a fixed order: monomials by degree, then functions, then `extra`; no term twice.

    Parameters
    ----------
    arguments : sequence of Symbol
        What the terms may depend on.
    degree : int, optional
        Largest total degree of the monomials.
    functions : sequence of str, optional
        Names from `FUNCTIONS`, each applied to every argument.
    extra : sequence of Expr, optional
        Further terms.
    constant : bool, optional
        Whether the term 1 takes part.

    Raises
    ------
    RecoveryError
        For an unknown function, a negative degree, or if nothing is left.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> library_terms([x, y], 2)
    (1, x, y, x**2, x*y, y**2)
    >>> library_terms([x], 1, functions=["saturating"], constant=False)
    (x, x/(x + 1))
    """
    if degree < 0:
        raise RecoveryError(f"the degree of a library is {degree}; expected 0 or more")
    unknown = [name for name in functions if name not in FUNCTIONS]
    if unknown:
        known = ", ".join(FUNCTIONS)
        raise RecoveryError(f"unknown library function {unknown[0]!r}; known: {known}.{suggest(unknown[0], FUNCTIONS)}")
    degrees = range(0 if constant else 1, degree + 1)
    products = chain.from_iterable(combinations_with_replacement(arguments, d) for d in degrees)
    terms = [sp.Mul(*factors) for factors in products]
    terms += [FUNCTIONS[name](a) for name in functions for a in arguments]
    terms += [expression(e) for e in extra]
    if not terms:
        raise RecoveryError("the library of terms is empty; raise the degree, or give functions or extra terms")
    return tuple(dict.fromkeys(terms))
