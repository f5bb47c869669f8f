r"""Functions that mixtures of densities and exponential methods are written in, with derivatives that cannot overflow.

They are functions of model texts too: ``log p = logsumexp(q1, q2)``.  :math:`\operatorname{logsumexp}(q) = \log \sum_j e^{q_j}`
has the derivatives :math:`\operatorname{softmax}(q_k, q) = e^{q_k} / \sum_j e^{q_j}`, which kernels evaluate after the largest
argument was subtracted from all of them.  ``nonlinear(N)`` is N; it says what exponential methods take for the nonlinear part.
"""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

__all__ = ["NOISE_LEVEL", "log_sum_exp", "logsumexp", "nonlinear", "share", "softmax"]

#: The observable that says which solution of s' = a s + g is the noise level of a semilinear system.
NOISE_LEVEL = "noise_level"


class logsumexp(sp.Function):
    r""":math:`\log \sum_j e^{q_j}` of any number of arguments.

    >>> x = sp.Symbol("x")
    >>> logsumexp(x, 2 * x).diff(x)
    softmax(x, x, 2*x) + 2*softmax(2*x, x, 2*x)
    """

    @classmethod
    def eval(cls, *q: sp.Expr) -> sp.Expr | None:
        return q[0] if len(q) == 1 else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return softmax(self.args[argindex - 1], *self.args)

    def _eval_rewrite_as_exp(self, *q: sp.Expr, **hints: Any) -> sp.Expr:
        return sp.log(sp.Add(*(sp.exp(a) for a in q)))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return self._eval_rewrite_as_exp(*self.args)._eval_evalf(prec)


class softmax(sp.Function):
    r""":math:`e^{q_k} / \sum_j e^{q_j}` of :math:`q_k, q_1, \ldots, q_n`.

    >>> x, y = sp.symbols("x y")
    >>> softmax(x, x, y).diff(x)
    -softmax(x, x, y)**2 + softmax(x, x, y)
    """

    @classmethod
    def eval(cls, one: sp.Expr, *q: sp.Expr) -> sp.Expr | None:
        return sp.S.One if len(q) == 1 and q[0] == one else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex == 1:
            return self
        return -self * softmax(self.args[argindex - 1], *self.args[1:])

    def _eval_rewrite_as_exp(self, one: sp.Expr, *q: sp.Expr, **hints: Any) -> sp.Expr:
        return sp.exp(one) / sp.Add(*(sp.exp(a) for a in q))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return self._eval_rewrite_as_exp(*self.args)._eval_evalf(prec)


class nonlinear(sp.Function):
    """Its argument, which exponential methods take for the nonlinear part of a rate of change.

    >>> x = sp.Symbol("x")
    >>> nonlinear(x**2).diff(x)
    2*x
    """

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.S.One

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return self.args[0]._eval_evalf(prec)


def log_sum_exp(*q: float) -> float:
    """The value of `logsumexp`.

    >>> round(log_sum_exp(1000.0, 1000.0) - 1000.0, 9)  # log 2
    0.693147181
    """
    top = max(q)
    return top + math.log(math.fsum(math.exp(a - top) for a in q)) if math.isfinite(top) else top


def share(one: float, *q: float) -> float:
    """The value of `softmax`.

    >>> round(share(1000.0, 1000.0, 1000.0), 9)
    0.5
    """
    return math.exp(one - log_sum_exp(*q))
