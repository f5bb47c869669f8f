r"""Functions for mixtures of densities and for exponential methods; the same names are functions of model texts."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.text import mixtures

__all__ = ["logsumexp", "nonlinear", "softmax"]


def logsumexp(*q: Any) -> sp.Expr:
    r""":math:`\log \sum_j e^{q_j}`, the logarithm of a sum of densities whose logarithms are given.

    Kernels subtract the largest argument first, so that nothing overflows or underflows.

    Parameters
    ----------
    *q : Expr or number
        One or more.

    Returns
    -------
    Expr
        With derivatives that are `softmax`.

    Raises
    ------
    DeclarationError
        Without arguments, and for anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> sd.logsumexp(x, 2 * x).diff(x)
    softmax(x, x, 2*x) + 2*softmax(2*x, x, 2*x)
    """
    if not q:
        raise DeclarationError("logsumexp() has no arguments; expected one or more")
    return mixtures.logsumexp(*map(expression, q))


def softmax(one: Any, *q: Any) -> sp.Expr:
    r""":math:`e^{q_k} / \sum_j e^{q_j}`, the share of one component of a mixture.

    Parameters
    ----------
    one : Expr or number
        :math:`q_k`.
    *q : Expr or number
        All of them.

    Returns
    -------
    Expr

    Raises
    ------
    DeclarationError
        Without `q`, and for anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, y = sp.symbols("x y")
    >>> sd.softmax(x, x, y).diff(x)
    -softmax(x, x, y)**2 + softmax(x, x, y)
    """
    if not q:
        raise DeclarationError("softmax(one) lacks the exponents of all components; expected softmax(one, q1, q2, ...)")
    return mixtures.softmax(expression(one), *map(expression, q))


def nonlinear(rest: Any) -> sp.Expr:
    r"""N, marked as what exponential methods take for the nonlinear part of :math:`\dot x = a x + c + g\, N`.

    Parameters
    ----------
    rest : Expr or number

    Returns
    -------
    Expr
        Equal to `rest`; what it is multiplied by, g, must be a function of time.

    Raises
    ------
    DeclarationError
        For anything that is no scalar expression.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> print(sd.ODESystem({x: -x + t * sd.nonlinear(x / 2)}).semilinear())
    x' = (-1)*x + (0) + (t)*N,  N = x/2
    """
    return mixtures.nonlinear(expression(rest))
