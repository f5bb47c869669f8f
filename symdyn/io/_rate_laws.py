"""Kinetic laws as chemists write them: mass action recognised, net rates of reversible reactions split, powers of a size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from symdyn.errors import DeclarationError

__all__ = ["mass_action", "negative_without", "one_power", "split_reversible"]

#: Largest order of reactions whose laws are compared with mass action as polynomials; above it, factor by factor.
EXPANDED = 20
#: Numbers of a law that differ by more than this, relative to them, are not equal but for rounding.
UNLIKE = 1e-6


def mass_action(
    law: sp.Expr, reactants: Mapping[sp.Symbol, int], volume: sp.Expr, species: set[sp.Symbol], *, powers: bool = False
) -> sp.Expr | None:
    r"""The rate constant k if `law` is :math:`k V^{1-s} \prod_i n_i (n_i - 1) \cdots`, else None.

    With ``powers=True`` also if it is :math:`k V^{1-s} \prod_i n_i^{s_i}`.

    >>> X, Y, k, V = sp.symbols("X Y k V")
    >>> mass_action(k * X * (X - 1) / V, {X: 2}, V, {X, Y}), mass_action(k * X**2, {X: 2}, sp.S.One, {X, Y})
    (k, None)
    >>> mass_action(k, {X: 1}, V, {X}) is None  # the rate does not fall with the reactant
    True
    """
    order = sum(reactants.values())
    patterns = [[s - i for s, k in reactants.items() for i in range(k)]]
    if powers:
        patterns.append([s for s, k in reactants.items() for _ in range(k)])
    for pattern in patterns:
        if not _proportional(law, pattern, species):
            continue
        ratio = _divided(law * volume ** (order - 1), pattern)
        if ratio.free_symbols & species and order <= EXPANDED and ratio.is_rational_function(*species):
            ratio = sp.cancel(_exact(ratio))
        if not ratio.free_symbols & species and not (volume.is_Symbol and volume in ratio.free_symbols):
            return ratio
    return None


def one_power(law: sp.Expr, species: set[sp.Symbol], volume: sp.Expr) -> bool:
    """Whether a rational law is a power of the volume at constant concentrations, not a sum of several; others count as one.

    >>> X, k, q, V = sp.symbols("X k q V")
    >>> one_power(V * k + q * X, {X}, V), one_power(k * X / (V + X), {X}, V), one_power(V * k + q, {X}, V)
    (True, True, False)
    """
    if volume not in law.free_symbols:
        return True
    inside = {s: 0.5 + 0.381966 * i % 1 for i, s in enumerate(sorted(law.free_symbols, key=str), start=1)}
    try:
        once, twice, fourfold = (
            _number(law, {s: n * v if s in species or s == volume else v for s, v in inside.items()}) for n in (1, 2, 4)
        )
    except (_NoNumber, ArithmeticError):
        return True
    return not abs(once * fourfold - twice**2) > UNLIKE * twice**2


def _divided(e: sp.Expr, pattern: Iterable[sp.Expr]) -> sp.Expr:
    """An expression over the factors of a pattern, of which those that stand in it as they are go first."""
    factors = list(sp.Mul.make_args(e))
    rest = []
    for f in pattern:
        if f in factors:
            factors.remove(f)
        else:
            rest.append(f)
    return sp.Mul(*factors) / sp.Mul(*rest)


def _proportional(law: sp.Expr, pattern: Sequence[sp.Expr], species: set[sp.Symbol]) -> bool:
    """Whether a law may be a constant times a pattern: False if at two points the numbers say that it is not."""
    inside = {s: 0.5 + 0.381966 * i % 1 for i, s in enumerate(sorted(law.free_symbols, key=str), start=1)}
    ratios = []
    for shift in (0.0, 0.71):
        values = {s: v + shift if s in species else v for s, v in inside.items()}
        try:
            ratios.append(_number(law, values) / math.prod(_number(f, values) for f in pattern))
        except (_NoNumber, ArithmeticError, KeyError, ValueError):
            return True
    a, b = ratios
    return not abs(a - b) > UNLIKE * max(abs(a), abs(b))


class _NoNumber(Exception):
    """Something other than sums, products and powers."""


def _number(e: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    """The value of a rational expression."""
    if e.is_Symbol:
        return values[e]
    if e.is_Number:
        return float(e)
    parts = [_number(a, values) for a in e.args]
    if e.is_Add:
        return math.fsum(parts)
    if e.is_Mul:
        return math.prod(parts)
    if e.is_Pow and e.args[1].is_Integer:
        return parts[0] ** parts[1]
    raise _NoNumber


def _exact(e: sp.Expr) -> sp.Expr:
    """Decimals as the fractions that they spell: polynomials with floats do not cancel."""
    return e.xreplace({f: sp.Rational(repr(float(f))) for f in e.atoms(sp.Float)})


def split_reversible(
    law: sp.Expr, reactants: Mapping[sp.Symbol, int], products: Mapping[sp.Symbol, int], *, name: str
) -> list[sp.Expr]:
    """Forward and backward rate of a reversible reaction from its net rate; a law that is no difference is the forward rate.

    Raises
    ------
    DeclarationError
        If the law is no difference, or a part does not vanish without the molecules that it uses up.

    Examples
    --------
    >>> A, B, k, q, V = sp.symbols("A B k q V")
    >>> split_reversible(V * (k * A - q * B), {A: 1}, {B: 1}, name="R")
    [A*V*k, B*V*q]
    """
    factors = sp.Mul.make_args(law)
    mixed = [f for f in factors if f.is_Add and {_sign(t) for t in f.args} == {1, -1} and not _falling(f, reactants)]
    if len(mixed) > 1 or (not mixed and _sign(law) < 0):
        raise DeclarationError(_unclear(name, law))
    if not mixed:
        return [law]
    rest = sp.Mul(*(f for f in factors if f is not mixed[0]))
    parts = [rest * sp.Add(*(sign * t for t in mixed[0].args if _sign(t) == sign)) for sign in (1, -1)]
    for part, used in zip(parts, (reactants, products), strict=True):
        if any(part.subs(s, 0) != 0 for s in used):
            raise DeclarationError(_unclear(name, law))
    return parts


def negative_without(law: sp.Expr, reactants: Mapping[sp.Symbol, int]) -> sp.Symbol | None:
    """A reactant without which a law has a negative term, as that of a reaction that goes backwards has; None if there is none.

    >>> A, B, k, q = sp.symbols("A B k q")
    >>> negative_without(k * A - q * B, {A: 1}), negative_without(k * A * (1 - A / 9), {A: 1}), negative_without(k, {A: 1})
    (A, None, None)
    """
    for s in reactants:
        try:
            rest = sp.factor_terms(law.xreplace({s: sp.S.Zero}))
        except TypeError:  # a comparison with what is infinite there
            continue
        if any(_sign(term) < 0 for term in sp.Add.make_args(rest)):
            return s
    return None


def _unclear(name: str, law: sp.Expr) -> str:
    return (
        f"the reaction {name}, which goes both ways, has the law {law}, which is no difference of a forward and a backward "
        "rate; write two irreversible reactions"
    )


def _sign(term: sp.Expr) -> int:
    return -1 if term.as_coeff_Mul()[0].is_negative else 1


def _falling(e: sp.Expr, reactants: Mapping[sp.Symbol, int]) -> bool:
    """Whether `e` is a number of molecules less a whole number, up to a factor, as in X*(X - 1)."""
    if len(e.args) != 2:
        return False
    return any((s * e.args[i] / e.args[1 - i]).is_Integer for s in reactants for i in (0, 1))
