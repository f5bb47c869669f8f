"""Shapes of propensities: constant, mass action, saturation, activation and repression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.derive.sensitivities import fresh_symbol
from symdyn.discover.terms import allowed_terms, one_of_each, own_library
from symdyn.errors import RecoveryError
from symdyn.inference.constants import natural_size
from symdyn.inference.parameters import LibraryTerm, constant_symbols
from symdyn.models.reactions import ReactionNetwork

__all__ = ["LARGEST_EXPONENT", "shape_terms"]

#: Hill exponents go from 1 to this.
LARGEST_EXPONENT = 4
#: Thresholds are tried at these multiples of the typical number of molecules.
THRESHOLDS = (0.3, 1.0, 3.0)


def shape_terms(network: ReactionNetwork, library: Any, sizes: Mapping[sp.Symbol, float]) -> tuple[LibraryTerm, ...]:
    r"""Candidate terms of every unknown function, each to be multiplied by a coefficient that is not negative.

    By default 1, x, x y (products of two arguments), and for each argument
    :math:`x^n/(K^n + x^n)` and :math:`K^n/(K^n + x^n)` with n from 1 to 4; the first of them is Michaelis and Menten's.

    Parameters
    ----------
    network : ReactionNetwork
    library : None, int, sequence of Expr, or mapping
        Degree of monomials, or terms, in which further symbols are positive constants; for each function in a mapping.
    sizes : mapping of Symbol to float
        Typical numbers of species, and values of parameters.
    """
    taken = {s.name for s in (*network.states, *network.parameters, network.time)}
    found: list[LibraryTerm] = []
    for unknown in one_of_each(network.unknowns):
        choice = own_library(unknown, library, needed=False)
        if choice is None:
            found += _standard(unknown, sizes, taken)
            continue
        for shape in allowed_terms(network, unknown, choice, degree=2, functions=()):
            values = {c: _tried(shape, c, sizes) for c in constant_symbols(shape, network)}
            found.append(LibraryTerm(unknown, shape, values))
    return tuple(found)


def _tried(shape: sp.Expr, constant: sp.Symbol, sizes: Mapping[sp.Symbol, float]) -> tuple[float, ...]:
    """First values of a constant: about its natural size, else about the numbers in the term."""
    natural = natural_size(shape, constant, sizes)
    own = [sizes[s] for s in shape.free_symbols if s in sizes]
    return tuple((natural or max(own, default=1.0)) * s for s in THRESHOLDS)


def _standard(unknown: AppliedUndef, sizes: Mapping[sp.Symbol, float], taken: set[str]) -> list[LibraryTerm]:
    for a in unknown.args:
        if not (isinstance(a, sp.Symbol) and a in sizes):
            raise RecoveryError(
                f"the unknown propensity {unknown} has the argument {a}, for which there is no library; give library={{...}}"
            )
    found = [LibraryTerm(unknown, sp.S.One)]
    arguments: Sequence[sp.Symbol] = unknown.args  # type: ignore[assignment]
    found += [LibraryTerm(unknown, a) for a in arguments]
    found += [LibraryTerm(unknown, a * b) for i, a in enumerate(arguments) for b in arguments[i:]]
    for a in arguments:
        for n in range(1, LARGEST_EXPONENT + 1):
            for rising in (True, False):
                suffix = "" if len(arguments) == 1 else f"_{a}"
                K = fresh_symbol(f"{unknown.func.__name__}_K{suffix}{'r' if rising else 'f'}{n}", taken)
                shape = (a**n if rising else K**n) / (K**n + a**n)
                found.append(LibraryTerm(unknown, shape, {K: tuple(sizes[a] * s for s in THRESHOLDS)}))
    return found
