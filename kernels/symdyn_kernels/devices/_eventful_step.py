"""What the generator makes for `stepping_events`, by hand for a state that grows and is set to 0 when it is 1, and no input.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

#: Number of events; for each whether its condition is looked at after steps, and whether it is after other events and knots.
EVENTS, SAMPLES, LOOKED = 1, (True,), (True,)
#: Room for the marks of events.
ROOM = 1
#: Room for parameters, some of which change where there are inputs; whether steps have the length 1.
CHANGING, UNIT = 1, False
#: Whether states are numbers of molecules, which no event may make negative.
COUNTS = False


def load_all(parameters, i, own):
    """The parameters of trajectory `i`, in the array `own` where some of them change."""
    return (parameters[0, i],)


def triggers(lane, y, p):
    """The margins of the conditions of all events."""
    return (y[0] - 1.0,)


def effects(lane, y, p):
    """The values that events assign."""
    return (0.0,)


def assign(e, q, y, new, kept):
    """The states after event `e`, the one at place `q`."""
    return (new[0],) if e == 0 else y


def start(lane, y, p):
    """1 where the condition that ends trajectories holds."""
    return (0.0,)


def smooth(j):
    """Whether input `j` is continuous."""
    return True


def change_input(j, entry, k, stops, p):
    """Input `j` has come to a knot."""
