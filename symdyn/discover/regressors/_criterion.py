"""What a formula or a set of terms is judged by: its misfit, and a price for every number that was fitted or chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["criterion", "effective_size", "neighbours"]


def criterion(loss: Any, size: float, count: Any, floor: float) -> Any:
    """Bayesian information criterion, corrected for few samples, of one candidate or of arrays of them.

    ``size log(loss + floor^2) + count log(size) + 2 count (count + 1) / (size - count - 1)``

    Parameters
    ----------
    loss : float or array
        Mean squared error relative to the mean square of the values.
    size : float
        Independent data.
    count : float or array
        Fitted numbers.
    floor : float
        Errors below it, relative to the values, count as none.

    References
    ----------
    Hurvich, Tsai, Biometrika 76, 297 (1989) (few samples).
    """
    few = 2 * count * (count + 1) / np.maximum(size - count - 1, 1.0)
    misfit = size * np.log(np.maximum(loss, 0.0) + floor**2 + 1e-300)
    return misfit + count * np.log(max(size, 2.0)) + few


def neighbours(x: np.ndarray) -> np.ndarray:
    """Number of the sample nearest to each sample (m, n), in units of the spread of every column."""
    if len(x) < 2:
        return np.zeros(len(x), dtype=int)
    spread = x.std(axis=0)
    scaled = x / np.where(spread > 0, spread, 1.0)
    _, near = cKDTree(scaled).query(scaled, k=2)
    own = near[:, 0] == np.arange(len(x))
    return np.where(own, near[:, 1], near[:, 0])


def effective_size(residuals: np.ndarray, near: np.ndarray | None = None) -> float:
    """How many independent samples the residuals are worth: ``m (1 - rho) / (1 + rho)``, at least 10 (or m).

    Samples of a smooth surrogate err together; counted one by one they would buy every further term.  The correlation `rho`
    is that of each sample with the nearest one (`near`, see `neighbours`), or with the next one.
    """
    m = len(residuals)
    power = float(residuals @ residuals)
    lagged = residuals[1:] @ residuals[:-1] if near is None else residuals @ residuals[near]
    rho = float(lagged) / power if power > 0 else 0.0
    rho = min(max(rho, 0.0), 0.999)
    return min(m, max(10.0, m * (1 - rho) / (1 + rho)))
