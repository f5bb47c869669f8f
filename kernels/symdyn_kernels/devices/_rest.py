"""What the generator makes for `sampler`, by hand for one model: N = sin(x + t) of x' = -x + sin(x + t).

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

import math

#: States, parameters, numbers that depend on time alone (time included) and groups of states.
N, PARAMETERS, FROM_TABLE, TIMED, GROUPS = 1, 0, False, 1, 1
#: The group of each state.
GROUP = (0,)


def rest(lane, y, p):
    """N at a row; `lane` holds t, and what depends on it alone."""
    (t,), (x,) = lane, y
    return (math.sin(x + t),)
