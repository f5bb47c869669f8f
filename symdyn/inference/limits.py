"""Columns with censored measurements, of which the data give a limit or an interval: ``<0.5``, ``>8`` or ``0.2..0.5``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.columns import as_array, read_number

__all__ = ["is_limit", "without_limits"]

_SIDE = re.compile(r"\s*([<>≤≥])=?\s*(\S+)\s*")
_INTERVAL = re.compile(r"\s*(\S+?)\s*\.\.\s*(\S+)\s*")


def is_limit(text: str) -> bool:
    """Whether a cell gives a limit or an interval.

    >>> is_limit("<0.5"), is_limit("1..2"), is_limit("1.5")
    (True, True, False)
    """
    return _limits_of(text) is not None


def without_limits(column: Any, what: str) -> tuple[Any, np.ndarray | None]:
    """A column with numbers in the place of limits, and the limits (T, 2) with NaN where a value was measured; None without.

    The number is the limit, or the middle of the interval.

    Raises
    ------
    RecoveryError
        For intervals that are empty.

    Examples
    --------
    >>> numbers, limits = without_limits(["0.7", "<0.5", "0.2..0.5"], "the column 'x'")
    >>> numbers, limits.tolist()
    (['0.7', 0.5, 0.35], [[nan, nan], [-inf, 0.5], [0.2, 0.5]])
    """
    array = as_array(column, what)
    if array.dtype.kind not in "OU" or array.ndim != 1:
        return column, None
    cells, limits = array.tolist(), np.full((len(array), 2), np.nan)
    for row, cell in enumerate(cells):
        if isinstance(cell, str) and (found := _limits_of(cell)) is not None:
            low, high = found
            if not low < high:
                raise RecoveryError(
                    f"{what} has the interval {str(cell)!r} in row {row} (from 0); expected the lower end first"
                )
            limits[row] = found
            cells[row] = high if np.isinf(low) else low if np.isinf(high) else 0.5 * (low + high)
    return (cells, limits) if not np.isnan(limits).all() else (column, None)


def _limits_of(cell: str) -> tuple[float, float] | None:
    """The interval that a cell gives, or None."""
    if side := _SIDE.fullmatch(cell):
        number = read_number(side[2])
        if number is None or np.isnan(number):
            return None
        return (-np.inf, number) if side[1] in "<≤" else (number, np.inf)
    if between := _INTERVAL.fullmatch(cell):
        low, high = map(read_number, between.groups())
        return None if low is None or high is None or np.isnan(low + high) else (low, high)
    return None
