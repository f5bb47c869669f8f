"""What the generator makes of events and inputs, by hand for a state that is set to 0 when it is 1, and no input.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

#: Numbers of events; of conditions, with that which ends trajectories; of values that are assigned, delays and priorities.
EVENTS, CONDITIONS, ASSIGNED = 1, 1, 1
#: Of each event: where its values begin and how many there are, and where among these values its delay and priority are, or -1.
FIRST, SIZES, DELAYS, PRIORITIES = (0,), (1,), (-1,), (-1,)
#: Whether there are priorities; of each event whether its values are those at its trigger, whether it counts as true before the
#: first time, and whether it is dropped while it waits when its condition, looked at within steps, is false again.
PRIORITIZED, FROM_TRIGGER, INITIAL, LOOSE = False, (False,), (True,), (False,)
#: Whether events of the same time and priority act in random order, and of each event whether it is one of these.
SHUFFLES, SHUFFLED = False, (False,)
#: Room for values of a trigger.
KEPT = (1, 1)
#: Room for margins, and for events that wait; rows of the memory, with one for states within a step.
ROOM, WAITING, ALL_ROWS = 1, 16, 7
#: Room for parameters, some of which change where there are inputs.
CHANGING = 1
#: Whether conditions are looked at within steps.
SAMPLED = True


def load_all(parameters, i, own):
    """The parameters of trajectory `i`, in the array `own` where some of them change."""
    return (parameters[0, i],)


def triggers(lane, y, p, memory, out):
    """The margins of the conditions at the time in `lane` and the state in row `y`."""
    out[0] = memory[y, 0] - 1.0


def forget(found):
    """Let conditions on time alone, whose events are known beforehand, never be true."""


def effects(lane, y, p, memory, out):
    """The values that events assign."""
    out[0] = 0.0


def assign(e, q, new, kept, memory):
    """Let event `e`, the one at place `q`, act on the state in row W, whose number is 1 here."""
    memory[1, 0] = new[0]


def smooth(j):
    """Whether input `j` is continuous."""
    return True


def change_input(j, entry, k, stops, p):
    """Input `j` has come to a knot."""
