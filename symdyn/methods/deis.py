"""Exponential Adams-Bashforth methods in time and in the scaled noise level, in the field of diffusion models DEIS."""

from __future__ import annotations

from functools import partial

from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import SamplerScheme

__all__ = ["DeisRhoab3", "DeisTab1", "DeisTab2", "DeisTab3"]


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


class DeisTab1(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 1 in time through N; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DeisTab1(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "deis-tab1"


class DeisTab2(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 2 in time through N; see `SamplerOptions`.

    Of order 3 where the flow damps the error of the first step, which is of order 1, and else of order 2.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DeisTab2(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "deis-tab2"


class DeisTab3(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 3 in time through N; see `SamplerOptions`.

    Of order 4 where the flow damps the error of the first step, which is of order 1, and else of order 2.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DeisTab3(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "deis-tab3"


class DeisRhoab3(SamplerOptions):
    r"""One evaluation a step: polynomials of degree 3 in :math:`\rho = \sigma/\Psi` through N; see `SamplerOptions`.

    Of order 4 where the flow damps the error of the first step, which is of order 1, and else of order 2.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DeisRhoab3(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "deis-rhoab3"


METHODS.register(
    "deis-tab1",
    SamplerScheme(
        name="deis-tab1", order=2, formula=partial(_formula, points=2, clock="time"), options=DeisTab1,
        reference="Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023; "
        "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
    ),
)  # fmt: skip

METHODS.register(
    "deis-tab2",
    SamplerScheme(
        name="deis-tab2", order=2, damped_order=3, formula=partial(_formula, points=3, clock="time"), options=DeisTab2,
        reference="Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023; "
        "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
    ),
)  # fmt: skip

METHODS.register(
    "deis-tab3",
    SamplerScheme(
        name="deis-tab3", order=2, damped_order=4, formula=partial(_formula, points=4, clock="time"), options=DeisTab3,
        reference="Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023; "
        "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
    ),
)  # fmt: skip

METHODS.register(
    "deis-rhoab3",
    SamplerScheme(
        name="deis-rhoab3", order=2, damped_order=4, formula=partial(_formula, points=4, clock="rho"), level=True,
        options=DeisRhoab3,
        reference="Zhang & Chen, Fast sampling of diffusion models with exponential integrator, ICLR 2023",
    ),
)  # fmt: skip
