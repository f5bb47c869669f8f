r"""The weak form of an equation: no derivative of the data is taken.

.. math:: -\int \dot\phi_k\, x\, dt = \sum_j c_j \int \phi_k\, \theta_j(x)\, dt
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from symdyn.discover.whole.problem import EquationProblem

__all__ = ["WIDTHS", "WeakRows", "weak_rows"]

#: Half widths of the test functions that are tried, in data: narrower ones where states turn within few data.
WIDTHS = (25, 12, 6)
#: Least half width, and fewest and most test functions of a trajectory.
NARROWEST, FEWEST, MOST = 4, 20, 400
ORDER = 5  # test functions (1 - s^2)^ORDER


@dataclass(frozen=True)
class WeakRows:
    """Weak form of all trajectories.

    Attributes
    ----------
    design : (w, p) float64
        Integrals of the terms; columns that are not finite are zero.
    targets : (w, n) float64
        Integrals of the states' derivatives.
    """

    design: np.ndarray
    targets: np.ndarray


def weak_rows(problem: EquationProblem, values: np.ndarray, width: int) -> WeakRows:
    """Integrate terms against test functions of a half width in data, less on short trajectories.

    `values` (N, p) are those of the terms at the nodes of the problem, one after another.
    """
    count, times, weights = problem.nodes.shape[1], problem.at.ravel(), problem.quadrature.ravel()
    states = problem.nodes.reshape(-1, problem.d)
    values = np.where(np.isfinite(values).all(axis=0), values, 0.0)
    design, targets = [], []
    for a, b in itertools.pairwise(problem.first):
        first, last, intervals = problem.t[a], problem.t[b - 1], b - a - 1
        points = min(max(NARROWEST, min(intervals / 8, width)), intervals / 2)
        half = points * (last - first) / intervals
        for centre in np.linspace(first + half, last - half, int(max(FEWEST, min(MOST, 4 * intervals / points)))):
            low, high = np.searchsorted(times[(a + 1) * count : b * count], [centre - half, centre + half])
            at = slice((a + 1) * count + low, (a + 1) * count + high)
            s = (times[at] - centre) / half
            test, slope = weights[at] * (1 - s**2) ** ORDER, 2 * ORDER / half * weights[at] * s * (1 - s**2) ** (ORDER - 1)
            design.append(test @ values[at])
            targets.append(slope @ states[at])
    return WeakRows(np.array(design), np.array(targets))
