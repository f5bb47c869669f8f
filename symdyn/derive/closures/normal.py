r"""Normal closure: cumulants above the order are those of a normal distribution, :math:`K_i = 0`.

Moments of order m + 1 and above are found one after another from all lower moments.  Some programs close by products
of covariances instead (Isserlis), also where third moments are kept; that differs from order 3 on.
"""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index


def express(index: Index, moments: Moments) -> sp.Expr:
    """The cumulant, which is zero."""
    return sp.S.Zero


CLOSURES.register(
    "normal",
    Closure(
        "normal",
        express,
        "cumulant",
        definition="cumulants above the order are zero",
        reference="Goodman, Biometrics 9, 212 (1953); Schnoerr, Sanguinetti, Grima, J. Chem. Phys. 143, 185101 (2015)",
        aliases=("gaussian", "zero-cumulants", "zero-cumulant", "cumulant-neglect"),
    ),
)
