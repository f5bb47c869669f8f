"""What the generator makes for `jump`, by hand for one network: birth and death, 0 -> X at rate k, X -> 0 at rate g X.

For readers and linters; the joined text of a kernel has the model's own (`symdyn.codegen.jump_program` says what it is).
"""

from __future__ import annotations

SPECIES, PARAMETERS = 1, 2
#: Whether parameters are read from the table of all trajectories where they are used.
FROM_TABLE = False
#: For each random number of a burst -1, or the parameter that is the mean of a Poisson number; whether events are candidates.
BURSTS, THINNING = (), False
#: Places in what `event` returns: the time not to be passed, the least propensity, whether a reaction fired; -1 for none.
WATCH, LOW, FIRED = 1, -1, -1
#: Whether the trajectory ends, where events of the network may act; -1 where none do.  How often each acted follows.
ACTED = -1
#: Events of the network, and of how many firings of each the times are recorded.
EVENTS, RECORDED = 0, 0


def event(lane, y, p):
    """The states and the time after an event; `lane` holds an exponential e and a uniform u."""
    (e, u), (x, t), (k, g) = lane, y, p
    total = k + g * x
    return x + 1.0 if u * total < k else x - 1.0, t + e / total
