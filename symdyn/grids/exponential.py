r"""Exponential time differencing of fourth order, ETDRK4: what is linear and diagonal exactly.

.. math::
    a &= e^{hL/2} v + Q N(v), \quad b = e^{hL/2} v + Q N(a), \quad c = e^{hL/2} a + Q (2 N(b) - N(v)) \\
    v' &= e^{hL} v + f_1 N(v) + 2 f_2 (N(a) + N(b)) + f_3 N(c)

References
----------
Cox & Matthews, Journal of Computational Physics 176 (2002) 430-455; Kassam & Trefethen, SIAM Journal on Scientific
Computing 26 (2005) 1214-1233.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

from symdyn.grids.imex_common import March, Split, Watch, equal_steps, quietly, scaled_error, unwatched

__all__ = ["coefficients", "march_etdrk4"]

#: Points on the upper half of the circle over which coefficients are means, and where the formulas are good by themselves.
POINTS, NEAR = 16, 4.0
#: Lengths of steps whose coefficients are kept.
KEPT = 6


class Coefficients(NamedTuple):
    """Those of one length of step, each like the eigenvalues."""

    whole: np.ndarray
    half: np.ndarray
    q: np.ndarray
    f1: np.ndarray
    f2: np.ndarray
    f3: np.ndarray


def coefficients(values: np.ndarray, h: float) -> Coefficients:
    r"""The coefficients of ETDRK4 for eigenvalues and a length of step.

    Near zero the formulas cancel; there they are means over a circle around :math:`hL`, as those of Kassam & Trefethen.

    Examples
    --------
    >>> c = coefficients(np.zeros(1), 0.1)   # the weights of the Runge-Kutta method
    >>> [float(x[0].round(12)) for x in (c.whole, c.half, c.q, c.f1, c.f2, c.f3)]
    [1.0, 1.0, 0.05, 0.016666666667, 0.016666666667, 0.016666666667]
    """
    z = h * values
    whole, half = np.exp(z), np.exp(z / 2)
    near = np.abs(z) < NEAR
    safe = np.where(near, NEAR, z)
    found = [np.asarray(part) for part in _formulas(safe)]
    close = z[near]
    angles = np.pi * (np.arange(POINTS) + 0.5) / POINTS
    circle = np.exp(1j * angles)
    if np.iscomplexobj(z):
        circle = np.concatenate([circle, circle.conj()])
    means = [np.zeros(close.shape, z.dtype) for _ in range(4)]
    for point in circle:
        for mean, part in zip(means, _formulas(close + point), strict=True):
            mean += part if np.iscomplexobj(z) else part.real
    for part, mean in zip(found, means, strict=True):
        part[near] = mean / circle.size
    q, f1, f2, f3 = (h * part for part in found)
    return Coefficients(whole, half, q, f1, f2, f3)


def _formulas(z: np.ndarray) -> tuple[np.ndarray, ...]:
    e = np.exp(z)
    cube = z**3
    return (
        np.expm1(z / 2) / z,
        (-4 - z + e * (4 - 3 * z + z**2)) / cube,
        (2 + z + e * (z - 2)) / cube,
        (-4 - 3 * z - z**2 + e * (4 - z)) / cube,
    )


class _Stepper:
    """Room for the stages, and the coefficients of some lengths of step."""

    def __init__(self, split: Split) -> None:
        self.split, self.linear = split, split.linear
        z = np.empty(self.linear.eigenvalues.size, self.linear.dtype)
        self._a, self._stage, self._work, self._na, self._nb, self._nc = (np.empty_like(z) for _ in range(6))
        self._kept: dict[float, Coefficients] = {}

    def of(self, h: float) -> Coefficients:
        if h not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[h] = coefficients(self.linear.eigenvalues, h)
        else:
            self._kept[h] = self._kept.pop(h)  # the one used last goes last
        return self._kept[h]

    def __call__(self, z: np.ndarray, start: np.ndarray, t: float, h: float, out: np.ndarray) -> np.ndarray:
        """The modes a step of length h after z, where the explicit rates are `start`."""
        c, a, stage, work = self.of(h), self._a, self._stage, self._work
        split = self.split
        np.multiply(z, c.half, out=stage)
        np.multiply(start, c.q, out=work)
        np.add(stage, work, out=a)
        na = split.nonlinear(a, t + h / 2, self._na)
        np.multiply(na, c.q, out=work)
        stage += work
        nb = split.nonlinear(stage, t + h / 2, self._nb)
        np.multiply(nb, 2, out=work)
        work -= start
        work *= c.q
        np.multiply(a, c.half, out=stage)
        stage += work
        nc = split.nonlinear(stage, t + h, self._nc)
        na += nb
        na *= c.f2
        na *= 2
        nc *= c.f3
        np.multiply(start, c.f1, out=work)
        np.multiply(z, c.whole, out=out)
        out += work
        out += na
        out += nc
        return out


@quietly
def march_etdrk4(
    split: Split,
    y: np.ndarray,
    times: np.ndarray,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    max_steps: int = 1_000_000,
    watch: Watch = unwatched,
) -> March:
    r"""ETDRK4 from one time to the next.

    Without `step` the length is chosen among :math:`\Delta t\, 2^{-j}`, where :math:`\Delta t` leads to the next time: two
    steps of length h are compared with one of 2h, and the former kept if their difference over 15 is small enough.

    Parameters
    ----------
    split : Split
        What is linear, and the rest.
    y : (size,) array
        The state at ``times[0]``.
    times : (T,) array
    rtol, atol : float
        As in `scaled_error`.
    step : float, optional
        One length for all steps, or the next smaller one that meets the times.
    max_steps : int
    watch : callable, optional
        Told of the time that was reached, it says whether to stop there.
    """
    times = np.asarray(times, float)
    linear = split.linear
    stepper = _Stepper(split)
    frames = np.full((times.size, y.size), np.nan)
    frames[0] = y
    counts = None if step is None else equal_steps(times, step, "etdrk4")
    z, here = linear.forward(y), y.astype(float)
    start, new = np.empty_like(z), np.empty_like(z)
    steps, rejected, length = 0, 0, math.nan
    if counts is not None:
        for k, count in enumerate(counts):
            h = _same(float(times[k + 1] - times[k]) / count, length)
            length = h
            for i in range(count):
                if steps >= max_steps:
                    return March(frames, TOO_MANY_STEPS, steps, 0, split.evaluations)
                t = float(times[k]) + i * h
                if watch(t):
                    return March(frames, INTERRUPTED, steps, 0, split.evaluations)
                stepper(z, split.nonlinear(z, t, start, here), t, h, new)
                z, new = new, z
                linear.back(z, here)
                steps += 1
            if not np.isfinite(here).all():
                return March(frames, NOT_FINITE, steps, 0, split.evaluations)
            frames[k + 1] = here
        return March(frames, SUCCESS, steps, 0, split.evaluations)
    middle, single, after = np.empty_like(z), np.empty_like(z), np.empty(y.size)
    other, fine = np.empty_like(z), np.empty(y.size)
    level, width = 2, math.nan  # a first guess; a pair of steps advances by 2^(1 - level) of the interval
    for k in range(1, times.size):
        interval = _same(float(times[k] - times[k - 1]), width)
        if not math.isnan(width) and interval != width:
            level = max(1, level + math.ceil(math.log2(interval / width)))
        width, place = interval, 0  # `place` counts pairs of the present level
        while place < 2 ** (level - 1):
            if steps + rejected >= max_steps:
                return March(frames, TOO_MANY_STEPS, steps, rejected, split.evaluations)
            h = interval / 2**level
            t = float(times[k - 1]) + 2 * place * h
            if watch(t):
                return March(frames, INTERRUPTED, steps, rejected, split.evaluations)
            split.nonlinear(z, t, start, here)
            stepper(z, start, t, 2 * h, single)
            stepper(z, start, t, h, middle)
            stepper(middle, split.nonlinear(middle, t + h, other), t + h, h, new)
            linear.back(new, after)
            single -= new
            linear.back(single, fine)
            error = scaled_error(fine, here, after, linear.blocks, rtol, atol) / 15
            if not error <= 1:
                if level >= 48:
                    return March(
                        frames, STEP_TOO_SMALL if math.isfinite(error) else NOT_FINITE, steps, rejected, split.evaluations
                    )
                finer = 1 if not math.isfinite(error) else min(4, max(1, math.ceil(math.log2(error) / 4)))
                level, place, rejected = level + finer, place * 2**finer, rejected + 2
                continue
            z, new = new, z
            here, after = after, here
            steps, place = steps + 2, place + 1
            if error < 1 / 40 and level > 1 and place % 2 == 0:  # twice the length has 2^4 to 2^5 times the error
                level, place = level - 1, place // 2
        frames[k] = here
    return March(frames, SUCCESS, steps, rejected, split.evaluations)


def _same(value: float, known: float) -> float:
    """`known` if the value differs by rounding only, so that its coefficients serve again."""
    return known if abs(value - known) < 1e-10 * abs(known) else value
