"""Exponential Euler, in the field of diffusion models DDIM."""

from __future__ import annotations

from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import SamplerTrace
from symdyn.methods.samplers import SamplerScheme

__all__ = ["Ddim"]


def _formula(trace: SamplerTrace) -> None:
    x = trace.start
    for t, u in trace.steps:
        x = trace.reach(u, trace.ddim(x, trace.noise(x), t, u))


class Ddim(SamplerOptions):
    r"""One evaluation a step, :math:`x_u = \Psi(u, t)\, x_t + \int_t^u \Psi g\, \mathrm ds\; N_t`; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.Ddim(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-2)
    True
    """

    method = "ddim"


METHODS.register(
    "ddim",
    SamplerScheme(
        name="ddim", order=1, formula=_formula, options=Ddim,
        reference="Song, Meng & Ermon, Denoising diffusion implicit models, ICLR 2021; "
        "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.1",
    ),
)  # fmt: skip
