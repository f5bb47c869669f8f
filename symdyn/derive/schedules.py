r"""Schedules of linear diffusions in closed form: :math:`x_t = \alpha(t)\, x_0 + c(t) + \sigma(t)\, \epsilon`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.integrals.manualintegrate import manualintegrate

from symdyn.errors import DeclarationError

__all__ = ["growth", "integral", "same", "shorter", "variance"]


def growth(rate: sp.Expr, t: sp.Symbol, start: Any) -> sp.Expr:
    r""":math:`\alpha(t) = \exp \int_{t_0}^t a`."""
    if start is sp.S.NegativeInfinity and rate == 0:
        return sp.S.One
    return sp.powsimp(sp.expand_log(sp.exp(integral(rate, t, start, "the linear rate")), force=True))


def variance(rate: sp.Expr, square: sp.Expr, alpha: sp.Expr, t: sp.Symbol, start: Any) -> sp.Expr:
    r""":math:`\sigma^2`, the solution of :math:`\dot v = 2 a v + g^2` that is 0 at the start.

    Where :math:`h = -g^2 / 2a` is a constant it is :math:`h\,(1 - \alpha^2)`, where it is a polynomial in :math:`\alpha` the
    integral of :math:`-2 h(\alpha)/\alpha^3`; else :math:`g^2/\alpha^2` is integrated over time.
    """
    if square == 0:
        return sp.S.Zero
    if rate != 0:
        h = sp.powsimp(sp.cancel(-square / (2 * rate)))
        a = sp.Dummy("a", positive=True)
        polynomial = _in_alpha(h, alpha, t, a)
        if polynomial is not None:
            primitive = sp.integrate(sp.expand(-2 * polynomial / a**3), a)
            found = sp.expand(a**2 * (primitive - primitive.subs(a, 1)))
            return sp.factor_terms(found).subs(a, alpha)
    return shorter(alpha**2 * integral(shorter(square / alpha**2, t), t, start, "the noise"), t)


def shorter(e: sp.Expr, t: sp.Symbol) -> sp.Expr:
    """A rational function of time in lowest terms; other expressions as they are."""
    return sp.factor(sp.cancel(e)) if e.is_rational_function(t) else e


def _in_alpha(h: sp.Expr, alpha: sp.Expr, t: sp.Symbol, a: sp.Symbol) -> sp.Expr | None:
    """An expression of time as a polynomial of alpha, or None."""
    log_alpha = sp.expand(sp.log(alpha).rewrite(sp.exp)) if alpha.func != sp.exp else sp.expand(alpha.args[0])
    swap = {}
    for e in h.atoms(sp.exp):
        ratio = sp.simplify(sp.expand(e.args[0]) / log_alpha)
        if ratio.is_number:
            swap[e] = a ** sp.nsimplify(ratio)
    found = h.xreplace(swap)
    return None if t in found.free_symbols else found


def integral(e: sp.Expr, t: sp.Symbol, start: Any, what: str) -> sp.Expr:
    """The integral from the start, found by rules that take little time.

    Raises
    ------
    DeclarationError
        If there is no closed form among these.
    """
    primitive = manualintegrate(sp.apart(e, t) if e.is_rational_function(t) and e.free_symbols == {t} else e, t)
    if primitive.has(sp.Integral):
        raise DeclarationError(f"no closed form of the integral of {what}, {e}, was found; give marginal alpha= and sigma=")
    begin = sp.limit(primitive, t, start) if start in (sp.oo, -sp.oo) else primitive.subs(t, start)
    if not begin.is_finite and begin.has(sp.oo, sp.zoo, sp.nan):
        raise DeclarationError(f"{what}, {e}, has no finite integral from the start {start}")
    return primitive - begin


def same(entries: Sequence[sp.Expr]) -> sp.Expr | None:
    """The one expression that all are, or None."""
    return entries[0] if len(set(entries)) == 1 else None
