"""Fields on a grid: ghost cells, functions of the model for rows of cells, explicit steps.

An array holds the values of one quantity on a padded grid of three axes: element (i, j, k) is at
``(G0 + i)*S0 + (G1 + j)*S + PAD + k``.  The last axis of a domain is the last of these; axes that it lacks come first and have
one cell.  Everything that belongs to a model is in two tables, of int64 and of float64, which begin with the header below.  A
pass computes a box of cells by a function of the model (`symdyn.codegen.emit_passes`); passes, ghost fills and sums follow each
other as the schedule says.

Steps of Euler's method of a system with one pass may go over lines instead (`symdyn_kernels.stencils.sweeps`).

Threads of a team run the same functions, each for its own rows, and wait for each other after every event of the schedule.
What they decide on is the same for all, since sums are those of rows in their order.
"""

from __future__ import annotations

PAD = 8
# places in the header of the table of integers
(
    N0, N1, N2, G0, G1, S0, S, SIZE, NF, NS, NP, NPAR, LENGTH, SCHEDULE, EVENTS, PASSES, INS, OUTS, FILLS, WALLS, SUMS, WEIGHTS,
    SCALARS, STATIC, NR, NSR, RATES, CLOSURES, STEPPING, PARAMETERS, RESULTS, PARTIAL, AUX, TILE, LEVELS, LAG, RING, RINGS,
    WRAPPED, BATCH,
) = range(40)  # fmt: skip
HEADER = 40
#: Events of the schedule.
WALL, FILL, PASS, SUM, ODE, CLOSE = range(6)
#: Lengths of the rows of the tables.
PASS_ROW, FILL_ROW, WALL_ROW, SUM_ROW, CLOSE_ROW = 16, 10, 9, 3, 11
#: Words of the memory of one thread: its number, how many there are, the addresses of their counter and of a function that
#: yields the processor, how often it has waited, the address of what they share; then a time and a position, and the frame of
#: a pass.  The shared memory begins with the counter, then come values at walls.
RANK, TEAM, COUNTER, YIELD, WAITED, SHARED = range(6)
NOW, FRAME, VALUES = 8, 16, 8
#: Words of a frame before its addresses, as in `symdyn.codegen.emit_passes`, and where offsets of planes and of rows have zero.
WORDS = 43
PLANES, LINES = 17, 34
