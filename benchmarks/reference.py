r"""Reference solutions in extended precision: modified midpoint rule with extrapolation (Gragg, Bulirsch & Stoer).

Independent of every solver that is measured.  All numbers are ``numpy.longdouble``: 64 bits of mantissa on x86, 1.1e-19.
In each interval the midpoint rule is run with 2, 4, ..., 2 k substeps; its errors, a series in the square of the substep, are
removed by polynomial extrapolation up to order 2 k (Hairer, Norsett & Wanner, II.9).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["extrapolated"]

COLUMNS = 8
#: Halvings of the step until two solutions agree.
TRIES = 6


def _interval(rhs: Callable[[Any], np.ndarray], y: np.ndarray, h: np.longdouble) -> np.ndarray:
    """From t to t + h, extrapolated."""
    table: list[np.ndarray] = []
    for j in range(1, COLUMNS + 1):
        steps = 2 * j
        d = h / steps
        before, now = y, y + d * rhs(y)
        for _ in range(steps - 1):
            before, now = now, before + 2 * d * rhs(now)
        row = [(before + now + d * rhs(now)) / 2]
        for k in range(1, j):
            factor = (np.longdouble(steps) / (2 * (j - k))) ** 2 - 1
            row.append(row[-1] + (row[-1] - table[k - 1]) / factor)
        table = row
    return table[-1]


def _solve(rhs: Callable[[Any], np.ndarray], y: np.ndarray, times: np.ndarray, pieces: int) -> np.ndarray:
    out = [y]
    for a, b in pairwise(times):
        h = (np.longdouble(b) - np.longdouble(a)) / pieces
        for _ in range(pieces):
            y = _interval(rhs, y, h)
        out.append(y)
    return np.array(out)


def extrapolated(
    peer: Callable[[Any, Any], tuple], initial: np.ndarray, parameters: np.ndarray, times: np.ndarray, tolerance: float
) -> np.ndarray:
    """Values (N, T, n) whose error, relative to the greatest value of each state, is below `tolerance`.

    Parameters
    ----------
    peer : function (y, p) -> tuple
        The right-hand side, of arithmetic alone.
    initial, parameters : (N, n) and (N, k) float64
    times : (T,) float64
    tolerance : float
        Solutions of two step sizes agree to this.

    Raises
    ------
    ArithmeticError
        If they do not.
    """
    y, p = initial.T.astype(np.longdouble), parameters.T.astype(np.longdouble)

    def rhs(state: Any) -> np.ndarray:
        return np.array([np.broadcast_to(v, y.shape[1:]) for v in peer(state, p)])

    coarse = _solve(rhs, y, times, 1)
    for k in range(1, TRIES):
        fine = _solve(rhs, y, times, 2**k)
        difference = float(np.nanmax(np.abs(fine - coarse).max(axis=0) / np.abs(fine).max(axis=0)))
        if difference < tolerance:
            return np.moveaxis(fine, (0, 1, 2), (1, 2, 0)).astype(float)
        coarse = fine
    raise ArithmeticError(f"the reference solution is good to {difference:.1e} alone; {tolerance:.1e} was asked for")
