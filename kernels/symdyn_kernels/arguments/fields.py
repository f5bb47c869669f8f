"""Arguments of the drivers of fields on grids."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Integers, Numbers, Tolerances

__all__ = ["AdaptiveSteps", "FixedSteps", "GridTables", "Tableau"]


class GridTables(NamedTuple):
    """A discretised model, its parameters, and memory.

    Attributes
    ----------
    table, numbers : int64 and float64 arrays
        Tables of the model (`symdyn_kernels.stencils.layout`).
    parameters : (k,) float64
    source, states, work : int
        Addresses of the initial states at plain places, of padded states for every stage and some more, and of scratch memory.
    """

    table: Integers
    numbers: Numbers
    parameters: Numbers
    source: int
    states: int
    work: int


class Tableau(NamedTuple):
    """A Runge-Kutta method.

    Attributes
    ----------
    stages, order : int
        Evaluations, those of the last stage included; order of the solution, or of the error estimate if there is one.
    numbers : float64 array
        Rows of ``a``, then weights (of the error, if there is an estimate: then the last row is the solution), nodes, and for
        each stage four coefficients of the interpolant, if there is one.
    """

    stages: int
    order: int
    numbers: Numbers


class FixedSteps(NamedTuple):
    """Arguments of `fixed`.

    Attributes
    ----------
    grid, tableau : GridTables, Tableau
        One stage is Euler's method.
    times : (T,) float64
    step : float
        The longest step.
    out : int
        Address of room for the states at all times.
    stop : (1,) int64
        Polled: nonzero interrupts.
    done : (1,) float64
        The time that is reached.
    counts : (3,) int64
        Filled: steps, rejected steps, evaluations.
    """

    grid: GridTables
    tableau: Tableau
    times: Numbers
    step: float
    out: int
    stop: Integers
    done: Numbers
    counts: Integers


class AdaptiveSteps(NamedTuple):
    """Arguments of `adaptive`.

    Attributes
    ----------
    grid, tableau, times, out, stop, done, counts :
        As of `FixedSteps`.
    tolerances : Tolerances
    """

    grid: GridTables
    tableau: Tableau
    times: Numbers
    tolerances: Tolerances
    out: int
    stop: Integers
    done: Numbers
    counts: Integers
