r"""Statistics of a semilinear system along its flow: the linear part and the basis that fit it best."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.methods.clocks import NodeClock
from symdyn.methods.model_statistics import ModelStatistics
from symdyn.methods.options import check_whole
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import SamplerScheme, SamplerTable, needs_level
from symdyn.models.ode import ODESystem
from symdyn.simulation import simulate
from symdyn.transport.spacings import nodes
from symdyn.transport.values import parameter_numbers, state_rows

__all__ = ["model_statistics"]

#: Steps of differences, relative to the deviation of a state and to the gap between two times.
STATE_STEP, TIME_STEP = 1e-3, 1e-2
#: The variance of f, relative to that of its terms, below which it counts as constant.
CONSTANT = 1e-16
#: Tolerances of the flow.
FLOW: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-8}


def model_statistics(
    flow: ODESystem, *, span: Any, initial: Any, points: int = 128, parameters: Mapping[Any, Any] | None = None
) -> ModelStatistics:
    r"""The statistics l, s and b of a system along its flow, for 'dpm-solver-v3-1', '-2' and '-3'.

    With :math:`y = (x - m)/\Psi` and :math:`\lambda = \log(\Psi/\sigma)` the flow is
    :math:`\mathrm dy/\mathrm d\lambda = -e^{-\lambda} N`, and for each state i

    .. math:: l_i = E\Bigl[\sigma \frac{\partial N_i}{\partial x_i}\Bigr], \qquad f_i = e^{-\lambda} N_i - l_i y_i, \qquad
              (s_i, b_i) = \arg\min E\Bigl[\frac{\mathrm df_i}{\mathrm d\lambda} - s_i f_i - b_i\Bigr]^2

    over the points, which are taken along the flow by DOP853.  Every semilinear system with a noise level has them.  Slopes
    are central differences, so that each time takes 2n + 4 evaluations a point; methods keep their order with any statistics.

    Parameters
    ----------
    flow : ODESystem
        With a noise level, such as `probability_flow` gives.
    span : (float, float)
        First and last time of the nodes that will be used.
    initial : mapping or xarray.Dataset
        States at the first time, one of each point, such as ``noised.at(1).initial(512, seed=1)``.
    points : int
        Times, spaced evenly in :math:`\lambda`; 8 to 4096.  With fewer than about 64 few evaluations may go far astray.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    ModelStatistics

    Raises
    ------
    DeclarationError
        For a system without noise level, fewer than 8 points, and where statistics are not finite.

    References
    ----------
    Zheng, Lu, Chen & Zhu, DPM-Solver-v3, NeurIPS 2023, eqs. 5-11 and appendix C.1.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})
    >>> noised = vp.marginal(sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5]))
    >>> flow, q = vp.probability_flow(noised), (np.arange(400) + 0.5) / 400
    >>> noise = {x: noised.at(1).quantile(q)}
    >>> found = sd.transport.model_statistics(flow, span=(1, 1e-3), initial=noise)
    >>> nodes = sd.transport.nodes(flow, 10, span=(1, 1e-3))
    >>> out = sd.simulate(flow, [1, 1e-3], initial=noise, progress=False,
    ...                   method=sd.methods.DpmSolverV33(nodes=nodes, statistics=found))
    >>> exact = noised.at(1e-3).quantile(q)  # the flow keeps quantiles
    >>> float(np.sqrt(((out.x[:, -1].values - exact)**2).mean()).round(3))  # 'deis-tab3' has 0.05, 'ddim' 0.33
    0.011
    """
    check_whole(points=points)
    if not 8 <= points <= 4096:
        raise DeclarationError(f"points is {points}; expected 8 to 4096 times")
    if not isinstance(flow, ODESystem):
        raise DeclarationError(f"flow is a {type(flow).__name__}; expected an ODESystem, such as sde.probability_flow(score)")
    if reason := needs_level(flow):
        raise DeclarationError(f"statistics need the noise level: {reason}")
    times = nodes(flow, points - 1, span=span, spacing="log-snr", parameters=parameters)
    [start] = state_rows(flow, initial, [float(times[0])], "initial")
    if len(start) < 8:
        raise DeclarationError(f"initial has {len(start)} points; expected at least 8, for statistics some hundreds")
    runner = TableRunner(flow, "dpm-solver-v3-2", parameter_numbers(flow, parameters), 2 * len(start) * start.shape[1])
    given = {s: xr.DataArray(start[:, i], dims="trajectory") for i, s in enumerate(flow.states)}
    run = simulate(
        flow, times, parameters=parameters, initial=given, trajectories=len(start), method="dop853", progress=False, **FLOW
    )
    states = np.stack([run[s.name].values for s in flow.states], axis=-1)
    clocks = runner.clocks(times)
    log_snr = np.array([[c.log_snr(float(t)) for t in times] for c in clocks])
    rest, slope, pace = (np.array(part) for part in zip(*(
        _at(runner, times, k, states[:, k], clocks) for k in range(points)
    ), strict=True))  # fmt: skip
    found = [_fitted(log_snr[i], _scaled(clocks[i], times, states[..., i]), rest[..., i], slope[:, i], pace[..., i])
             for i in range(len(flow.states))]  # fmt: skip
    order = np.argsort(log_snr[0])
    arrays = (log_snr, *(np.array(part) for part in zip(*found, strict=True)))
    if not all(np.isfinite(a).all() for a in arrays):
        raise DeclarationError(
            "the statistics are not finite; move the ends of span away from where there is no noise or no data"
        )
    log_snr, linear, slopes, offset = (a[:, order] for a in arrays)
    return ModelStatistics(clocks[0].sigma(float(times[0])), flow.names, log_snr, linear, slopes, offset, model=flow.digest)


def _scaled(clock: NodeClock, times: np.ndarray, states: np.ndarray) -> np.ndarray:
    """y of one state (M, K) as (K, M)."""
    mean = np.array([clock.mean(float(t)) for t in times])
    psi = np.array([clock.psi(float(t), float(times[0])) for t in times])
    return ((states - mean) / psi).T


def _at(
    runner: TableRunner, times: np.ndarray, k: int, states: np.ndarray, clocks: list[NodeClock]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At a time e^-lambda N (M, n), the mean slopes sigma dN_i/dx_i (n,), and e^-lambda dN/dlambda along the flow (M, n)."""
    t, count, n = float(times[k]), len(states), states.shape[1]
    level = np.array([c.sigma(t) for c in clocks])
    scale = np.sign(level) * np.exp([-c.log_snr(t) for c in clocks])
    width = STATE_STEP * np.maximum(states.std(axis=0), 1e-3 * np.abs(states).max(axis=0) + 1e-6)
    moved = np.concatenate([states + side * width * (np.arange(n) == i) for i in range(n) for side in (1, -1)])
    found = runner.run(_evaluation(t, n), np.concatenate([states, moved]))[:, 0]
    here, sides = found[:count], found[count:].reshape(n, 2, count, n)
    slopes = np.array([(sides[i, 0, :, i] - sides[i, 1, :, i]).mean() / (2 * width[i]) for i in range(n)])
    h = TIME_STEP * np.abs(np.diff(times)[max(k - 1, 0) : k + 1]).min()
    ahead, behind = (runner.run(_evaluated_at(runner.clocks([t, t + s * h])), states)[:, 0] for s in (1, -1))
    gaps = np.array([c.log_snr(t + h) - c.log_snr(t - h) for c in clocks])
    return scale * here, level * slopes, scale * (ahead - behind) / gaps


