"""Arguments of drivers about delays: where rates of change, events and observables look up states of the past."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Integers, Numbers, Rows

__all__ = ["DelayTables"]


class DelayTables(NamedTuple):
    """The delays of a model: L times at which K values of S states are looked up.

    Attributes
    ----------
    times : int
        Address of a lane function of time, states and parameters: the L times, those that rates of change need first.
    history : int
        Address of a lane function of a time before the first, of the initial values and of parameters: the S states, then
        their slopes.
    states : (S,) int64
        The states whose past is kept.
    begins : (L + 1,) int64
        Which of the K values belong to each time.
    kept, slopes : (K,) int64
        Of each value its place among the S states, and whether it is the slope.
    observed : (Q,) int64
        The values that are recorded at output times, after the states.
    first : int
        The parameter that the first of the K values is for the right-hand side.
    rated : int
        How many of the L times rates of change need.
    varying : int
        Whether a delay of these depends on states or time: a step may then look up its own solution.
    shortest, longest : (N,) float64
        Of each trajectory the shortest constant delay in rates of change, and the longest delay: infinite where nothing is
        forgotten, as a delay depends on states or time.
    order : int
        If a delay varies, how many delays after a jump it is still followed: the order of the method.
    sums : (N, q) float64
        Sums of constant delays of each trajectory, in order: so long after a jump of a state others follow.

    Examples
    --------
    >>> DelayTables.none().begins.size
    1
    """

    times: int
    history: int
    states: Integers
    begins: Integers
    kept: Integers
    slopes: Integers
    observed: Integers
    first: int
    rated: int
    varying: int
    shortest: Numbers
    longest: Numbers
    order: int
    sums: Rows

    @classmethod
    def none(cls) -> DelayTables:
        """Those of a model without delays.

        Returns
        -------
        DelayTables

        Examples
        --------
        >>> DelayTables.none().times
        0
        """
        empty, nothing = np.empty(0, np.int64), np.empty(0)
        return cls(0, 0, empty, np.zeros(1, np.int64), empty, empty, empty, 0, 0, 0, nothing, nothing, 0, np.empty((0, 0)))
