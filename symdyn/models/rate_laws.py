"""Rate laws of biochemistry as expressions: Michaelis-Menten and Hill, with the names and arguments of Catalyst.jl.

The same names are functions of model texts: ``X' = hill(Y, v, K, 2) - d*X``.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.text.rate_laws import RATE_LAWS

__all__ = ["hill", "hillar", "hillr", "mm", "mmr"]


def _law(name: str, *arguments: Any) -> sp.Expr:
    return expression(RATE_LAWS[name].formula(*map(expression, arguments)))


def mm(X: Any, v: Any, K: Any) -> sp.Expr:
    r"""Michaelis-Menten kinetics, :math:`v X / (X + K)`.

    Parameters
    ----------
    X : Expr or number
        The substrate.
    v : Expr or number
        The rate at saturation.
    K : Expr or number
        The amount of X at half of it, in the units of X.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> sd.mm(*sp.symbols("S v K"))
    S*v/(K + S)
    """
    return _law("mm", X, v, K)


def mmr(X: Any, v: Any, K: Any) -> sp.Expr:
    r"""Repression in the form of Michaelis-Menten, :math:`v K / (X + K)`.

    Parameters
    ----------
    X : Expr or number
        What represses.
    v : Expr or number
        The rate without it.
    K : Expr or number
        The amount of X at half of it, in the units of X.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> sd.mmr(*sp.symbols("S v K"))
    K*v/(K + S)
    """
    return _law("mmr", X, v, K)


def hill(X: Any, v: Any, K: Any, n: Any) -> sp.Expr:
    r"""Hill activation, :math:`v X^n / (X^n + K^n)`.

    Parameters
    ----------
    X : Expr or number
        What activates.
    v : Expr or number
        The rate at saturation.
    K : Expr or number
        The amount of X at half of it, in the units of X.
    n : Expr or number
        The Hill coefficient.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> X, v, K = sp.symbols("X v K")
    >>> sd.hill(X, v, K, 2)
    X**2*v/(K**2 + X**2)
    """
    return _law("hill", X, v, K, n)


def hillr(X: Any, v: Any, K: Any, n: Any) -> sp.Expr:
    r"""Hill repression, :math:`v K^n / (X^n + K^n)`.

    Parameters
    ----------
    X : Expr or number
        What represses.
    v : Expr or number
        The rate without it.
    K : Expr or number
        The amount of X at half of it, in the units of X.
    n : Expr or number
        The Hill coefficient.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> X, v, K = sp.symbols("X v K")
    >>> sd.hillr(X, v, K, 2)
    K**2*v/(K**2 + X**2)
    """
    return _law("hillr", X, v, K, n)


def hillar(X: Any, Y: Any, v: Any, K: Any, n: Any) -> sp.Expr:
    r"""Hill activation by X and repression by Y, :math:`v X^n / (X^n + Y^n + K^n)`.

    Parameters
    ----------
    X, Y : Expr or number
        What activates, and what represses.
    v : Expr or number
        The rate at saturation.
    K : Expr or number
        The amount of X at half of it without Y, in the units of X.
    n : Expr or number
        The Hill coefficient.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> X, Y, v, K = sp.symbols("X Y v K")
    >>> sd.hillar(X, Y, v, K, 2)
    X**2*v/(K**2 + X**2 + Y**2)
    """
    return _law("hillar", X, Y, v, K, n)
