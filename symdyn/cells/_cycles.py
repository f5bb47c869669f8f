"""Cycles of traces: rises through their means and ranges, between the samples by cubic splines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

__all__ = ["Cycles", "Swing", "find_cycles", "find_swing"]

HYSTERESIS = 0.1
"""Excursion to either side of the mean, relative to the largest, that a crossing requires, which excludes noise."""

CHUNK = 2_000_000
"""Number of samples whose splines are in memory at once."""


@dataclass(frozen=True)
class Swing:
    """Lowest and highest value and mean over time of each trace, (R,)."""

    lowest: np.ndarray
    highest: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class Cycles:
    """Times at which each trace rises through its mean, (R, K), NaN after the last, K at least 1; how many they are, (R,)."""

    times: np.ndarray
    count: np.ndarray

    @property
    def period(self) -> np.ndarray:
        """Mean time from one to the next, (R,); NaN of fewer than two cycles."""
        out = np.full(len(self.count), np.nan)
        several = np.flatnonzero(self.count > 2)
        last = self.count[several] - 1
        out[several] = (self.times[several, last] - self.times[several, 0]) / last
        return out


def find_swing(t: np.ndarray, x: np.ndarray) -> Swing:
    """Of traces (R, n) at times t (n,), n at least 4; NaN for traces with NaN.

    The mean is over complete cycles where there are any.
    """
    out = np.full((3, len(x)), np.nan)
    for rows in _chunks(x):
        spline = CubicSpline(t, x[rows], axis=1)
        lowest, highest = (s * _highest(spline, s * x[rows], s) for s in (-1, 1))
        integral = np.concatenate(
            [np.zeros((len(rows), 1)), np.cumsum(_integral(spline.c, np.diff(t)[:, None]), axis=0).T], axis=1
        )
        mean = integral[:, -1] / (t[-1] - t[0])
        for _ in range(2):  # the mean over all samples finds the cycles over which it is recomputed
            cycles = _crossings(spline, x[rows], Swing(lowest, highest, mean))
            complete = np.flatnonzero(cycles.count > 1)
            first, last = cycles.times[complete, 0], cycles.times[complete, cycles.count[complete] - 1]
            parts = [_integral_to(spline, integral[complete], complete, at) for at in (first, last)]
            mean[complete] = (parts[1] - parts[0]) / (last - first)
        out[:, rows] = lowest, highest, mean
    return Swing(*out)


def find_cycles(t: np.ndarray, x: np.ndarray, swing: Swing) -> Cycles:
    """Upward crossings of the mean of a swing by traces (R, n); none where the trace or the swing is NaN or has no extent."""
    found = []
    for rows in _chunks(x):
        usable = rows[(swing.highest - swing.lowest)[rows] > 0]
        if usable.size:
            part = Swing(*(getattr(swing, k)[usable] for k in ("lowest", "highest", "mean")))
            found.append((usable, _crossings(CubicSpline(t, x[usable], axis=1), x[usable], part)))
    longest = max((c.times.shape[1] for _, c in found), default=1)
    times, count = np.full((len(x), longest), np.nan), np.zeros(len(x), int)
    for rows, c in found:
        times[rows, : c.times.shape[1]], count[rows] = c.times, c.count
    return Cycles(times, count)


def _chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Rows without NaN, some at a time."""
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    step = max(1, CHUNK // max(1, x.shape[1]))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _crossings(spline: CubicSpline, x: np.ndarray, swing: Swing) -> Cycles:
    """A crossing lies after the last sample below the mean, and counts if the trace comes from low and goes high."""
    n = x.shape[1]
    mean, places = swing.mean[:, None], np.arange(n)
    high = x > mean + HYSTERESIS * (swing.highest[:, None] - mean)
    low = x < mean - HYSTERESIS * (mean - swing.lowest[:, None])
    state = np.maximum.accumulate(np.where(high | low, 2 * places + high, -1), axis=1)  # even: was low last, odd: high
    was_low = (state[:, :-1] >= 0) & (state[:, :-1] % 2 == 0)
    row, at = np.nonzero(high[:, 1:] & was_low)
    below = np.maximum.accumulate(np.where(x <= mean, places, -1), axis=1)[row, at]
    time = spline.x[below] + _root(spline.c[:, below, row], swing.mean[row], spline.x[below + 1] - spline.x[below])
    count = np.bincount(row, minlength=len(x))
    times = np.full((len(x), int(count.max(initial=1))), np.nan)
    times[row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = time
    return Cycles(times, count)


def _root(c: np.ndarray, level: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Where cubics c (4, q) rise through the level between 0 and the width: Newton's method, halving where it leaves."""
    low, high = np.zeros_like(width), width.astype(float)
    s = width / 2
    for _ in range(60):
        off, slope = _value(c, s) - level, (3 * c[0] * s + 2 * c[1]) * s + c[2]
        low, high = np.where(off > 0, low, s), np.where(off > 0, s, high)
        new = s - off / np.where(slope > 0, slope, np.inf)
        new = np.where((slope > 0) & (new >= low) & (new <= high), new, (low + high) / 2)
        if (np.abs(new - s) <= 1e-15 * width).all():
            return new
        s = new
    return s


def _highest(spline: CubicSpline, x: np.ndarray, sign: int) -> np.ndarray:
    """Largest values, (R,), of the spline (of its negative) in the two intervals next to the largest sample."""
    rows, best = np.arange(len(x)), x.argmax(axis=1)
    top = x[rows, best]
    for k in (np.maximum(best - 1, 0), np.minimum(best, x.shape[1] - 2)):
        c, width = sign * spline.c[:, k, rows], spline.x[k + 1] - spline.x[k]
        inside = np.maximum(c[1] ** 2 - 3 * c[0] * c[2], 0)
        # the maximum is where the derivative falls through 0; this form of the root has no cancellation if c[0] is small
        under = np.sqrt(inside) - c[1]
        s = np.where(under > 0, c[2] / np.where(under > 0, under, 1), 0)
        top = np.maximum(top, _value(c, np.clip(s, 0, width)))
    return top


def _value(c: np.ndarray, s: np.ndarray) -> np.ndarray:
    return ((c[0] * s + c[1]) * s + c[2]) * s + c[3]


def _integral(c: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Of cubics from 0 to s."""
    return (((c[0] / 4 * s + c[1] / 3) * s + c[2] / 2) * s + c[3]) * s


def _integral_to(spline: CubicSpline, integral: np.ndarray, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Integral of some rows from the first sample to a time of each."""
    k = np.clip(np.searchsorted(spline.x, at, side="right") - 1, 0, len(spline.x) - 2)
    return integral[np.arange(len(rows)), k] + _integral(spline.c[:, k, rows], at - spline.x[k])
