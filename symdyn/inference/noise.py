"""The noise of each state and how it grows with its value, from the residuals of a fit or of local polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["GrowingNoise", "freedom_of_data", "growth_of_noise", "likeliest", "local_noise"]

#: Shares of the variance that grow with the square of the value, besides none.
SHARES = 1 - 10.0 ** np.linspace(-0.25, -6.0, 24)
#: Twice the logarithm of the likelihood by which a share must beat none; chance does that once in two hundred times.
GAIN = 8.0
#: Singular values below this share of the largest count as zero.
RANK = 1e-7
#: Ratios of the constant part of the variance to the other at the mean square that are tried; the last: all is constant.
CONSTANT = np.append(0.0, [1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, np.inf])
#: Least variance relative to its mean.
LEAST = 1e-7
#: Degrees of local polynomials and the points they are fitted to; points at both ends, where they are one-sided, are left out.
LOCAL, ENDS = ((2, 7), (3, 15), (4, 11), (5, 13), (7, 11), (8, 12), (9, 13)), 7


def freedom_of_data(design: np.ndarray) -> np.ndarray:
    """What a fit leaves of the freedom of each datum: 1 less its leverage, for the derivatives (N, p) of weighted residuals."""
    size = np.sqrt((design**2).sum(axis=0))
    scaled = design / np.where(size > 0, size, 1.0)
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = values > RANK * values.max(initial=0.0)
    return np.asarray(np.clip(1 - (left[:, kept] ** 2).sum(axis=1), 0.0, 1.0))


def growth_of_noise(residuals: Sequence[np.ndarray], levels: Sequence[np.ndarray], freedom: Sequence[np.ndarray]) -> float:
    r"""Share `s` of the variance of the noise that grows with the square of the value, the same for all states.

    The residuals of each state are taken as normal with variances

    .. math:: \sigma^2 \left(1 - s + s\, v^2\right)

    for values `v` in units of their root mean square, so that :math:`\sigma^2`, each state's own, is the mean variance
    whatever `s` is.  Of the likelihood, greatest over :math:`\sigma`, the greatest over `s` counts if it beats that of `s = 0`
    by far; errors that are the same share of every value have `s` near 1.

    Parameters
    ----------
    residuals, levels : sequence of (N,) float64
        Data less simulation, and the simulated values in units of their root mean square, of each state.
    freedom : sequence of (N,) float64
        See `freedom_of_data`.

    References
    ----------
    Davidian, Carroll, J. Am. Stat. Assoc. 82, 1079 (1987).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> v = np.linspace(0.01, 2, 60)
    >>> one, steady, growing = [np.ones(60)], [rng.normal(size=60)], [v * rng.normal(size=60)]
    >>> growth_of_noise(steady, [v], one), growth_of_noise(growing, [v], one) > 0.9
    (0.0, True)
    """
    shares = np.append(0.0, SHARES)
    loss = np.zeros(len(shares))
    for left, level, free in zip(residuals, levels, freedom, strict=True):
        loss += _losses(left**2, 1 - shares[:, None] + shares[:, None] * level**2, free)[0]
    best = int(np.argmin(loss))
    return float(shares[best]) if loss[best] < loss[0] - GAIN else 0.0


def _losses(squares: np.ndarray, shapes: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the negative log-likelihood for variances (S, N) up to a factor, and the likeliest factor, (S,) each."""
    factor = np.sum(squares / shapes, axis=1) / max(freedom.sum(), 1.0)
    return np.log(shapes) @ freedom + freedom.sum() * np.log(np.maximum(factor, 1e-300)), factor


@dataclass(frozen=True)
class GrowingNoise:
    """A variance ``level * (x^2 / square + constant)`` of the noise of a state, ``level`` alone if `constant` is infinite."""

    level: float
    constant: float
    square: float

    def deviation(self, x: np.ndarray) -> np.ndarray:
        """Standard deviation at values of the state."""
        return np.asarray(np.sqrt(self.level * _shape(x**2 / self.square, self.constant)))


def _shape(levels: np.ndarray, constant: float) -> np.ndarray:
    return np.ones_like(levels) if np.isinf(constant) else np.maximum(levels + constant, LEAST)


def likeliest(residuals: np.ndarray, values: np.ndarray) -> tuple[float, GrowingNoise]:
    """The likeliest noise of residuals (N,) at values of a state, and twice its negative log-likelihood per datum."""
    square = float(np.mean(values**2)) + 1e-300
    shapes = np.stack([_shape(values**2 / square, c) for c in CONSTANT])
    loss, levels = _losses(residuals**2, shapes, np.ones(len(values)))
    best = int(np.argmin(loss))
    return float(loss[best]) / len(values), GrowingNoise(float(levels[best]), float(CONSTANT[best]), square)


def local_noise(series: Sequence[tuple[np.ndarray, np.ndarray]]) -> GrowingNoise | None:
    """The likeliest noise over local polynomials of several degrees; None if all trajectories are too short.

    Parameters
    ----------
    series : sequence of (times, values)
        Trajectories of one state, without missing values.
    """
    found = []
    for degree, window in LOCAL:
        left = [_left(t, x, degree, window) for t, x in series if len(t) >= window + 2]
        if left:
            found.append(likeliest(*(np.concatenate(part) for part in zip(*left, strict=True))))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _left(t: np.ndarray, x: np.ndarray, degree: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out residuals of local polynomials, and their values, without the ends of the trajectory."""
    n = len(t)
    ends = min(ENDS, max((n - window) // 4, 0))
    at = np.arange(ends, n - ends)
    first = np.clip(at - window // 2, 0, n - window)
    index = first[:, None] + np.arange(window)
    s = (t[index] - t[at][:, None]) / (t[index[:, -1]] - t[index[:, 0]])[:, None]
    # evenly spaced points have the same polynomials everywhere
    spacings, which = np.unique(s.round(9), axis=0, return_inverse=True)
    basis = np.linalg.qr(spacings[:, :, None] ** np.arange(degree + 1))[0][which.ravel()]
    own = basis[np.arange(len(at)), at - first]
    fitted = np.einsum("nk,nwk,nw->n", own, basis, x[index])
    leverage = np.einsum("nk,nk->n", own, own)
    return (x[at] - fitted) / np.sqrt(np.maximum(1 - leverage, 1e-3)), fitted
