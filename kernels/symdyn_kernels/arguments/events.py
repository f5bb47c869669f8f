"""Arguments of drivers about events: instantaneous changes of states."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Frames, Integers

__all__ = ["FROM_TRIGGER", "INITIAL", "KNOWN", "PERSISTENT", "EventTables"]

#: Bits of ``EventTables.flags``.
PERSISTENT, INITIAL, FROM_TRIGGER, KNOWN = 1, 2, 4, 8


class EventTables(NamedTuple):
    """The events of a model.

    Attributes
    ----------
    triggers : int
        Address of a lane function of time, states and parameters: for each event a number that is 0 or above where its
        condition is true.
    effects : int
        Address of a lane function: the values that events assign, then delays, then priorities.
    first : (E + 1,) int64
        Where in those the values of each event begin.
    targets : (A,) int64
        The state of each value.
    delays, priorities : (E,) int64
        Rows of the effects, or -1 where there is none.
    flags : (E,) int64
        Whether an event persists, counts as true before the first time, takes its values at its trigger, and changes its
        condition at scheduled times alone.
    sampled : int
        Whether there are conditions that are evaluated within steps.
    schedule : (N, S, 2) float64
        For each trajectory times in order, infinite where there are fewer, and at each the event that acts, or -1 where time
        alone may change a condition.
    recorded : int
        For how many firings of each event the times are recorded aside, after the numbers of firings.

    Examples
    --------
    >>> EventTables.none().first.size
    1
    """

    triggers: int
    effects: int
    first: Integers
    targets: Integers
    delays: Integers
    priorities: Integers
    flags: Integers
    sampled: int
    schedule: Frames
    recorded: int

    @classmethod
    def none(cls) -> EventTables:
        """Those of a model without events.

        Returns
        -------
        EventTables

        Examples
        --------
        >>> EventTables.none().triggers
        0
        """
        empty, one = np.empty(0, np.int64), np.zeros(1, np.int64)
        return cls(0, 0, one, empty, empty, empty, empty, 0, np.empty((0, 0, 2)), 0)