def _evaluation(t: float, groups: int) -> SamplerTable:
    """A row that is N."""
    return SamplerTable(
        np.array([t, t]), np.array([0, 1]), np.array([True, False]), ((), (("n", 0),)),
        (np.empty((groups, 0)), np.ones((groups, 1))), np.zeros((2, groups)), np.zeros((2, groups)),
    )  # fmt: skip


def _ahead(trace: SamplerTrace) -> None:
    [(t, u)] = trace.steps
    trace.reach(u, trace.noise(trace.row(u, trace.ddim(trace.start, trace.noise(trace.start), t, u))))


#: N after a short step along the flow; what is of second order in the step is the same on both sides.
_AHEAD = SamplerScheme(name="N ahead", reference="", order=1, formula=_ahead, options=SamplerOptions)


def _evaluated_at(clocks: list[NodeClock]) -> SamplerTable:
    table = _AHEAD.table(clocks)
    shifts = table.shifts.copy()
    shifts[-1] = 0.0  # the last row is no state
    return dataclasses.replace(table, shifts=shifts)


def _fitted(
    log_snr: np.ndarray, y: np.ndarray, rest: np.ndarray, linear: np.ndarray, pace: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """l, s and b (K,) of a state from y, e^-lambda N and e^-lambda dN/dlambda (K, M)."""
    order = np.argsort(log_snr)
    bend = CubicSpline(log_snr[order], linear[order])(log_snr, 1)
    f = rest - linear[:, None] * y
    change = pace - rest - bend[:, None] * y + linear[:, None] * rest
    away, turn = f - f.mean(axis=1, keepdims=True), change - change.mean(axis=1, keepdims=True)
    variance = (away**2).mean(axis=1)
    size = (rest**2).mean(axis=1) + (linear[:, None] ** 2 * y**2).mean(axis=1)
    varies = variance > CONSTANT * size
    slope = np.where(varies, (away * turn).mean(axis=1) / np.where(varies, variance, 1.0), 0.0)
    if varies.any():  # else s is that of the nearest time
        known = np.flatnonzero(varies)
        slope = slope[known[np.abs(np.arange(len(slope))[:, None] - known).argmin(axis=1)]]
    return linear, slope, change.mean(axis=1) - slope * f.mean(axis=1)
