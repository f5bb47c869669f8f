"""What the generator makes of delays, by hand for ``x' = -p x(t - 1)``, whose state is 1 before the first time.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

#: Whether states of the past are looked up.
DELAYED = True
#: The delayed times: which values are looked up at each; how many of them, the first ones, rates of change need.
BEGINS, RATED = (0, 1), 1
#: The states whose past is kept; of each value its place among these, and whether it is the slope.
STATES, PLACES, SLOPES = (0,), (0,), (0,)
#: The first delayed value among the parameters; the values that are recorded after the states.
FIRST_VALUE, OBSERVABLES, OBSERVED = 1, 1, (0,)
#: Coefficients of the interpolant; whether delays depend on states or time; how many constant delays there are, and how many of
#: these bound steps; after how many delays jumps are smoother than the method's order.
DEGREE, VARYING, CONSTANT_DELAYS, BOUNDING, ORDER = 4, False, 1, 1, 5
#: Room for steps of the past.
STEPS_KEPT = 64


def times(lane, y, p, memory, out):
    """The delayed times at the time in `lane` and the state in row `y`."""
    out[0] = lane[0] - 1.0


def history(lane, y, p, memory, out):
    """The states at the time in `lane`, before the first, then their slopes; row `y` are the initial values."""
    out[0], out[1] = 1.0, 0.0


def delays(lane, y, p, memory, out):
    """The constant delays."""
    out[0] = 1.0


def coefficient(c, j, memory):
    """Coefficient `j` of the interpolant of the state at place `c` among those that are kept, in the step that was made."""
    return memory[3 + j, STATES[c]]
