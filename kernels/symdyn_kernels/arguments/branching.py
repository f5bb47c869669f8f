"""Arguments of the driver of branching processes."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.parts import Batch, Integers, Run, Signals

__all__ = ["BranchingArguments", "BranchingFunctions", "BranchingSizes", "LifeCycleTables"]


class BranchingFunctions(NamedTuple):
    """Addresses of lane functions, of one lane.

    Attributes
    ----------
    rates : int
        Probabilities of all outcomes, mean numbers of offspring, mean numbers of immigrants.
    condition : int
        1.0 where the trajectory ends; 0 if there is none.
    """

    rates: int
    condition: int


class BranchingSizes(NamedTuple):
    """Sizes of a model.

    Attributes
    ----------
    states, noises : int
        Stages; random numbers of the environment.
    varying, absorbing : int
        Whether rates change from step to step, and whether the empty population is an absorbing state.
    """

    states: int
    noises: int
    varying: int
    absorbing: int


class LifeCycleTables(NamedTuple):
    """Transitions between the stages, and births.

    Attributes
    ----------
    source, ptr, target, fixed : int64 arrays
        Outcomes ``ptr[g]`` to ``ptr[g+1]`` of group g are mutually exclusive: individuals of the stage ``source[g]`` become or
        have one of ``target``; fixed where the probabilities depend on the parameters alone.
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
        As their classes describe.  Times differ by integer multiples of the step 1.  ``values``, ``status`` and ``steps`` of
        the run are filled, and ``passage`` where a trajectory ended by its condition, which is evaluated at the first time and
        after every step.
    seed : int
    """

    functions: BranchingFunctions
    sizes: BranchingSizes
    structure: LifeCycleTables
    seed: int
    batch: Batch
    run: Run
    signals: Signals
