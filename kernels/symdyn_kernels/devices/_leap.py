"""What the generator makes for `leaping`, by hand for one network: birth and death, 0 -> X at rate k, X -> 0 at rate g X.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

SPECIES, REACTIONS, PARAMETERS, BURSTS = 1, 2, 2, 0
#: Whether parameters are read from the table of all trajectories where they are used.
FROM_TABLE = False
#: Whether rates depend on time, a condition ends trajectories, leaps across equilibria are taken.
TIMED, STOPS, IMPLICIT = False, False, False
#: The stoichiometry, as `symdyn_kernels.networks` describes it; KIND is that of each burst.
PTR, CHANGED, FIXED, BURST = (0, 1, 2), (0, 0), (1.0, -1.0), (-1, -1)
DPTR, DSPECIES, PAIR = (0, 0, 1), (0,), (1, 0)
KIND: tuple[int, ...] = ()
#: For a species in the condition how many times less than `epsilon` it changes in a leap, else 0.
WATCHED = (0.0,)


def propensities(lane, y, p):
    """The propensities; `lane` holds the time."""
    return p[0], p[1] * y[0]


def orders(lane, y, p):
    """The orders of reactions, then the means of bursts."""
    return 0.0, 1.0


def start(lane, y, p):
    """1 where the condition holds that ends a trajectory."""
    return (0.0,)


def factor(lane, y, p):
    """The factors of ``shift - d(S a)/dx``; `lane` holds the time and the shift."""
    return (1.0 / (lane[1] + p[1]),)


def solve(factors, y, p):
    """The solution for a right-hand side `y`."""
    return (factors[0] * y[0],)
