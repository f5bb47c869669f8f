r"""Conditional derivative matching: derivative matching of moments under the condition that the genes are on.

For binary g, :math:`\langle g\,p^j \rangle = \langle p^j \mid g = 1 \rangle \langle g \rangle`.
Moments in which no binary species occurs, or at most one other molecule, are closed by derivative matching
itself.  It divides by moments, which must be positive.
"""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures._conditional import conditioned
from symdyn.derive.closures.derivative_matching import matched
from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index


def express(index: Index, moments: Moments) -> sp.Expr:
    """The raw moment."""
    rest, moment, weight = conditioned(index, moments) or (index, moments.raw, sp.S.One)
    return weight * matched(rest, moment)


CLOSURES.register(
    "conditional-derivative-matching",
    Closure(
        "conditional-derivative-matching",
        express,
        definition="moments above the order, under the condition that the genes are on, by derivative matching",
        reference="Soltani, Vargas-Garcia, Singh, IEEE Trans. Biomed. Circuits Syst. 9, 518 (2015)",
        aliases=("conditional-dm", "cdm"),
        positive_means=True,
        needs_binary=True,
    ),
)
