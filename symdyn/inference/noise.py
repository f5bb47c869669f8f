"""How the noise of each state grows with its value, estimated from the residuals of a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["freedom_of_data", "growth_of_noise"]

#: Shares of the variance that grow with the square of the value, besides none.
SHARES = 1 - 10.0 ** np.linspace(-0.25, -6.0, 24)
#: Twice the logarithm of the likelihood by which a share must beat none; chance does that once in two hundred times.
GAIN = 8.0
#: Singular values below this share of the largest count as zero.
RANK = 1e-7


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
        variance = 1 - shares[:, None] + shares[:, None] * level**2
        mean = np.sum(left**2 / variance, axis=1) / max(free.sum(), 1.0)
        loss += np.log(variance) @ free + free.sum() * np.log(np.maximum(mean, 1e-300))
    best = int(np.argmin(loss))
    return float(shares[best]) if loss[best] < loss[0] - GAIN else 0.0
