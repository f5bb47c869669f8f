"""How large the errors of measurement are: a variance ``a^2 + (m x)^2`` for each state, from residuals of local polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Noise", "estimate", "likeliest"]

#: Degrees of local polynomials and the points they are fitted to.
LOCAL = ((2, 7), (3, 15), (4, 11), (5, 13), (7, 11), (8, 12), (9, 13))
#: Shares ``a^2 / (m^2 <x^2>)`` that are tried; the last stands for a constant variance.
SHARES = (0.0, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, np.inf)
#: Points at both ends of a trajectory that are left out: polynomials are one-sided there.
ENDS = 7
#: Least variance relative to its mean.
LEAST = 1e-7


@dataclass(frozen=True)
class Noise:
    """Variance of the noise of one state.

    Attributes
    ----------
    level : float
        Mean variance.
    share : float
        See `SHARES`.
    square : float
        Mean square of the state.
    """

    level: float
    share: float
    square: float

    def deviation(self, x: np.ndarray) -> np.ndarray:
        """Standard deviation at values of the state."""
        shape = np.ones_like(x) if np.isinf(self.share) else x**2 / self.square + self.share
        return np.sqrt(self.level * np.maximum(shape, LEAST))


def estimate(series: Sequence[tuple[np.ndarray, np.ndarray]]) -> Noise | None:
    """The likeliest noise over local polynomials of several degrees; None if all trajectories are too short.

    Parameters
    ----------
    series : sequence of (times, values)
        Trajectories of one state, without missing values.
    """
    best: tuple[float, Noise] | None = None
    for degree, window in LOCAL:
        left = [_left(t, x, degree, window) for t, x in series if len(t) >= window + 2]
        if not left:
            continue
        found = likeliest(np.concatenate([r for r, _ in left]), np.concatenate([v for _, v in left]))
        if best is None or found[0] < best[0]:
            best = found
    return best[1] if best is not None else None


def likeliest(residuals: np.ndarray, values: np.ndarray) -> tuple[float, Noise]:
    """The likeliest noise of residuals at values of the state, and its negative log likelihood for each of them."""
    squares, values = residuals**2, values**2
    mean, best = float(values.mean()) + 1e-300, None
    for share in SHARES:
        shape = np.maximum(np.ones_like(values) if np.isinf(share) else values / mean + share, LEAST)
        level = float(np.mean(squares / shape))
        minus = 0.5 * (np.log(level + 1e-300) + float(np.log(shape).mean()))
        if best is None or minus < best[0]:
            best = minus, Noise(level, share, mean)
    assert best is not None
    return best


def _left(t: np.ndarray, x: np.ndarray, degree: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out residuals of local polynomials, and their values, without the ends of the trajectory."""
    n = len(t)
    ends = min(ENDS, max((n - window) // 4, 0))
    at = np.arange(ends, n - ends)
    first = np.clip(at - window // 2, 0, n - window)
    index = first[:, None] + np.arange(window)
    s = (t[index] - t[at][:, None]) / (t[index[:, -1]] - t[index[:, 0]])[:, None]
    basis = np.linalg.qr(s[:, :, None] ** np.arange(degree + 1))[0]
    own = basis[np.arange(len(at)), at - first]
    fitted = np.einsum("nk,nwk,nw->n", own, basis, x[index])
    leverage = np.einsum("nk,nk->n", own, own)
    return (x[at] - fitted) / np.sqrt(np.maximum(1 - leverage, 1e-3)), fitted
