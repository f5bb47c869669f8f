"""Heun"s method in the variables in which the linear part has gone."""

from __future__ import annotations

from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import SamplerScheme

__all__ = ["HeunEdm"]


def _formula(trace: SamplerTrace) -> None:
    x = trace.start
    for t, u in trace.steps:
        first = trace.noise(x)
        ahead = trace.row(u, trace.ddim(x, first, t, u))
        x = trace.reach(u, trace.ddim(x, 0.5 * (first + trace.noise(ahead)), t, u))


class HeunEdm(SamplerOptions):
    r"""Two evaluations a step, the trapezoidal rule in :math:`(x/\Psi, \rho)`; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.HeunEdm(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "heun-edm"


METHODS.register(
    "heun-edm",
    SamplerScheme(
        name="heun-edm", order=2, formula=_formula, options=HeunEdm,
        reference="Karras et al., Elucidating the design space of diffusion-based generative models, NeurIPS 2022, algorithm 1",
    ),
)  # fmt: skip
