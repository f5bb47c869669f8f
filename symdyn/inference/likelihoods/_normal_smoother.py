r"""The law of the states of a path given all that was measured of it, before and after (Rauch, Tung and Striebel).

The filter of `_normal` leaves means :math:`m_k` and covariances :math:`C_k` given what was measured up to a time, and
:math:`m_{k+1}^-, C_{k+1}^-` before the next measurement.  Along the mean the derivative of the flow is
:math:`\dot\Phi = J \Phi`, with J the derivative of the rates of the mean, so that neighbours have the covariance
:math:`C_k \Phi_k^T`.  From the last time back

.. math:: m_k \leftarrow m_k + A_k (m_{k+1} - m_{k+1}^-), \quad C_k \leftarrow C_k + A_k (C_{k+1} - C_{k+1}^-) A_k^T,
          \quad A_k = C_k \Phi_k^T (C_{k+1}^-)^{-1}.

It is exact where the drift is linear and the noise additive, with normal noise of measurement.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdyn.declaration import derivative
from symdyn.inference.likelihoods._normal import MomentRuns, NormalFilter
from symdyn.inference.likelihoods.registry import SmoothedPath
from symdyn.inference.stochastic_setup import PathGroup
from symdyn.models.ode import ODESystem

__all__ = ["SmoothingFilter"]

#: Eigenvalues of a matrix of correlations up to here are those of what is certain.
CERTAIN = 1e-13


class SmoothingFilter(NormalFilter):
    """The likelihood by means and covariances along paths, with the way back."""

    def smoothed(self, values: np.ndarray) -> list[SmoothedPath]:
        smoother, laws = _Smoother(self), dict[int, SmoothedPath]()
        for group in self.paths():
            means, covariances = smoother(group, values)
            for g, k in enumerate(group.members):
                length = len(self.setup.data.trajectories[k].times)
                laws[int(k)] = SmoothedPath(group.times[g, :length], means[g, :length], covariances[g, :length])
        return [laws[k] for k in sorted(laws)]


class _Smoother:
    """The filter with the derivative of the flow from one time to the next."""

    def __init__(self, inner: NormalFilter) -> None:
        self.inner, n = inner, inner.n
        rates = dict(zip(inner.equations.states, inner.equations.drift, strict=True))
        mean = [inner.equations.states[i] for i in inner.at_mean]
        flow = [[sp.Symbol(f"flow_{i}_{j}_") for j in range(n)] for i in range(n)]
        for i, row in enumerate(flow):
            slopes = [derivative(rates[mean[i]], s) for s in mean]
            rates |= {s: sp.Add(*(d * flow[k][j] for k, d in enumerate(slopes))) for j, s in enumerate(row)}
        self.system = ODESystem(rates, time=inner.equations.time)
        self.run = MomentRuns(self.system)

    def __call__(self, group: PathGroup, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means (G, T, n) and covariances (G, T, n, n)."""
        inner, (G, T), n, P = self.inner, group.times.shape, self.inner.n, self.inner.count
        lanes, data = np.repeat(values[None], G, axis=0), inner.setup.later(group)
        table = inner.setup.table(lanes)
        begun, slopes = inner.setup.path_starts(group, values[None])
        m, C = begun[0], inner.setup.path_spread(group, begun, slopes, values[None])[0][0]
        none, still = np.zeros((G, n, P)), np.zeros((G, n, n, P))
        means, spreads, before, flows = [], [], [(m, C)], [np.broadcast_to(np.eye(n), C.shape)]
        for k in range(T):
            if k:
                m, C, flow = self._onward(m, C, lanes, group.times[:, k - 1 : k + 1])
                before.append((m, C))
                flows.append(flow)
            if np.isfinite(data[:, k]).any():
                law = inner.measured(m, none, table, group.times[:, k])
                m, _, C, *_ = inner.updated(m, none, C, still, data[:, k], law)
            means.append(m)
            spreads.append(C)
        for k in range(T - 2, -1, -1):
            back = spreads[k] @ np.swapaxes(flows[k + 1], 1, 2) @ _inverse(before[k + 1][1])
            means[k] = means[k] + np.einsum("gij,gj->gi", back, means[k + 1] - before[k + 1][0])
            moved = spreads[k] + back @ (spreads[k + 1] - before[k + 1][1]) @ np.swapaxes(back, 1, 2)
            spreads[k] = 0.5 * (moved + np.swapaxes(moved, 1, 2))
        return np.stack(means, axis=1), np.stack(spreads, axis=1)

    def _onward(self, m: np.ndarray, C: np.ndarray, lanes: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, ...]:
        """Means, covariances and flows at the second of times (G, 2)."""
        inner, G, n = self.inner, len(m), self.inner.n
        z, _ = inner.joined(m, np.zeros((G, n, inner.count)), C, np.zeros((G, n, n, inner.count)))
        start = np.concatenate([z, np.broadcast_to(np.eye(n).ravel(), (G, n * n))], axis=1)
        spans, times = (ends[:, 1] - ends[:, 0], np.array([0.0, 1.0])) if inner.alike else (1.0, ends[0])
        rows = inner.rows(self.system, lanes, spans)
        last = self.run(start, rows, times, inner.atol)[:, -1]
        m, _, C, _ = inner.parted(last[:, : inner.size], np.zeros((G, inner.size, inner.count)))
        return m, C, last[:, inner.size :].reshape(G, n, n)


def _inverse(C: np.ndarray) -> np.ndarray:
    """Inverses of covariances (G, n, n), of what is certain 0; each state is in units of its own deviation."""
    unit = np.sqrt(np.maximum(np.einsum("gii->gi", C), 0.0))
    unit = np.divide(1.0, unit, out=np.zeros_like(unit), where=unit > 0)
    if not np.isfinite(C).all():
        return np.full_like(C, np.nan)
    values, vectors = np.linalg.eigh(unit[:, :, None] * C * unit[:, None])
    shares = np.divide(1.0, values, out=np.zeros_like(values), where=values > CERTAIN)
    return unit[:, :, None] * np.einsum("gij,gj,gkj->gik", vectors, shares, vectors) * unit[:, None]
