"""Arguments of the driver of automata."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Batch, IntegerRows, Run, Signals

__all__ = ["AutomatonArguments", "LatticeSizes"]


class LatticeSizes(NamedTuple):
    """Sizes of a lattice.

    Attributes
    ----------
    names, sites : int
        Cells of each site; length of the line.
    radius : int
        Largest distance of a cell on which another depends.
    boundary : int
        The value of all cells beyond the ends, or -1 for a ring.
    cells : int
        Whether all cells are recorded, before the densities.
    """

    names: int
    sites: int
    radius: int
    boundary: int
    cells: int


class AutomatonArguments(NamedTuple):
    """Arguments of ``drivers/automaton.py``.

    Attributes
    ----------
    step : int
        Address of the generated step of 512 cells (`symdyn.codegen.automaton_program`).
    sizes : LatticeSizes
    tables : (N, c) int64
        For each trajectory the words that the step takes, of which the first is the number of words of a name.
    seed : int
    batch, run, signals :
        As their classes describe.  Initial values are probabilities, of all cells of a name after those of another, or one
        for each name.  The values are all cells, if they are recorded, and then the part of the cells of each name that are 1.
    """

    step: int
    sizes: LatticeSizes
    tables: IntegerRows
    seed: int
    batch: Batch
    run: Run
    signals: Signals
