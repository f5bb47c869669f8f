"""Sums of arrays with weights, the norm of errors, and where arrays are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Arrays", "combine", "scaled_error"]

#: Numbers that are worked on at once, so that they stay in the cache.
CHUNK = 1 << 14


def combine(
    start: np.ndarray | None, rows: Sequence[np.ndarray], weights: Sequence[Any] | np.ndarray, out: np.ndarray
) -> np.ndarray:
    """`start`, or zero, plus the weighted rows.

    Parameters
    ----------
    start : (n,) array or None
        It may be `out`.
    rows : sequence of (n,) arrays
    weights : sequence of float or (n,) arrays
        Rows whose weight is the number 0 are not read.
    out : (n,) array

    Returns
    -------
    (n,) array
        `out`.

    Examples
    --------
    >>> combine(np.ones(2), [np.array([1.0, 2.0]), np.array([np.nan, np.nan])], [10.0, 0.0], np.empty(2)).tolist()
    [11.0, 21.0]
    """
    pairs = [(r, w, isinstance(w, np.ndarray)) for r, w in zip(rows, weights, strict=True)]
    pairs = [pair for pair in pairs if pair[2] or pair[1]]
    part = np.empty(min(CHUNK, out.size), out.dtype)
    for first in range(0, out.size, CHUNK):
        s = slice(first, first + CHUNK)
        total, product, fresh = out[s], part[: min(CHUNK, out.size - first)], start is None
        if fresh and not pairs:
            total[...] = 0
        elif not fresh and start is not out:
            total[...] = start[s]  # type: ignore[index]
        for row, weight, varies in pairs:
            np.multiply(row[s], weight[s] if varies else weight, out=total if fresh else product)
            if not fresh:
                total += product
            fresh = False
    return out


def scaled_error(
    error: np.ndarray, before: np.ndarray, after: np.ndarray, blocks: Sequence[slice], rtol: float, atol: float
) -> float:
    r"""The greatest over blocks of :math:`\sqrt{\langle (e / (a + r \max(|y|, |y'|)))^2 \rangle}`.

    Parameters
    ----------
    error, before, after : (n,) arrays
        The estimate, and the states at both ends of the step.
    blocks : sequence of slice
    rtol, atol : float

    Returns
    -------
    float

    Examples
    --------
    >>> y = np.ones(3)
    >>> scaled_error(np.array([3.0, 4.0, 1.0]), y, y, [slice(0, 2), slice(2, 3)], 0.5, 0.5)  # of 12.5
    3.5355339059327378
    """
    scale = np.maximum(np.abs(before), np.abs(after))
    scale *= rtol
    scale += atol
    np.divide(error, scale, out=scale)
    # a product of linear algebra would add up in an order that depends on its threads
    return max(math.sqrt(float(np.einsum("i,i->", scale[b], scale[b])) / scale[b].size) for b in blocks)


class Arrays:
    """Where the arrays of a problem are, and all that steps do with them: here in numpy.

    Those of a card are in `symdyn.grids.card_arrays`.

    Examples
    --------
    >>> a = Arrays()
    >>> y = a.copy([1.0, 2.0], a.zeros(2))
    >>> a.host(a.combine(y, [y], [2.0], a.zeros(2))).tolist(), a.finite(y)
    ([3.0, 6.0], True)
    """

    def zeros(self, size: int, dtype: Any = float) -> Any:
        """An array (size,) of zeros."""
        return np.zeros(size, dtype)

    def kept(self, array: np.ndarray) -> Any:
        """An array of numpy, in the form in which it is a weight."""
        return array

    def copy(self, source: Any, out: Any) -> Any:
        """Fill `out` with an array, of this kind or of numpy, and return it."""
        out[...] = source
        return out

    def host(self, array: Any) -> np.ndarray:
        """The numbers in numpy, which may be the array itself."""
        return array

    def combine(self, start: Any, rows: Sequence[Any], weights: Sequence[Any] | np.ndarray, out: Any) -> Any:
        """As `symdyn.integration.arrays.combine`."""
        return combine(start, rows, weights, out)

    def scaled_error(self, error: Any, before: Any, after: Any, blocks: Sequence[slice], rtol: float, atol: float) -> float:
        """As `symdyn.integration.arrays.scaled_error`."""
        return scaled_error(error, before, after, blocks, rtol, atol)

    def finite(self, array: Any) -> bool:
        """Whether all numbers are finite."""
        return bool(np.isfinite(array).all())
