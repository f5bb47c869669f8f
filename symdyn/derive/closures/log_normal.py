r"""Log-normal closure: moments above the order are those of the log-normal distribution with the same means and covariances.

.. math:: \mu_i = \prod_j \mu_j^{i_j (2 - |i|)} \prod_j \mu_{2 e_j}^{i_j (i_j - 1) / 2} \prod_{j < k} \mu_{e_j + e_k}^{i_j i_k}

It divides by means, which must be positive, including the initial ones.  Not invariant under linear changes of variables.
"""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, add


def express(index: Index, moments: Moments) -> sp.Expr:
    """The raw moment."""
    order = sum(index)
    present = [k for k, power in enumerate(index) if power]
    factors = []
    for a, j in enumerate(present):
        e = moments.unit(j)
        factors.append(moments.mean(j) ** (index[j] * (2 - order)))
        factors.append(moments.raw(add(e, e)) ** (index[j] * (index[j] - 1) // 2))
        factors += [moments.raw(add(e, moments.unit(k))) ** (index[j] * index[k]) for k in present[a + 1 :]]
    return sp.Mul(*factors)


CLOSURES.register(
    "log-normal",
    Closure(
        "log-normal",
        express,
        definition="moments above the order are those of a log-normal distribution with the same means and covariances",
        reference="Keeling, J. Theor. Biol. 205, 269 (2000); Schnoerr et al., J. Chem. Phys. 143, 185101 (2015)",
        aliases=("lognormal",),
        positive_means=True,
        least_order=2,
    ),
)
