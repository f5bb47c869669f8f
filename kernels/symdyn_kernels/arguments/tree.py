"""Arguments of the drivers of Brownian trees."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Batch, Frames, Integers, Numbers, Run, Signals
from symdyn_kernels.arguments.stepping import SteppingSizes

__all__ = ["PathArguments", "TreeArguments", "TreeSteps"]


class TreeSteps(NamedTuple):
    """Lengths of steps, which are cells of the tree.

    Attributes
    ----------
    coarsest : int
        Depth of the longest steps.
    adaptive : int
        Whether the state decides; else all steps have that depth.
    rtol, atol : float
    max_steps : int
        Steps allowed a trajectory.
    integrals : int
        Of the path, which the tree serves: 1, or 2 for those with K.
    """

    coarsest: int
    adaptive: int
    rtol: float
    atol: float
    max_steps: int
    integrals: int


class TreeArguments(NamedTuple):
    """Arguments of ``drivers/stepping_tree.py``.

    Attributes
    ----------
    step_function, bound_function : int
        Addresses of the lane functions of a step, and of the squares of the leading error over those of the tolerance: a
        number for each entry of `powers`, from the rows t, rtol, atol.
    sizes, batch, run, signals :
        As their classes describe; ``values``, ``status``, ``steps`` and ``evaluations`` of the run are filled.
    powers : (q,) int64
        Twice the powers of the length of the step with which these errors shrink.
    seed : int
        Trajectory k follows the path ``(seed, streams[k])``.
    steps : TreeSteps
    """

    step_function: int
    bound_function: int
    sizes: SteppingSizes
    batch: Batch
    powers: Integers
    seed: int
    steps: TreeSteps
    run: Run
    signals: Signals


class PathArguments(NamedTuple):
    """Arguments of ``drivers/brownian.py``.

    Attributes
    ----------
    seed, stream : int
    first, last : (q,) float64
        Ends of intervals since the beginning, not negative.
    integrals : int
        Of the path, which the tree serves: 1, or 2 for those with K.
    values : (3, q, m) float64
        Filled with ``W(b) - W(a)``, ``int_a^b (W(s) - W(a)) ds`` and, for two integrals, that of the integral, of each noise.
    """

    seed: int
    stream: int
    first: Numbers
    last: Numbers
    integrals: int
    values: Frames
