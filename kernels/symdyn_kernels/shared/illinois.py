"""The method of Illinois: a false position that halves the value at an end of the interval that stays twice."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import shared_inline

__all__ = ["next_part", "within"]


@shared_inline
def next_part(a, b, fa, fb):
    """The point between `a` and `b` at which the function, `fa` and `fb` there, is evaluated next."""
    x = (fa * b - fb * a) / (fa - fb)
    return x if (a < x) & (x < b) else 0.5 * (a + b)


@shared_inline
def within(a, b, fa, fb, side, x, f):
    """The ends, their values and the side that has moved, after the function was found to be `f` at x; above 0 at `a`."""
    if f > 0.0:
        return x, b, f, fb * 0.5 if side == 1 else fb, 1
    return a, x, fa * 0.5 if side == -1 else fa, f, -1
