"""Methods of two steps that can be inverted exactly: O-BELM."""

from __future__ import annotations

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["OBelm"]


def _formula(trace: SamplerTrace) -> None:
    clock, x, earlier = trace.clock, trace.start, 0.0
    before: Combination | None = None
    for t, u in trace.steps:
        noise, h = trace.noise(x), clock.weight(t, u) / clock.psi(u, t)
        if before is None:
            new = trace.ddim(x, noise, t, u)
        else:
            back = clock.psi(earlier, t)
            ratio = -h * back / clock.weight(t, earlier)
            y = ratio**2 / back * before + (1 - ratio**2) * x + h * (1 + ratio) * noise
            new = clock.psi(u, t) * y
        before, earlier, x = x, t, trace.reach(u, new)


@sampler(
    order=2, formula=_formula,
    reference="Wang et al., BELM: Bidirectional explicit linear multi-step samplers, NeurIPS 2024 (arXiv:2410.07273)",
)  # fmt: skip
class OBelm(SamplerOptions):
    r"""One evaluation a step, the leapfrog method with variable steps in :math:`(x/\Psi, \rho)`; see `SamplerOptions`."""

    method = "o-belm"
