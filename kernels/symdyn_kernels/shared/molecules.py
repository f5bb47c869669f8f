"""Validity of the numbers of molecules that an event has set."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import floor, math, shared
from symdyn_kernels.status import FRACTION, NEGATIVE, NOT_FINITE

__all__ = ["judged"]


@shared
def judged(x, code):
    """The status of a trajectory with one more number of molecules, `code` being that of the others."""
    if code == NEGATIVE or x < 0.0:
        return NEGATIVE
    if not x < math.inf:
        return NOT_FINITE
    return FRACTION if x != floor(x) else code
