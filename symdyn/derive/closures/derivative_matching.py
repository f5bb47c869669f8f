r"""Derivative matching: a product of powers of lower moments whose time derivatives agree for deterministic initial values.

.. math:: \mu_i = \prod_{0 < j < i} \mu_j^{g_j}, \qquad
          \binom{i}{k} = \sum_j g_j \binom{j}{k} \;\text{ for } 0 < |k| < |i|
          \;\Rightarrow\; g_j = (-1)^{|i| - |j| + 1} \binom{i}{j}

(the binomial inversion solves the linear system).  Orders above m + 1 follow one after another.  At order 2 it is the
log-normal closure.  It divides by moments, which must be positive, also at the beginning.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, binomial, subindices


def matched(index: Index, moment: Callable[[Index], sp.Expr]) -> sp.Expr:
    """The product of powers of lower moments."""
    order = sum(index)
    lower = [j for j in subindices(index) if any(j) and j != index]
    return sp.Mul(*(moment(j) ** ((-1) ** (order - sum(j) + 1) * binomial(index, j)) for j in lower))


def express(index: Index, moments: Moments) -> sp.Expr:
    """The raw moment."""
    return matched(index, moments.raw)


CLOSURES.register(
    "derivative-matching",
    Closure(
        "derivative-matching",
        express,
        definition="moments above the order are products of powers of lower ones that match derivatives at the beginning",
        reference="Singh, Hespanha, IEEE Trans. Autom. Control 56, 414 (2011)",
        aliases=("dm",),
        positive_means=True,
    ),
)
