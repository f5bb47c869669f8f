"""Multistep methods that predict data: DPM-Solver++(2M), and exponential Adams-Bashforth methods of orders 2 and 3."""

from __future__ import annotations

from functools import partial

from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import SamplerScheme

__all__ = ["DpmSolverPP2m", "DpmSolverPP3m", "ExpAB2"]


def _two(trace: SamplerTrace) -> None:
    x, clock, previous = trace.start, trace.clock, 0.0
    before: Combination | None = None
    for t, u in trace.steps:
        now = predicted = trace.data(x)
        h = clock.log_snr(u) - clock.log_snr(t)
        if before is not None:
            predicted = now + (now - before) * (0.5 * h / (clock.log_snr(t) - clock.log_snr(previous)))
        [weight] = clock.weights(t, u, [t], data=True)
        x = trace.reach(u, clock.sigma(u) / clock.sigma(t) * x + weight * predicted)
        before, previous = now, t


def _adams(trace: SamplerTrace, order: int) -> None:
    x, clock = trace.start, trace.clock
    past: list[tuple[float, Combination]] = []
    for t, u in trace.steps:
        past = [(t, trace.data(x)), *past][:order]
        weights = clock.weights(t, u, [s for s, _ in past], "log-snr", data=True)
        x = clock.sigma(u) / clock.sigma(t) * x
        for weight, (_, data) in zip(weights, past, strict=True):
            x = x + weight * data
        x = trace.reach(u, x)


class DpmSolverPP2m(SamplerOptions):
    r"""One evaluation a step, of order 2; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DpmSolverPP2m(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "dpm-solver++2m"


class DpmSolverPP3m(SamplerOptions):
    r"""One evaluation a step: parabolas in :math:`\lambda` through predictions of data; see `SamplerOptions`.

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
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.DpmSolverPP3m(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "dpm-solver++3m"


class ExpAB2(SamplerOptions):
    r"""One evaluation a step, of order 2: lines in :math:`\lambda` through predictions of data; see `SamplerOptions`.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.

    Examples
    --------
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

    >>> import numpy as np, symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    >>> data = sd.simulate(logistic, [0, 1], method=sd.methods.ExpAB2(nodes=np.linspace(0, 1, 17)), progress=False)
    >>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < 1e-3)
    True
    """

    method = "exp-ab2"


METHODS.register(
    "dpm-solver++2m",
    SamplerScheme(
        name="dpm-solver++2m", order=2, formula=_two, options=DpmSolverPP2m, level=True,
        reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), algorithm 2",
    ),
)  # fmt: skip

METHODS.register(
    "dpm-solver++3m",
    SamplerScheme(
        name="dpm-solver++3m", order=2, damped_order=3, formula=partial(_adams, order=3), options=DpmSolverPP3m, level=True,
        reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), with the integrals "
        "of Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
    ),
)  # fmt: skip

METHODS.register(
    "exp-ab2",
    SamplerScheme(
        name="exp-ab2", order=2, formula=partial(_adams, order=2), options=ExpAB2, level=True,
        reference="Hochbruck & Ostermann, Exponential integrators, Acta Numerica 19 (2010) 209-286, 2.5",
    ),
)  # fmt: skip
