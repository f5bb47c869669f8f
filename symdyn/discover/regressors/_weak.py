r"""Trajectories as they are given to a regressor, and the weak form of its equation: no derivative of the data is taken.

.. math:: -\int \dot\phi_k\, x\, dt = \sum_j c_j \int \phi_k\, \theta_j(x)\, dt
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.whole.problem import EquationProblem
from symdyn.errors import RecoveryError

__all__ = ["WIDTHS", "WeakRows", "are_several", "read_runs", "weak_rows"]

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


def are_several(arrays: Any) -> bool:
    """Whether these are the tables of several trajectories, and not one."""
    return isinstance(arrays, (list, tuple)) and len(arrays) > 0 and np.ndim(arrays[0]) > 1


def read_runs(X: Any, t: Any, u: Any) -> list[tuple[np.ndarray, Any, np.ndarray]]:
    """Times (m,), columns of states and controls (m, n + q), and controls (m, q) of each trajectory.

    Raises
    ------
    RecoveryError
        If their numbers differ, or times or controls are none.
    """
    several = are_several(X)
    states = list(X) if several else [X]
    times = list(t) if several and np.iterable(t) and np.ndim(next(iter(t), 0)) else [t] * len(states)
    controls = [None] * len(states) if u is None else list(u) if several else [u]
    if not len(states) == len(times) == len(controls):
        further = "" if u is None else f" and {len(controls)} of controls"
        raise RecoveryError(
            f"{len(states)} trajectories have {len(times)} arrays of times{further}; give one of each, or one array of "
            "times for all"
        )
    runs = []
    for x, at, control in zip(states, times, controls, strict=True):
        moments = _moments(at, len(x))
        if control is None:
            runs.append((moments, x, np.empty((len(moments), 0))))
            continue
        course, x = _numbers(control), np.asarray(x, dtype=float)
        if len(course) != len(moments) or len(x) != len(moments) or not np.isfinite(course).all():
            raise RecoveryError(
                f"controls are finite numbers at the times of the states; got {len(course)} of them for "
                f"{len(moments)} times and {len(x)} states"
            )
        runs.append((moments, np.column_stack([x, course]), course))
    return runs


def _moments(t: Any, count: int) -> np.ndarray:
    """Times (m,) of a trajectory, from themselves or from the step between them.

    >>> _moments(0.5, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    found = np.asarray(t, dtype=float)
    if found.ndim:
        return found
    if not (np.isfinite(found) and found > 0):
        raise RecoveryError(f"t is {t!r}; expected the times, or a positive number, the step between them")
    return float(found) * np.arange(count)


def _numbers(control: Any) -> np.ndarray:
    """Controls (m, q) of a trajectory."""
    found = np.asarray(control)
    if found.ndim not in (1, 2) or found.dtype.kind not in "biuf":
        raise RecoveryError(
            f"controls are real numbers, (m,) or (m, q) for each trajectory; got the shape {found.shape} of {found.dtype}"
        )
    return (found if found.ndim > 1 else found[:, None]).astype(float)
