"""Censored measurements, of which a limit or an interval is known: their likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_ndtr
from scipy.stats import t as student

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.noise_laws import HALF_LOG_2PI, LawScore, NoiseLaw

__all__ = ["CENSORED_LAWS", "censored_score", "with_limits"]

#: Relative difference of degrees of freedom for the slope of Student's distribution function, of which no formula is known.
FREEDOM_STEP = 1e-3
#: Curvature below this share of the squared slope is none.
FLAT = 1e-8


class _Standard(NamedTuple):
    """Logarithms of the distribution function and of the density of a symmetric law of scale 1, and the slope of the latter."""

    cdf: Callable[..., np.ndarray]
    density: Callable[..., np.ndarray]
    slope: Callable[..., np.ndarray]


def _laplace_cdf(z: np.ndarray) -> np.ndarray:
    return np.where(z < 0, z - np.log(2), np.log1p(-0.5 * np.exp(-np.abs(z))))


_NORMAL = _Standard(lambda z: np.asarray(log_ndtr(z)), lambda z: -0.5 * z**2 - HALF_LOG_2PI, lambda z: -z)
#: Laws that measurements with limits may have, by name.
CENSORED_LAWS: Mapping[str, _Standard] = {
    "normal": _NORMAL,
    "lognormal": _NORMAL,
    "laplace": _Standard(_laplace_cdf, lambda z: -np.abs(z) - np.log(2), lambda z: -np.sign(z)),
    "student": _Standard(student.logcdf, student.logpdf, lambda z, v: -(v + 1) * z / (v + z**2)),
}


def with_limits(seen: Observations, limits: Mapping[str, Any] | None) -> Observations:
    """Data of which values at or beyond the limits of their column, (smallest, largest), are censored.

    Raises
    ------
    RecoveryError
        For limits of what is not measured, or that are no pairs of increasing numbers.
    """
    if limits is None:
        return seen
    ends = np.full((len(seen.states), 2), (-np.inf, np.inf))
    if not isinstance(limits, Mapping):
        raise RecoveryError(f"limits is {limits!r}; expected a mapping from columns to (smallest, largest)")
    if not limits:
        raise RecoveryError("limits is empty; leave it out, or give the limits of detection of a column")
    for name, pair in limits.items():
        if str(name) not in seen.states:
            raise RecoveryError(f"limits names {name}, which is not measured; measured are {', '.join(seen.states)}")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(
            v is None or (isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(float(v))) for v in pair
        ) or tuple(pair) == (None, None):  # fmt: skip
            raise RecoveryError(f"the limits of {name} are {pair!r}; expected (smallest, largest), None where there is none")
        low, high = -np.inf if pair[0] is None else float(pair[0]), np.inf if pair[1] is None else float(pair[1])
        if not low < high:
            raise RecoveryError(f"the limits of {name} are {pair!r}; the first must be below the second")
        ends[seen.states.index(str(name))] = low, high
    return replace(seen, trajectories=tuple(_censored(t, ends) for t in seen.trajectories))


def _censored(t: Trajectory, ends: np.ndarray) -> Trajectory:
    known = np.full((*t.values.shape, 2), np.nan) if t.limits is None else t.limits.copy()
    exact, values = np.isnan(known[..., 0]), t.values.copy()
    for at, outside, pair in (
        (0, exact & (values <= ends[:, 0]), (-np.inf, None)), (1, exact & (values >= ends[:, 1]), (None, np.inf))
    ):  # fmt: skip
        limit = np.broadcast_to(ends[:, at], values.shape)[outside]
        values[outside] = limit
        known[outside] = np.stack([limit if end is None else np.full(limit.shape, end) for end in pair], axis=-1)
    return replace(t, values=values, limits=None if np.isnan(known).all() else known)


def censored_score(law: NoiseLaw, limits: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> LawScore:
    r"""Of measurements between limits (..., 2) the log probability :math:`\log(F(b) - F(a))`, with its derivatives.

    With the expected value h, the scale s and the distribution function F of the law of scale 1, :math:`a = (y_1 - h)/s` and
    :math:`b = (y_2 - h)/s`, for log-normal noise with logarithms of y and h.  Information is the curvature of the log
    probability over a and b, which is positive where the density is logarithmically concave, and the square of the scores
    where it is not.  NaN where there are no limits.

    References
    ----------
    Tobin, Econometrica 26, 24 (1958); Helsel, Statistics for Censored Environmental Data (2012), ch. 5.

    Examples
    --------
    >>> from symdyn.inference.noise_laws import LAWS
    >>> float(censored_score(LAWS["normal"], np.array([-np.inf, 1.0]), np.array(1.0), (np.array(2.0),)).value.round(6))
    -0.693147
    """
    standard = CENSORED_LAWS[law.name]
    s, *more = parameters
    low, high = limits[..., 0], limits[..., 1]
    with np.errstate(all="ignore"):
        if law.positive:
            low = np.maximum(low, 0.0)
        a, b = (law.residuals(y, mean) / s for y in (low, high))
        value = _log_probability(standard, a, b, *more)
        ends = []
        for z, sign in ((a, -1.0), (b, 1.0)):
            inside = np.isfinite(z)
            at = np.where(inside, z, 0.0)
            pull = np.where(inside, sign * np.exp(standard.density(at, *more) - value), 0.0)
            ends.append((at, pull, pull * standard.slope(at, *more)))
        (a, pa, bent_a), (b, pb, bent_b) = ends
        kaa, kbb, kab = pa**2 - bent_a, pb**2 - bent_b, pa * pb
        sound = (kaa >= 0) & (kbb >= 0) & (kaa * kbb - kab**2 >= -FLAT * kaa * kbb) & (kaa + kbb > FLAT * (pa**2 + pb**2))
        kaa, kbb = np.where(sound, kaa, pa**2), np.where(sound, kbb, pb**2)
        by_mean = 1 / (s * mean) if law.positive else 1 / s + 0 * mean
        rows = [(-by_mean, -by_mean), (-a / s, -b / s)]
        scores = [pa * ra + pb * rb for ra, rb in rows]
        information = np.zeros((2 + len(more), 2 + len(more), *np.broadcast_shapes(value.shape, np.shape(by_mean))))
        for i, (ua, ub) in enumerate(rows):
            for j, (va, vb) in enumerate(rows):
                information[i, j] = kaa * ua * va + kab * (ua * vb + ub * va) + kbb * ub * vb
        for k in range(len(more)):  # degrees of freedom
            scores.append(_by_freedom(standard, (low - mean) / s, (high - mean) / s, more[k]))
            information[2 + k, 2 + k] = scores[-1] ** 2
    return LawScore(value, np.stack(np.broadcast_arrays(*scores)), information)


def _log_probability(standard: _Standard, a: np.ndarray, b: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """log(F(b) - F(a)), from the tail in which both lie."""
    upper = a > 0
    u, v = np.where(upper, -b, a), np.where(upper, -a, b)
    outer = standard.cdf(v, *more)
    apart = standard.cdf(u, *more) - outer
    return outer + np.where(apart > -np.log(2), np.log(-np.expm1(apart)), np.log1p(-np.exp(apart)))


def _by_freedom(standard: _Standard, a: np.ndarray, b: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The derivative of the log probability by the degrees of freedom, by differences of fourth order."""
    h = FREEDOM_STEP * v
    far, near = (
        _log_probability(standard, a, b, v + k * h) - _log_probability(standard, a, b, v - k * h) for k in (2, 1)
    )  # fmt: skip
    return (8 * near - far) / (12 * h)
