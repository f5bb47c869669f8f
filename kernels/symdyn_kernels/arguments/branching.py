"""Arguments of the driver of branching processes."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Batch, Integers, Run, Signals

__all__ = ["BranchingArguments", "BranchingFunctions", "BranchingSizes", "LifeCycleTables"]


class BranchingFunctions(NamedTuple):
    """Addresses of lane functions.

    Attributes
    ----------
    rates : int
        Probabilities of all fates, mean numbers of offspring, mean numbers of immigrants.
    condition : int
        1.0 where the trajectory ends; 0 if there is none.
    """

    rates: int
    condition: int


class BranchingSizes(NamedTuple):
    """Sizes of a model.

    Attributes
    ----------
    lanes, states, noises : int
        Lanes W of the functions (lane 0 is used); stages; random numbers of the environment.
    varying, absorbing : int
        Whether rates change from step to step, and whether nobody can come where nobody is.
    """

    lanes: int
    states: int
    noises: int
    varying: int
    absorbing: int


class LifeCycleTables(NamedTuple):
    """Who becomes or has whom.

    Attributes
    ----------
    source, ptr, target, fixed : int64 arrays
        Fates ``ptr[g]`` to ``ptr[g+1]`` of group g exclude each other: individuals of the stage ``source[g]`` become or have
        one of ``target``; fixed where the parameters alone decide about probabilities.
    born, bptr, parent : int64 arrays
        The stage ``born[b]`` gets a Poisson number with the sum over ``bptr[b]`` to ``bptr[b+1]`` of the mean offspring of an
        individual of the stage ``parent``, times their number, and of immigrants.
    """

    source: Integers
    ptr: Integers
    target: Integers
    fixed: Integers
    born: Integers
    bptr: Integers
    parent: Integers


class BranchingArguments(NamedTuple):
    """Arguments of ``drivers/branching.py``.

    Attributes
    ----------
    functions, sizes, structure, batch, run, signals :
        As their classes say.  Times are whole steps of 1 apart.  ``values``, ``status`` and ``steps`` of the run are filled,
        and ``passage`` where a trajectory ended by its condition, which is looked at in the beginning and after every step.
    seed : int
    """

    functions: BranchingFunctions
    sizes: BranchingSizes
    structure: LifeCycleTables
    seed: int
    batch: Batch
    run: Run
    signals: Signals
