"""Information of data about fitted values: its inverse by one rule of rank, intervals within bounds, and normal draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from symdyn.errors import RecoveryError

__all__ = ["Information", "Inverse", "arrow", "check_level", "estimated", "intervals", "inverse", "limits", "normal_draws"]

#: Eigenvalues of the scaled information matrix below this share of the largest count as zero.
RANK_TOLERANCE = 1e-10
#: Squared part of a value in the null space from which it is not determined.
PART = 1e-6


class Inverse(NamedTuple):
    """Inverse of an information matrix on the directions that the data determine, as many as its `rank`.

    `undetermined` (k,) are values with a part in another direction; the condition, of the scaled matrix, is infinite if it is
    singular.
    """

    covariance: np.ndarray
    undetermined: np.ndarray
    rank: int
    condition: float


def inverse(matrix: np.ndarray, rows: np.ndarray | None = None) -> Inverse:
    """Invert an information matrix.

    Parameters
    ----------
    matrix : (n, n) float64
        Scaled to a unit diagonal here, unless `rows` are given.
    rows : (k, n) float64, optional
        Values of interest as combinations of the coordinates of a matrix that is scaled.

    Examples
    --------
    >>> found = inverse(np.diag([4.0, 0.25]))
    >>> found.covariance.tolist(), found.rank
    ([[0.25, 0.0], [0.0, 4.0]], 2)
    >>> inverse(np.ones((2, 2))).undetermined.tolist()  # only the sum is determined
    [True, True]
    """
    if not len(matrix):
        return Inverse(np.zeros((0, 0)), np.zeros(0, dtype=bool), 0, 1.0)
    unit = np.ones(len(matrix)) if rows is not None else 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    eigenvalues, vectors = np.linalg.eigh(matrix * unit[:, None] * unit)
    kept = eigenvalues > RANK_TOLERANCE * max(eigenvalues[-1], 1e-300)
    if rows is not None:
        vectors, unit = rows @ vectors, np.ones(len(rows))
    covariance = ((vectors[:, kept] / eigenvalues[kept]) @ vectors[:, kept].T) * unit[:, None] * unit
    condition = float(eigenvalues[-1] / eigenvalues[0]) if kept.all() else np.inf
    return Inverse(covariance, (vectors[:, ~kept] ** 2).sum(axis=1) > PART, int(kept.sum()), condition)


def arrow(own: np.ndarray, mixed: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The information about p parameters and the n initial values of each of V windows, which share no data.

    Parameters
    ----------
    own, mixed, starts : (p, p), (V, p, n), (V, n, n) float64

    Examples
    --------
    >>> arrow(np.full((1, 1), 5.0), np.array([[[1.0]], [[2.0]]]), np.array([[[3.0]], [[4.0]]])).tolist()
    [[5.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 4.0]]
    """
    count, p, n = mixed.shape
    matrix = np.zeros((p + count * n, p + count * n))
    matrix[:p, :p] = own
    for v in range(count):
        at = slice(p + v * n, p + (v + 1) * n)
        matrix[at, at], matrix[:p, at], matrix[at, :p] = starts[v], mixed[v], mixed[v].T
    return matrix


