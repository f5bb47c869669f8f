"""Candidate terms from formulas that a regressor found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.inference.parameters import LibraryTerm, open_constants

__all__ = ["formula_terms", "start_theta"]

#: Formulas of a regressor that give terms, and the largest terms taken from them (nodes).
FORMULAS, LARGEST_TERM, MOST_NEW = 3, 20, 6
#: Places in the range of the data where denominators are looked at, beside the data.
POINTS = 256


def formula_terms(
    unknown: AppliedUndef,
    formulas: Sequence[sp.Expr],
    terms: list[LibraryTerm],
    taken: set[str],
    within: np.ndarray,
    allows: Callable[[sp.Expr], bool] = lambda term: True,
) -> list[list[tuple[int, float]]]:
    """Append the terms of formulas to `terms`; return each formula as places in that list with coefficients.

    Decimal numbers inside a term become constants that are fitted along.  Formulas with terms that are too large, or
    that need a fractional power or a logarithm of something not positive on the data, are passed over.

    Parameters
    ----------
    within : (m, k) float64
        Arguments of `unknown` along the data: terms with a pole in their range are passed over too.  A run of a map may jump
        over a pole and never show it; along that of an ODE the sensitivity to the term ends there, even if it is not used.
    allows : callable
        Whether a term may be used; formulas with others are passed over.
    """
    found = []
    new = 0
    known = {(t.unknown, t.shape): k for k, t in enumerate(terms)}
    for formula in formulas[:FORMULAS]:
        parts: list[tuple[int, float]] = []
        for part in sp.Add.make_args(sp.expand(formula)):
            coefficient, shape = part.as_coeff_Mul()
            if (unknown, shape) not in known:
                if new >= MOST_NEW or not _harmless(shape) or _pole(shape, unknown.args, within) or not allows(shape):
                    break
                opened, constants = open_constants(shape, unknown.func.__name__, taken)
                known[unknown, shape] = len(terms)
                terms.append(LibraryTerm(unknown, opened, constants))
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


def _pole(shape: sp.Expr, arguments: Sequence[sp.Expr], within: np.ndarray) -> bool:
    """Whether a denominator is zero anywhere in the range of the data, or fitting its constants could make it so.

    A denominator is safe only if its summands all keep the same sign: of ``7.1 - 3.5*N`` the constants can move to where
    the data are, although they keep their signs.
    """
    low, high = within.min(axis=0), within.max(axis=0)
    inside = low + (high - low) * np.random.default_rng(0).uniform(size=(POINTS, len(low)))
    points = list(np.concatenate([within, inside, [low, high]]).T)
    for power in shape.atoms(sp.Pow):
        if not power.exp.is_negative:
            continue
        parts = [np.sign(sp.lambdify(arguments, part, "numpy")(*points)) for part in sp.Add.make_args(power.base)]
        signs = np.unique(np.concatenate([np.ravel(part) for part in parts]))
        if not np.isfinite(signs).all() or {-1.0, 1.0} <= set(signs) or (signs == 0).all():
            return True
    return False


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
