"""Numbers of the search for consistent values of algebraic unknowns, and of states that meet constraints."""

from __future__ import annotations

#: Evaluations in search of a solution, and the smallest part of a step of Newton's method.
MOST_TRIALS, LEAST_PART = 200, 1e-10
#: A relative change of the unknowns, after which the error of Newton's method, nearly its square, is one of rounding.
CLOSE = 1e-8
#: How far, in units of their tolerances, states may be from values that meet the constraints: in the beginning, and at events,
#: where they are values of an interpolant.
AT_START, AT_EVENTS = 10.0, 1000.0
