"""Calls of a lane function from Python, for many points at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["lane_function", "lane_values"]

#: The alignment of vectors in bytes, and how many doubles a vector has.
ALIGNED, VECTOR = 64, 8


def lane_function(address: int) -> Callable[..., None]:
    """The lane function at an address, called with the addresses of its blocks and of its results."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)


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
    """
    points = max(map(len, blocks))
    calls = -(-points // lanes)
    given = [_in_lanes(block, calls, lanes) for block in blocks]
    found = _aligned(calls, count * lanes)
    places = [(block.ctypes.data, block.strides[0]) for block in (*given, found)]
    function = lane_function(address)
    for k in range(calls):
        function(*(begin + k * step for begin, step in places))
    return found[:, : count * lanes].reshape(calls, count, lanes).transpose(0, 2, 1).reshape(-1, count)[:points]


def _in_lanes(values: np.ndarray, calls: int, lanes: int) -> np.ndarray:
    """Rows (N, k) as rows (calls, k * lanes) with room behind them; the last row fills what is left."""
    width = values.shape[1]
    found = _aligned(calls, width * lanes)
    rows = values[np.minimum(np.arange(calls * lanes), len(values) - 1)]
    found[:, : width * lanes] = rows.reshape(calls, lanes, width).transpose(0, 2, 1).reshape(calls, -1)
    return found


def _aligned(rows: int, width: int) -> np.ndarray:
    """An array (rows, width and more), each row of which begins at a vector; one lane writes whole vectors."""
    width = (-(-width // VECTOR) + 1) * VECTOR
    raw = np.zeros(rows * width + ALIGNED // 8)
    skip = -raw.ctypes.data % ALIGNED // 8
    return raw[skip : skip + rows * width].reshape(rows, width)
