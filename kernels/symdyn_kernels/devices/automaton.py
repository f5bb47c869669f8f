"""Automata on a card: eight threads for each trajectory, one for each word of a block of 512 cells and its stream.

Lattices, streams and blocks are those of `symdyn_kernels.drivers.automaton`, whose results are the same to the last bit.  There
the eight streams of a block advance together until all of its cells are decided.  Here each thread decides the cells of its own
word, and then draws what the slowest of the eight has drawn more.  Threads whose `row` is none of the trajectories wait along
with the others of their block.
"""

from __future__ import annotations

from symdyn_kernels.devices._automaton import NAMES, following
from symdyn_kernels.devices._prelude import cuda, i64, real, u64
from symdyn_kernels.shared.streams import next_uniform, next_word, open_stream, stream_word

__all__ = ["run_lattices"]

#: Threads of a trajectory; numbers of as many threads as a block has at most, twice.
LANES, SHARED = 8, 256


def kept(word, k, sites):
    """The k-th word of a name, without the bits beyond the right end."""
    if k < sites >> 6:
        return word
    if k == sites >> 6 and sites & 63 != 0:
        return word & u64(u64(u64(1) << u64(sites & 63)) - u64(1))
    return u64(0)


def bit_of(memory, begin, place):
    """The bit at a place, counted from the first word of a name, which lies at `begin`."""
    return (u64(memory[begin + (place >> 6)]) >> u64(place & 63)) & u64(1)


def put(memory, begin, place, bit):
    """Set a bit."""
    at, one = begin + (place >> 6), u64(u64(1) << u64(place & 63))
    word = u64(memory[at])
    memory[at] = word | one if bit != u64(0) else word & u64(~one)


def surround(memory, begin, sites, radius, boundary, lane):
    """Set the bits beyond the left end in the first thread, and beyond the right end in the second."""
    for d in range(radius):
        if lane == 0:
            left = bit_of(memory, begin, 64 + sites - 1 - d % sites) if boundary < 0 else u64(boundary)
            put(memory, begin, 63 - d, left)
        elif lane == 1:
            right = bit_of(memory, begin, 64 + d % sites) if boundary < 0 else u64(boundary)
            put(memory, begin, 64 + sites + d, right)


def ones(word):
    """How many bits of a word are 1."""
    x = u64(word - ((word >> u64(1)) & u64(0x5555555555555555)))
    x = u64((x & u64(0x3333333333333333)) + ((x >> u64(2)) & u64(0x3333333333333333)))
    x = u64(x + (x >> u64(4))) & u64(0x0F0F0F0F0F0F0F0F)
    return i64(u64(x * u64(0x0101010101010101)) >> u64(56))


def fill(memory, begin, stride, words, sites, initial, row, each, lane, s):
    """The first lattice: all threads of a trajectory draw the same numbers, and each stores its words."""
    for f in range(NAMES):
        for k in range(words):
            word = u64(0)
            for i in range(64 * k, min(sites, 64 * (k + 1))):
                p = initial[row, f * each + min(i, each - 1)]
                if p <= 0.0 or p >= 1.0:
                    one = p > 0.5
                else:
                    u, s = next_uniform(s)
                    one = u < p
                if one:
                    word |= u64(u64(1) << u64(i & 63))
            if k % LANES == lane:
                memory[begin + f * stride + 1 + k] = word
    return s


def record(memory, begin, stride, words, sites, cells, counts, thread, values, row, q):
    """Store the cells, if they are recorded, and the part of the cells of each name that are 1; `row` is -1 for none."""
    lane, first = thread % LANES, thread - thread % LANES
    place = 0
    if cells != 0:
        for f in range(NAMES):
            for k in range(lane, words, LANES):
                word = u64(memory[begin + f * stride + 1 + k])
                for i in range(64 * k, min(sites, 64 * (k + 1))):
                    if row >= 0:
                        values[row, q, place + i] = real((word >> u64(i & 63)) & u64(1))
            place += sites
    for f in range(NAMES):
        total = i64(0)
        for k in range(lane, words, LANES):
            total += ones(u64(memory[begin + f * stride + 1 + k]))
        counts[thread] = total
        cuda.syncthreads()
        if lane == 0 and row >= 0:
            total = i64(0)
            for other in range(LANES):
                total += counts[first + other]
            values[row, q, place + f] = real(total) / real(sites)
        cuda.syncthreads()


def run_lattices(count, memory, tables, initial, times, streams, seed, sites, radius, boundary, cells, values):
    """The kernel; `memory` has two lattices for each trajectory, and for those that fill the last block."""
    thread, trajectory = cuda.threadIdx.x, cuda.grid(1) // LANES
    row = trajectory if trajectory < count else count - 1
    lane, first = thread % LANES, thread - thread % LANES
    counts = cuda.shared.array(SHARED, i64)
    words = LANES * ((sites + 64 * LANES - 1) // (64 * LANES))
    stride = words + 2
    here, there = trajectory * 2 * NAMES * stride, (trajectory * 2 + 1) * NAMES * stride
    s = open_stream(seed, streams[row])
    s = fill(memory, here, stride, words, sites, initial, row, initial.shape[1] // NAMES, lane, s)
    own = u64(0)
    for other in range(LANES):
        word, s = next_word(s)
        if other == lane:
            own = word
    begin, i = i64(own), i64(0)
    s = (
        stream_word(begin, i64(lane), i),
        stream_word(begin, i64(lane), i + 1),
        stream_word(begin, i64(lane), i + 2),
        stream_word(begin, i64(lane), i + 3),
    )
    mine = row if trajectory < count else -1
    cuda.syncthreads()
    record(memory, here, stride, words, sites, cells, counts, thread, values, mine, 0)
    turn = 0
    for q in range(1, times.size):
        for _ in range(i64(times[q] - times[q - 1] + 0.5)):
            for f in range(NAMES):
                surround(memory, here + f * stride, sites, radius, boundary, lane)
            cuda.syncthreads()
            for block in range(0, words, LANES):
                k = block + lane
                for f in range(NAMES):
                    word, s, drawn = following(f, memory, here + 1 + k, stride, tables, row, s)
                    memory[there + f * stride + 1 + k] = kept(word, k, sites)
                    counts[turn + thread] = drawn
                    cuda.syncthreads()
                    most = i64(0)
                    for other in range(LANES):
                        most = max(most, counts[turn + first + other])
                    for _ in range(most - drawn):
                        word, s = next_word(s)
                    turn = cuda.blockDim.x - turn  # what is written next is not read now
            cuda.syncthreads()
            here, there = there, here
        record(memory, here, stride, words, sites, cells, counts, thread, values, mine, q)
