"""UniPC: multistep predictor and corrector that predict data, with one evaluation a step."""

from __future__ import annotations

from functools import partial
from math import expm1

import numpy as np

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["UniPC2", "UniPC3"]


def _formula(trace: SamplerTrace, order: int) -> None:
    clock, x = trace.clock, trace.start
    times, data = [trace.steps[0][0]], [trace.data(x)]
    for k, (t, u) in enumerate(trace.steps, 1):
        p = min(order, k)
        h = clock.log_snr(u) - clock.log_snr(t)
        ratios = [(clock.log_snr(times[j]) - clock.log_snr(t)) / h for j in range(1, p)]
        slopes = [(data[j] - data[0]) / r for j, r in enumerate(ratios, 1)]
        powers, right = _conditions([*ratios, 1.0], -h)
        bulk = clock.psi(u, trace.times[0]) * expm1(-h)
        base = clock.sigma(u) / clock.sigma(t) * x - bulk * data[0]
        predicted = base
        if p > 1:
            weights = [0.5] if p == 2 else np.linalg.solve(powers[:-1, :-1], right[:-1])
            for w, slope in zip(weights, slopes, strict=True):
                predicted = predicted - bulk * float(w) * slope
        if k == len(trace.steps):  # a corrector would need one evaluation more
            trace.reach(u, predicted)
            return
        ahead = trace.data(trace.row(u, predicted))
        weights = [0.5] if p == 1 else np.linalg.solve(powers, right)
        x = base
        for w, slope in zip(weights, [*slopes, ahead - data[0]], strict=True):
            x = x - bulk * float(w) * slope
        x = trace.reach(u, x)
        times, data = [u, *times][:order], [ahead, *data][:order]


def _conditions(ratios: list[float], h: float) -> tuple[np.ndarray, np.ndarray]:
    """Powers of the ratios, and what the weights have to make of them: i! h phi_(i+1)(h) / (e^h - 1)."""
    right, factorial, phi = [], 1.0, expm1(h) / h - 1
    for j in range(1, len(ratios) + 1):
        right.append(phi * factorial / expm1(h))
        factorial *= j + 1
        phi = phi / h - 1 / factorial
    return np.array([np.array(ratios) ** j for j in range(len(ratios))]), np.array(right)


@sampler(
    order=3, formula=partial(_formula, order=2), level=True,
    reference="Zhao et al., UniPC, NeurIPS 2023 (arXiv:2302.04867), algorithms 1 and 2 with B(h) = e^h - 1",
)  # fmt: skip
class UniPC2(SamplerOptions):
    r"""One evaluation a step, of order 3 with its corrector; see `SamplerOptions`."""

    method = "unipc-2"


@sampler(
    order=3, damped_order=4, formula=partial(_formula, order=3), level=True,
    reference="Zhao et al., UniPC, NeurIPS 2023 (arXiv:2302.04867), algorithms 1 and 2 with B(h) = e^h - 1",
)  # fmt: skip
class UniPC3(SamplerOptions):
    r"""One evaluation a step, with a corrector; see `SamplerOptions`.

    Of order 4 where the flow damps the error of the first step, which is of order 2, and else of order 3.
    """

    method = "unipc-3"
