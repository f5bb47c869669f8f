"""Arguments of the drivers of discrete adjoints."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Control, Integers, Numbers, Rows, Tolerances

__all__ = ["BackwardArguments", "ForwardArguments", "StepRecord", "StepTableau"]


class StepTableau(NamedTuple):
    """An explicit Runge-Kutta method of s stages whose last row of `a` is the solution.

    Attributes
    ----------
    a : (s, s) float64
        Rows 2 to s + 1.
    nodes : (s + 1,) float64
    error : (s + 1,) float64
    dense : (s + 1, d) float64
        Coefficients of theta, theta^2, ... of the weight of each stage in the interpolant.
    """

    a: Rows
    nodes: Numbers
    error: Numbers
    dense: Rows


class StepRecord(NamedTuple):
    """The accepted steps of a trajectory, up to a capacity C.

    Attributes
    ----------
    times, lengths : (C,) float64
        Where each step began, and its length.
    states : (C + 1, n) float64
        Where it began; after the last one where it ended.
    counts : (4,) int64
        Steps that are recorded, rejected ones, evaluations, and the status.
    clock : (2,) float64
        The time that was reached, and the length of the next step; 0 if it is not known.
    """

    times: Numbers
    lengths: Numbers
    states: Rows
    counts: Integers
    clock: Numbers


class ForwardArguments(NamedTuple):
    """Arguments of `forward`.

    Attributes
    ----------
    rhs : int
        Address of the right-hand side, for one lane.
    parameters : (k,) float64
    last : float
        The time at which the trajectory ends.
    tableau : StepTableau
    tolerances : Tolerances
    control : Control
    record : StepRecord
        Its first state, counts and clock are where to go on.
    """

    rhs: int
    parameters: Numbers
    last: float
    tableau: StepTableau
    tolerances: Tolerances
    control: Control
    record: StepRecord


class BackwardArguments(NamedTuple):
    """Arguments of `backward`, and of `read`, which fills the values in the place of `pulls`.

    Attributes
    ----------
    rhs, pull : int
        Addresses of the right-hand side and of its product with a vector from the left: of states and vector.
    parameters : (k,) float64
    tableau : StepTableau
    record : StepRecord
    steps : (T,) int64
        The step in which each output lies, increasing.
    parts : (T,) float64
        Where in the step, from 0 to 1.
    pulls : (T, n) float64
        Derivatives of the cost by the states there.
    adjoint : (n,) float64
        The derivative by the state at the end, which becomes that by the state at the beginning.
    gradient : (k,) float64
        To which derivatives by the parameters are added.
    """

    rhs: int
    pull: int
    parameters: Numbers
    tableau: StepTableau
    record: StepRecord
    steps: Integers
    parts: Numbers
    pulls: Rows
    adjoint: Numbers
    gradient: Numbers
