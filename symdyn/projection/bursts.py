"""Probabilities of the sizes of bursts, and how they depend on the mean."""

from __future__ import annotations

import numpy as np
from scipy import special

__all__ = ["probabilities", "slopes"]


def probabilities(distribution: str, mean: float, widest: int, tail: float) -> np.ndarray:
    """Probabilities of 0, 1, 2, ... molecules, up to `widest` or until the total of longer ones is below `tail`.

    >>> probabilities("geometric", 1.0, 3, 0.0).round(12).tolist()
    [0.5, 0.25, 0.125, 0.0625]
    """
    m = np.arange(max(widest, 0) + 1, dtype=float)
    if distribution == "geometric":
        p = np.exp(special.xlogy(m, mean) - (m + 1) * np.log1p(mean))
        lost = np.exp(special.xlogy(m + 1, mean) - (m + 1) * np.log1p(mean))
    else:
        p, lost = np.exp(special.xlogy(m, mean) - mean - special.gammaln(m + 1)), special.pdtrc(m, mean)
    kept = int(np.searchsorted(-lost, -tail)) + 1
    return p[: max(kept, 2)]  # the second matters to derivatives at a mean of 0


def slopes(distribution: str, mean: float, size: int) -> np.ndarray:
    """Derivatives of the first `size` probabilities with respect to the mean.

    >>> slopes("poisson", 1.0, 2).round(12).tolist()
    [-0.367879441171, 0.0]
    """
    m, p = np.arange(size, dtype=float), probabilities(distribution, mean, size - 1, 0.0)
    if mean == 0.0:  # only 0 and 1 move
        return np.where(m == 0, -1.0, np.where(m == 1, 1.0, 0.0))
    return p * (m / mean - (m + 1) / (1 + mean) if distribution == "geometric" else m / mean - 1)
