"""Chaotic flows."""

from __future__ import annotations

import sympy as sp

from symdyn.models.ode import ODESystem

__all__ = ["lorenz"]


def lorenz() -> ODESystem:
    r"""Lorenz' model of convection in three modes.

    .. math:: \dot x = \sigma (y - x), \qquad \dot y = x (\rho - z) - y, \qquad \dot z = x y - \beta z

    Dimensionless; by default :math:`\sigma = 10`, :math:`\rho = 28`, :math:`\beta = 8/3`, from (1, 1, 1).

    Returns
    -------
    ODESystem
        States x, y, z.

    References
    ----------
    Lorenz, Journal of the Atmospheric Sciences 20 (1963) 130-141, eqs. 25-27.

    Examples
    --------
    >>> print(lorenz())
    x' = sigma*(-x + y)
    y' = x*(rho - z) - y
    z' = -beta*z + x*y
    """
    x, y, z, sigma, rho, beta = sp.symbols("x y z sigma rho beta")
    return ODESystem(
        {x: sigma * (y - x), y: x * (rho - z) - y, z: x * y - beta * z},
        {sigma: 10, rho: 28, beta: 8 / 3},
        initial={x: 1, y: 1, z: 1},
        provenance=("zoo.lorenz: Lorenz (1963)",),
    )
