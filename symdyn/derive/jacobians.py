"""The Jacobian of right-hand sides as a matrix of expressions."""

from __future__ import annotations

import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["jacobian"]


def jacobian(system: System) -> sp.Matrix:
    r"""Derivatives of the rates of change, or of the next values of a map, by the states.

    .. math:: J_{ij} = \partial f_i / \partial x_j

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Of n states, without delays.

    Returns
    -------
    (n, n) sympy.Matrix
        Rows and columns in the order of ``system.states``; each entry has the units of a rate over those of a state.

    Raises
    ------
    DeclarationError
        For systems with delays or algebraic equations, whose linearisation is no matrix of this kind.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ODESystem.from_text("x' = v; v' = mu*(1 - x^2)*v - x").jacobian()
    Matrix([
    [              0,             1],
    [-2*mu*v*x - 1, mu*(1 - x**2)]])
    """
    if system.delays or system.algebraic:
        what = "delays" if system.delays else "algebraic equations"
        raise DeclarationError(f"the Jacobian is that of plain right-hand sides, and this {type(system).__name__} has {what}")
    sides = system.map or system.drift or ()
    return sp.Matrix([[derivative(f, x) for x in system.states] for f in sides])
