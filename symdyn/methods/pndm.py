"""Pseudo numerical methods: the weights of Adams and Bashforth with the transfer of DDIM."""

from __future__ import annotations

from functools import partial

from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["Ipndm", "Pndm"]


#: Weights of the present and earlier values, by how many there are.
ADAMS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def _formula(trace: SamplerTrace, pseudo: int) -> None:
    x = trace.start
    past: list[Combination] = []
    for k, (t, u) in enumerate(trace.steps):
        past = [trace.noise(x), *past][:4]
        if k < pseudo:
            middle, first = 0.5 * (t + u), past[0]
            second = trace.noise(trace.row(middle, trace.ddim(x, first, t, middle)))
            third = trace.noise(trace.row(middle, trace.ddim(x, second, t, middle)))
            fourth = trace.noise(trace.row(u, trace.ddim(x, third, t, u)))
            noise = (first + 2 * second + 2 * third + fourth) / 6
        else:
            noise, *others = (w * n for w, n in zip(ADAMS[len(past) - 1], past, strict=True))
            for other in others:
                noise = noise + other
        x = trace.reach(u, trace.ddim(x, noise, t, u))


@sampler(
    order=2, formula=partial(_formula, pseudo=3),
    reference="Liu et al., Pseudo numerical methods for diffusion models on manifolds, ICLR 2022, algorithm 2",
)  # fmt: skip
class Pndm(SamplerOptions):
    r"""Adams and Bashforth's weights after three steps of a pseudo Runge-Kutta method; see `SamplerOptions`.

    One evaluation a step, four in the first three steps; of order 2 where nodes are uneven.
    """

    method = "pndm"


@sampler(
    order=2, formula=partial(_formula, pseudo=0),
    reference="Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023, appendix",
)  # fmt: skip
class Ipndm(SamplerOptions):
    r"""One evaluation a step, begun with lower orders; of order 2 on uneven nodes; see `SamplerOptions`."""

    method = "ipndm"
