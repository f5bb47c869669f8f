"""Arguments of the drivers of discrete adjoints of Rosenbrock methods."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.adjoint import StepRecord
from symdyn_kernels.arguments.parts import Control, Integers, Numbers, Rows, Tolerances

__all__ = ["StiffBackwardArguments", "StiffForwardArguments", "StiffTableau"]


class StiffTableau(NamedTuple):
    """A Rosenbrock method of s stages, the last of which is the error and, with its argument, the solution.

    Attributes
    ----------
    gamma : float
    a, c : (s, s) float64
        Rows of stages 1 to s, zero from the diagonal on.
    dense : (d, s) float64
        Of the interpolant, see `symdyn.methods.runge_kutta.Rosenbrock`.
    """

    gamma: float
    a: Rows
    c: Rows
    dense: Rows


class StiffForwardArguments(NamedTuple):
    """Arguments of `forward`.

    Attributes
    ----------
    rhs, jacobian : int
        Addresses of the right-hand side, which does not depend on time, and of its derivatives by states, row by row.
    parameters : (k,) float64
    last : float
        The time at which the trajectory ends.
    tableau : StiffTableau
    tolerances : Tolerances
    control : Control
    record : StepRecord
        Its first state, counts and clock are where to go on.
    """

    rhs: int
    jacobian: int
    parameters: Numbers
    last: float
    tableau: StiffTableau
    tolerances: Tolerances
    control: Control
    record: StepRecord


class StiffBackwardArguments(NamedTuple):
    """Arguments of `backward`, and of `read`, which fills the values in the place of `pulls`.

    Attributes
    ----------
    rhs, jacobian : int
        As for `forward`.
    pull : int
        Address of the product of the right-hand side's derivatives with a vector from the left: of states and vector.
    bend : int
        Address of the derivatives of ``w' J u`` by states, u and parameters: of states, u and w.
    parameters : (k,) float64
    tableau : StiffTableau
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
    jacobian: int
    pull: int
    bend: int
    parameters: Numbers
    tableau: StiffTableau
    record: StepRecord
    steps: Integers
    parts: Numbers
    pulls: Rows
    adjoint: Numbers
    gradient: Numbers
