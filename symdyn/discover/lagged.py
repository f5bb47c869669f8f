r"""Textbook models of one population with a delay, and constants with which they match data.

With :math:`x_T = x(t - T)` and positive constants the models are

- growth that numbers of the past hold back, :math:`x' = x (a - b x_T)`;
- adults that were eggs, of which crowding leaves few, :math:`x' = a x_T e^{-b x_T} - c x`;
- production that what there was hinders, :math:`x' = a / (1 + (b x_T)^n) - c x`, or first helps, :math:`x' = a x_T / (1 +
  (b x_T)^n) - c x`.

What was before the first time is not known: the first data, as many as the longest delay takes, are a history, smoothed, and
not fitted.

References
----------
Hutchinson, Ann. N. Y. Acad. Sci. 50, 221 (1948); Gurney, Blythe, Nisbet, Nature 287, 17 (1980); Mackey, Glass, Science 197, 287
(1977).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.matched import Match, SmoothSeries, match

__all__ = ["FEWEST", "LONGEST", "history", "matches", "shortest"]

#: Data from which delays are looked for, and the longest delay, as a share of the duration.
FEWEST, LONGEST = 20, 1 / 3
#: Delays that are tried; constants inside, in units of one over the largest value, and exponents; and bounds about a delay.
DELAYS, SCALES, POWERS, NEAR = 40, (1.0, 1.6, 2.5, 4.0, 6.3, 10.0), (2.0, 4.0, 8.0), 1.5
#: Least and largest exponent, and highest degree of a history.
EXPONENTS, DEGREE = (1.0, 20.0), 6
#: What a match with a longer delay leaves, over what one with a shorter leaves, at most.
MUCH = 0.5


@dataclass(frozen=True)
class LagLaw:
    """A model with a delay.

    Attributes
    ----------
    name : str
    shapes : callable
        From x, its past, a function exp and constants inside to terms with positive coefficients, and their signs.
    inner : tuple of tuple of float
        Values that are tried for the constants inside.
    """

    name: str
    shapes: Callable[..., Sequence[tuple[int, Any]]]
    inner: tuple[tuple[float, ...], ...] = ()


LAWS = (
    LagLaw("growth that numbers of the past hold back", lambda x, past, exp: [(1, x), (-1, x * past)]),
    LagLaw(
        "births of the past, of which crowding leaves few",
        lambda x, past, exp, b: [(1, past * exp(-b * past)), (-1, x)], (SCALES,),
    ),
    LagLaw(
        "production that numbers of the past hinder",
        lambda x, past, exp, b, n: [(1, 1 / (1 + (b * past) ** n)), (-1, x)], (SCALES, POWERS),
    ),
    LagLaw(
        "births of the past, which more of them hinder",
        lambda x, past, exp, b, n: [(1, past / (1 + (b * past) ** n)), (-1, x)], (SCALES, POWERS),
    ),
)  # fmt: skip


def matches(curve: SmoothSeries, x: sp.Symbol, names: Callable[[str], sp.Symbol], time: sp.Symbol) -> Iterator[Match]:
    """Models with delays whose increments match those of a curve, its first third left out.

    Parameters
    ----------
    curve : SmoothSeries
    x, time : Symbol
    names : callable
        From a name to a symbol that is free.
    """
    late = curve.times[:-1] >= curve.times[0] + LONGEST * curve.duration
    nodes, largest = curve.nodes[late], float(curve.values.max())
    now, target = curve(nodes), curve.steps[late]
    delay, first, second, b, n = (names(s) for s in ("delay", "rate", "loss", "crowding", "power"))
    past = sp.Function(x.name)(time - delay)
    start = float(curve(np.array([curve.times[0]]))[0])
    for law in LAWS:
        inner = (b, n)[: len(law.inner)]
        sides = {
            x.name: sum(sign * c * e for c, (sign, e) in zip((first, second), law.shapes(x, past, sp.exp, *inner), strict=True))
        }
        for lag in np.linspace(curve.spacing, LONGEST * curve.duration, DELAYS):
            before = curve(nodes - lag)
            for values in itertools.product(*law.inner):
                known = [v / largest if c is b else v for c, v in zip(inner, values, strict=True)]
                parts = law.shapes(now, before, np.exp, *known)
                columns = np.stack([(sign * e / now * curve.weights[late]).sum(axis=-1) for sign, e in parts], axis=-1)
                found, error = match(columns, target)
                if (found > 0).all():
                    begun = dict(zip((delay, first, second, *inner), (float(lag), *found, *known), strict=True))
                    bounds = dict.fromkeys(begun, (0.0, np.inf)) | ({n: EXPONENTS} if n in begun else {})
                    bounds[delay] = (curve.spacing, min(NEAR * lag, LONGEST * curve.duration))
                    yield Match(law.name, sides, begun, bounds, (start,), error, (float(lag),))


def shortest(found: Iterable[Match]) -> list[Match]:
    """Matches without those of longer delays that are not much better: of what nearly repeats, such are a period longer."""
    kept: list[Match] = []
    for own in sorted(found, key=lambda m: m.like):
        if all(own.error < MUCH * m.error for m in kept if m.name == own.name and m.like[0] * NEAR < own.like[0]):
            kept.append(own)
    return kept


def history(curve: SmoothSeries, longest: float, time: sp.Symbol) -> tuple[sp.Expr, tuple[float, float]]:
    r"""What was in the first part of the data, as long as a delay, and from when to when that is.

    .. math:: x(t) = \exp \sum_i c_i u^i, \qquad u = (t - t_1) / T

    with the degree, 2 or more where there are three data, of the least Bayesian criterion of the logarithms.

    Parameters
    ----------
    curve : SmoothSeries
    longest : float
        The longest delay T.
    time : Symbol
    """
    end = int(np.searchsorted(curve.times, curve.times[0] + longest))
    end = min(end, len(curve.times) - 1)
    last, span = float(curve.times[end]), float(curve.times[end] - curve.times[0])
    u, logs = (curve.times[: end + 1] - last) / span, np.log(curve.values[: end + 1])
    fits, least = [], min(2, end)
    for degree in range(least, min(DEGREE, max(end // 2, least)) + 1):
        found, (left, *_) = np.polynomial.polynomial.polyfit(u, logs, degree, full=True)
        rss = float(left[0]) if len(left) else float(((np.polynomial.polynomial.polyval(u, found) - logs) ** 2).sum())
        fits.append((len(u) * np.log(rss / len(u) + 1e-12) + (degree + 1) * np.log(len(u)), found))
    _, found = min(fits, key=lambda row: row[0])
    place, inner = (time - last) / span, sp.S.Zero
    for c in found[:0:-1]:  # as a product: of a sum sympy takes the constant out of the exponential, which may overflow
        inner = sp.Float(float(f"{c:.6g}")) + place * inner
    return sp.Float(float(f"{np.exp(found[0]):.6g}")) * sp.exp(place * inner), (float(curve.times[0]), last)
