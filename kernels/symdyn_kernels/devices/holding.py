"""Outputs of jump processes, whose states stay as they are between events."""

from __future__ import annotations

from symdyn_kernels.devices._event import SPECIES


def hold(y, i, q, last, times, values):
    """Write the states at the outputs from `q` on that are before the time `last`; returns the next output."""
    while q < times.size and times[q] < last:
        for k in range(SPECIES):
            values[q, k, i] = y[k]
        q += 1
    return q
