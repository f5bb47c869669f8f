"""What the generator makes for `automaton`, by hand for one rule: a cell copies its left neighbour with the probability p.

For readers and linters; the joined text of a kernel has the automaton's own.
"""

from __future__ import annotations

from symdyn_kernels.devices._prelude import i64, u64
from symdyn_kernels.shared.streams import next_word

#: Names of cells.
NAMES = 1


def following(name, memory, at, stride, tables, row, s):
    """The next word of a name, the stream afterwards, and how many of its words were drawn; `at` is the word of the first."""
    w0 = u64(u64(memory[at] << u64(1)) | (memory[at - 1] >> u64(63)))
    result, left = w0 & tables[row, 2], w0 & tables[row, 3]
    bit, drawn = i64(63), i64(0)
    while left != u64(0) and bit >= i64(tables[row, 4]):
        word, s = next_word(s)
        level = w0 & u64(u64(0) - ((tables[row, 1] >> u64(bit)) & u64(1)))
        result |= left & u64(~word) & level
        left &= u64(~(word ^ level))
        bit -= 1
        drawn += 1
    return result, s, drawn
