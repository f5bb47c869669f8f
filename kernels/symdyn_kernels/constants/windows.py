"""Windows of time over which propensities are bounded."""

from __future__ import annotations

#: Candidates that may be refused in a window: so many, and one for each so many propensities that have to be bounded anew.
MOST_REFUSED, PER_REFUSED = 4, 4
#: Windows below this part of the time (or of 1) end the trajectory with a failure: the propensity is infinite there.
SHORTEST_WINDOW = 1e-13
