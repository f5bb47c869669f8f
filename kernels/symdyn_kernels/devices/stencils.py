"""Fields on a card: ghost cells, closures and sums, a thread for each line, row or number; passes are generated.

`memory` holds padded states one after the other, and what passes need besides, in the layout of `symdyn_kernels.stencils`; T is
the table of the model, F are its numbers.  What is no number of something is a place in `memory`.
"""

from __future__ import annotations

from symdyn_kernels.shared.lines import line
from symdyn_kernels.stencils.layout import G0, G1, LENGTH, N0, N1, N2, PAD, S0, SIZE, WEIGHTS, S


def fill(index, memory, T, F, q, a, gamma, width):
    """Ghost values of the array at `a` along one axis: one place of `width` in a line across its walls for each thread."""
    axis, periodic, ghosts, last = T[q + 1], T[q + 2], T[q + 3], T[q + 4]
    n = T[N2] if axis == 2 else T[N1] if axis == 1 else T[N0]
    origin, s, place = line(T, axis, index // width)
    l = index % width
    for side in range(2):
        points, w0, slot = T[q + 5], T[WEIGHTS] + T[q + 6 + 2 * side], T[q + 7 + 2 * side]
        points = points & 0xFFFF if side == 0 else points >> 16
        edge, step = (a + origin + l, s) if side == 0 else (a + origin + last * s + l, -s)
        for k in range(ghosts):
            target = edge - step * (k + 1)
            if periodic:
                memory[target] = memory[target + n * s if side == 0 else target - n * s]
            else:
                total = 0.0
                for j in range(points):
                    total += F[w0 + k * points + j] * memory[edge + step * j]
                if slot >= 0:
                    total += F[w0 + ghosts * points + k] * memory[gamma + slot * T[LENGTH] + place + l]
                memory[target] = total


def close(index, memory, T, F, q, source, target, gamma, width):
    """Derivatives next to the walls of one axis, as `symdyn_kernels.stencils.closures`."""
    axis = T[q + 2]
    n = T[N2] if axis == 2 else T[N1] if axis == 1 else T[N0]
    origin, s, place = line(T, axis, index // width)
    l = index % width
    for side in range(2):
        p = q + 3 + 4 * side
        rows, points, w0, slot = T[p], T[p + 1], T[WEIGHTS] + T[p + 2], T[p + 3]
        edge, step = (origin + l, s) if side == 0 else (origin + (n - 1) * s + l, -s)
        for k in range(rows):
            total = 0.0
            for j in range(points):
                total += F[w0 + k * points + j] * memory[source + edge + step * j]
            if slot >= 0:
                total += F[w0 + rows * points + k] * memory[gamma + slot * T[LENGTH] + place + l]
            memory[target + edge + step * k] = total


def sums(r, memory, T, a, partial):
    """The sum of each row of an array."""
    at = a + (T[G0] + r // T[N1]) * T[S0] + (T[G1] + r % T[N1]) * T[S] + PAD
    total = 0.0
    for j in range(T[N2]):
        total += memory[at + j]
    memory[partial + r] = total


def errors(r, memory, T, x, y, z, rtol, atol, partial):
    """The sum of squares of each row of x over its tolerance, with y and z for the size of the states."""
    at = (T[G0] + r // T[N1]) * T[S0] + (T[G1] + r % T[N1]) * T[S] + PAD
    total = 0.0
    for j in range(T[N2]):
        size = max(abs(memory[y + at + j]), abs(memory[z + at + j]))
        e = memory[x + at + j] / (size * rtol + atol)
        total += e * e
    memory[partial + r] = total


def combine(l, memory, target, y, k, M, weights, terms, h):
    """``target = y + h*sum(weights[j]*k_j)``; the k_j are M apart."""
    total = 0.0
    for j in range(terms):
        total += weights[j] * memory[k + j * M + l]
    memory[target + l] = memory[y + l] + total * h


def copy(l, memory, target, source):
    """Copy so many numbers."""
    memory[target + l] = memory[source + l]


def place(T, fields, l):
    """Where the l-th number of a plain state is in a padded one of so many fields."""
    rows, width = T[N0] * T[N1], T[N2]
    cells = rows * width
    if l >= fields * cells:
        return fields * T[SIZE] + l - fields * cells
    field, cell = l // cells, l % cells
    row = cell // width
    return field * T[SIZE] + (T[G0] + row // T[N1]) * T[S0] + (T[G1] + row % T[N1]) * T[S] + PAD + cell % width


def load(l, memory, T, y, fields, plain):
    """Put a plain state at y."""
    memory[y + place(T, fields, l)] = plain[l]


def unload(l, memory, T, y, fields, plain):
    """Fill a plain state with that at y."""
    plain[l] = memory[y + place(T, fields, l)]
