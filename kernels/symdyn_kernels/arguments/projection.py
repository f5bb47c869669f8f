"""Arguments of the drivers of the master equation."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Integers, Numbers, Rows

__all__ = ["GeneratorArrays", "KrylovArguments", "UniformisationArguments"]

Places = Annotated[np.ndarray, np.uint32, 2]


class GeneratorArrays(NamedTuple):
    """The generator of a jump process on n states, as `symdyn_kernels.sparse` explains it.

    Attributes
    ----------
    rates : (1 + D, n) float64
        The diagonal, and at each state the rates of the jumps of each kind that end there.
    offsets : (D,) int64
        By how much jumps shift flat indices, if the states fill a box.
    sources : (D, n) or (0, n) uint32
        Where jumps begin otherwise.
    starts : (G + 1,) int64
        The kinds from ``starts[g]`` to ``starts[g + 1]`` are extended along the runs of states.
    previous : (G, n) uint32
        The state before each one in its run.
    decay : (G, n) float64
        The fraction of the inflow of the preceding state that reaches this one.
    work : (n,) or (0,) float64
        Scratch memory.
    """

    rates: Rows
    offsets: Integers
    sources: Places
    starts: Integers
    previous: Places
    decay: Rows
    work: Numbers


class UniformisationArguments(NamedTuple):
    """Arguments of `uniformisation`.

    Attributes
    ----------
    generator : GeneratorArrays
    p : (n,) float64
        Probabilities, which are advanced.
    clock : (2,) float64
        Time, which is advanced, and the error allowed a unit of time.
    times : (T,) float64
    out : (T, n) float64
        Filled.
    counts : (4,) int64
        Rows of `out` that are filled; products, steps and rejected steps, which are added.
    """

    generator: GeneratorArrays
    p: Numbers
    clock: Numbers
    times: Numbers
    out: Rows
    counts: Integers


class KrylovArguments(NamedTuple):
    """Arguments of `krylov`.

    Attributes
    ----------
    generator, p, times, out, counts :
        As of `UniformisationArguments`.
    clock : (6,) float64
        Time, length of the next step (0: to be found), error allowed a unit of time, loss allowed a unit of time, the least sum
        of p that is allowed now, and whether A is a generator (positive) or not; the first, second and fifth are advanced.
    basis : (m + 1, n) float64
        Room for Krylov vectors.
    """

    generator: GeneratorArrays
    p: Numbers
    clock: Numbers
    times: Numbers
    out: Rows
    counts: Integers
    basis: Rows
