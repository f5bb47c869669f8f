r"""Lyapunov functions of the flows of gradient methods: why they arrive at the minimum of a convex function, and how fast.

References
----------
Su, Boyd & Candes, J. Mach. Learn. Res. 17 (2016) 153; Shi, Du, Jordan & Su, Math. Program. 195 (2022) 79.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.derive.gradient_methods import FLOWS, TIME, _constant, _dot, _function, _weight
from symdyn.errors import DeclarationError

__all__ = ["Certificate", "descent_certificate"]


@dataclass(frozen=True)
class Certificate:
    r"""A Lyapunov function of a flow that minimises a convex function.

    .. math:: \dot E + \lambda E = -R \le 0

    Attributes
    ----------
    lyapunov : Expr
        E in the states, the parameters and the time t, with ``f_star`` and ``x_star`` ... for the minimum and where it lies.
    decay : Expr
        :math:`\lambda`.
    remainder : Expr
        R, which is not negative if the function is convex, and strongly convex with the constant mu where that is given.
    bound : Expr
        What the function exceeds its minimum by at most at the time t, starting at rest at the time 0; ``r_0`` is the distance
        from the minimiser and ``E_0`` the value of E at the start.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> found = sd.derive.descent_certificate(x**4, [x], "nesterov")
    >>> found.bound
    2*r_0**2/t**2
    """

    lyapunov: sp.Expr
    decay: sp.Expr
    remainder: sp.Expr
    bound: sp.Expr


def descent_certificate(
    objective: Any, states: Iterable[Any], kind: str = "nesterov", *, mu: Any = None, resolution: Any = None
) -> Certificate:
    r"""Why a flow of `descent` arrives at the minimum of a convex function, and how fast.

    With the distance :math:`d = x - x^*` and the slack of convexity
    :math:`q = f^* - f + \langle \nabla f, d \rangle - \frac\mu2 |d|^2 \ge 0`:

    =============================  ================================================  ====================
    flow                           E                                                 bound
    =============================  ================================================  ====================
    gradient                       :math:`t (f - f^*) + |d|^2 / 2`                   :math:`r_0^2 / 2t`
    gradient, mu                   :math:`f - f^*`                                   :math:`E_0 e^{-2\mu t}`
    nesterov                       :math:`t^2 (f - f^*) + 2 |d + t v/2|^2`           :math:`2 r_0^2 / t^2`
    nesterov and heavy-ball, mu    :math:`f - f^* + |v + \sqrt\mu\, d|^2 / 2`        :math:`E_0 e^{-\sqrt\mu t}`
    =============================  ================================================  ====================

    With a resolution E holds the gradient, too, and the decay is a quarter of it, as proved by Shi et al.

    Parameters
    ----------
    objective, states, kind, mu, resolution :
        As for `descent`; mu is a constant of strong convexity for ``gradient``, too.

    Returns
    -------
    Certificate

    Raises
    ------
    DeclarationError
        As for `descent`.

    References
    ----------
    Su, Boyd & Candes, J. Mach. Learn. Res. 17 (2016) 153, theorem 3; Shi, Du, Jordan & Su, Math. Program. 195 (2022) 79,
    theorems 1 to 3.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, mu = sp.symbols("x mu", positive=True)
    >>> found = sd.derive.descent_certificate(x**2, [x], "gradient", mu=mu)
    >>> found.lyapunov, found.bound
    (-f_star + x**2, E_0*exp(-2*mu*t))
    """
    f = _function(objective, states, kind, FLOWS)
    if kind == "heavy-ball" and mu is None:
        raise DeclarationError("the heavy ball takes a constant of strong convexity, mu=")
    if kind == "gradient" and resolution is not None:
        raise DeclarationError("a resolution changes nothing about the gradient flow; leave it out")
    strong = sp.S.Zero if mu is None else _constant("mu", mu, f)
    root = sp.S.Zero if resolution is None else sp.sqrt(_constant("resolution", resolution, f))
    gap = f.value - sp.Symbol("f_star")
    d = [x - sp.Symbol(f"{x}_star") for x in f.x]
    g, v, t = f.gradient, f.v, TIME
    slack = _dot(g, d) - gap - strong / 2 * _dot(d, d)
    distance, first = sp.symbols("r_0 E_0")
    rate = sp.sqrt(strong)
    if kind == "gradient" and mu is None:
        return Certificate(t * gap + _dot(d, d) / 2, sp.S.Zero, slack + t * _dot(g, g), distance**2 / (2 * t))
    if kind == "gradient":
        return Certificate(gap, 2 * strong, _dot(g, g) - 2 * strong * gap, first * sp.exp(-2 * strong * t))
    if mu is None:
        later = t + root / 2
        sums = [t * b + 2 * a + t * root * c for a, b, c in zip(d, v, g, strict=True)]
        remainder = root / 2 * gap + (2 * t + root) * slack + root * t * later * _dot(g, g)
        return Certificate(t * later * gap + _dot(sums, sums) / 2, sp.S.Zero, remainder, 2 * distance**2 / (t * later))
    if resolution is None:
        sums = [b + rate * a for a, b in zip(d, v, strict=True)]
        remainder = rate * (slack + _dot(v, v) / 2)
        return Certificate(gap + _dot(sums, sums) / 2, rate, remainder, first * sp.exp(-rate * t))
    turn, weight = root if kind == "nesterov" else sp.S.Zero, _weight(strong, root)
    sums = [b + 2 * rate * a + turn * c for a, b, c in zip(d, v, g, strict=True)]
    energy = weight * gap + _dot(v, v) / 4 + _dot(sums, sums) / 4
    fall = rate * (_dot(v, v) + weight * _dot(g, d)) + turn / 2 * (weight * _dot(g, g) + _dot(v, f.turned))
    return Certificate(energy, rate / 4, fall - rate / 4 * energy, first * sp.exp(-rate * t / 4))
