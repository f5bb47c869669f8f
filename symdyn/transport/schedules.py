r"""Schedules of linear diffusions: :math:`x_t = \alpha(t)\, x_0 + c(t) + \sigma(t)\, \epsilon` from their coefficients."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.declaration import as_symbol, expression
from symdyn.derive.schedules import shorter
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem

__all__ = ["diffusion"]


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
    rate = shorter(sp.diff(a, t) / a, t)
    square = shorter(sp.diff(s**2, t) - 2 * rate * s**2, t)
    if square.is_negative:
        raise DeclarationError(f"noise would have the variance {square} a unit of time; sigma/alpha must increase with time")
    return SDESystem({x: rate * x for x in symbols}, {x: sp.sqrt(square) for x in symbols}, parameters, time=t)
