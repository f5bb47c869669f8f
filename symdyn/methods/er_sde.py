r"""Exponential samplers of the extended reversed equation, whose noise lies between that of the flow and of the process.

With :math:`y = x/\Psi`, :math:`\rho = \sigma/\Psi` and D the prediction of data, every positive function :math:`\phi` has

.. math:: y_u = \frac{\phi_u}{\phi_t} y_t + \phi_u \int_{\rho_u}^{\rho_t} \frac{\phi'}{\phi^2} D\, \mathrm d\rho
          + \sqrt{\rho_u^2 - \rho_t^2\, \phi_u^2/\phi_t^2}\, z

the marginal densities of the process where D is exact: :math:`\phi = \rho` is the flow, and :math:`\phi = \rho^2` the reversed
equation.  Here :math:`\phi = \rho\,(\exp \rho^{0.3} + 10)`, with :math:`\Psi = 1` at the last node.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from symdyn.methods.noisy_samplers import noisy
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace

__all__ = ["ErSde2", "ErSde3"]

REFERENCE = "Cui et al., Elucidating the solution space of extended reverse-time SDE for diffusion models (arXiv:2309.06169)"
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def _factor(rho: np.ndarray | float) -> np.ndarray:
    r""":math:`\phi/\rho`."""
    return np.exp(np.asarray(rho) ** 0.3) + 10.0


def _integrals(low: float, high: float) -> tuple[float, float]:
    r""":math:`\int \mathrm d\rho/\phi` and :math:`\int (\rho - \rho_t)\, \mathrm d\rho/\phi`, over :math:`\log\rho`."""
    half = 0.5 * np.log(high / low)
    rho = np.sqrt(low * high) * np.exp(half * _POINTS)
    weights = half * _WEIGHTS / _factor(rho)
    return float(weights.sum()), float(weights @ (rho - high))


def _formula(trace: SamplerTrace, order: int) -> None:
    x, clock = trace.start, trace.clock
    first, last = float(clock.nodes[0]), float(clock.nodes[-1])
    past: list[tuple[float, Combination, Combination | None]] = []  # rho, D and its slope, newest first
    for t, u in trace.steps:
        before, after = (abs(clock.sigma(s)) / clock.psi(s, last) for s in (t, u))
        now, slope = trace.data(x), None
        kept = float(after * _factor(after) / (before * _factor(before)))
        one, linear = _integrals(after, before)
        weight = after * float(_factor(after))
        ahead = (1.0 - kept) * now
        if past and order > 1:
            slope = (now - past[0][1]) / (before - past[0][0])
            ahead = ahead + (after - before + weight * one) * slope
        if slope is not None and past[0][2] is not None and order > 2:
            bend = 2.0 * (slope - past[0][2]) / (before - past[1][0])
            ahead = ahead + (0.5 * (after - before) ** 2 + weight * linear) * bend
        moved = kept * clock.psi(u, t) * x + clock.psi(u, first) * ahead
        spread = clock.psi(u, last) * np.sqrt(max(after**2 - (kept * before) ** 2, 0.0))
        past = [(before, now, slope), *past][:2]
        x = trace.reach(u, moved, float(spread))


@noisy(order=2, formula=partial(_formula, order=2), reference=f"{REFERENCE}, algorithm 3")
class ErSde2(SamplerOptions):
    r"""One evaluation a step: lines in :math:`\rho` through two predictions of data, and less noise than the process has."""

    method = "er-sde-2"


@noisy(order=2, formula=partial(_formula, order=3), reference=f"{REFERENCE}, algorithm 4")
class ErSde3(SamplerOptions):
    r"""One evaluation a step: parabolas in :math:`\rho` through three predictions of data; see `ErSde2`."""

    method = "er-sde-3"
