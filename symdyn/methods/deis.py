"""Exponential Adams-Bashforth methods in time and in the scaled noise level, in the field of diffusion models DEIS."""

from __future__ import annotations

from functools import partial

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["DeisRhoab3", "DeisTab1", "DeisTab2", "DeisTab3"]


REFERENCE = "Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023"


def _formula(trace: SamplerTrace, points: int, clock: str) -> None:
    x = trace.start
    past: list[tuple[float, Combination]] = []
    for t, u in trace.steps:
        past = [(t, trace.noise(x)), *past][:points]
        weights = trace.clock.weights(t, u, [s for s, _ in past], clock)
        x = trace.clock.psi(u, t) * x
        for weight, (_, noise) in zip(weights, past, strict=True):
            x = x + weight * noise
        x = trace.reach(u, x)


@sampler(
    order=2, formula=partial(_formula, points=2, clock="time"),
    reference=f"{REFERENCE}; Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
)  # fmt: skip
class DeisTab1(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 1 in time through N; see `SamplerOptions`."""

    method = "deis-tab1"


@sampler(
    order=2, damped_order=3, formula=partial(_formula, points=3, clock="time"),
    reference=f"{REFERENCE}; Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
)  # fmt: skip
class DeisTab2(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 2 in time through N; see `SamplerOptions`.

    Of order 3 where the flow damps the error of the first step, which is of order 1, and else of order 2.
    """

    method = "deis-tab2"


@sampler(
    order=2, damped_order=4, formula=partial(_formula, points=4, clock="time"),
    reference=f"{REFERENCE}; Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
)  # fmt: skip
class DeisTab3(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 3 in time through N; see `SamplerOptions`.

    Of order 4 where the flow damps the error of the first step, which is of order 1, and else of order 2.
    """

    method = "deis-tab3"


@sampler(
    order=2, damped_order=4, formula=partial(_formula, points=4, clock="rho"), level=True,
    reference=REFERENCE,
)  # fmt: skip
class DeisRhoab3(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 3 in :math:`\rho = \sigma/\Psi` through N; see `SamplerOptions`.

    Of order 4 where the flow damps the error of the first step, which is of order 1, and else of order 2.
    """

    method = "deis-rhoab3"
