"""Statistics on a card: observables beside the states, trajectories done again put in their places, sums over blocks.

The values of a chunk are (T, width, N): the first `states` rows are the states of trajectory i at ``[q, :, i]``.
"""

from __future__ import annotations

from symdyn_kernels.devices._observed import store_observables
from symdyn_kernels.devices._prelude import cuda, math, real64

#: Rows of a summary: how many values are finite, their mean, the sum of squares about it, the least and the greatest.
COUNT, MEAN, SQUARES, LOW, HIGH = range(5)


def finite(x):
    """Whether a number is neither infinite nor no number."""
    return x - x == 0.0


def run_observe(values, parameters, times, states):
    """Compute the observables of trajectory `i`; where the first state is missing they are too."""
    i = cuda.grid(1)
    if i < values.shape[2]:
        for q in range(values.shape[0]):
            store_observables(values, q, i, parameters, times)
            if values[q, 0, i] != values[q, 0, i]:
                for j in range(states, values.shape[1]):
                    values[q, j, i] = math.nan


def run_move(source, from_index, target, to_index):
    """Copy trajectories from places of one array of values to places of another."""
    s = cuda.grid(1)
    if s < from_index.size:
        for q in range(source.shape[0]):
            for j in range(source.shape[1]):
                target[q, j, to_index[s]] = source[q, j, from_index[s]]


def run_summarise(values, bounds, summary):
    """Sum up block `b`, ``bounds[b]`` to ``bounds[b + 1]``, of one variable at one time, in the order in which the CPU does."""
    place = cuda.grid(1)
    times, width, blocks = values.shape[0], values.shape[1], bounds.size - 1
    if place < times * width * blocks:
        b, j, q = place % blocks, place // blocks % width, place // blocks // width
        total, squares, low, high = real64(0.0), real64(0.0), real64(math.inf), real64(-math.inf)
        count = 0
        for i in range(bounds[b], bounds[b + 1]):
            x = real64(values[q, j, i])
            if finite(x):
                count, total, low, high = count + 1, total + x, min(low, x), max(high, x)
        mean = total / real64(max(count, 1))
        for i in range(bounds[b], bounds[b + 1]):
            x = real64(values[q, j, i])
            if finite(x):
                squares += (x - mean) * (x - mean)
        summary[COUNT, b, q, j], summary[MEAN, b, q, j], summary[SQUARES, b, q, j] = count, mean, squares
        summary[LOW, b, q, j], summary[HIGH, b, q, j] = low, high
