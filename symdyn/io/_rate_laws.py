"""Kinetic laws as chemists write them: mass action recognised, net rates of reversible reactions split."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdyn.errors import DeclarationError

__all__ = ["mass_action", "split_reversible"]

#: Largest order of reactions whose laws are compared with mass action as polynomials; above it, factor by factor.
EXPANDED = 20


def mass_action(
    law: sp.Expr, reactants: Mapping[sp.Symbol, int], volume: sp.Expr, species: set[sp.Symbol], *, powers: bool = False
) -> sp.Expr | None:
    r"""The rate constant k if `law` is :math:`k V^{1-s} \prod_i n_i (n_i - 1) \cdots`, else None.

    With ``powers=True`` also if it is :math:`k V^{1-s} \prod_i n_i^{s_i}`.

    >>> X, Y, k, V = sp.symbols("X Y k V")
    >>> mass_action(k * X * (X - 1) / V, {X: 2}, V, {X, Y}), mass_action(k * X**2, {X: 2}, sp.S.One, {X, Y})
    (k, None)
    """
    order = sum(reactants.values())
    falling = sp.Mul(*(s - i for s, k in reactants.items() for i in range(k)))
    patterns = [falling, sp.Mul(*(s**k for s, k in reactants.items()))] if powers else [falling]
    for pattern in patterns:
        ratio = law * volume ** (order - 1) / pattern
        if ratio.free_symbols & species and order <= EXPANDED and ratio.is_rational_function(*species):
            ratio = sp.cancel(_exact(ratio))
            ratio = ratio if not ratio.free_symbols & species else law
        if not ratio.free_symbols & species and not (volume.is_Symbol and volume in ratio.free_symbols):
            return ratio
    return None


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


def _unclear(name: str, law: sp.Expr) -> str:
    return (
        f"the reversible reaction {name} has the law {law}, which is no difference of a forward and a backward rate; "
        "write two irreversible reactions"
    )


def _sign(term: sp.Expr) -> int:
    return -1 if term.as_coeff_Mul()[0].is_negative else 1


def _falling(e: sp.Expr, reactants: Mapping[sp.Symbol, int]) -> bool:
    """Whether `e` is a number of molecules less a whole number, up to a factor, as in X*(X - 1)."""
    if len(e.args) != 2:
        return False
    return any((s * e.args[i] / e.args[1 - i]).is_Integer for s in reactants for i in (0, 1))
