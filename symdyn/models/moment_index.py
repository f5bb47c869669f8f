"""Indices of moments: powers of variables, and the names and products that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cmp_to_key
from itertools import combinations_with_replacement, product
from math import comb, prod

import sympy as sp

__all__ = [
    "KINDS",
    "SYMPY_ORDER",
    "Index",
    "add",
    "binomial",
    "indices",
    "latex_name",
    "moment_symbol",
    "subindices",
    "subtract",
    "times",
]

Index = tuple[int, ...]
#: The order in which sympy keeps the arguments of sums and products.
SYMPY_ORDER = cmp_to_key(sp.Basic.compare)
#: Kinds of moments, and the letter that begins their names; means are ``E[X]`` in all of them.
KINDS = {"raw": "E", "central": "M", "cumulant": "K"}


def indices(size: int, order: int) -> list[Index]:
    """Every index of that order, in the order of the variables.

    >>> indices(2, 2)
    [(2, 0), (1, 1), (0, 2)]
    """
    found = []
    for chosen in combinations_with_replacement(range(size), order):
        index = [0] * size
        for k in chosen:
            index[k] += 1
        found.append(tuple(index))
    return found


def subindices(index: Index) -> Iterator[Index]:
    """Every j with 0 <= j <= index, smallest first.

    >>> list(subindices((1, 0, 2)))
    [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 0), (1, 0, 1), (1, 0, 2)]
    """
    return product(*(range(k + 1) for k in index))


def add(i: Index, j: Index) -> Index:
    """i + j."""
    return tuple([a + b for a, b in zip(i, j, strict=True)])


def subtract(i: Index, j: Index) -> Index:
    """i - j."""
    return tuple([a - b for a, b in zip(i, j, strict=True)])


def binomial(i: Index, j: Index) -> int:
    """Product of the binomial coefficients of the components."""
    return prod([comb(a, b) for a, b in zip(i, j, strict=True) if b])


def moment_symbol(species: Sequence[sp.Symbol], index: Index, kind: str = "raw") -> sp.Symbol:
    """The symbol of a moment: ``E[X^2*Y]``, ``M[X^2*Y]`` or ``K[X^2*Y]``; means are ``E[X]``.

    >>> moment_symbol(sp.symbols("X Y"), (2, 1), "central")
    M[X^2*Y]
    """
    factors = [s.name if k == 1 else f"{s.name}^{k}" for s, k in zip(species, index, strict=True) if k]
    letter = "E" if sum(index) == 1 else KINDS[kind]
    return sp.Symbol(f"{letter}[{'*'.join(factors)}]")


def times(coefficient: int, *factors: sp.Expr) -> sp.Expr:
    """A product that leaves a sum among its factors as it is: sympy would multiply a number into it."""
    if coefficient == 0 or any(f is sp.S.Zero for f in factors):
        return sp.S.Zero
    factors = tuple(f for f in factors if f is not sp.S.One)
    if factors and all(f.is_Symbol or f.is_Add for f in factors) and len(set(factors)) == len(factors):
        head = () if coefficient == 1 else (sp.Integer(coefficient),)
        args = (*head, *sorted(factors, key=SYMPY_ORDER))
        return args[0] if len(args) == 1 else sp.Mul._from_args(args)
    return sp.Mul(sp.Integer(coefficient), *factors)


def latex_name(name: str) -> str:
    r"""LaTeX of the name of a moment.

    >>> latex_name("E[X^2*Y]")
    '\\langle X^{2} Y \\rangle'
    """
    letter, inner = name.split("[", 1)
    factors = [f.partition("^")[::2] for f in inner.rstrip("]").split("*")]
    power = [f"^{{{p}}}" if p else "" for _, p in factors]
    species = [sp.latex(sp.Symbol(s)) for s, _ in factors]
    if letter == "M":
        species = [rf"\delta {s}" if not p else rf"(\delta {s})" for s, p in zip(species, power, strict=True)]
    product = " ".join(s + p for s, p in zip(species, power, strict=True))
    mark = {"E": "", "M": "", "K": "_{c}"}.get(letter, rf"^{{({letter})}}")
    return rf"\langle {product} \rangle{mark}"
