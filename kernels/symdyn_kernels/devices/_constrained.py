"""What the generator makes of algebraic equations, by hand for one that says that a second state is the square of the first.

For readers and linters; the joined text of a kernel has the model's own.
"""

from __future__ import annotations

#: Whether algebraic equations determine some of the states.
ALGEBRAIC = False
#: Numbers of their unknowns, of the other states, of constraints on these, and of entries of Jacobians.
UNKNOWN, OTHER, CONSTRAINTS, ENTRIES = 1, 1, 0, 1
#: The unknowns; the others, and whether constraints may change their initial values; each with one more entry.
UNKNOWNS, OTHERS, FREE, SOME_FREE = (1, 0), (0, 0), (0, 0), False
#: Rows and columns of the entries.
ENTRY_ROWS, ENTRY_COLUMNS = (0, 0), (0, 0)
#: Room for what `constraints` stores, a linear system, slopes, and numbers for each equation or state.
FOUND, SYSTEM, JACOBIAN, EACH = 2, (1, 2), (1, 1), 1


def constraints(lane, y, p, memory, out):
    """The residuals of the algebraic equations and of the constraints, then the entries of their Jacobians."""
    out[0], out[1] = memory[y, 1] - memory[y, 0] ** 2, 1.0


def set_masses(memory):
    """Put 1 into row M of the memory for states with rates of change, and 0 for unknowns."""
