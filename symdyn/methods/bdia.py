"""Methods of two steps that can be inverted exactly: BDIA."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods.options import check_positive
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["Bdia"]


def _formula(trace: SamplerTrace) -> None:
    gamma = trace.options.get("gamma", 1.0)
    x, earlier = trace.start, 0.0
    before: Combination | None = None
    for t, u in trace.steps:
        noise = trace.noise(x)
        new = trace.ddim(x, noise, t, u)
        if before is not None:
            new = new + gamma * (before - trace.ddim(x, noise, t, earlier))
        before, earlier, x = x, t, trace.reach(u, new)


@sampler(
    order=2, formula=_formula,
    reference="Zhang, Lewis & Kleijn, Exact diffusion inversion via bi-directional integration approximation, ECCV 2024",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True, repr=False)
class Bdia(SamplerOptions):
    r"""One evaluation a step, DDIM averaged with its own inversion; see `SamplerOptions`.

    .. math:: x_u = x_t + \Delta(t \to u) + \gamma\,[x_s - x_t - \Delta(t \to s)]

    with the time s of the node before t.  It is of order 2 for :math:`\gamma = 1` and of order 1 otherwise; the inversion
    divides by :math:`\gamma`, so that rounding grows as :math:`\gamma^{-n}` over n steps.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.
    gamma : float
        :math:`\gamma`, positive; 1 by default.
    """

    method = "bdia"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(gamma=self.gamma)
