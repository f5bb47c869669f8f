"""Calls of a lane function from Python, for many points at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

__all__ = ["lane_function", "lane_values"]

#: The alignment of vectors in bytes, and how many doubles a vector has.
ALIGNED, VECTOR = 64, 8
_FUNCTION = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


def lane_function(address: int) -> Callable[..., None]:
    """The lane function at an address, called with the addresses of its blocks and of its results."""
    return _FUNCTION(address)


def lane_values(address: int, lanes: int, blocks: Sequence[np.ndarray], count: int) -> np.ndarray:
    """What a lane function computes of its three blocks.

    Parameters
    ----------
    address : int
        Of the function.
    lanes : int
        Points of one call.
    blocks : sequence of (N, k) float64
        One row for each point, or one for all.
    count : int
        Its results.

    Returns
    -------
    (N, count) float64
        In C order: one call gives its results one after the other, which reads as Fortran order.
    """
    points = max(map(len, blocks))
    calls = -(-points // lanes)
    widths = [block.shape[1] for block in blocks]
    rooms = [(-(-width * lanes // VECTOR) + 1) * VECTOR for width in (*widths, count)]  # one lane writes whole vectors
    begins = [0, *accumulate(rooms)]
    memory = np.zeros(calls * begins[-1] + VECTOR)
    skip = -memory.ctypes.data % ALIGNED // 8
    rows = memory[skip : skip + calls * begins[-1]].reshape(calls, begins[-1])
    for block, width, begin in zip(blocks, widths, begins, strict=False):
        if width:
            given = block if len(block) == calls * lanes else block[np.minimum(np.arange(calls * lanes), len(block) - 1)]
            rows[:, begin : begin + width * lanes] = given.reshape(calls, lanes, width).transpose(0, 2, 1).reshape(calls, -1)
    function, place = lane_function(address), memory.ctypes.data + 8 * skip
    for first in range(place, place + 8 * calls * begins[-1], 8 * begins[-1]):
        function(*(first + 8 * begin for begin in begins[:-1]))
    found = rows[:, begins[-2] : begins[-2] + count * lanes]
    return np.ascontiguousarray(found.reshape(calls, count, lanes).transpose(0, 2, 1).reshape(-1, count)[:points])
