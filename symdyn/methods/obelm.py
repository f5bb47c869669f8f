"""Methods of two steps that can be inverted exactly: O-BELM."""

from __future__ import annotations

from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import SamplerScheme

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


class OBelm(SamplerOptions):
    r"""One evaluation a step, the leapfrog method with variable steps in :math:`(x/\Psi, \rho)`; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.OBelm(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "o-belm"


METHODS.register(
    "o-belm",
    SamplerScheme(
        name="o-belm", order=2, formula=_formula, options=OBelm,
        reference="Wang et al., BELM: Bidirectional explicit linear multi-step samplers, NeurIPS 2024 (arXiv:2410.07273)",
    ),
)  # fmt: skip