@dataclass(frozen=True)
class Information:
    """Estimates with what the data tell of them.

    Attributes
    ----------
    names : tuple of str
    values : (k,) float64
    covariance : (k, k) float64
    undetermined : (k,) bool
        Values that the data do not determine.
    rank : int
        Directions of the values that the data determine.
    condition : float
        Of the scaled information matrix; infinite if it is singular.
    freedom : float
        Data less fitted values; infinite where the variance of the noise is not estimated from the residuals.
    low, high : (k,) float64
        Bounds; infinite ones unless given.
    logarithmic : bool
        Whether the values are positive and normal in their logarithms.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    undetermined: np.ndarray
    rank: int
    condition: float
    freedom: float = np.inf
    low: np.ndarray | float = -np.inf
    high: np.ndarray | float = np.inf
    logarithmic: bool = False

    @property
    def deviations(self) -> np.ndarray:
        """Standard errors (k,), infinite where the data contain no information."""
        return np.where(self.undetermined, np.inf, np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    def renamed(self, names: Mapping[str, str]) -> Information:
        """The same under other names."""
        return replace(self, names=tuple(names.get(n, n) for n in self.names))


def estimated(
    names: Sequence[str], values: np.ndarray, found: Inverse, rss: float, freedom: int, *, scales: np.ndarray | float = 1.0,
    low: np.ndarray | float = -np.inf, high: np.ndarray | float = np.inf,
) -> Information:  # fmt: skip
    """Estimates by least squares, the variance of the noise from the sum of squares that is left.

    `found` is the inverse of the information about the values over `scales`, in units of the noise; the freedom that is left
    are the data less fitted values.
    """
    sizes = np.where(found.undetermined, 0.0, scales)
    covariance = found.covariance * (rss / max(freedom, 1)) * sizes[:, None] * sizes
    return Information(
        tuple(names), values, covariance, found.undetermined, found.rank, found.condition, freedom, low, high
    )  # fmt: skip


def intervals(facts: Information, level: float = 0.9) -> pd.DataFrame:
    """Estimates with standard errors and intervals of Student's t, cut at the bounds.

    Raises
    ------
    RecoveryError
        Unless `level` lies between 0 and 1.

    Examples
    --------
    >>> facts = Information(("a",), np.array([0.9]), np.array([[0.04]]), np.array([False]), 1, 1.0, low=0.0, high=1.0)
    >>> intervals(facts).set_index("constant").round(3).loc["a"].tolist()  # 1.645 standard errors, but for the bound
    [0.9, 0.2, 0.571, 1.0]
    """
    check_level(level)
    values, deviations = facts.values, facts.deviations
    reach = student.ppf(0.5 + level / 2, max(facts.freedom, 1)) * deviations
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.exp(np.where(facts.undetermined, np.inf, reach / np.abs(values)))
        lower, upper = (values / ratio, values * ratio) if facts.logarithmic else (values - reach, values + reach)
    # an estimate that was not fitted within bounds stays within its interval
    inside = np.minimum(facts.low, values), np.maximum(facts.high, values)
    return pd.DataFrame(
        {
            "constant": list(facts.names),
            "value": values,
            "standard error": deviations,
            "lower": np.clip(lower, *inside),
            "upper": np.clip(upper, *inside),
        }
    )


def check_level(level: float) -> None:
    """Refuse a level that is no probability.

    Raises
    ------
    RecoveryError
        Unless it lies between 0 and 1.
    """
    if not 0 < level < 1:
        raise RecoveryError(f"the level of the intervals is {level!r}; expected a number between 0 and 1, such as 0.9")


def limits(facts: Information, frame: pd.DataFrame) -> list[str]:
    """Notes on the intervals of `frame`: which end at a bound, and which values the data do not determine.

    Examples
    --------
    >>> facts = Information(("a", "b"), np.array([0.9, 1.0]), np.diag([0.04, 0.0]), np.array([False, True]), 1, np.inf,
    ...                     high=np.array([1.0, np.inf]))
    >>> limits(facts, intervals(facts))
    ['the data do not tell b: every value fits as well', 'the interval of a ends at its upper bound, 1']
    """
    lost = frame["constant"][facts.undetermined | ~np.isfinite(frame["standard error"])]
    notes = [f"the data do not tell {', '.join(lost)}: every value fits as well"] if len(lost) else []
    for side, bounds in (("lower", facts.low), ("upper", facts.high)):
        ends = frame[side].to_numpy()
        for name, end in zip(frame["constant"][at := (ends == bounds) & np.isfinite(ends)], ends[at], strict=True):
            notes.append(f"the interval of {name} ends at its {side} bound, {end:.6g}")
    return notes


def normal_draws(mean: np.ndarray, covariance: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (count, k) of a normal law, whose covariance may be singular."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return mean + rng.normal(size=(count, len(mean))) @ (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))).T
