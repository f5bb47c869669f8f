"""Moments under the condition that the genes which occur in them are on."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index

__all__ = ["conditioned"]


def conditioned(index: Index, moments: Moments) -> tuple[Index, Callable[[Index], sp.Expr], sp.Expr] | None:
    r"""A moment as a conditional one: what remains of the index, conditional moments, and the moment of the condition.

    :math:`\langle g\,p^j \rangle = \langle p^j \mid g = 1 \rangle \langle g \rangle`; several binary
    variables are all put to 1.  None where no binary variable occurs, or fewer than two others.
    """
    on = tuple(power if k in moments.binary else 0 for k, power in enumerate(index))
    rest = tuple(0 if k in moments.binary else power for k, power in enumerate(index))
    if not any(on) or sum(rest) < 2:
        return None

    def moment(j: Index) -> sp.Expr:
        if not any(j):
            return sp.S.One
        return moments.raw(tuple(a + b for a, b in zip(on, j, strict=True))) / moments.raw(on)

    return rest, moment, moments.raw(on)
