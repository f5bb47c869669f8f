"""Numbers of the search for breakpoints of delays."""

from __future__ import annotations

#: Breakpoints that are remembered, and how often a step is made again to end at one of them.
MOST_POINTS, MOST_TRIES = 64, 8
#: By how much a step may end before a breakpoint, relative to its tolerance and in roundings of the time; and the least part of
#: that, so that the last stage does not look beyond it.
NEARBY, ROUNDED, CLEAR = 1e-3, 8 * 2.2e-16, 0.1
#: How often the part of a step is looked for after which a delayed time is at a breakpoint.
MOST_PARTS = 60
