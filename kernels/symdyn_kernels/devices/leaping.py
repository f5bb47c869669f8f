"""Tau-leaping on a card: a thread runs the loop of `symdyn_kernels.shared.leaping` for one trajectory.

The stoichiometry is not read as data here: it is among the constants for which loops are unrolled.
"""

from __future__ import annotations

from symdyn_kernels.devices._leap import FROM_TABLE, PARAMETERS, model
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.reactions import DeviceNetwork
from symdyn_kernels.devices.rows import DETAILS, EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.leaping import Space, leap_through
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import SUCCESS


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    x = tuple(initial[k, i] for k in range(model.species))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    means, moments = tuple(0.0 for b in range(model.bursts)), tuple(0.0 for e in range(model.entries))
    numbers, rates = tuple(0.0 for k in range(model.species)), tuple(0.0 for j in range(model.reactions))
    marks = tuple(0 for j in range(model.reactions))
    space = Space(numbers, numbers, numbers, rates, rates, marks, marks, marks, (numbers, numbers, numbers, numbers))
    network, s = DeviceNetwork(p, means, moments, moments), open_stream(seed, streams[i])
    found = leap_through(network, s, x, x, rates, rates + means, marks, space, times, epsilon, max_steps, i, values)
    if found.code != SUCCESS:
        void(i, found.q, model.species, values)
    counts[STATUS, i] = found.code
    counts[STEPS, i] = found.leaps + found.events
    counts[REJECTED, i] = found.rejected
    counts[EVALUATIONS, i] = found.calls
    counts[DETAILS, i] = found.leaps
    counts[DETAILS + 1, i] = found.events
    if model.implicit:
        counts[DETAILS + 2, i] = found.implicit
    passage[i] = found.passage
