"""Sparse polynomials in the states, whose coefficients are integer combinations of opaque factors.

A `Polynomial` maps exponents to a `Combination`, which maps a factor (an expression without states: ``k/V**2``) to an
integer.  Sums and products are dictionary work; sympy is called once for each factor and once for each finished term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symdyn.models.moment_index import SYMPY_ORDER, Index, add

__all__ = ["Combination", "Polynomial", "accumulate", "combination", "degree", "expression_of", "polynomial", "weighted_sum"]

Combination = dict[sp.Expr, int]
Polynomial = dict[Index, Combination]
#: Powers of sums above this are not expanded; they do not occur in propensities.
LARGEST_POWER = 12


def combination(e: sp.Expr) -> Combination:
    """A factor without states as an integer times the rest.

    >>> k = sp.Symbol("k")
    >>> combination(-3 * k)
    {k: -3}
    """
    if e is sp.S.Zero:
        return {}
    number, rest = e.as_coeff_Mul()
    if number.is_Integer:
        return {rest: int(number)}
    return {e: 1}


def accumulate(total: Combination, weight: int, more: Mapping[sp.Expr, int]) -> None:
    """Add `weight` times `more` to `total`, in place; what cancels is gone."""
    for factor, count in more.items():
        new = total.get(factor, 0) + weight * count
        if new:
            total[factor] = new
        else:
            total.pop(factor, None)


def expression_of(total: Combination) -> sp.Expr:
    """The combination as an expression."""
    return sp.Add(*(sp.Mul(sp.Integer(count), factor) for factor, count in total.items()))


def weighted_sum(terms: Sequence[tuple[sp.Expr, sp.Expr]]) -> sp.Expr:
    """Sum of coefficient times symbol over different symbols (or one), as sympy would build it but without its search.

    >>> x, y, k = sp.symbols("x y k")
    >>> weighted_sum([(2 * k, x), (k - 1, y), (k, sp.S.One)])
    2*k*x + k + y*(k - 1)
    """
    summands: list[sp.Expr] = []
    for coefficient, symbol in terms:
        if symbol is sp.S.One:
            summands += sp.Add.make_args(coefficient)
        elif symbol.is_Symbol:
            summands.append(_product_with(symbol, coefficient))
        else:
            return sp.Add(*(sp.Mul(c, s) for c, s in terms))
    if len(summands) < 2:
        return summands[0] if summands else sp.S.Zero
    return sp.Add._from_args(sorted(summands, key=SYMPY_ORDER))


def _product_with(symbol: sp.Expr, coefficient: sp.Expr) -> sp.Expr:
    if coefficient is sp.S.One:
        return symbol
    factors = coefficient.args if coefficient.is_Mul else (coefficient,)
    if any(f == symbol or (f.is_Pow and f.base == symbol) for f in factors):
        return sp.Mul(coefficient, symbol)
    head = [f for f in factors if f.is_Number]
    return sp.Mul._from_args([*head, *sorted((*(f for f in factors if not f.is_Number), symbol), key=SYMPY_ORDER)])


def degree(p: Polynomial) -> int:
    """Highest total degree of a polynomial."""
    return max((sum(e) for e in p), default=0)


def polynomial(e: sp.Expr, variables: Sequence[sp.Symbol]) -> Polynomial | None:
    """An expression as a polynomial in the variables, or None if it is none as written.

    Examples
    --------
    >>> x, y, k, V = sp.symbols("x y k V")
    >>> dict(sorted(polynomial(k * x * (x - 1) * y / V, (x, y)).items()))
    {(1, 1): {k/V: -1}, (2, 1): {k/V: 1}}
    """
    places = {v: k for k, v in enumerate(variables)}
    return _read(e, places, (0,) * len(places))


def _read(e: sp.Expr, places: dict[sp.Symbol, int], none: Index) -> Polynomial | None:
    if e in places:
        k = places[e]
        return {(*none[:k], 1, *none[k + 1 :]): {sp.S.One: 1}}
    if not (e.free_symbols & places.keys()):
        return {none: found} if (found := combination(e)) else {}
    if e.is_Add:
        total: Polynomial = {}
        for term in e.args:
            part = _read(term, places, none)
            if part is None:
                return None
            for exponents, factors in part.items():
                accumulate(total.setdefault(exponents, {}), 1, factors)
        return {k: v for k, v in total.items() if v}
    if e.is_Mul:
        product: Polynomial | None = {none: {sp.S.One: 1}}
        inside = [a for a in e.args if a.free_symbols & places.keys()]
        outside = sp.Mul(*(a for a in e.args if not (a.free_symbols & places.keys())))
        for part in (_read(outside, places, none), *(_read(a, places, none) for a in inside)):
            if part is None or product is None:
                return None
            product = _product(product, part)
        return product
    if e.is_Pow and e.exp.is_number and int(e.exp) == e.exp and 0 < e.exp <= LARGEST_POWER:
        base = _read(e.base, places, none)
        power: Polynomial = {none: {sp.S.One: 1}}
        for _ in range(int(e.exp) if base is not None else 0):
            power = _product(power, base or {})
        return None if base is None else power
    return None


def _product(p: Polynomial, q: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for a, left in p.items():
        for b, right in q.items():
            into = total.setdefault(add(a, b), {})
            for f, m in left.items():
                for g, n in right.items():
                    accumulate(into, m * n, combination(f * g))
    return {k: v for k, v in total.items() if v}
