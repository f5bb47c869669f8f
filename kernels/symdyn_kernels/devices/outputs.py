"""What a thread does with outputs that it does not come to."""

from __future__ import annotations

from symdyn_kernels.devices._prelude import math


def void(i, q, states, values):
    """NaN for trajectory `i` from output `q` on."""
    for j in range(q, values.shape[0]):
        for k in range(states):
            values[j, k, i] = math.nan
