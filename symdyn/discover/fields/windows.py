r"""Test functions of the weak form: bumps that are wide where the data are smooth.

.. math:: \phi(s) = (1 - (s/a)^2)^p, \quad |s| < a

The half width a is such that the transform of the bump falls off at the wave number where the spectrum of the data turns from
the field to noise, and p such that it vanishes smoothly at its ends.

References
----------
Messenger & Bortz, Journal of Computational Physics 443 (2021) 110525.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.polynomial import Polynomial
from scipy.optimize import brentq

__all__ = ["WeakWindows", "corner", "make_windows"]

#: Value of the bump, relative to its top, one step inside its end.
TAU = 1e-10
#: Standard deviations of the transform at which the corner lies.
SPREAD = 2.0
#: Share of an axis that a bump covers at most.
WIDEST = 0.5


#: Integrals against test functions along an axis and their derivatives, each (windows, n): the m-th entry times w is the
#: integral of the m-th derivative of each test function times w, with the sign of m integrations by parts.
WeakWindows = tuple[np.ndarray, ...]


def make_windows(array: np.ndarray, axis: int, step: float, *, periodic: bool, most: int, highest: int) -> WeakWindows:
    """Test functions along an axis of data.

    Parameters
    ----------
    array : float64
        Data on an even grid.
    axis : int
    step : float
        Of the grid along the axis.
    periodic : bool
    most : int
        Most windows.
    highest : int
        Derivatives that are needed.

    Examples
    --------
    >>> x = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    >>> w = make_windows(np.sin(3 * x)[None], 1, x[1], periodic=True, most=50, highest=2)
    >>> bool(np.allclose(w[2] @ np.sin(3 * x), w[0] @ (-9 * np.sin(3 * x))))
    True
    """
    n = array.shape[axis]
    half, power = _shape(n, corner(array, axis, periodic=periodic), highest)
    offsets = np.arange(-half, half + 1)
    bump = Polynomial([1, 0, -1]) ** power
    rows = []
    length = half * step
    for m in range(highest + 1):
        values = (bump.deriv(m) if m else bump)(offsets / half) / length**m * (-1) ** m
        rows.append(values * step / length)
    stride = max(1, half // 3)
    first, last = (0, n - 1) if periodic else (half, n - 1 - half)
    count = min(max((last - first) // stride + 1, 1), most)
    middles = np.unique(np.linspace(first, last if not periodic else n * (count - 1) / count, count).round().astype(int))
    matrices = []
    for values in rows:
        matrix = np.zeros((len(middles), n))
        for i, middle in enumerate(middles):
            np.add.at(matrix[i], (middle + offsets) % n, values)
        matrices.append(matrix)
    return tuple(matrices)


def corner(array: np.ndarray, axis: int, *, periodic: bool) -> float:
    """Where the spectrum along an axis turns from the field to noise, in waves along the whole axis.

    The cumulative sum of amplitudes is followed by two straight lines, whose joint it is.
    """
    n = array.shape[axis]
    other = tuple(k for k in range(array.ndim) if k != axis)
    if periodic:
        size = np.abs(scipy.fft.rfft(array, axis=axis)).mean(axis=other)[1:]
        waves = np.arange(1, len(size) + 1.0)
    else:  # mirrored at both ends, so that these are no jumps
        size = np.abs(scipy.fft.dct(array, axis=axis)).mean(axis=other)[1:]
        waves = np.arange(1, n) / 2.0
    total = np.cumsum(size)
    if len(total) < 4 or total[-1] <= 0:
        return 1.0
    misfits = [_line(waves[: k + 1], total[: k + 1]) + _line(waves[k:], total[k:]) for k in range(1, len(total) - 1)]
    return float(waves[1 + int(np.argmin(misfits))])


def _line(x: np.ndarray, y: np.ndarray) -> float:
    """The squared misfit of the straight line through both ends, relative to the values."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    return float(np.square((y[0] + slope * (x - x[0]) - y) / np.maximum(np.abs(y), 1e-300)).sum())


def _shape(n: int, wave: float, highest: int) -> tuple[int, int]:
    """Half width and power of the bump for an axis of n points whose corner is at `wave`."""
    widest = max(int(WIDEST * (n - 1) / 2), highest + 2)

    def excess(m: float) -> float:
        spread = n**2 * SPREAD**2
        return float(np.log((2 * m - 1) / m**2) * (4 * np.pi**2 * wave**2 * m**2 - 3 * spread) - 2 * spread * np.log(TAU))

    start = 1 + np.sqrt(3) / 2 * n * SPREAD / (np.pi * wave)
    try:
        m = brentq(excess, np.sqrt(3) / np.pi * n / 2 / wave * SPREAD, start * np.sqrt(1 - 8 / np.sqrt(3) * np.log(TAU)))
    except ValueError:
        m = start
    half = int(np.clip(np.floor(m), highest + 3, widest))
    power = int(max(np.ceil(np.log(TAU) / np.log((2 * half - 1) / half**2)), highest + 1))
    return half, power
