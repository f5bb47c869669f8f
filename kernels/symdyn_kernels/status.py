"""Status codes of trajectories; the values of `MESSAGES` are shown to the user."""

from __future__ import annotations

SUCCESS = 0
STEP_TOO_SMALL = 1
TOO_MANY_STEPS = 2
NOT_FINITE = 3
STIFF = 4
INTERRUPTED = 5
NEGATIVE = 6
FRACTION = 7
PROBABILITY = 8
TOO_MANY_MOLECULES = 9
#: Events of a trajectory that may wait for their delay.
MOST_WAITING = 128
BAD_DELAY = 10
TOO_MANY_EVENTS = 11
ENDLESS_EVENTS = 12
INCONSISTENT = 16
SINGULAR = 17
CONTRADICTED = 18
#: Delayed reactions of a trajectory that may be under way at once.
MOST_PENDING = 2**24
TOO_MANY_PENDING = 19
#: Steps within the longest delay of a trajectory, or since its first time where a delay varies.
MOST_KEPT = 65536
TOO_MANY_KEPT = 13
NEGATIVE_DELAY = 14
PARTED = 20
ABOVE_BOUND = 21
#: Of a driver that returns after each step: it was made, and there is more to do.
STEPPED = -1

MESSAGES = {
    SUCCESS: "success",
    STEP_TOO_SMALL: "the step size fell to rounding level: a singularity of the solution, or tolerances below what is possible",
    TOO_MANY_STEPS: "the number of steps reached max_steps",
    NOT_FINITE: "the right-hand side or the solution became infinite or not a number",
    STIFF: "the problem turned out to be stiff for an explicit method",
    INTERRUPTED: "interrupted before it was done",
    NEGATIVE: "a propensity or a number of molecules became negative",
    FRACTION: "an event set a species to a fraction of a molecule; round its new value, as in floor(X/2)",
    PROBABILITY: "a probability was negative, or those of a stage added up to more than 1, or a mean number was negative",
    TOO_MANY_MOLECULES: "a number of molecules exceeded 2^53, above which single molecules cannot be counted; use a method for "
    "large numbers, such as 'tau' or the rate equations",
    BAD_DELAY: "the delay of an event or of a reaction was negative or not a number",
    TOO_MANY_EVENTS: f"more than {MOST_WAITING} events waited for their delay at once",
    TOO_MANY_PENDING: f"more than {MOST_PENDING} delayed reactions were under way at once",
    ENDLESS_EVENTS: "events followed one another without end: each triggers the next at the same time, or ever sooner after it",
    INCONSISTENT: "Newton's method found no values of the algebraic unknowns that satisfy the algebraic equations",
    SINGULAR: "the derivatives of the algebraic equations by their unknowns were a singular matrix",
    CONTRADICTED: "the values of the differential states contradict a constraint that follows from the algebraic equations",
    TOO_MANY_KEPT: f"more than {MOST_KEPT} steps lay within the longest delay, or since the first time where a delay varies",
    PARTED: "the two solutions of the reversible method parted: it damps no difference between them, which grows where the "
    "system decays or steps are long",
    NEGATIVE_DELAY: "a delay was negative: a state was looked up in the future",
    ABOVE_BOUND: "a propensity was above the bound from which candidates are drawn, so that reactions would be missed: an "
    "error of symdyn, or of the code of a function in this rate",
}
