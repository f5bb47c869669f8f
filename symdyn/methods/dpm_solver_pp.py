"""Multistep methods that predict data: DPM-Solver++(2M), and exponential Adams-Bashforth methods of orders 2 and 3."""

from __future__ import annotations

from functools import partial

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["DpmSolverPP2m", "DpmSolverPP3m", "ExpAB2"]


def _two(trace: SamplerTrace) -> None:
    x, clock, previous = trace.start, trace.clock, 0.0
    before: Combination | None = None
    for t, u in trace.steps:
        now = predicted = trace.data(x)
        h = clock.log_snr(u) - clock.log_snr(t)
        if before is not None:
            predicted = now + (now - before) * (0.5 * h / (clock.log_snr(t) - clock.log_snr(previous)))
        [weight] = clock.weights(t, u, [t], data=True)
        x = trace.reach(u, clock.sigma(u) / clock.sigma(t) * x + weight * predicted)
        before, previous = now, t


def _adams(trace: SamplerTrace, order: int) -> None:
    x, clock = trace.start, trace.clock
    past: list[tuple[float, Combination]] = []
    for t, u in trace.steps:
        past = [(t, trace.data(x)), *past][:order]
        weights = clock.weights(t, u, [s for s, _ in past], "log-snr", data=True)
        x = clock.sigma(u) / clock.sigma(t) * x
        for weight, (_, data) in zip(weights, past, strict=True):
            x = x + weight * data
        x = trace.reach(u, x)


@sampler(
    order=2, formula=_two, level=True,
    reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), algorithm 2",
)  # fmt: skip
class DpmSolverPP2m(SamplerOptions):
    r"""One evaluation a step, of order 2; see `SamplerOptions`."""

    method = "dpm-solver++2m"


@sampler(
    order=2, damped_order=3, formula=partial(_adams, order=3), level=True,
    reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), with the integrals "
    "of Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
)  # fmt: skip
class DpmSolverPP3m(SamplerOptions):
    r"""One evaluation a step: parabolas in :math:`\lambda` through predictions of data; see `SamplerOptions`.

    Of order 3 where the flow damps the error of the first step, which is of order 1, and else of order 2.
    """

    method = "dpm-solver++3m"


@sampler(
    order=2, formula=partial(_adams, order=2), level=True,
    reference="Hochbruck & Ostermann, Exponential integrators, Acta Numerica 19 (2010) 209-286, 2.5",
)  # fmt: skip
class ExpAB2(SamplerOptions):
    r"""One evaluation a step, of order 2: lines in :math:`\lambda` through predictions of data; see `SamplerOptions`."""

    method = "exp-ab2"
