"""Arguments of the driver of reversible methods with their transposed steps."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Integers, Numbers, Rows

__all__ = ["ReversibleArguments"]


class ReversibleArguments(NamedTuple):
    """Arguments of `forward` and `backward`.

    Attributes
    ----------
    rhs, pull : int
        Addresses of the right-hand side and of its product with a vector from the left: of states and vector.
    parameters : (k,) float64
    a : (s, s) float64
        Rows 2 to s + 1 of the method within; of the reversible Heun method no rows.
    nodes : (s,) float64
    coupling : float
    times : (T,) float64
        Outputs; the gap to each is divided into the fewest equal steps not longer than `step`.
    step : float
    both : (2, n) float64
        Both solutions, at the first time before `forward`, at the last one after it, and at the first one after `backward`.
    values : (T, n) float64
        States at the outputs, filled by `forward`.
    pulls : (T, n) float64
        Derivatives of the cost by them.
    adjoints : (2, n) float64
        Derivatives of the cost by both solutions, filled by `backward`.
    gradient : (k,) float64
        To which derivatives by the parameters are added.
    counts : (2,) int64
        Steps and evaluations.
    """

    rhs: int
    pull: int
    parameters: Numbers
    a: Rows
    nodes: Numbers
    coupling: float
    times: Numbers
    step: float
    both: Rows
    values: Rows
    pulls: Rows
    adjoints: Rows
    gradient: Numbers
    counts: Integers
