r"""Zero closure: central moments above the order are neglected, :math:`M_i = 0` (central moment neglect, low dispersion)."""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index


def express(index: Index, moments: Moments) -> sp.Expr:
    """The central moment, which is zero."""
    return sp.S.Zero


CLOSURES.register(
    "zero",
    Closure(
        "zero",
        express,
        "central",
        definition="central moments above the order are zero",
        reference="Hespanha, ISCCSP 2008, 142; Lee, Kim, Kim, J. Chem. Phys. 130, 134107 (2009)",
        aliases=("cmn", "central-moment-neglect", "central-moment-neglecting", "low-dispersion", "scalar"),
    ),
)
