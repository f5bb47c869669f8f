r"""The generator of a diffusion as an operator on expressions."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.declaration import derivative, expression
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["generator"]


def generator(system: System, of: Any) -> sp.Expr:
    r""":math:`L h = \partial_t h + f \cdot \nabla h + \tfrac12 \sum_{ij} D_{ij}\, \partial_i \partial_j h`, :math:`D = G G^T`.

    Along paths :math:`h(x_t) - \int_0^t L h\, \mathrm ds` is a martingale.

    Parameters
    ----------
    system : SDESystem or ODESystem
        D is 0 for ordinary differential equations.
    of : Expr
        h, of states, parameters and time.

    Returns
    -------
    Expr
        Not simplified.

    Raises
    ------
    DeclarationError
        For systems without drift.

    References
    ----------
    Oksendal, Stochastic Differential Equations (6th ed., 2003), theorem 7.3.3.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, k, s = sp.symbols("x k s")
    >>> generator(sd.SDESystem({x: -k * x}, {x: s}), x**2)
    -2*k*x**2 + s**2
    """
    if reason := system.unmet(["drift"], ["diffusion"]):
        raise DeclarationError(f"a generator: {reason}")
    h, states = expression(of), system.states
    slopes = [derivative(h, x) for x in states]
    drift = system.part("drift")
    total = derivative(h, system.time)
    if system.noises:
        ito: Any = system.ito()  # type: ignore[attr-defined]
        drift, d = ito.drift, ito.diffusion * ito.diffusion.T
        for i, slope in enumerate(slopes):
            total += sp.Add(*(d[i, j] * derivative(slope, x) for j, x in enumerate(states) if d[i, j] != 0)) / 2
    return total + sp.Add(*(f * s for f, s in zip(drift, slopes, strict=True)))
