"""What the generator makes for `jump_large`, by hand for one network: birth and death, 0 -> X at rate k, X -> 0 at rate g X.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

import numpy as np

SPECIES, MOLECULES, LEAVES, NODES, STOPS = 1, 3, 2, 4, False
#: Whether events happen at known times.
SCHEDULED = False
#: Where tables begin in TABLE.  Of each reaction the row of the parameters that is its coefficient, or -1 - k for NUMBERS[k];
COEFFICIENTS = 0
#: the first of its entries, which are the species that react, and by how much less than their number counts;
REACTANT_STARTS, REACTANTS, LESS = 2, 5, 6
#: so the species that change, and by how much; and of each species the reactions whose propensities read it.
CHANGE_STARTS, CHANGED, CHANGES = 7, 10, 12
DEPENDENT_STARTS, DEPENDENTS = 14, 16
TABLE = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 2, 0, 0, 1, -1, 0, 1, 1], np.int16)
NUMBERS = np.array([0.0])


def effects(lane, y, p):
    """The values that events assign."""
    return (0.0,)


def assign(e, new, memory):
    """Let event `e` act."""


def start(lane, y, p):
    """1 where the condition holds that ends a trajectory."""
    return (0.0,)
