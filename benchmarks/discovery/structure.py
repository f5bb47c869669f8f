"""The structure of a right-hand side: its terms without the values of their constants, in a form in which equals look equal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

__all__ = ["structure"]

#: Stands for any constant inside a term.
CONSTANT = sp.Symbol("K")
#: ``1/(1 + exp(z))``.
SIGMOID = sp.Function("S")
NUMERIC = [{"S": lambda z: 1 / (1 + np.exp(z))}, "numpy"]


def structure(side: sp.Expr, values: Mapping[sp.Symbol, np.ndarray], *, least: float = 1e-6) -> frozenset[str]:
    """The shapes of the terms of a right-hand side after expansion, each constant inside a term written ``K``.

    Written alike are: powers of sines, sums in the arguments of sines, products in logarithms, numerators of a higher degree
    than the denominator, and a sigmoid and the one it is mirrored to.

    Parameters
    ----------
    side : Expr
        With numbers for all constants.
    values : mapping of Symbol to (T,) float64
        Terms whose mean square along these is below the square of `least` times that of the largest are no terms.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> seen = {x: np.linspace(1.0, 2.0, 9)}
    >>> structure(x**2 / (2 + x**2) - x, seen) == structure(3.0 - x - 1 / (5 + 2 * x**2), seen)
    True
    >>> sorted(structure(2 * sp.log(3 * x) + sp.sin(x) ** 2, seen))
    ['1', 'cos(x)**2', 'log(x)']
    >>> structure(1 / (1 + sp.exp(2 - x)), seen) == structure(1 - 2 / (2 + sp.exp(3 * x)), seen)
    True
    """
    states = sorted(values, key=str)
    total: dict[str, tuple[float, sp.Expr]] = {}
    for term in sp.Add.make_args(sp.expand(_rewritten(sp.expand(_plain(side, states))))):
        coefficient, shape = term.as_independent(*states, as_Add=False)
        for factor, rest in _parts(shape, states):
            key = str(_hidden(rest, states))
            amount, _ = total.get(key, (0.0, rest))
            total[key] = (amount + float(coefficient) * float(factor), rest)
    sizes = {}
    for key, (amount, shape) in total.items():
        program = sp.lambdify(states, shape, NUMERIC)
        with np.errstate(all="ignore"):
            run = np.broadcast_to(program(*(values[s] for s in states)), len(next(iter(values.values()))))
        sizes[key] = abs(amount) * float(np.sqrt(np.nanmean(run**2)))
    largest = max(sizes.values(), default=0.0)
    return frozenset(key for key, size in sizes.items() if size > least * largest)


def _plain(side: sp.Expr, states: list[sp.Symbol]) -> sp.Expr:
    """Constants as fractions, so that a sum that vanishes does; sigmoids, and what stands in sines and logarithms, one way."""
    exact = side.xreplace({n: sp.Rational(str(n)) for n in side.atoms(sp.Float)})
    opened = exact.replace(
        lambda e: isinstance(e, sp.Pow) and e.exp == -1 and e.base.has(sp.exp), lambda e: _sigmoid(e, states)
    )
    opened = opened.replace(sp.log, lambda z: sp.expand_log(sp.log(z), force=True))
    return sp.expand_trig(opened) if opened.has(sp.sin, sp.cos) else opened


def _sigmoid(inverse: sp.Expr, states: list[sp.Symbol]) -> sp.Expr:
    """``1/(a + b exp(z))`` as ``SIGMOID(z + log(b/a))/a``, the first coefficient in z made positive by ``S(z) = 1 - S(-z)``."""
    constant, rest = sp.expand(inverse.base, power_exp=False).as_independent(*states, as_Add=True)
    factor, power = rest.as_independent(*states, as_Add=False)
    if not isinstance(power, sp.exp) or constant == 0:
        return inverse
    z = sp.expand(power.args[0])
    first = next(s for s in states if z.has(s))
    z += sp.Rational(str(sp.log(factor / constant).evalf()))
    return (1 - SIGMOID(-z)) / constant if z.coeff(first) < 0 else SIGMOID(z) / constant


def _rewritten(side: sp.Expr) -> sp.Expr:
    """Even powers of sines by cosines."""

    def even(power: sp.Expr) -> bool:
        return isinstance(power, sp.Pow) and isinstance(power.base, sp.sin) and power.exp.is_Integer and power.exp >= 2

    return side.replace(even, lambda p: (1 - sp.cos(p.base.args[0]) ** 2) ** (p.exp // 2) * p.base ** (p.exp % 2))


def _parts(shape: sp.Expr, states: list[sp.Symbol]) -> list[tuple[sp.Expr, sp.Expr]]:
    """A term as a sum of factor times shape, its numerator divided by its denominator where that is possible."""
    numerator, denominator = sp.fraction(shape)
    if not isinstance(denominator, sp.Add):
        return [(sp.S.One, shape)]
    inside = [s for s in states if denominator.has(s)]
    if len(inside) != 1 or not denominator.is_polynomial(*inside) or not numerator.is_polynomial(*inside):
        return [(sp.S.One, shape)]
    x = inside[0]
    lead = sp.Poly(denominator, x).LC()
    quotient, rest = sp.div(sp.Poly(numerator, x), sp.Poly(denominator, x))
    parts = [*sp.Add.make_args(sp.expand(quotient.as_expr()))]
    parts += [term / lead / sp.expand(denominator / lead) for term in sp.Add.make_args(sp.expand(rest.as_expr()))]
    return [part.as_independent(*states, as_Add=False) for part in parts if part != 0]


def _hidden(shape: sp.Expr, states: list[sp.Symbol]) -> sp.Expr:
    """The shape with the constants inside it hidden; exponents that are whole numbers stay."""
    if not shape.args or not shape.has(*states):
        return shape
    if shape.func == SIGMOID:
        return SIGMOID(CONSTANT + sum(CONSTANT * s for s in states if shape.has(s)))
    if isinstance(shape, sp.Pow):
        exponent = shape.exp if shape.exp.is_Integer else CONSTANT if not shape.exp.has(*states) else _hidden(shape.exp, states)
        base = shape.base
        return sp.Pow(_argument(base, states), exponent, evaluate=False) if isinstance(base, sp.Add) else base**exponent
    if isinstance(shape, sp.Mul):
        return sp.Mul(*(_hidden(a, states) for a in shape.args))
    return shape.func(*(_argument(a, states) for a in shape.args))


def _argument(inside: sp.Expr, states: list[sp.Symbol]) -> sp.Expr:
    """An argument of a function, or a denominator: constants are K, a coefficient 1 or -1 stays only where it stands alone."""
    found = []
    for part in sp.Add.make_args(sp.expand(inside)):
        coefficient, rest = part.as_independent(*states, as_Add=False)
        if rest == 1:
            found.append(CONSTANT)
        else:
            found.append(_hidden(rest, states) * (1 if abs(coefficient) == 1 else CONSTANT))
    return sp.Add(*found)
