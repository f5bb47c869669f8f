"""Arguments of the driver of samplers."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Batch, Integers, Rows, Run, Signals

__all__ = ["SamplerArguments", "SamplerRows", "SamplerSizes"]


class SamplerSizes(NamedTuple):
    """Sizes of a model, and lanes.

    Attributes
    ----------
    states, parameters : int
        How many there are.
    slots : int
        Vectors of states, or of evaluations, that are in memory at once.
    lanes : int
        1, 8, 16 or 32.
    """

    states: int
    parameters: int
    slots: int
    lanes: int


class SamplerRows(NamedTuple):
    r"""A sampler as rows :math:`x_r = \sum_k a_{rk} x_k + \sum_k c_{rk} N_k + d_r + e_r z_r` with standard normal :math:`z_r`.

    Attributes
    ----------
    begin : (R + 1,) int64
        The terms of row r are those from ``begin[r]`` to ``begin[r + 1]``; the first row is the initial state,
        and the second is given with it, behind it in ``batch.initial``, where methods of two steps go on from two states.
    source : (T,) int64
        The slot of each term.
    coefficient : (T, G) float64
        Of each term, in each group of states.
    shift : (R, G) float64
    spread : (R, G) float64
        :math:`e_r`; where it is not 0 for the first group, each trajectory draws a number for each state, in pairs.
    state, value : (R,) int64
        The slots of the state of a row and of its evaluation; -1 where there is none.
    output : (R,) int64
        The output time of a row, or -1.
    timed : (R, h) float64
        What the lane function reads in its rows: time, and what depends on time alone.
    group : (n,) int64
        The group of each state.
    """

    begin: Integers
    source: Integers
    coefficient: Rows
    shift: Rows
    spread: Rows
    state: Integers
    value: Integers
    output: Integers
    timed: Rows
    group: Integers


class SamplerArguments(NamedTuple):
    """Arguments of ``drivers/sampler.py``.

    Attributes
    ----------
    function : int
        Address of the lane function of N.
    seed : int
        Trajectory k draws from the stream ``(seed, streams[k])``.
    sizes, rows, batch, run, signals :
        As their classes describe; ``values``, ``status``, ``steps`` and ``evaluations`` of the run are filled.
    """

    function: int
    seed: int
    sizes: SamplerSizes
    rows: SamplerRows
    batch: Batch
    run: Run
    signals: Signals
