"""Values from which constants inside library terms are fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import sympy as sp

__all__ = ["constant_guesses", "constant_limits", "natural_size"]

#: First values of a constant in units of its natural size.
SPREAD = (0.1, 0.3, 1.0, 3.0)
#: First values of the exponent n of ``x^n/(K^n + x^n)``, and its limits.
EXPONENTS, LEAST, LARGEST = (1.0, 2.0, 4.0), 0.5, 10.0


def constant_guesses(
    shape: sp.Expr, constant: sp.Symbol, sizes: Mapping[sp.Symbol, float], usual: float, *, natural: bool = True
) -> tuple[float, ...]:
    """First values of a constant: about its natural size, or that and the powers of ten about `usual`, the size of the states.

    Parameters
    ----------
    shape : Expr
        The term.
    sizes : mapping of Symbol to float
        Typical sizes of states, parameters and time; other symbols are constants.
    natural : bool
        Whether only values about a natural size are of use, where there is one.
    """
    if _is_exponent(shape, constant):
        return EXPONENTS
    size = natural_size(shape, constant, sizes)
    if size is not None and natural:
        return tuple(size * s for s in SPREAD)
    powers = np.geomspace(0.3 * min(1 / usual, 1.0), max(usual, 1.0), 4)
    return tuple(sorted([*map(float, powers), *([] if size is None else [size])]))


def constant_limits(shape: sp.Expr, constant: sp.Symbol, first: float) -> tuple[float, float]:
    """Limits of a constant for which none are given: it keeps the sign of its first value, and exponents are moderate."""
    if _is_exponent(shape, constant):
        return LEAST, LARGEST
    return (0.0, np.inf) if first > 0 else (-np.inf, 0.0)


def _is_exponent(shape: sp.Expr, constant: sp.Symbol) -> bool:
    """Whether a constant is the exponent of several powers in a sum, as n in ``K^n + x^n``."""
    return any(sum(part.is_Pow and part.exp == constant for part in node.args) > 1 for node in shape.atoms(sp.Add))


def natural_size(shape: sp.Expr, constant: sp.Symbol, sizes: Mapping[sp.Symbol, float]) -> float | None:
    """The size at which a constant begins to matter: ``h*N`` against 1 in ``1/(1 + h*N)``, and against 1 in ``exp(-h*N)``.

    >>> N, h, k = sp.symbols("N h k")
    >>> [natural_size(e, h, {N: 200.0}) for e in (N / (1 + h * N), sp.exp(-h * N - k), N / (h + N), N**h, 1 / (h**k + N**k))]
    [0.005, 0.005, 200.0, None, 200.0]
    """
    found = []
    for rest, others in _products(shape, constant):
        if rest.free_symbols <= sizes.keys():
            partners = [abs(_value(e, sizes)) for e in others if e.free_symbols <= sizes.keys()]
            size = max(partners, default=1.0) / max(abs(_value(rest, sizes)), 1e-300)
            if np.isfinite(size) and size > 0:
                found.append(size)
    return float(np.median(found)) if found else None


def _products(shape: sp.Expr, constant: sp.Symbol) -> Iterator[tuple[sp.Expr, list[sp.Expr]]]:
    """What the constant multiplies, wherever it stands in a sum or in the argument of a function, and the other summands."""
    for node in sp.preorder_traversal(shape):
        if isinstance(node, sp.Add):
            parts = node.args
        elif isinstance(node, sp.Function) and not isinstance(node, sp.Piecewise) and not isinstance(node.args[0], sp.Add):
            parts = node.args[:1]
        else:
            continue
        for part in parts:
            if part.is_Pow and part.base == constant and part.exp.is_Symbol and _is_exponent(shape, part.exp):
                yield sp.S.One, [other.base for other in parts if other.is_Pow and other is not part]
            rest = part / constant
            if part.has(constant) and not rest.has(constant):
                yield rest, [other for other in parts if other is not part]


def _value(e: sp.Expr, sizes: Mapping[sp.Symbol, float]) -> float:
    number = sp.N(e.subs(sizes))
    return float(number) if number.is_real else np.nan
