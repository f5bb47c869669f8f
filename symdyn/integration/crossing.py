"""Where the margin of a condition becomes zero within a step."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["crossing"]

#: Part of the step to which a crossing is located, and the evaluations that it may take.
WIDTH, MOST = 1e-13, 150


def crossing(margin: Callable[[float], float], low: float, high: float) -> float:
    """The place in [0, 1] at which a margin turns from negative to 0 or more.

    Two steps of the Illinois variant of regula falsi and one of bisection take turns.

    Parameters
    ----------
    margin : callable
        Of the place, as a part of the step.
    low, high : float
        The margin at 0, which is negative, and at 1, which is not.

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
    a, b, side = 0.0, 1.0, 0
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
