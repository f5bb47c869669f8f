"""Tau-leaping: which leaps, and when exact events or implicit leaps take their place."""

from __future__ import annotations

#: Leaps shorter than this many mean waiting times are replaced by so many exact events, which are cheaper.
WORTHWHILE, EXACT, EXACT_AFTER_IMPLICIT = 10.0, 100, 10
#: Rates that depend on time are evaluated this many times at least, and not in pieces below this part of the last time.
PIECES, SHORTEST_PIECE = 1000.0, 1e-15
#: A reaction that so few firings can exhaust is critical: it fires at most once in a leap.
CRITICAL = 10.0
#: The longest explicit leap in relaxation times of a species: at most the first, and epsilon times the second.
STABLE, ACCURATE = 0.5, 10.0
#: Rates that depend on time are not evaluated in pieces with fewer expected firings.
LEAST_FIRINGS = 0.01
#: A reversible pair is in equilibrium if its propensities differ by no more than this part, or these standard deviations.
EQUILIBRIUM, DEVIATIONS = 0.05, 3.0
#: An implicit leap is so many times longer than an explicit one at least, and so many relaxation times of the equilibria
#: that it leaps across are simulated before each output, so that their fluctuations are there again.
STIFF_RATIO, RELAXATION = 100.0, 3.0
#: Iterations of Newton, and the molecules to which they converge before firings are rounded.
NEWTON, NEWTON_ERROR = 20, 1e-3
#: Stops in a row at one time.
MOST_STOPS = 1000
