"""Exponential Euler, in the field of diffusion models DDIM."""

from __future__ import annotations

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["Ddim"]


def _formula(trace: SamplerTrace) -> None:
    x = trace.start
    for t, u in trace.steps:
        x = trace.reach(u, trace.ddim(x, trace.noise(x), t, u))


@sampler(
    order=1, formula=_formula,
    reference="Song, Meng & Ermon, Denoising diffusion implicit models, ICLR 2021; "
    "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.1",
)  # fmt: skip
class Ddim(SamplerOptions):
    r"""One evaluation a step, :math:`x_u = \Psi(u, t)\, x_t + \int_t^u \Psi g\, \mathrm ds\; N_t`; see `SamplerOptions`."""

    method = "ddim"
