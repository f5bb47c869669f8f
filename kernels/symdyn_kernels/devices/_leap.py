"""What the generator makes for `leaping`, by hand for one network: birth and death, 0 -> X at rate k, X -> 0 at rate g X.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

from types import SimpleNamespace

#: Whether parameters are read from the table of all trajectories where they are used; whether a condition ends trajectories.
PARAMETERS, FROM_TABLE, STOPS = 2, False, False
#: Whether a trajectory leaps in parts, between which events act; its parameters are then followed by marks of these.
PARTS = False
#: Attributes of `symdyn_kernels.networks.NetworkModel` and `symdyn_kernels.networks.Network` that are constants, and the
#: number of changes of a species in a reaction.
model = SimpleNamespace(species=1, reactions=2, bursts=0, entries=2, timed=False, implicit=False)
network = SimpleNamespace(
    model=model, ptr=(0, 1, 2), changed=(0, 0), fixed=(1.0, -1.0), burst=(-1, -1), dptr=(0, 0, 1), dspecies=(0,), pair=(1, 0),
    kind=(), watched=(0.0,), stop=(0,),
)  # fmt: skip


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
