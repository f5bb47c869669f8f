"""Where the rates of stochastic equations are infinite: surfaces that no path crosses, and a step may."""

from __future__ import annotations

from itertools import count

import sympy as sp

from symdyn.system import System

__all__ = ["poles"]

#: Operations of a rate beyond which it is not searched, and poles beyond which the rest are not watched.
LONGEST, MOST = 400, 8


def poles(system: System) -> tuple[sp.Expr, ...]:
    """Polynomials of the states whose zeros are poles of the drift or the noise.

    Rates are quotients of polynomials times other factors; what both sides of a quotient have in common is no pole, and neither
    is a zero of the denominator at which the other factors vanish, as of sin(x)/x.  Denominators of other forms are not
    watched.

    Parameters
    ----------
    system : System
        With drift and noise.

    Returns
    -------
    tuple of Expr

    Examples
    --------
    The Bessel process, and a rate of Michaelis and Menten's form:

    >>> import symdyn as sd
    >>> poles(sd.SDESystem.from_text("dx = 1/x*dt + dW"))
    (x,)
    >>> poles(sd.SDESystem.from_text("dx = (x^2 - x)/x*dt + dW"))
    ()
    """
    found: dict[sp.Expr, None] = {}
    for rate in (*system.part("drift"), *system.part("diffusion")):
        for term in sp.Add.make_args(rate):
            if term.free_symbols & set(system.states) and term.count_ops() <= LONGEST:
                found |= dict.fromkeys(_of_term(term, system))
            if len(found) >= MOST:
                return tuple(found)[:MOST]
    return tuple(found)


def _of_term(term: sp.Expr, system: System) -> list[sp.Expr]:
    """Those of one term."""
    below = [f for f in sp.Mul.make_args(term) if f.is_Pow and f.exp.is_Integer and f.exp.is_negative]
    bases = [f.base for f in below if f.base.free_symbols & set(system.states) and f.base.is_polynomial(*system.states)]
    if not bases:
        return []
    rest = sp.Mul(*(f for f in sp.Mul.make_args(term) if f not in below))
    found = []
    for base in bases:
        for factor, _ in sp.factor_list(base, *system.states)[1]:
            if not _vanishes(rest, factor, system):
                found.append(factor)
    return found


def _vanishes(rest: sp.Expr, factor: sp.Expr, system: System) -> bool:
    """Whether other factors are zero where this one is, as far as it is linear in a state."""
    for x in system.states:
        slope = sp.diff(factor, x)
        if slope != 0 and x not in slope.free_symbols:
            there = rest.xreplace({x: sp.cancel(x - factor / slope)})
            numbers = {s: sp.Rational(2 * k + 3, k + 5) for k, s in zip(count(), sorted(there.free_symbols, key=str))}
            value = there.xreplace(numbers).evalf(20)
            return not (value.is_number and value.is_finite and abs(value) > sp.Float("1e-12"))
    return False
