"""What the generator makes for `stepping`, by hand for one model: geometric Brownian motion by Euler-Maruyama.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

#: Rows of the states, and those that are recorded: with a condition that ends trajectories two more follow them.
STATES, SPECIES, STOPS = 1, 1, False
#: Whether parameters are read from the table of all trajectories where they are used.
FROM_TABLE = False
#: Random numbers of a step are one for each noise, and one more for each of its integrals dZ and dY that the scheme reads.
PARAMETERS, NOISES, INTEGRALS, DRAWS = 2, 1, 0, 1


#: Twice the powers of the step in what `bound` gives, where steps are cells of a tree.
POWERS = (2,)


def bound(lane, y, p):
    """Squares of the leading error of a step over those of the tolerance; `lane` holds t, rtol, atol."""
    _, rtol, atol = lane
    (x,), (_, sigma) = y, p
    tolerance = atol + rtol * abs(x)
    return (0.5 * sigma**4 * x * x / (tolerance * tolerance),)


def step(lane, y, p):
    """The states after a step; `lane` holds t, h, sqrt(h), dW."""
    _, h, _, dw = lane
    (x,), (mu, sigma) = y, p
    return (x + h * mu * x + sigma * x * dw,)
