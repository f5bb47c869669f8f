"""Control of adaptive steps, and the steps in which stiffness is tested."""

from __future__ import annotations

#: The least error that a step controller distinguishes from none, relative to the tolerance, or its square.
LEAST_ERROR = 1e-12
# stiffness is tested in steps 300 to 340 of every thousand: enough for 15 hits, too few to cost time
PERIOD, WINDOW_START, WINDOW_END, HITS = 1000, 300, 340, 15
#: The distance of a number from the next, relative to it, at most.
SPACING = 2.3e-16
