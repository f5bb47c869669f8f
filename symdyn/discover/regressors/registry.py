"""Where regressors register, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.registry import Registry

__all__ = ["REGRESSORS", "Candidate", "complexity_of"]


@dataclass(frozen=True)
class Candidate:
    """One formula for a term.

    Attributes
    ----------
    expression : Expr
    complexity : int
        Nodes of the expression.
    loss : float
        Weighted mean squared error on the samples, in the squared unit of the term.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> Candidate(2 * x, complexity_of(2 * x), 0.01)
    Candidate(expression=2*x, complexity=3, loss=0.01)
    """

    expression: sp.Expr
    complexity: int
    loss: float


def complexity_of(expression: sp.Expr) -> int:
    """Number of nodes of an expression.

    Parameters
    ----------
    expression : Expr

    Returns
    -------
    int
        Operations, functions, symbols and numbers, each where it occurs.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> complexity_of(2 * x * y)  # a product of three factors
    4
    """
    return sum(1 for _ in sp.preorder_traversal(expression))


#: Classes of regressors by name; each is made with its options as keywords and follows scikit-learn.
REGRESSORS: Registry[Callable[..., Any]] = Registry("regressor")
