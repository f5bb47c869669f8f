"""Arguments of drivers about events, which change states, and about inputs, whose course changes at their knots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Frames, Integers, Rows

__all__ = ["FROM_TRIGGER", "INITIAL", "KNOWN", "PERSISTENT", "SHUFFLED", "EventTables"]

#: Bits of ``EventTables.flags``.
PERSISTENT, INITIAL, FROM_TRIGGER, KNOWN, SHUFFLED = 1, 2, 4, 8, 16


class EventTables(NamedTuple):
    """The events and inputs of a model.

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
        Whether an event persists, counts as true before the first time, takes its values at its trigger, changes its
        condition at scheduled times alone, and acts in random order among its equals.
    sampled : int
        Whether there are conditions that are evaluated within steps.
    schedule : (N, S, 3) float64
        For each trajectory, or one for all, times in order, infinite where there are fewer; at each the event that acts, or -1
        where time alone may change a condition, or -2 - i at a knot of input i; and there the row in `segments`.
    segments : (C, d) float64
        What the parameters of an input become at its knots.
    places, sizes : (I,) int64
        Where the parameters of each input begin, and how many there are.
    smooth : (I,) int64
        Whether an input is continuous at its knots.
    recorded : int
        For how many firings of each event the times are recorded aside, after the numbers of firings.
    seed : int
    streams : (N,) int64
        Which stream of random numbers decides on the order of events in each trajectory; empty where none is random.

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
    segments: Rows
    places: Integers
    sizes: Integers
    smooth: Integers
    recorded: int
    seed: int
    streams: Integers

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
        none = np.empty((0, 0, 3)), np.empty((0, 0))
        return cls(0, 0, one, empty, empty, empty, empty, 0, *none, empty, empty, empty, 0, 0, empty)
