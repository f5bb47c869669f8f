"""What happens at known times on a card, and events that wait for each other.

It is in `stops`, for each trajectory or once for all: a time, the time after it, what happens, and the parameters of an input
from there on.  What happens is an event, `JUMP` where the right-hand side jumps, or ``KNOT - input``.  Conditions on time alone
are looked at before: here they are events at known times.
"""

from __future__ import annotations

from symdyn_kernels.devices._eventful import WAITING

JUMP, KNOT = -1, -2


def enqueue(e, count, queue):
    """Let an event wait; returns how many do, more than there is room for if there is none."""
    if count < WAITING:
        queue[count] = e
    return count + 1


def line_up(e, count, queue, held):
    """The condition of an event turned true."""
    held[e] = 1
    return enqueue(e, count, queue)
