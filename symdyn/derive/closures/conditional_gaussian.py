r"""Conditional Gaussian closure: cumulants under the condition that the genes are on are zero above the order.

For binary g, :math:`\langle g\,p^j \rangle = \langle p^j \mid g = 1 \rangle \langle g \rangle`, and the conditional
cumulant of index j is zero.  Moments in which no binary species occurs, or at most one other molecule, are closed by the normal
closure.  It divides by the means of binary species, which must be positive.
"""

from __future__ import annotations

import sympy as sp

from symdyn.derive.closures._conditional import conditioned
from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index


def express(index: Index, moments: Moments) -> sp.Expr:
    """The raw moment."""
    condition = conditioned(index, moments)
    rest, moment, weight = condition or (index, moments.raw, sp.S.One)

    def vanishing(j: Index, inner: Moments) -> sp.Expr:
        return sp.S.Zero

    lower = _Lower(rest, moment)
    inner = Moments(len(index), "raw", lower, close=vanishing, close_kind="cumulant")
    return weight * inner.raw(rest)


class _Lower(dict):
    """Moments of an order below that of `index`, computed on demand."""

    def __init__(self, index: Index, moment) -> None:
        super().__init__()
        self.order, self.moment = sum(index), moment

    def __contains__(self, j: object) -> bool:
        return sum(j) < self.order  # type: ignore[call-overload]

    def __missing__(self, j: Index) -> sp.Expr:
        self[j] = self.moment(j)
        return self[j]


CLOSURES.register(
    "conditional-gaussian",
    Closure(
        "conditional-gaussian",
        express,
        definition="cumulants above the order, under the condition that the genes are on, are zero",
        reference="Soltani, Vargas-Garcia, Singh, IEEE Trans. Biomed. Circuits Syst. 9, 518 (2015)",
        aliases=("conditional-normal",),
        positive_means=True,
        needs_binary=True,
    ),
)
