"""What the generator makes for `branching`, by hand for one model: chicks and adults with Poisson offspring.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

from types import SimpleNamespace

#: Whether parameters are read from the table of all trajectories where they are used; whether a condition ends trajectories.
PARAMETERS, FROM_TABLE, STOPS = 3, False, False
#: Attributes of `symdyn_kernels.lifecycles.Cycle` that are constants, and the number of groups.
cycle = SimpleNamespace(
    species=2, noises=0, groups=2, entries=2, births=1, parents=1, varying=False, absorbing=True, source=(0, 1), ptr=(0, 1, 2),
    target=(1, 1), fixed=(1, 1), born=(0,), bptr=(0, 1), parent=(1,), stop=(0,),
)  # fmt: skip


def rates(lane, y, p):
    """Probabilities of outcomes, mean offspring, mean immigration; `lane` contains the time and random numbers of a step."""
    return p[0], p[1], p[2], 0.0


def start(lane, y, p):
    """1 where the condition holds that ends a trajectory."""
    return (0.0,)
