r"""A Gaussian process of one observed state: values and derivatives with their uncertainty.

The prior is that of a quintic smoothing spline: white noise of intensity :math:`q`, integrated three times, and an unknown
polynomial of degree 2.  Its kernel is

.. math:: k(s, t) = q \int_0^{\min(s, t)} \frac{(s - w)^2 (t - w)^2}{4}\, dw .

`q` and the noise maximise the restricted likelihood.

References
----------
Wahba, J. R. Stat. Soc. B 40, 364 (1978) (splines as posterior means); Rasmussen, Williams, Gaussian Processes (2006), 2.7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar

__all__ = ["Posterior", "smooth"]

#: Data of one series beyond which the dense matrices are built from stretches of the series instead.
DENSE = 400
#: Least standard deviation of the noise, relative to that of the values.
LEAST = 1e-5
#: Jitter relative to the diagonal.
JITTER = 1e-12


class Posterior(NamedTuple):
    """Values and first derivatives at some times, and standard errors of these, all (m,)."""

    value: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray


def smooth(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> Posterior:
    """The posterior at times `at`, given values at `times`.

    Parameters
    ----------
    times, values : (T,) float64
        Increasing times, three or more; finite values.
    at : (m,) float64
        Within the times.
    """
    if len(times) > DENSE:
        return _in_stretches(times, values, at)
    span = times[-1] - times[0]
    s, u = (times - times[0]) / span, (at - times[0]) / span
    middle, size = float(np.mean(values)), float(np.std(values)) or 1.0
    z = (values - middle) / size
    kernel, base = _kernel(s, s), np.vander(s, 3, increasing=True)
    unit = float(np.mean(np.diag(kernel)))
    kernel /= unit
    # the restricted likelihood in terms of the eigenvalues of the kernel on the complement of the polynomials
    complement = np.linalg.qr(base, mode="complete")[0][:, 3:]
    eigenvalues, vectors = np.linalg.eigh(complement.T @ kernel @ complement)
    power = (vectors.T @ (complement.T @ z)) ** 2
    eigenvalues = np.maximum(eigenvalues, 0.0)

    def intensity(ratio: float) -> float:
        """The best one for a ratio of both variances."""
        return max(float(np.mean(power / (eigenvalues + ratio))), LEAST**2 / ratio)

    def cost(log_ratio: float) -> float:
        """Minus twice the log likelihood."""
        spread = intensity(10.0**log_ratio) * (eigenvalues + 10.0**log_ratio)
        return float(np.sum(np.log(spread)) + np.sum(power / spread))

    grid = np.linspace(-14, 4, 73)
    best = grid[int(np.argmin([cost(g) for g in grid]))]
    found = minimize_scalar(cost, bounds=(best - 0.5, best + 0.5), method="bounded").x
    ratio = 10.0**found
    scale = intensity(ratio)
    covariance = kernel + (ratio + JITTER) * np.eye(len(s))
    factor = cho_factor(covariance)
    inner = base.T @ cho_solve(factor, base)
    trend = np.linalg.solve(inner, base.T @ cho_solve(factor, z))
    left = cho_solve(factor, z - base @ trend)
    cross, polynomial = _kernel(u, s, 1) / unit, np.stack([0 * u, 1 + 0 * u, 2 * u], axis=1)
    solved = cho_solve(factor, cross.T)
    rest = polynomial - solved.T @ base
    own = u**3 / 3 / unit  # variance of the slope before the data
    variance = own - np.einsum("ij,ji->i", cross, solved) + np.einsum("ij,ji->i", rest, np.linalg.solve(inner, rest.T))
    value, slope = np.vander(u, 3, increasing=True) @ trend + _kernel(u, s) / unit @ left, polynomial @ trend + cross @ left
    rate = size / span
    return Posterior(middle + size * value, rate * slope, rate * np.sqrt(np.maximum(scale * variance, 0.0)))


def _kernel(s: np.ndarray, t: np.ndarray, order: int = 0) -> np.ndarray:
    """Covariance of the three-fold integrated Wiener process, or of its first derivative at `s` with it at `t`."""
    a, b = s[:, None], t[None, :]
    low = np.minimum(a, b)
    if order == 0:
        d = np.maximum(a, b) - low
        return low**3 * (low**2 / 20 + low * d / 8 + d**2 / 12)
    # half the integral of (s - w) (t - w)^2 up to the smaller of both
    return (a * b**2 * low - (b**2 + 2 * a * b) * low**2 / 2 + (a + 2 * b) * low**3 / 3 - low**4 / 4) / 2


def _in_stretches(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> Posterior:
    """Overlapping stretches of a long series, each used in its middle."""
    half = DENSE // 2
    begins = list(range(0, len(times) - half, half))
    parts = [np.empty(len(at)) for _ in Posterior._fields]
    for k, begin in enumerate(begins):
        end = len(times) if k == len(begins) - 1 else begin + DENSE
        low = times[0] if k == 0 else times[begin + half // 2]
        high = times[-1] if k == len(begins) - 1 else times[begin + half + half // 2]
        which = (at >= low) & (at <= high)
        if which.any():
            found = smooth(times[begin:end][-DENSE:], values[begin:end][-DENSE:], at[which])
            for part, own in zip(parts, found, strict=True):
                part[which] = own
    return Posterior(*parts)
