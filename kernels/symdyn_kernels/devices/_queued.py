"""What the generator makes for `jump_queued`, by hand for one network: births at the rate k, and deaths that take the time 1.

For readers and linters; the joined text of a kernel has the model's own (`symdyn.codegen.cuda.jump_queued`).
"""

from __future__ import annotations

import numpy as np

#: Species; reactions; parameters of the propensities, which the table has before those of the model, and of these those that
#: change at the knots of inputs; numbers of `y` (`symdyn.codegen.fire` says what they are); random numbers of bursts.
SPECIES, REACTIONS, HOISTED, OWN, COEFFICIENTS, MEMORY, BURSTS = 1, 2, 1, 1, 0, 16, (-1,)[:0]
#: Leaves of the tree of sums, its nodes, room for what functions compute, and propensities that depend on time.
LEAVES, NODES, RESULTS, TIMED = 2, 4, 3, 0
#: Room for the numbers of `lane` and for the parameters of the model.
LANE, OWN_ROOM = 2, 1
#: Whether there is a window of thinning, events, delayed reactions, any of what waits, or conditions to be looked at after a
#: reaction.
THINNING, EVENTFUL, DELAYED, WAITS, CHECKED = False, False, True, True, False
#: Whether what waits of an event may be dropped, and whether conditions of events have margins; of each whether it is known
#: when time alone changes it.
FRAGILE, KNOWN = False, (False,)
#: Places in `y`.
ONE, NOW, ENDS, SOONEST, STOPPED, TURNED, WRONG, INPUTS, BOXES, HELD, HOLDS = 1, 2, 3, 4, 5, 6, 7, 12, 12, 16, 16
#: Where tables begin in TABLE.  Of each species the reactions whose propensities read it, and last those that depend on time;
READER_STARTS, READERS = 0, 3
#: the number of each reaction among the delayed ones, or -1, and of each of these whether its completion takes molecules;
NUMBERS, EMPTIED = 4, 6
#: of each reaction, then of each completion, the species that are changed, and those of them that some propensity reads;
MOVE_STARTS, MOVED, CHANGE_STARTS, CHANGED = 7, 11, 14, 18
#: species whose boxes are their numbers, and reactions whose propensities depend on time.
FIXED, IN_TIME = 21, 22
TABLE = np.array([0, 1, 1, 1, -1, 0, 1, 0, 1, 1, 2, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0, 0], np.int16)
#: Delayed reactions that may be under way.
PENDING = 64


def rates(lane, y, p, out):
    """The propensities."""
    out[0], out[1] = p[0][0, p[1]], y[0]


def bounds(lane, y, p, out):
    """Their bounds over the boxes, or over the window."""
    out[0], out[1] = p[0][0, p[1]], y[BOXES + SPECIES + 1]


def window(lane, y, p, out):
    """Bounds in `y` of what depends on time alone."""


def settle(lane, y, p, out):
    """Conditions in `y`."""
    out[STOPPED] = 0.0
    out[TURNED] = 0.0


def check(lane, y, p, out):
    """Conditions in `y` that reactions may change."""


def changes(lane, y, p, out):
    """The numbers of molecules after each reaction and completion, one after the other."""
    out[0] = y[0] + 1.0


def lags(lane, y, p, out):
    """The delays of reactions."""
    out[0] = 1.0


def triggers(lane, y, p, out):
    """The margins of the conditions of events."""


def effects(lane, y, p, out):
    """The values that events assign."""


def assign(e, q, new, kept, y):
    """Let event `e`, the one at place `q`, act."""


def smooth(j):
    """Whether input `j` is continuous."""
    return True


def change_input(j, entry, k, stops, own):
    """Input `j` has come to a knot."""
