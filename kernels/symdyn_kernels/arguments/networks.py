"""Arguments of the approximate drivers of reaction networks, whose stoichiometry is data."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, IntegerRows, Integers, Numbers, Run, Signals, Tolerances

__all__ = [
    "HybridArguments",
    "HybridFunctions",
    "HybridSizes",
    "LeapFunctions",
    "LeapSizes",
    "LeapingArguments",
    "NetworkTables",
]


class NetworkTables(NamedTuple):
    """The stoichiometry of R reactions.

    Attributes
    ----------
    ptr, species, fixed, burst : (R + 1,) and (m,) int64
        Entries ``ptr[j]`` to ``ptr[j+1]`` of reaction j: species, change without bursts, number of the burst or -1.
    dptr, dspecies : (R + 1,) and (d,) int64
        The species in the propensity of reaction j: entries ``dptr[j]`` to ``dptr[j+1]``.
    pair : (R,) int64
        The reaction that undoes reaction j, or -1.
    kind : (b,) int64
        Of each burst.
    """

    ptr: Integers
    species: Integers
    fixed: Integers
    burst: Integers
    dptr: Integers
    dspecies: Integers
    pair: Integers
    kind: Integers


class LeapFunctions(NamedTuple):
    """Addresses of lane functions of tau-leaping, of one lane.

    Attributes
    ----------
    propensities, orders : int
        Values of all reactions; sums of ``|x da/dx| / a`` of each, then the means of the bursts.
    factor, solve : int
        Of ``shift - d(S a)/dx``; 0 without implicit leaps.
    condition : int
        1.0 where the trajectory ends; 0 if there is none.
    """

    propensities: int
    orders: int
    factor: int
    solve: int
    condition: int


class LeapSizes(NamedTuple):
    """What a network has.

    Attributes
    ----------
    species, reactions, bursts, factors : int
    timed : int
        Whether rates or the condition depend on time.
    """

    species: int
    reactions: int
    bursts: int
    factors: int
    timed: int


class LeapingArguments(NamedTuple):
    """Arguments of ``drivers/leaping.py``.

    Attributes
    ----------
    functions, sizes, structure, batch, run, signals :
        As their classes describe.  ``values`` and ``status`` of the run are filled, and ``passage`` where a trajectory ended by
        its condition, which is evaluated at the first time, and after leaps and exact events.
    watched : (n,) float64
        For a species in the condition how many times less than `epsilon` it changes in a leap, else 0.
    seed : int
    epsilon : float
        Bound on the relative change of propensities in a leap.
    max_steps : int
        Leaps, events and rejected leaps allowed a trajectory.
    counts : (N, 5) int64
        Filled: leaps (implicit ones included), exact events, rejected leaps, implicit leaps, evaluations of all propensities.
    events : EventTables
    """

    functions: LeapFunctions
    sizes: LeapSizes
    structure: NetworkTables
    watched: Numbers
    seed: int
    epsilon: float
    max_steps: int
    batch: Batch
    run: Run
    counts: IntegerRows
    signals: Signals
    events: EventTables


class HybridFunctions(NamedTuple):
    """Addresses of lane functions, as of `Functions`.

    Attributes
    ----------
    propensities, orders, condition : int
    """

    propensities: int
    orders: int
    condition: int


class HybridSizes(NamedTuple):
    """What a network has.

    Attributes
    ----------
    species, reactions, bursts : int
    timed : int
        Whether rates or the condition depend on time.
    """

    species: int
    reactions: int
    bursts: int
    timed: int


class HybridArguments(NamedTuple):
    """Arguments of ``drivers/hybrid.py``.

    Attributes
    ----------
    functions, sizes, structure, batch, run, signals :
        As their classes describe.  ``values`` and ``status`` of the run are filled, and ``passage`` where a trajectory ended by
        its condition, which is evaluated at the first time, and after steps and jumps; where it holds after a step, the first
        moment of it within the step is located.
    tolerances : Tolerances
        Of the flow, whose steps have no longest; steps, jumps and rejected steps allowed a trajectory.
    epsilon : float
        Reaction j flows if ``x_i >= <S_ij^2> / (|<S_ij>| epsilon^2)`` for the species that it changes, and if it fires
        ``1/epsilon^2`` times from the first to the last time at its present propensity.
    seed : int
    counts : (N, 5) int64
        Filled: steps of the flow, jumps, rejected steps, changes between flow and jumps, evaluations of all propensities.
    events : EventTables
    """

    functions: HybridFunctions
    sizes: HybridSizes
    structure: NetworkTables
    tolerances: Tolerances
    epsilon: float
    seed: int
    batch: Batch
    run: Run
    counts: IntegerRows
    signals: Signals
    events: EventTables
