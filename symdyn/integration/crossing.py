"""Where the margin of a condition becomes zero within a step."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Trend", "crossing", "interval_of_change"]

#: Where a part of a step is divided: in halves what is periodic might look constant.
DIVIDED = 0.46
#: How often a part of a step is divided in search of a change, and the evaluations that this may take in a step.
DIVISIONS, SEARCHED = 14, 600
#: Part of the step to which a crossing is located, and the evaluations that it may take.
WIDTH, MOST = 1e-15, 150


class Trend:
    """How a margin changes from step to step, so that most steps need not be looked into.

    Examples
    --------
    >>> trend = Trend()
    >>> trend.goes_on(1.0, -3.0, -2.5), trend.goes_on(1.0, -2.5, -2.1), trend.goes_on(1.0, -2.1, -0.1)
    (False, True, False)
    """

    def __init__(self) -> None:
        self.slope, self.length = math.nan, 0.0

    def goes_on(self, h: float, low: float, high: float) -> bool:
        """Whether the margin after a step of length h is what it was to be, up to a part of its distance from zero.

        It is not for steps that are half as long again as the one before, or longer.

        Parameters
        ----------
        h : float
        low, high : float
            The margins at both ends of the step.

        Returns
        -------
        bool
        """
        bend, longer = abs(high - low - self.slope * h), h > 1.5 * self.length
        self.slope, self.length = (high - low) / h, h
        return not longer and max(low, high) + 4 * bend < 0


def interval_of_change(
    margin: Callable[[float], float], low: float, high: float
) -> tuple[float, float, float, float] | None:  # fmt: skip
    """The first part of a step in which a margin is found to turn from negative to 0 or more, also for a moment within it.

    The step, both parts of it and theirs are divided, and these further until a parabola through the ends of an interval and
    the place where it is divided, by four times its bend, shows that the margin stays negative in it, or changes once.  In the
    beginning, where a margin may have just become negative, parts are divided down to `WIDTH`.

    Parameters
    ----------
    margin : callable
        Of the place in [0, 1].
    low, high : float
        The margin at 0, which is negative, and at 1.

    Returns
    -------
    a, b, low, high : float
        Two places and the margins there, of which the second is not negative; None if there is no change.

    Examples
    --------
    >>> interval_of_change(lambda x: 0.01 - (x - 0.6) ** 2, -0.35, -0.15)[:2]   # positive from 0.5 to 0.7
    (0.46, 0.574264)
    >>> interval_of_change(lambda x: -0.01 - (x - 0.6) ** 2, -0.37, -0.17)
    >>> interval_of_change(lambda x: x * (1e-9 - x) - 1e-30, -1e-30, -1)[1] < 1e-9   # positive up to there
    True
    """
    parts, made = [(0.0, 1.0, low, high, DIVISIONS)], 0
    while parts:
        a, b, low, high, depth = parts.pop()
        if low >= 0:
            continue
        if depth == 0 or made == SEARCHED:
            if high >= 0:
                return a, b, low, high
            continue
        middle = a + DIVIDED * (b - a)
        value, made = margin(middle), made + 1
        bend = abs(value - low - DIVIDED * (high - low))
        if depth < DIVISIONS - 1 and max(low, value, high) + 4 * bend < 0:
            continue
        if depth < DIVISIONS - 1 and high >= 0 and 4 * bend <= high - low:
            return a, b, low, high
        first = max(depth - 1, DIVISIONS - 2) if a == 0 and middle > WIDTH else depth - 1
        parts += [(middle, b, value, high, depth - 1), (a, middle, low, value, first)]
        if not value < 0:
            parts.pop(-2)  # the change is before
    return None


def crossing(margin: Callable[[float], float], low: float, high: float, a: float = 0.0, b: float = 1.0) -> float:
    """The place in [a, b] at which a margin turns from negative to 0 or more.

    Two steps of the Illinois variant of regula falsi and one of bisection take turns.

    Parameters
    ----------
    margin : callable
        Of the place, as a part of the step.
    low, high : float
        The margin at a, which is negative, and at b, which is not.
    a, b : float
        The step by default.

    Returns
    -------
    float
        A place at which the margin is not negative, at most `WIDTH` behind one at which it is.

    References
    ----------
    Dowell & Jarratt, BIT 11 (1971) 168-174.

    Examples
    --------
    >>> round(crossing(lambda x: x * x - 0.5, -0.5, 0.5) ** 2, 12)
    0.5
    """
    side = 0
    for k in range(MOST):
        if b - a <= WIDTH or high == 0:
            break
        x = (a * high - b * low) / (high - low)
        if k % 3 == 2 or not a < x < b:
            x = (a + b) / 2
        found = margin(x)
        if found >= 0:
            b, high = x, found
            low, side = (low / 2 if side == 1 else low), 1
        else:
            a, low = x, found
            high, side = (high / 2 if side == -1 else high), -1
    return b
