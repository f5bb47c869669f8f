"""Outputs that a thread does not reach."""

from __future__ import annotations

from symdyn_kernels.devices._prelude import math


def void(i, q, states, values):
    """NaN for trajectory `i` from output `q` on."""
    for j in range(q, values.shape[0]):
        for k in range(states):
            values[j, k, i] = math.nan
