r"""Textbook models of one population whose rates change with a season, and constants with which they match data.

With :math:`s(t) = 1 + a \cos(2 \pi (t - t_0) / P) + b \sin(2 \pi (t - t_0) / P)`, t_0 the first time of the data, and positive
constants but for a and b, the models are

- limited growth with a season, :math:`x' = x (c \, s(t) - d x)`;
- infected, without the susceptible, who are born, and contacts with a season: :math:`x' = x (h \, s(t) - c), \;
  h' = d - e x h \, s(t)`.

The susceptible follow from the infected, :math:`h(t) = h_0 + d t - e (x - x_0) - c e \int x`, so that both are matched by
linear least squares for each period, recovery and season.

References
----------
Keeling, Rohani, Modeling Infectious Diseases (2008), ch. 5; Finkenstadt, Grenfell, Appl. Stat. 49, 187 (2000) (susceptible).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import sympy as sp

from symdyn.discover.matched import Match, SmoothSeries, match

__all__ = ["FEWEST", "matches"]

#: Data from which seasons are looked for, and data and periods that they need.
FEWEST, SAMPLES, PERIODS = 24, 4.0, 3.0
#: Peaks of the periodogram, parts of their periods, and factors about these.
PEAKS, PARTS, ABOUT = 2, (1, 2, 3), (0.96, 1.0, 1.04)
#: Sizes and phases of the season, and rates of recovery, that are tried; bounds about a period, and of
#: parts of the season, with which no rate is negative.
SIZES, PHASES, RATES, NEAR, LARGEST = (0.08, 0.16, 0.3, 0.5), 8, 8, 1.15, 0.7


def matches(
    curve: SmoothSeries, x: sp.Symbol, h: sp.Symbol, names: Callable[[str], sp.Symbol], time: sp.Symbol
) -> Iterator[Match]:  # fmt: skip
    """Models with seasons whose increments match those of a curve.

    Parameters
    ----------
    curve : SmoothSeries
    x, h, time : Symbol
        The measured state, a hidden one, and time.
    names : callable
        From a name to a symbol that is free.
    """
    period, cosine, sine = (names(s) for s in ("period", "cosine", "sine"))
    begin = float(curve.times[0])
    angle = 2 * sp.pi * (time - begin if begin else time) / period  # else the period moves the phase of late times
    season = 1 + cosine * sp.cos(angle) + sine * sp.sin(angle)
    rate, loss, born, spent = (names(s) for s in ("rate", "loss", "births", "infection"))
    growing = {x.name: x * (rate * season - loss * x)}
    sick = {x.name: x * (h * season - loss), h.name: born - spent * x * h * season}
    limits = {cosine: (-LARGEST, LARGEST), sine: (-LARGEST, LARGEST)}
    now, first = curve(curve.nodes), float(curve(curve.times[:1])[0])
    passed, gathered = curve.nodes - curve.times[0], curve.gathered(now)
    fastest, slowest = 3.0 / curve.spacing, 3.0 / curve.duration
    for P in _periods(curve):
        turn = 2 * np.pi * passed / P
        wave, other = np.cos(turn), np.sin(turn)
        bounds = limits | {period: (P / NEAR, P * NEAR)}
        target = curve.steps
        columns = np.stack([curve.sums(e) for e in (np.ones_like(now), wave, -wave, other, -other, -now)], axis=-1)
        (c, *parts, d), error = match(columns, target)
        a, b = ((parts[0] - parts[1]) / c, (parts[2] - parts[3]) / c) if c > 0 else (np.inf, np.inf)
        if d > 0 and np.hypot(a, b) < LARGEST:
            values = {period: P, cosine: a, sine: b, rate: float(c), loss: float(d)}
            yield Match(
                "limited growth with a season", growing, values, bounds | {rate: (0.0, np.inf), loss: (0.0, np.inf)}, (first,),
                error, (P,),
            )  # fmt: skip
        gaps = np.diff(curve.times)
        for g in np.geomspace(slowest, fastest, RATES):
            spent_on = (now - first) + g * gathered
            for size, k in itertools.product(SIZES, range(PHASES)):
                a, b = size * np.cos(2 * np.pi * k / PHASES), size * np.sin(2 * np.pi * k / PHASES)
                s = 1 + a * wave + b * other
                columns = np.stack([curve.sums(e) for e in (s, passed * s, -spent_on * s)], axis=-1)
                (h0, d, e), error = match(columns, target + g * gaps)
                if min(h0, d, e) <= 0 or not (h0 + d * passed - e * spent_on > 0).all():
                    continue
                error *= float(((target + g * gaps) ** 2).sum() / (target**2).sum())
                values = {period: P, cosine: a, sine: b, loss: float(g), born: float(d), spent: float(e)}
                open_ = dict.fromkeys((loss, born, spent), (0.0, np.inf))
                yield Match(
                    "infected, without the susceptible, who are born, with a season of contacts", sick, values, bounds | open_,
                    (first, float(h0)), error, (P, float(g)),
                )  # fmt: skip


def _periods(curve: SmoothSeries) -> Iterator[float]:
    """Periods about peaks of the periodogram of logarithms, and about halves and thirds of these, that the data may show."""
    times, logs = curve.times - curve.times[0], np.log(curve.values)
    line = np.polynomial.polynomial.polyfit(times, logs, 1)
    logs = logs - np.polynomial.polynomial.polyval(times, line)
    rates = np.arange(1.0, 0.5 * len(times), 0.25) / curve.duration
    turn = 2 * np.pi * rates[:, None] * times
    power = (np.cos(turn) @ logs) ** 2 + (np.sin(turn) @ logs) ** 2
    peaks = [i for i in range(1, len(rates) - 1) if power[i] >= max(power[i - 1], power[i + 1])]
    peaks = sorted(peaks, key=lambda i: -power[i])[:PEAKS]
    tried: list[float] = []
    for i, part, factor in itertools.product(peaks, PARTS, ABOUT):
        P = float(factor / rates[i] / part)
        if SAMPLES * curve.spacing <= P <= curve.duration / PERIODS and all(abs(P / q - 1) > 0.01 for q in tried):
            tried.append(P)
    yield from tried
