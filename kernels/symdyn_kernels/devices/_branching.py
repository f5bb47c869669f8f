"""What the generator makes for `branching`, by hand for one model: chicks and adults with Poisson offspring.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

SPECIES, PARAMETERS, NOISES, GROUPS, ENTRIES, BIRTHS, PARENTS = 2, 3, 0, 2, 2, 1, 1
#: Whether parameters are read from the table of all trajectories where they are used.
FROM_TABLE = False
#: Whether rates change from step to step, the empty population is absorbing, a condition ends trajectories.
VARYING, ABSORBING, STOPS = False, True, False
#: The structure, as `symdyn_kernels.drivers.branching` describes it.
SOURCE, PTR, TARGET, FIXED = (0, 1), (0, 1, 2), (1, 1), (True, True)
BORN, BPTR, PARENT = (0,), (0, 1), (1,)


def rates(lane, y, p):
    """Probabilities of outcomes, mean offspring, mean immigration; `lane` contains the time and random numbers of a step."""
    return p[0], p[1], p[2], 0.0


def start(lane, y, p):
    """1 where the condition holds that ends a trajectory."""
    return (0.0,)
