"""The driver of automata: lattices of cells that are 0 or 1, 64 cells a word, one trajectory after another.

It calls the generated step ``f(random, present, table, next)`` of 512 cells, eight words, of each name, with the addresses of

    random      the states of eight streams, as `symdyn_kernels.rng` stores them
    present     the first of the eight words in the present lattice; the words on both sides are there too
    table       the probabilities as words
    next        the same place in the next lattice

Cell i of a name is bit ``i % 64`` of word ``1 + i // 64`` of its part of the lattice; the bits beyond both ends hold the cells
of the other end, or those of the boundary, up to the radius of the rule.  The eight streams begin with words that are drawn
from the stream of the trajectory.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.automaton import AutomatonArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.shared.streams import next_uniform, next_word, open_stream, stream_word
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, SUCCESS

__all__ = ["chunk"]

#: Words of a block, and streams.
BLOCK = 8


@njit(**INLINE)
def _put(lattice, place, bit):
    """Set a bit of a name, counted from its first word."""
    one = np.uint64(1) << np.uint64(place & 63)
    if bit:
        lattice[place >> 6] |= one
    else:
        lattice[place >> 6] &= ~one


@njit(**INLINE)
def _bit(lattice, place):
    return np.int64((lattice[place >> 6] >> np.uint64(place & 63)) & np.uint64(1))


@njit(**INLINE)
def _ones(lattice, words):
    """Bits that are 1 in the words 1 to `words`."""
    total = np.int64(0)
    for k in range(1, words + 1):
        x = lattice[k]
        x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
        x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return total


@njit(**INLINE)
def _surround(lattice, sizes):
    """Set the bits beyond both ends."""
    n = sizes.sites
    for d in range(sizes.radius):
        if sizes.boundary < 0:
            left, right = _bit(lattice, 64 + (n - 1 - d % n)), _bit(lattice, 64 + d % n)
        else:
            left = right = sizes.boundary
        _put(lattice, 63 - d, left)
        _put(lattice, 64 + n + d, right)


@njit(**INLINE)
def _cut(lattice, sites, words):
    """Clear the bits beyond the right end, which the step of a block has filled."""
    if sites & 63:
        lattice[1 + (sites >> 6)] &= (np.uint64(1) << np.uint64(sites & 63)) - np.uint64(1)
    for k in range(1 + ((sites + 63) >> 6), words + 1):
        lattice[k] = 0


@njit(**INLINE)
def _record(lattices, sizes, words, values):
    n, place = sizes.sites, 0
    if sizes.cells:
        for f in range(sizes.names):
            for i in range(n):
                values[place + i] = _bit(lattices[f], 64 + i)
            place += n
    for f in range(sizes.names):
        values[place + f] = _ones(lattices[f], words) / n


@njit(signature(AutomatonArguments), **HELPER)
def chunk(arguments):
    """Simulate all trajectories of `arguments`; returns how many reached the last time."""
    step, sizes, tables, seed, batch, run, signals = arguments
    n, words = sizes.sites, BLOCK * ((sizes.sites + 64 * BLOCK - 1) // (64 * BLOCK))
    here, there = np.zeros((sizes.names, words + 2), np.uint64), np.zeros((sizes.names, words + 2), np.uint64)
    random = np.zeros(4 * BLOCK, np.uint64)
    finished, stream, width = 0, random.ctypes.data, 8 * tables.shape[1]
    each = batch.initial.shape[1] // sizes.names
    for row in range(run.status.size):
        s = open_stream(seed, batch.streams[row])
        for f in range(sizes.names):
            for i in range(n):
                p = batch.initial[row, f * each + min(i, each - 1)]
                if p <= 0.0 or p >= 1.0:
                    _put(here[f], 64 + i, p > 0.5)
                else:
                    u, s = next_uniform(s)
                    _put(here[f], 64 + i, u < p)
            _cut(here[f], n, words)
        for lane in range(BLOCK):
            word, s = next_word(s)
            for i in range(4):
                random[i * BLOCK + lane] = stream_word(np.int64(word), np.int64(lane), np.int64(i))
        _record(here, sizes, words, run.values[row, 0])
        status, steps, table = SUCCESS, 0, tables.ctypes.data + row * width
        for q in range(1, batch.times.size):
            for _ in range(int(batch.times[q] - batch.times[q - 1] + 0.5)):
                if signals.stop[0]:
                    status = INTERRUPTED
                    break
                for f in range(sizes.names):
                    _surround(here[f], sizes)
                for k in range(0, words, BLOCK):
                    at = 8 * (1 + k)
                    call(step, stream, here.ctypes.data + at, table, there.ctypes.data + at)
                for f in range(sizes.names):
                    _cut(there[f], n, words)
                here, there = there, here
                steps += 1
            if status != SUCCESS:
                run.values[row, q:] = np.nan
                break
            _record(here, sizes, words, run.values[row, q])
        run.status[row], run.steps[row], run.evaluations[row] = status, steps, steps
        if status == SUCCESS:
            finished += 1
            signals.done[0] += 1
    return finished + 0 * random.size  # used through its address alone: keep it alive until here
