"""Arguments of the driver of fixed-step methods."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.delays import DelayTables
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Run, Signals

__all__ = ["SteppingArguments", "SteppingEventArguments", "SteppingSizes"]


class SteppingSizes(NamedTuple):
    """Sizes of a model, and lanes.

    Attributes
    ----------
    states, parameters, noises : int
        How many there are.
    integrals : int
        How many integrals of each noise the scheme reads after its increment: 1 for dZ, 2 for dZ and dY.
    lanes : int
        1, 8, 16 or 32.
    """

    states: int
    parameters: int
    noises: int
    integrals: int
    lanes: int


class SteppingArguments(NamedTuple):
    """Arguments of ``drivers/stepping.py``.

    Attributes
    ----------
    step_function : int
        Address of the lane function of a step.
    sizes, batch, run, signals :
        As their classes describe; ``values``, ``status`` and ``steps`` of the run are filled.  Times may be repeated.
    seed : int
        Trajectory k draws from the stream ``(seed, streams[k])``.
    step : float
        The longest step: the gap to each output time is divided into the fewest equal steps not longer than it.
    fine : int
        Each step's increments are composed from this many equal pieces, so that one Brownian path can be followed with several
        step sizes.
    """

    step_function: int
    sizes: SteppingSizes
    batch: Batch
    seed: int
    step: float
    fine: int
    run: Run
    signals: Signals


class SteppingEventArguments(NamedTuple):
    """Arguments of ``drivers/stepping_events.py``.

    Attributes
    ----------
    common : SteppingArguments
        Its step function writes the margins of the conditions of events after the states.
    events : EventTables
    unit : int
        Whether all steps have the length 1, as those of maps.
    flag : int
        The state that says whether a trajectory has ended, which the next one says when; -1 if none ends.
    delays : DelayTables
        The K values that belong to the end of a step follow the other parameters, and those to its beginning follow these.
    """

    common: SteppingArguments
    events: EventTables
    unit: int
    flag: int
    delays: DelayTables
