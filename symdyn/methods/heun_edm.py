"""Heun"s method in the variables in which the linear part has gone."""

from __future__ import annotations

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["HeunEdm"]


def _formula(trace: SamplerTrace) -> None:
    x = trace.start
    for t, u in trace.steps:
        first = trace.noise(x)
        ahead = trace.row(u, trace.ddim(x, first, t, u))
        x = trace.reach(u, trace.ddim(x, 0.5 * (first + trace.noise(ahead)), t, u))


@sampler(
    order=2, formula=_formula,
    reference="Karras et al., Elucidating the design space of diffusion-based generative models, NeurIPS 2022, algorithm 1",
)  # fmt: skip
class HeunEdm(SamplerOptions):
    r"""Two evaluations a step, the trapezoidal rule in :math:`(x/\Psi, \rho)`; see `SamplerOptions`."""

    method = "heun-edm"
