"""Where the rates of stochastic equations are infinite: surfaces that no path crosses, and a step may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Set as AbstractSet

import sympy as sp

from symdyn.system import System

__all__ = ["poles"]

#: Operations of a term and of a denominator beyond which they are not searched and factored, and poles beyond which the rest
#: are not watched.
LONGEST, FACTORED, MOST = 400, 40, 8
#: Distances from a zero at which a rate is compared with itself, and how many times it grows at a pole of order 1.
FAR, NEAR, GROWS = sp.Rational(1, 10**20), sp.Rational(1, 10**30), 10**9


def poles(system: System) -> dict[sp.Expr, tuple[sp.Expr, ...]]:
    """Polynomials of the states whose zeros are poles of the drift or the noise, with their strengths.

    Rates are sums of quotients, whose denominators are polynomials, times other factors.  The terms of a rate with the same
    denominator are compared with themselves at two distances from its zero: removable singularities, as of sin(x)/x or of
    exp(x)/x - 1/x, are no poles.  Sums of even powers, which do not change their sign, are left out, and denominators of other
    forms are not watched.

    Parameters
    ----------
    system : System
        With drift and noise.

    Returns
    -------
    dict of Expr to tuple of Expr
        By pole what multiplies it, without the states: where all of that is zero there is no pole.

    Examples
    --------
    The Bessel process, and a rate that is x - 1:

    >>> import symdyn as sd
    >>> poles(sd.SDESystem.from_text("dx = a/x*dt + dW"))
    {x: (a,)}
    >>> poles(sd.SDESystem.from_text("dx = (x^2 - x)/x*dt + dW"))
    {}
    """
    states: set[sp.Symbol] = set(system.states)
    found: dict[sp.Expr, tuple[sp.Expr, ...]] = {}
    noises = [g for _, g in sorted(system.part("diffusion").todok().items())]
    for rate in dict.fromkeys((*system.part("drift"), *noises)):
        for zero, terms in _quotients(rate, states).items():
            if (zero in found or len(found) < MOST) and _unbounded(sp.Add(*terms), zero, states):
                found[zero] = (*found.get(zero, ()), *_strengths(terms, states))
    return {zero: tuple(dict.fromkeys(strengths)) for zero, strengths in found.items()}


def _quotients(rate: sp.Expr, states: AbstractSet[sp.Symbol]) -> dict[sp.Expr, list[sp.Expr]]:
    """The terms of a rate by the factors of their denominators."""
    found: dict[sp.Expr, list[sp.Expr]] = defaultdict(list)
    for term in sp.Add.make_args(rate):
        below = [f.base for f in sp.Mul.make_args(term) if f.is_Pow and f.exp.is_Integer and f.exp.is_negative]
        if any(base.free_symbols & states for base in below) and term.count_ops() <= LONGEST:
            for zero in dict.fromkeys(zero for base in below for zero in _zeros(base, states)):
                found[zero].append(term)
    return found


def _zeros(base: sp.Expr, states: AbstractSet[sp.Symbol]) -> list[sp.Expr]:
    """The factors of a denominator that have states and may change their sign."""
    own = sorted(base.free_symbols & states, key=str)
    if not own or not base.is_polynomial(*own):
        return []
    if _one_sign(base):
        return []
    if base.as_poly(*own).total_degree() == 1 or base.count_ops() > FACTORED:
        return [base]
    return [f for f, _ in sp.factor_list(base, *own)[1] if f.free_symbols & states and not _one_sign(f)]


def _one_sign(factor: sp.Expr) -> bool:
    """Whether it is a sum of even powers with coefficients of one sign."""
    sums = factor.as_poly(*sorted(factor.free_symbols, key=str))
    if sums is None:
        return False
    even = all(power % 2 == 0 for powers in sums.monoms() for power in powers)
    return even and len({c.is_positive for c in sums.coeffs()} - {None}) == 1


def _unbounded(rate: sp.Expr, zero: sp.Expr, states: AbstractSet[sp.Symbol]) -> bool:
    """Whether a rate grows without bounds near a zero, as far as that is linear in a state."""
    rate, zero = (sp.nsimplify(e, rational=True) for e in (rate, zero))
    for x in sorted(zero.free_symbols & states, key=str):
        slope = sp.diff(zero, x)
        if x not in slope.free_symbols:
            others = sorted((rate.free_symbols | zero.free_symbols) - {x}, key=str)
            numbers = {s: sp.Rational(2 * k + 3, k + 5) for k, s in enumerate(others)}
            root = -(zero.xreplace({x: sp.Integer(0)}) / slope).xreplace(numbers)
            far, near = (abs(rate.xreplace({**numbers, x: root + away}).evalf(40)) for away in (FAR, NEAR))
            return bool(far.is_number and near.is_number and near.is_finite and near > GROWS * far)
    return True


def _strengths(terms: Collection[sp.Expr], states: AbstractSet[sp.Symbol]) -> list[sp.Expr]:
    """What multiplies terms that are alike in the states."""
    found: dict[sp.Expr, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for term in terms:
        free, rest = term.as_independent(*(term.free_symbols & states), as_Add=False)
        found[rest] += free
    return list(found.values())
