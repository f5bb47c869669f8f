"""Times at which conditions on time alone change, as the compiled conditions have it.

The time at which ``t/3 >= T`` turns true is ``3*T`` but for rounding, and there the condition may still be false: an event at
that number would be lost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdyn.codegen.lane_calls import lane_values

__all__ = ["conditions_at", "turning"]

#: Numbers between a computed time and one at which the condition has changed: 2 to these powers, at most.
FAR = (10, 20, 30)
#: Least size, relative to the largest time, whose roundings are the distance between these numbers.
SMALL = 2.0**-20


def conditions_at(
    address: int, parameters: np.ndarray, *, lanes: int, states: int, rows: int, events: int
) -> Callable[[int, np.ndarray], np.ndarray]:
    """A function of the number of a condition and times (N,): whether it is true then, by the lane function that drivers call.

    Parameters
    ----------
    address : int
        Of the function of time, states and parameters that returns the margins of `events` conditions.
    parameters : (N, k) float64
        Followed by zeros up to `rows`; all `states` are zero.
    lanes, states, rows, events : int
        Sizes of the blocks of that function.
    """
    count, own = parameters.shape
    given = np.concatenate([parameters, np.zeros((count, rows - own))], axis=1)

    def true(event: int, at: np.ndarray) -> np.ndarray:
        return lane_values(address, lanes, (at[:, None], np.zeros((1, states)), given), events)[:, event] >= 0

    return true


def turning(at: np.ndarray, largest: float, true: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The times (N,), or where a condition has not changed there but for rounding, the first numbers at which it has.

    >>> turning(np.array([0.9, 1.0]), 5.0, lambda t: t - 0.4 - 0.5 >= [0.0, 2e-16]) - [0.9, 1.0]
    array([0., 0.])
    >>> turning(np.array([3 * 0.3]), 5.0, lambda t: t > 3 * 0.3) > 3 * 0.3
    array([ True])
    """
    unit = np.spacing(np.maximum(np.abs(at), SMALL * largest))
    reach, after = np.zeros(len(at)), np.zeros(len(at), bool)
    for power in FAR:
        later = true(at + 2.0**power * unit)
        changed = (reach == 0) & (true(at - 2.0**power * unit) != later)
        reach[changed], after[changed] = 2.0**power, later[changed]
        if reach.all():
            break
    high = np.where((reach > 0) & (true(at) != after), reach, 0.0)
    low = np.zeros(len(at))
    while (high - low > 1).any():
        middle = np.floor(0.5 * (low + high))
        there = true(at + middle * unit) == after
        moving = high - low > 1
        low, high = np.where(moving & ~there, middle, low), np.where(moving & there, middle, high)
    return at + high * unit
