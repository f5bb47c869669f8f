"""Fields on a grid: ghost cells, stencils as data, the point function of the model called for blocks of cells, explicit steps.

An array holds the values of one quantity on a padded grid: element (i, j) is at ``(G0 + i)*S + PAD + j``, with j along the
last axis; in one dimension there is one row.  Everything that belongs to a model is in two tables, of int64 and of
float64, which begin with the header below.  A pass gathers for a block of W consecutive cells the values that its
stencils give, calls the point function, and stores what it returns; passes, ghost fills and sums follow each other
as the schedule says.  The point functions are independent of the grid, so a kernel for a card can be made of the same
programs and tables with a thread in place of a lane.
"""

from __future__ import annotations

PAD = 8
# places in the header of the table of integers
(
    N0, N1, G0, S, SIZE, W, NF, NS, NP, NPAR, INPUTS, OUTPUTS, SLOTS, LENGTH, SCHEDULE, EVENTS, PASSES, INS, ENTRIES, OUTS,
    FILLS, WALLS, SUMS, COEFFICIENTS, WEIGHTS, SCALARS, STATIC, NR, NSR, RATES, CLOSURES,
) = range(31)  # fmt: skip
HEADER = 31
#: Events of the schedule.
WALL, FILL, PASS, SUM, ODE, CLOSE = range(6)
#: Lengths of the rows of the tables.
PASS_ROW, IN_ROW, FILL_ROW, WALL_ROW, SUM_ROW, CLOSE_ROW = 12, 3, 10, 7, 3, 11
