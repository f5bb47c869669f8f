"""Control of adaptive steps, and the steps in which stiffness is tested."""

from __future__ import annotations

#: The least error that a step controller distinguishes from none, relative to the tolerance, or its square.
LEAST_ERROR = 1e-12
# stiffness is tested in steps 300 to 340 of every thousand: enough for 15 hits, too few to cost time
PERIOD, WINDOW_START, WINDOW_END, HITS = 1000, 300, 340, 15
#: The distance of a number from the next, relative to it, at most.
SPACING = 2.3e-16
#: The shortest step that may follow one that was rejected, as a multiple of the time: rounding to the difference of two times
#: could otherwise lengthen it again as much as the rejection has shortened it.
SMALLEST = 2e-15
