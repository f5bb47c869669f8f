r"""Gamma closure: moments above the order are those of a multivariate gamma distribution with the same means and covariances.

With :math:`X_i = \beta_i \sum_k Y_{ik}`, :math:`Y_{ik} = Y_{ki}` independent gamma variables of unit scale, and
:math:`\beta_i = C_{ii} / \mu_i`, the cumulants are

.. math:: \kappa_{p e_i} = (p - 1)!\, \beta_i^{p - 1} \mu_i, \qquad
          \kappa_{p e_i + q e_j} = (p + q - 1)!\, \beta_i^{p - 1} \beta_j^{q - 1} C_{ij},

and zero for three variables or more.  No covariance is divided by: nothing is undefined at zero covariance.
Means must be positive.
"""

from __future__ import annotations

from math import factorial

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, add, binomial, subindices, subtract, times


def express(index: Index, moments: Moments) -> sp.Expr:
    """The central moment, by the recursion from the cumulants above."""
    known = moments.shared.setdefault("gamma", {})
    if index not in known:
        known[index] = _central(index, moments)
    return known[index]


def _central(index: Index, moments: Moments) -> sp.Expr:
    order = sum(index)
    if order < 3:
        return (sp.S.One, sp.S.Zero, moments.central(index) if order == 2 else sp.S.Zero)[order]
    p = next(k for k, power in enumerate(index) if power)
    e = moments.unit(p)
    rest = subtract(index, e)
    terms = []
    for j in subindices(rest):
        if sum(j):
            terms.append(times(binomial(rest, j), _cumulant(add(j, e), moments), express(subtract(rest, j), moments)))
    return sp.Add(*terms)


def _cumulant(index: Index, moments: Moments) -> sp.Expr:
    present = [k for k, power in enumerate(index) if power]
    if len(present) > 2:
        return sp.S.Zero
    scales = [(moments.covariance(k, k) / moments.mean(k)) ** (index[k] - 1) for k in present]
    first = moments.mean(present[0]) if len(present) == 1 else moments.covariance(*present)
    return times(factorial(sum(index) - 1), first, *scales)


CLOSURES.register(
    "gamma",
    Closure(
        "gamma",
        express,
        "central",
        definition="moments above the order are those of a multivariate gamma distribution with the same means and covariances",
        reference="Lakatos, Ale, Kirk, Stumpf, J. Chem. Phys. 143, 094107 (2015)",
        positive_means=True,
        least_order=2,
    ),
)
