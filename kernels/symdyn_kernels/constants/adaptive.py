"""Control of adaptive steps, and the steps in which stiffness is tested."""

from __future__ import annotations

#: The least error that a step controller distinguishes from none, relative to the tolerance, or its square.
LEAST_ERROR = 1e-12
# stiffness is tested in steps 10 to 40 of every 250: enough for 8 hits, too few to cost time, and early enough
# for short runs, whose steps an implicit method repeats
PERIOD, WINDOW_START, WINDOW_END, HITS = 250, 10, 40, 8
