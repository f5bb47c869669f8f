"""Arguments of the drivers of the direct method."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Integers, Numbers, Rows, Run, Signals

__all__ = ["DelayedReactions", "EventArguments", "Groups", "JumpArguments", "LargeJumpArguments", "TablePlaces"]


class EventArguments(NamedTuple):
    """What the function of an event reads and writes.

    Attributes
    ----------
    thinning : int
        Whether events are candidates of thinning, which have a window.
    results, watch, low, fired, acted : int
        Number of rows that it writes, and which they are; -1 if there is none.  `fired` says whether an event was one: if
        there is no such row, each is.  `acted` says whether the trajectory ends; the following rows say how often each event
        of the network acted.
    events, recorded : int
        How many events the network has, and of how many firings of each the times are recorded aside.
    lanes : int
        1, 8, 16 or 32.
    """

    thinning: int
    results: int
    watch: int
    low: int
    fired: int
    acted: int
    events: int
    recorded: int
    lanes: int


class JumpArguments(NamedTuple):
    """Arguments of ``drivers/jump.py``.

    Attributes
    ----------
    event_function : int
        Address of the lane function of an event.
    run_function : int
        For one lane: the address of a function of several events in a row (`symdyn.codegen.emit_llvm`), or 0.
    event, batch, run, signals :
        As their classes describe.  ``parameters`` of the batch are the rows of p, and there are two times at least; ``values``,
        ``status``, ``steps`` (events up to the last time) and ``rejected`` (candidates that were none) of the run are filled,
        and ``passage`` where a trajectory stopped at its condition.
    bursts : (b,) int64
        For each random number after e and u: -1 for a standard exponential, else the row of p with a Poisson mean.
    seed : int
        Trajectory k draws from the stream ``(seed, streams[k])``.
    max_steps : int
        Events, accepted or not, allowed a trajectory.
    """

    event_function: int
    run_function: int
    event: EventArguments
    bursts: Integers
    seed: int
    max_steps: int
    batch: Batch
    run: Run
    signals: Signals


class TablePlaces(NamedTuple):
    """Rows of y in which the function of a large network stores its own state.

    Attributes
    ----------
    one, now, ends, soonest : int
        A number that is 1; the time; the end of the window, or -1 without thinning; the next moment at which time alone
        changes a condition.
    stops, turned, wrong : int
        1.0 where the trajectory stops; where a trigger became true; where events set an invalid number of molecules.
    fired, rate : int
        Whether a candidate fired (1.0) or not (0.0, or -1.0 where its propensity depends on time); its propensity.
    left : int
        1.0 where a species has left its box.
    delay : int
        That of a reaction.
    inputs, coefficients : int
        The first of the parameters that change at the knots of inputs, the last ones of the model, and their number.
    boxes : int
        The first of the least numbers of the boxes of the species and of `one`; the greatest numbers follow.
    held, holds : int
        For the first of the E events whether its trigger was true at the previous evaluation, and whether it is true now.
    """

    one: int
    now: int
    ends: int
    soonest: int
    stops: int
    turned: int
    wrong: int
    fired: int
    rate: int
    left: int
    delay: int
    inputs: int
    coefficients: int
    boxes: int
    held: int
    holds: int


class DelayedReactions(NamedTuple):
    """The C reactions of a network that are completed some time after they begin.

    Attributes
    ----------
    numbers : (R,) int64
        For each reaction its number among them, or -1.
    emptied : (C,) int64
        Whether a species loses molecules when it is completed, which may be too many by then.
    """

    numbers: Integers
    emptied: Integers


class Groups(NamedTuple):
    """The G groups of reactions that share a reactant, their hub, and have sums of their own.

    Attributes
    ----------
    hubs : (G,) int64
        The species.
    firsts : (G + 1,) int64
        Group g has the reactions from ``firsts[g]`` to ``firsts[g + 1]``, the last one R; those before the first are in none.
    leaves : int
        Leaves of the tree in which the sums of all groups are, side by side.
    roots, lowest, beyond : (G,) int64
        The node of a group, its first leaf, and a leaf of the node beside it, or 0 if that is none.
    starts : (n + 2,) int64
        A change of species s changes the sums of the groups ``touched[starts[s]:starts[s + 1]]``, increasing: of that of which
        it is the hub, and of those of which some other factor is; the last row, of what depends on time, is empty.
    touched : (m,) int64
    members : (m + 1,) int64
        And in the i-th of these the reactions ``dependents[members[i]:members[i + 1]]``, increasing.
    dependents : (d,) int64
    """

    hubs: Integers
    firsts: Integers
    leaves: int
    roots: Integers
    lowest: Integers
    beyond: Integers
    starts: Integers
    touched: Integers
    members: Integers
    dependents: Integers


class LargeJumpArguments(NamedTuple):
    """Arguments of ``drivers/jump_large.py``.

    Attributes
    ----------
    fire : int
        Address of the model's function.
    places, batch, run, signals :
        As their classes describe, and as of `Jump`.
    reactions, memory : int
        Reactions R; rows of y.
    starts, dependents : (n + 2,) and (m,) int64
        Species s is read by the propensities ``dependents[starts[s]:starts[s + 1]]``, increasing, of those in no group; the
        last row has those that depend on time.  The numbers of the function are those of the R reactions and of the window,
        then that which settles all conditions, those of the C completions of delayed reactions and those of their delays, then
        those of the species.
    changes, changed : (R + C + 1,) and (k,) int64
        Reaction r changes the species ``changed[changes[r]:changes[r + 1]]``, of those that some propensity reads; after the
        reactions come the completions.
    exact, called : (n,) int64
        Whether the bounds of what reads a species hold at its number alone; whether functions compute some of them.
    data : (15 R,) int64
        Of each reaction: 1 if it is data, 2 if its bound alone is, in a group, else 0; three pairs of a row of y and what is
        taken from it, whose product times the coefficient is the propensity; four pairs of a row of y and its change.
    coefficients : (R,) int64
        The row of p that is the coefficient, or -1 - k for ``numbers[k]``.
    numbers : (d,) float64
    groups : Groups
    delayed : DelayedReactions
    events : EventTables
        Of the network, with functions of time, states and the parameters of the model.
    given : (N, k) float64
        These parameters.
    bursts, seed, max_steps :
        As of `Jump`.
    """

    fire: int
    places: TablePlaces
    reactions: int
    memory: int
    starts: Integers
    dependents: Integers
    changes: Integers
    changed: Integers
    exact: Integers
    called: Integers
    data: Integers
    coefficients: Integers
    numbers: Numbers
    groups: Groups
    delayed: DelayedReactions
    events: EventTables
    given: Rows
    bursts: Integers
    seed: int
    max_steps: int
    batch: Batch
    run: Run
    signals: Signals
