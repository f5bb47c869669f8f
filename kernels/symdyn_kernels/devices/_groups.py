"""What the generator makes of groups of reactions, by hand for a network of two reactions that has none.

For readers and linters; the joined text of a kernel has the model's own (`symdyn.codegen.hubs` says what a group is).
"""

from __future__ import annotations

import numpy as np

#: Whether there are groups, and how many; reactions in none; nodes of the tree in which their sums are.
GROUPED, GROUPS, UNITS, INNER = False, 0, 2, 2
#: Where tables begin in TABLE, fields of `symdyn_kernels.arguments.jump.Groups`.
HUBS, FIRSTS, ROOTS, LOWEST, BEYOND, RUN_STARTS, TOUCHED, MEMBER_STARTS, MEMBERS = 0, 0, 1, 1, 1, 1, 4, 4, 5
TABLE = np.array([2, 0, 0, 0, 0], np.int16)
