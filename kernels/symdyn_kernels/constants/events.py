"""Numbers of the search for events, and of what may happen at one time."""

from __future__ import annotations

#: Parts of a step at which conditions are evaluated; the first and the last interval are short, to show the slopes at the ends.
PARTS = (0.01, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.99, 1.0)
#: Events at one moment that may follow from each other, and moments within rounding at which events act again.
MOST_AT_ONCE, MOST_STILL = 1000, 30
#: How often an event acts, each time so much sooner, until the times are within rounding: they have an end, as those of a ball
#: that comes to rest.
MOST_SHRINKING, SHRINKING = 5, 0.95
#: Moments nearer to each other than this, relative to the time, are within rounding.
STILL = 1e-12
#: How often an interval of a step may be divided by four in search of a change.
DEEPEST = 6
#: The shortest interval at which a condition that has just turned true is looked at is 2 to the minus this of a longer one.
SHORTEST = 50
#: A condition that has just turned false, in states that are still just before it does, counts as true again from a margin
#: on that is larger by these: relative to it, and at least.
GROWN, LEAST = 1e-6, 1e-37
#: What turns so soon after a crossing, relative to the time and to the step, turns with it.
SOON = 16.0 * 2.0**-52
#: Rounding of times, and how far the margins of opposite conditions, measured by the overshoot of a step, may differ.
ROUNDED, OPPOSITE = 4.0 * 2.0**-52, 1e-5
#: What happened to a trajectory: nothing that its rates of change notice, or these jump at the knot of an input, where its
#: states bend; 0 where an event may have changed states.
SMOOTH, BENT = 1, 2
#: Least first step after an event, relative to the time: of a shorter one the time takes no notice.
LEAST_STEP = 2e-15
