r"""Constants of a law that match increments of a curve through data, from which its fit begins.

.. math:: \log x_{k+1} - \log x_k \approx \sum_j c_j \int_{t_k}^{t_{k+1}} \frac{\phi_j(t)}{x(t)} \, dt, \qquad c_j \ge 0

with a smooth curve x through the data.  Where the shapes hold what is not measured, they are made from that curve as well.

References
----------
Varah, SIAM J. Sci. Stat. Comput. 3, 28 (1982); Ellner, Seifu, Smith, Ecology 83, 2256 (2002) (of delays).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.interpolate import make_smoothing_spline
from scipy.optimize import nnls

from symdyn.inference.data import Observations

__all__ = ["Match", "SmoothSeries", "best", "match"]

#: Nodes between two data, and the unit of time of the spline in usual intervals: of how smooth it is, more than the number of
#: data is not tried.
NODES, UNIT = 4, 5.0


class SmoothSeries:
    """A smooth curve through one positive series.

    Parameters
    ----------
    seen : Observations
        One trajectory whose first state is positive.

    Attributes
    ----------
    times, values : (M,) float64
        The data.
    nodes, weights : (M - 1, NODES) float64
        Of Gauss, between neighbours.
    steps : (M - 1,) float64
        Increments of the logarithm of the curve.
    """

    def __init__(self, seen: Observations) -> None:
        (path,) = seen.trajectories
        known = np.isfinite(path.values[:, 0])
        self.times, self.values = path.times[known], path.values[known, 0]
        self._log = make_smoothing_spline(self._place(self.times), np.log(self.values))
        where, part = np.polynomial.legendre.leggauss(NODES)
        gaps = np.diff(self.times)[:, None]
        self.nodes, self.weights = self.times[:-1, None] + 0.5 * gaps * (1 + where), 0.5 * gaps * part
        self.steps = np.diff(self._log(self._place(self.times)))

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """The curve at times."""
        return np.asarray(np.exp(self._log(self._place(times))))

    def _place(self, times: np.ndarray) -> np.ndarray:
        """Times since the first of the data, which do not depend on their unit."""
        return (times - self.times[0]) / (UNIT * self.spacing)

    def sums(self, shapes: np.ndarray) -> np.ndarray:
        """Integrals (..., M - 1) between the data of what is known at the nodes, (..., M - 1, NODES)."""
        return np.asarray((shapes * self.weights).sum(axis=-1))

    def gathered(self, shapes: np.ndarray) -> np.ndarray:
        """Integrals from the first time to each node, of smooth shapes (M - 1, NODES)."""
        whole = np.concatenate([[0.0], np.cumsum(self.sums(shapes))])
        begin = np.interp(self.nodes, self.times, whole)
        return np.asarray(begin)

    @property
    def spacing(self) -> float:
        """The usual interval."""
        return float(np.median(np.diff(self.times)))

    @property
    def duration(self) -> float:
        """From the first time to the last."""
        return float(self.times[-1] - self.times[0])


@dataclass(frozen=True)
class Match:
    """A law with constants that match the data.

    Attributes
    ----------
    name : str
        Of the law, in words.
    sides : mapping of str to Expr
        Right-hand sides by state.
    values, bounds : mapping of Symbol to float, and to (float, float)
        Of the constants.
    start : tuple of float
        Initial values.
    error : float
        Sum of squares of what is left of the increments, over that of these.
    like : tuple of float
        What tells matches of a law apart, such as a delay: of those that are near to one another the best is kept.
    """

    name: str
    sides: Mapping[str, sp.Expr]
    values: Mapping[sp.Symbol, float]
    bounds: Mapping[sp.Symbol, tuple[float, float]]
    start: tuple[float, ...]
    error: float
    like: tuple[float, ...]


def match(columns: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients (K,) that are nowhere negative, for columns (M, K), and the share of the squares that they leave."""
    size = np.sqrt((columns**2).mean(axis=0))
    if not (np.isfinite(columns).all() and np.isfinite(target).all() and (size > 0).all()):
        return np.zeros(columns.shape[1]), np.inf
    values, left = nnls(columns / size, target)
    return values / size, float(left**2 / (target**2).sum())


def best(found: Iterable[Match], *, apart: float, each: int) -> list[Match]:
    """The best matches of each law, which differ by a factor in what tells them apart."""
    kept: dict[str, list[Match]] = {}
    for own in sorted(found, key=lambda m: m.error):
        others = kept.setdefault(own.name, [])
        if len(others) < each and all(_far(own, m, apart) for m in others):
            others.append(own)
    return [m for own in kept.values() for m in own]


def _far(one: Match, other: Match, apart: float) -> bool:
    """Whether two matches differ by a factor."""
    return bool(np.abs(np.log(np.array(one.like) / np.array(other.like))).max() > np.log(apart))
