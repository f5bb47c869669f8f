"""DPM-Solver of orders 2 and 3: single steps whose stages are spaced in the logarithmic signal-to-noise ratio."""

from __future__ import annotations

from math import expm1

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["DpmSolver2", "DpmSolver3"]


def _second(trace: SamplerTrace) -> None:
    x, clock = trace.start, trace.clock
    for t, u in trace.steps:
        s = trace.between(t, u, 0.5)
        ratio = (clock.log_snr(s) - clock.log_snr(t)) / (clock.log_snr(u) - clock.log_snr(t))
        e = trace.noise(x)
        stage = trace.row(s, trace.ddim(x, e, t, s))
        x = trace.reach(u, trace.ddim(x, e + (trace.noise(stage) - e) / (2 * ratio), t, u))


def _third(trace: SamplerTrace) -> None:
    x, clock = trace.start, trace.clock
    for t, u in trace.steps:
        h = clock.log_snr(u) - clock.log_snr(t)
        e, first = trace.noise(x), trace.between(t, u, 1 / 3)
        r1 = (clock.log_snr(first) - clock.log_snr(t)) / h
        one = trace.row(first, trace.ddim(x, e, t, first))
        slope, second = trace.noise(one) - e, trace.between(t, u, 2 / 3)
        r2 = (clock.log_snr(second) - clock.log_snr(t)) / h
        weight = clock.sigma(second) * r2 / r1 * (expm1(r2 * h) / (r2 * h) - 1)
        two = trace.row(second, trace.ddim(x, e, t, second) - weight * slope)
        weight = clock.sigma(u) / r2 * (expm1(h) / h - 1)
        x = trace.reach(u, trace.ddim(x, e, t, u) - weight * (trace.noise(two) - e))


@sampler(
    order=2, formula=_second, level=True,
    reference="Lu et al., DPM-Solver, NeurIPS 2022 (arXiv:2206.00927), algorithm 1",
)  # fmt: skip
class DpmSolver2(SamplerOptions):
    r"""Two evaluations a step, of order 2; see `SamplerOptions`."""

    method = "dpm-solver-2"


@sampler(
    order=3, formula=_third, level=True,
    reference="Lu et al., DPM-Solver, NeurIPS 2022 (arXiv:2206.00927), algorithm 2",
)  # fmt: skip
class DpmSolver3(SamplerOptions):
    r"""Three evaluations a step, of order 3; see `SamplerOptions`."""

    method = "dpm-solver-3"
