"""What a loop that serves every adaptive method hands to the step of one, which is compiled on its own."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from symdyn_kernels.arguments.adaptive import AdaptiveFunctions, AdaptiveSizes
from symdyn_kernels.arguments.delays import DelayTables
from symdyn_kernels.arguments.parts import Tolerances
from symdyn_kernels.delays import Past
from symdyn_kernels.lanes import LaneMemory, LanePlaces
from symdyn_kernels.options import INNER
from symdyn_kernels.remote import make_transfer

__all__ = ["DelayedStepArguments", "StepArguments", "lane_functions", "receive", "receive_delayed", "send", "send_delayed"]


class StepArguments(NamedTuple):
    """Arguments of the functions of a method.

    Attributes
    ----------
    functions, sizes, memory, places, tolerances :
        As their classes describe.
    """

    functions: AdaptiveFunctions
    sizes: AdaptiveSizes
    memory: LaneMemory
    places: LanePlaces
    tolerances: Tolerances


class DelayedStepArguments(NamedTuple):
    """Those for models with delays.

    Attributes
    ----------
    functions, sizes, memory, places, tolerances, delays, past :
        As their classes describe.
    """

    functions: AdaptiveFunctions
    sizes: AdaptiveSizes
    memory: LaneMemory
    places: LanePlaces
    tolerances: Tolerances
    delays: DelayTables
    past: Past


send, receive = make_transfer(StepArguments)
send_delayed, receive_delayed = make_transfer(DelayedStepArguments)


@njit(**INNER)
def lane_functions(functions):
    """Those of `MethodFunctions` that a step calls."""
    return AdaptiveFunctions(functions.rhs, functions.factor, functions.solve, functions.margin)
