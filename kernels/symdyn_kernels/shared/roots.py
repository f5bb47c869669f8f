r"""Where a function changes its sign in [0, 1]: superlinear convergence, and hardly more evaluations than bisection at worst.

Of an interval :math:`[a, b]` with :math:`f(a) < 0 \le f(b)`, the next point is the interpolation of both values, truncated
towards the middle, and projected to the interval around the middle from which bisection would still be as fast.

References
----------
Oliveira & Takahashi, ACM Transactions on Mathematical Software 47 (2021) 5: the method ITP.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import GROWN, LEAST, SOON
from symdyn_kernels.shared._numbers import greatest, least, shared

__all__ = ["MOST_GUESSES", "NEAR", "level_after", "next_guess", "soon"]

#: Guesses after which the interval is as short as numbers allow.
MOST_GUESSES = 60
#: Where the value at 0 is exactly zero: the part of the interval after which the function is evaluated to see its sign.
NEAR = 1e-6
#: Truncation of the interpolated point, relative to the square of the length of the interval.
TRUNCATION = 0.2


@shared
def next_guess(a, b, low, high, reach):
    """The point between `a` and `b` at which the function is evaluated next.

    `low` and `high` are its values there, and `reach` is 1 at first and halved after every guess.
    """
    middle, length = 0.5 * (a + b), b - a
    guess = (a * high - b * low) / (high - low)
    shift, away = TRUNCATION * length * length, reach - 0.5 * length
    guess = least(guess + shift, middle) if guess < middle else greatest(guess - shift, middle)
    return least(greatest(guess, middle - away), middle + away)


@shared
def level_after(margin):
    """From which margin on a condition counts as true again that has just turned false, and has this margin just before."""
    return margin + GROWN * margin + LEAST if margin >= 0.0 else 0.0


@shared
def soon(part, t, length):
    """The part of a step from `t` on just after another: what turns until then turns at the same time, up to rounding.

    It may be beyond the end of the step, where a crossing is at this.
    """
    return part + SOON * (1.0 + abs(t) / length)
