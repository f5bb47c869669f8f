r"""Whether noise stabilises an equilibrium of a stochastic differential equation."""

from __future__ import annotations

import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem

__all__ = ["exponent_at_zero"]


def exponent_at_zero(system: SDESystem) -> sp.Expr:
    r"""The rate at which solutions near 0 grow, :math:`\lambda = f'(0) - \tfrac12 \sum_k g_k'(0)^2`, almost surely.

    The linearised equation :math:`\mathrm dz = f'(0) z\,\mathrm dt + \sum_k g_k'(0) z\,\mathrm dW_k` has the solution
    :math:`z(0) \exp(\lambda t + \sum_k g_k'(0) W_k(t))`; where :math:`\lambda < 0`, 0 is stable though f alone may not be.

    Parameters
    ----------
    system : SDESystem
        Of one state, with an equilibrium at 0 where drift and noise vanish; in Itô's sense or Stratonovich's.

    Returns
    -------
    Expr
        Of parameters and time; of networks, a number.

    Raises
    ------
    DeclarationError
        For several states, for delays, and where 0 is no equilibrium.

    References
    ----------
    Khasminskii, Stochastic Stability of Differential Equations (2012), theorem 6.15.

    Examples
    --------
    >>> import symdyn as sd
    >>> z, a, s = sp.symbols("z a s")
    >>> sd.SDESystem({z: a * sp.sin(z)}, {z: s * z}).exponent_at_zero()
    a - s**2/2
    """
    if len(system.states) != 1:
        raise DeclarationError(
            f"the exponent at 0 is known of one state, got {', '.join(system.names)}; of several, simulate and take logarithms"
        )
    if system.delays:
        raise DeclarationError(
            f"the system has the delay {system.delays[0]}, with which it has no such exponent; simulate, and take logarithms"
        )
    ito = system.ito()
    (z,), zero = ito.states, {ito.states[0]: sp.S.Zero}
    (drift,), noises = ito.part("drift"), list(ito.part("diffusion"))
    for what, e in (("drift", drift), *(("noise", g) for g in noises)):
        value = e.xreplace(zero)
        value = value.evalf() if value.is_number or not value.free_symbols else sp.simplify(value)
        if value != 0:
            raise DeclarationError(f"the {what} at {z} = 0 is {value}, so that 0 is no equilibrium")
    slopes = [derivative(e, z).xreplace(zero) for e in (drift, *noises)]
    first, *others = (e.evalf() if not e.free_symbols and not e.is_Number else e for e in slopes)
    return first - sp.Add(*(g**2 for g in others)) / 2
