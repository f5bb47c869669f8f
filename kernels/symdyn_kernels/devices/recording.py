"""Records of states on a card."""

from __future__ import annotations

from symdyn_kernels.devices._prelude import real
from symdyn_kernels.devices._step import SPECIES


def write_states(y, i, q, values):
    """Write the states at an output time; returns whether all of them are finite."""
    for k in range(SPECIES):
        values[q, k, i] = y[k]
    return watched(y, real(0)) == 0.0


def watched(y, mark):
    """A mark that remains 0 while states are finite."""
    for k in range(SPECIES):
        mark = mark + (y[k] - y[k])
    return mark
