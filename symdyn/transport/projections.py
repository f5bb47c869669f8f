r"""The member of a family that is nearest to bridges, :math:`\min_\theta \int E\,|G^{-1}(u_t - f_\theta(x_t))|^2\,\mathrm dt`.

The drift of a bridge is the conditional mean of the drift of the reference that is pinned at both ends.  For affine drifts all
that is needed are means and covariances of both ends together, whatever their distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from symdyn_kernels.sinkhorn import coupling, sinkhorn

from symdyn.errors import SimulationError
from symdyn.transport.bridge_marginals import whitened
from symdyn.transport.clouds import Cloud, cloud_of, normal_moments
from symdyn.transport.families import LinearFamily
from symdyn.transport.normal_bridges import NormalPlan, closed_plan, pinned
from symdyn.transport.spectra import ConstantLaw, ConstantReference

__all__ = ["SnapshotPair", "projected"]

#: Nodes in time of an interval, error of a marginal, and iterations of a plan.
NODES, TOLERANCE, MOST = 8, 1e-6, 5000


class SnapshotPair:
    """Two snapshots that follow each other.

    Parameters
    ----------
    begin, end : float
    first, last : GaussianMixture or (n, d) float64
    """

    def __init__(self, begin: float, end: float, first: Any, last: Any) -> None:
        self.begin, self.end, self.first, self.last = begin, end, first, last

    def reference(self, law: ConstantLaw) -> ConstantReference:
        return ConstantReference(law, (self.begin, self.end))

    def joint(self, reference: ConstantReference) -> tuple[np.ndarray, np.ndarray]:
        """Mean (2 d,) and covariance (2 d, 2 d) of both ends under the bridge."""
        found = normal_moments(self.first), normal_moments(self.last)
        if found[0] is not None and found[1] is not None:
            plan = NormalPlan(reference.whole, (found[0][0], found[1][0]), (found[0][1], found[1][1]))
            cross = closed_plan(plan)
            return np.concatenate(plan.means), np.block([[plan.covariances[0], cross], [cross.T, plan.covariances[1]]])
        start, end, matrix = self._points(reference)
        m0, m1 = start.weights @ start.points, end.weights @ end.points
        x, y = start.points - m0, end.points - m1
        cross = x.T @ matrix @ y
        own = (x.T * start.weights) @ x, (y.T * end.weights) @ y
        return np.concatenate([m0, m1]), np.block([[own[0], cross], [cross.T, own[1]]])

    def _points(self, reference: ConstantReference) -> tuple[Cloud, Cloud, np.ndarray]:
        law = reference.whole
        back = np.linalg.inv(law.factor)
        start = cloud_of(self.first, back @ law.noise @ back.T, f"the snapshot at {self.begin:g}")
        end = cloud_of(self.last, law.noise, f"the snapshot at {self.end:g}")
        x, y = whitened(reference, start.points, end.points)
        f, g, errors = sinkhorn(x, start.weights, y, end.weights, TOLERANCE, MOST)
        if not errors[-1] <= TOLERANCE:
            raise SimulationError(
                f"the bridge from {self.begin:g} to {self.end:g} has not converged: its error is {errors[-1]:.3g} after {MOST} "
                "iterations; snapshots are far from each other in units of the noise: give more noise"
            )
        return start, end, coupling(x, y, f, g)

    def moments(self, law: ConstantLaw, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the bridge at a time."""
        reference = self.reference(law)
        mean, covariance = self.joint(reference)
        between = pinned(reference, time)
        return between.lead @ mean + between.shift, between.lead @ covariance @ between.lead.T + between.noise


def projected(family: LinearFamily, intervals: Sequence[SnapshotPair], theta: np.ndarray) -> np.ndarray:
    """The numbers of the member nearest to the bridges of another member.

    Parameters
    ----------
    family : LinearFamily
    intervals : sequence of SnapshotPair
    theta : (k,) float64
        Of the reference of the bridges.

    Returns
    -------
    (k,) float64
        NaN where the bridges do not determine them.
    """
    d = len(family.states)
    a, c = family.coefficients(theta)
    law = ConstantLaw(a, c, family.square)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    seconds, drifts = np.zeros((d + 1, d + 1)), np.zeros((d, d + 1))
    for interval in intervals:
        reference, length = interval.reference(law), interval.end - interval.begin
        mean, covariance = interval.joint(reference)
        for node, weight in zip(nodes, weights, strict=True):
            t, w = interval.begin + 0.5 * length * (node + 1), 0.5 * length * weight
            between, rest = pinned(reference, t), reference.between(t, interval.end)
            x = between.lead @ mean + between.shift
            spread = between.lead @ covariance @ between.lead.T + between.noise
            with_end = covariance[d:] @ between.lead.T
            gain = family.square @ rest.factor.T @ np.linalg.inv(rest.noise)
            u = a @ x + c + gain @ (mean[d:] - rest.factor @ x - rest.shift)
            slope = a @ spread + gain @ (with_end - rest.factor @ spread)
            z = np.append(x, 1.0)
            seconds += w * (np.outer(z, z) + np.pad(spread, (0, 1)))
            drifts += w * (np.outer(u, z) + np.pad(slope, ((0, 0), (0, 1))))
    precision = np.linalg.inv(family.square)
    shapes = family.shapes
    normal = np.array([[np.trace(p.T @ precision @ q @ seconds) for q in shapes] for p in shapes])
    right = np.array([np.trace(p.T @ precision @ (drifts - family.base @ seconds)) for p in shapes])
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    values = np.linalg.eigvalsh(normal / np.outer(scale, scale))
    if not values.min() > 1e-10:
        return np.full(len(shapes), np.nan)
    return np.linalg.solve(normal, right)
