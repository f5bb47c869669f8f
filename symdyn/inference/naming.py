"""Names of fitted constants, and formulas as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.system import System

__all__ = ["named_constants", "rounded", "written"]


def named_constants(
    system: System, owners: Iterable[tuple[AppliedUndef, sp.Symbol, Sequence[sp.Symbol]]]
) -> dict[sp.Symbol, sp.Symbol]:
    """Names ``f_1, f_2, ...`` for the coefficients and inner constants of the terms of f, and ``f_K`` for its thresholds.

    Constants that a user's library named keep their names.

    Parameters
    ----------
    system : System
        Whose names are taken.
    owners : iterable of (unknown, coefficient, constants)
        One for each term of a model, in its order.  Constants are named by the user unless their names begin with that of
        the function, ``f_``; thresholds are those that begin with ``f_K``.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, f, a, b, c, K = sp.Symbol("x"), sp.Function("f"), *sp.symbols("a b f_c0 f_Kr3")
    >>> system = sd.ODESystem({x: f(x)})
    >>> named_constants(system, [(f(x), a, [c]), (f(x), b, [K, sp.Symbol("h")])])
    {a: f_1, f_c0: f_2, b: f_3, f_Kr3: f_K, h: h}
    """
    owners = list(owners)
    own = {c for unknown, _, constants in owners for c in constants if c.name.startswith(f"{unknown.func.__name__}_")}
    space = getattr(system, "space", ())
    taken = {s.name for s in (*system.states, *space, *system.parameters, *system.observables, system.time)}
    taken |= {c.name for _, _, constants in owners for c in constants if c not in own}
    counts: dict[str, int] = {}
    names: dict[sp.Symbol, sp.Symbol] = {}
    for unknown, coefficient, constants in owners:
        stem = f"{unknown.func.__name__}_"
        for symbol in (coefficient, *constants):
            if symbol in names:
                continue
            if symbol is not coefficient and symbol not in own:
                names[symbol] = symbol
                continue
            threshold = symbol is not coefficient and symbol.name.startswith(f"{stem}K")
            label = f"{stem}K" if threshold else stem
            while True:
                counts[label] = number = counts.get(label, 0) + 1
                name = label if threshold and number == 1 else f"{label}{number}"
                if name not in taken:
                    break
            taken.add(name)
            names[symbol] = sp.Symbol(name)
    return names


def rounded(e: sp.Expr, digits: int = 4) -> sp.Expr:
    """An expression with so many digits of its numbers."""
    return e.xreplace({n: sp.Float(n, digits) for n in e.atoms(sp.Float)})


def written(expressions: Mapping[Any, sp.Expr]) -> str:
    """Terms with four digits, ``f(x) = 2.0*x; ...``."""
    return "; ".join(f"{u} = {rounded(e)}" for u, e in expressions.items())
