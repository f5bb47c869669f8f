r"""Schedules of linear diffusions: :math:`x_t = \alpha(t)\, x_0 + c(t) + \sigma(t)\, \epsilon` in closed form, and from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.integrals.manualintegrate import manualintegrate

from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem

__all__ = ["diffusion", "growth", "integral", "variance"]


def diffusion(states: Any, alpha: Any, sigma: Any, *, time: str = "t", parameters: Any = None) -> SDESystem:
    r"""The linear diffusion with given :math:`\alpha(t)` and :math:`\sigma(t)`.

    .. math:: \mathrm dx = \frac{\dot\alpha}{\alpha}\, x\, \mathrm dt + g\, \mathrm dW, \qquad
              g^2 = \frac{\mathrm d\sigma^2}{\mathrm dt} - 2\, \frac{\dot\alpha}{\alpha}\, \sigma^2

    Parameters
    ----------
    states : Symbol, name or sequence of them
    alpha, sigma : Expr
        Of time: the factor of data, and the standard deviation of noise.
    time : Symbol or str
    parameters : mapping, optional
        Default values of the symbols in `alpha` and `sigma`.

    Returns
    -------
    SDESystem

    Raises
    ------
    DeclarationError
        If :math:`g^2` is negative at all times.

    References
    ----------
    Karras et al., Elucidating the design space of diffusion-based generative models, NeurIPS 2022, appendix B.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> print(sd.transport.diffusion(x, 1 - t, t))  # flow matching
    dx = x/(t - 1)*dt + sqrt(2)*sqrt(-t/(t - 1))*dW
    """
    listed = list(states) if isinstance(states, list | tuple) else [states]
    symbols = [as_symbol(s, "state") for s in listed]
    t = as_symbol(time, "time")
    a, s = expression(alpha), expression(sigma)
    rate = _shorter(sp.diff(a, t) / a, t)
    square = _shorter(sp.diff(s**2, t) - 2 * rate * s**2, t)
    if square.is_negative:
        raise DeclarationError(f"noise would have the variance {square} a unit of time; sigma/alpha must increase with time")
    return SDESystem({x: rate * x for x in symbols}, {x: sp.sqrt(square) for x in symbols}, parameters, time=t)


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
    return _shorter(alpha**2 * integral(_shorter(square / alpha**2, t), t, start, "the noise"), t)


def _shorter(e: sp.Expr, t: sp.Symbol) -> sp.Expr:
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
