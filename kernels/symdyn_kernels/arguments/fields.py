"""Arguments of the drivers of fields on grids."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Control, Integers, Numbers, Tolerances

__all__ = ["GridTables", "StencilSteps", "Steps", "Tableau"]


class GridTables(NamedTuple):
    """A discretised model, its parameters, and memory.

    Attributes
    ----------
    table, numbers : int64 and float64 arrays
        Tables of the model (`symdyn_kernels.stencils.layout`).
    parameters : (k,) float64
    source, states, work : int
        Addresses of the initial states at plain places, of padded states for every stage and some more, and of the memory of
        this thread (`symdyn_kernels.stencils.layout`).
    """

    table: Integers
    numbers: Numbers
    parameters: Numbers
    source: int
    states: int
    work: int


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method whose last stage is at the new point, as `symdyn.methods.runge_kutta` describes it.

    Attributes
    ----------
    stages, extra : int
        Stages of a step, that at the new point included; those that only the interpolant needs.
    order : float
        The error estimate vanishes as the step to this power.
    a, nodes : float64 arrays
        Rows of the stages after the first, one after the other, then of the extra stages; abscissae of all.
    errors : float64 array
        One or two rows of weights of the error, or none.
    dense : float64 array
        For each stage the coefficients of the interpolant.
    limit : float
        Bound of the stability region along the negative axis.
    """

    stages: int
    extra: int
    order: float
    a: Numbers
    nodes: Numbers
    errors: Numbers
    dense: Numbers
    limit: float


class Steps(NamedTuple):
    """What a call asks for.

    Attributes
    ----------
    goal, end : float
        The time whose state is asked for, and that which steps meet, not before the goal.
    begin, length, total : float, float, int
        Of steps of one length: where they begin, and how many of which length lead to the end.
    each : int
        Whether to return after each step.
    decay : float
        Rate at which the fastest waves decay, or 0: see `limited`.
    limited, to_come : int
        Steps near the limit of stability after which, and steps to come for which, the status is STIFF.
    """

    goal: float
    end: float
    begin: float
    length: float
    total: int
    each: int
    decay: float
    limited: int
    to_come: int


class StencilSteps(NamedTuple):
    """Arguments of the functions of `symdyn_kernels.drivers.stencil_steps`, which go on from call to call.

    Attributes
    ----------
    grid : GridTables
    tableau : Tableau
    control : Control
    tolerances : Tolerances
    steps : Steps
    out : int
        Address of room for a state at plain places.
    stop : (1,) int64
        Polled: nonzero interrupts.
    reached : (1,) float64
        The time that is reached.
    clock : (7,) float64
        The time, the next length, beginning and length of the step in memory, the errors of two steps, and the bound by which
        the next one may grow.
    marks : (8,) int64
        Steps, rejected steps, evaluations; which states are current; whether a step is in memory; which slopes are known; steps
        of one length that are done; steps near the limit of stability.
    """

    grid: GridTables
    tableau: Tableau
    control: Control
    tolerances: Tolerances
    steps: Steps
    out: int
    stop: Integers
    reached: Numbers
    clock: Numbers
    marks: Integers
