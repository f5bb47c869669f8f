r"""Poisson closure: above the order, cumulants of one species equal its mean and mixed ones are zero.

.. math:: K_{p e_j} = \mu_j, \qquad K_i = 0 \text{ if two species or more occur in } i.

Not invariant under linear changes of variables: under a conservation law it depends on which species are eliminated.
"""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index


def express(index: Index, moments: Moments) -> sp.Expr:
    """The cumulant."""
    present = [k for k, power in enumerate(index) if power]
    return moments.mean(present[0]) if len(present) == 1 else sp.S.Zero


CLOSURES.register(
    "poisson",
    Closure(
        "poisson",
        express,
        "cumulant",
        definition="cumulants above the order equal the mean for one species, zero for several",
        reference="Nasell, Theor. Popul. Biol. 64, 233 (2003); Schnoerr et al., J. Chem. Phys. 143, 185101 (2015)",
    ),
)
