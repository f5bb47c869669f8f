r"""Samplers of stochastic equations: probability flows, and noise that leaves marginal densities as they are.

With :math:`\lambda = \log(\Psi/\sigma)`, :math:`h = \lambda_u - \lambda_t > 0`, N the prediction of noise and D that of data,
the reversed equation :math:`\mathrm dx = [f - g^2 s]\,\mathrm dt + g\,\mathrm dW` is integrated exactly but for N or D.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import CompileError
from symdyn.methods.clocks import NodeClock
from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import SamplerScheme, SamplerTable
from symdyn.system import System

__all__ = ["Ancestral", "NoisySampler", "PredictorCorrector", "SdeDpm1", "SdeDpmPP2m"]

#: What derivations of probability flows note.
FLOW = "probability flow"
#: What the derivation of a density along a flow notes.
DENSITY = "density along its flow"
#: Langevin steps of the corrector have the length 2 r^2 sigma^2 with this ratio r of noise to score.
RATIO = 0.16


@dataclass(frozen=True, kw_only=True)
class NoisySampler:
    """A sampler whose rows add noise.

    Attributes
    ----------
    base : SamplerScheme
        Its rows, with the standard deviations of their noise; its order is that of means and variances.

    Examples
    --------
    >>> import symdyn as sd
    >>> scheme = sd.METHODS["ancestral"]
    >>> clock = NodeClock([2.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t)
    >>> print(scheme.table([clock]))  # of 4 - 1, a quarter of the variance is kept
    x1 = 1 x0 - 1.5 n0 + 0.866025 z1  at 1
    """

    base: SamplerScheme

    @property
    def name(self) -> str:
        """That under which it is registered."""
        return self.base.name

    @property
    def reference(self) -> str:
        """Where it was published."""
        return self.base.reference

    @property
    def options(self) -> Any:
        """Of the method."""
        return self.base.options

    @property
    def order(self) -> float:
        """Order of means and variances on nodes that are spaced evenly in the logarithmic signal-to-noise ratio."""
        return self.base.order

    @property
    def level(self) -> bool | None:
        """Whether the rows use the noise level."""
        return self.base.level

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["ancestral"].applies(sd.ODESystem.from_text("x' = -x; noise_level := 1"))
        'it takes probability flows of diffusions, as process.probability_flow(...) gives them'
        """
        if (reason := self.base.applies(system)) is not None:
            return reason
        if any(DENSITY in note for note in system.provenance):
            return "a density is carried along a flow without noise; take a sampler without it, such as 'deis-tab2'"
        if any(FLOW in note for note in system.provenance):
            return None
        return "it takes probability flows of diffusions, as process.probability_flow(...) gives them"

    def table(self, clocks: list[NodeClock], options: Mapping[str, Any] | None = None) -> SamplerTable:
        """The table for nodes.

        Parameters
        ----------
        clocks : list of NodeClock
            Of each group of states, at the same nodes.
        options : mapping, optional
            Of the method besides the nodes.

        Returns
        -------
        SamplerTable

        Raises
        ------
        CompileError
            If the nodes do not go from noise to data.

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([2.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t)
        >>> sd.METHODS["sde-dpm-1"].table([clock]).spreads[1].round(6).tolist()  # sqrt(4 - 1)
        [1.732051]
        """
        for clock in clocks:
            if not all(clock.log_snr(u) > clock.log_snr(t) for t, u in clock.steps):
                raise CompileError(
                    f"{self.name!r} adds the noise of the reversed equation, so its nodes go from noise to data, along which "
                    "the noise level falls against the signal; from data to noise simulate the process itself"
                )
        return self.base.table(clocks, options)


def noisy(*, reference: str, order: float, formula: Callable[[SamplerTrace], None]) -> Callable[[Any], Any]:
    """Register a sampler with noise: a decorator of the class of its options, whose docstring gets an example."""

    def registered(options: Any) -> Any:
        options.__doc__ = f"{options.__doc__ or ''}\n{TEXT.format(name=options.__name__)}"
        scheme = SamplerScheme(
            name=options.method, reference=reference, order=order, formula=formula, options=options, level=True
        )
        METHODS.register(options.method, NoisySampler(base=scheme))
        return options

    return registered


TEXT = """Examples
--------
A normal density of the standard deviation 1/2, along nodes from noise to data:

>>> import numpy as np, sympy as sp, symdyn as sd
>>> x = sp.Symbol("x")
>>> process = sd.SDESystem({{x: -x}}, {{x: sp.sqrt(2)}})
>>> noised = process.marginal(sd.transport.GaussianMixture([1], [1], [0.5]))
>>> flow, nodes = process.probability_flow(noised), np.linspace(2, 0.02, 101)
>>> out = sd.simulate(flow, [2, 0.02], initial=noised.at(2).initial(2000, seed=1), trajectories=2000, seed=2,
...                   method=sd.methods.{name}(nodes=nodes), progress=False)
>>> abs(float(out.x[:, -1].std()) - 0.5) < 0.05
True
"""


def _first(trace: SamplerTrace) -> None:
    x, clock = trace.start, trace.clock
    for t, u in trace.steps:
        h = clock.log_snr(u) - clock.log_snr(t)
        moved = clock.psi(u, t) * x + 2 * clock.weight(t, u) * trace.noise(x)
        x = trace.reach(u, moved, clock.sigma(u) * np.sqrt(np.expm1(2 * h)))


def _toward(trace: SamplerTrace, x: Combination, data: Combination, t: float, u: float) -> tuple[Combination, float]:
    """The state at u if the prediction of data stays as it is, and the standard deviation of its noise."""
    clock = trace.clock
    h = clock.log_snr(u) - clock.log_snr(t)
    kept = clock.sigma(u) / clock.sigma(t) * np.exp(-h)
    return kept * x - np.expm1(-2 * h) * clock.psi(u, trace.times[0]) * data, clock.sigma(u) * np.sqrt(-np.expm1(-2 * h))


def _ancestral(trace: SamplerTrace) -> None:
    x = trace.start
    for t, u in trace.steps:
        x = trace.reach(u, *_toward(trace, x, trace.data(x), t, u))


def _second(trace: SamplerTrace) -> None:
    x, clock, before, previous = trace.start, trace.clock, None, 0.0
    for t, u in trace.steps:
        now = predicted = trace.data(x)
        if before is not None:
            ratio = (clock.log_snr(u) - clock.log_snr(t)) / (clock.log_snr(t) - clock.log_snr(previous))
            predicted = now + 0.5 * ratio * (now - before)
        x = trace.reach(u, *_toward(trace, x, predicted, t, u))
        before, previous = now, t


def _corrected(trace: SamplerTrace) -> None:
    x, clock = trace.start, trace.clock
    for t, u in trace.steps:
        x = trace.row(u, *_toward(trace, x, trace.data(x), t, u))
        part, level = 2 * RATIO**2, clock.sigma(u)
        x = trace.reach(u, x - part * level * trace.noise(x), level * np.sqrt(2 * part))


@noisy(order=1, formula=_first, reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), section 5, SDE-DPM-Solver-1")
class SdeDpm1(SamplerOptions):
    r"""One prediction of noise a step, and the noise of the reversed equation.

    .. math:: x_u = \Psi x_t - 2 \sigma_u (e^h - 1) N_t + \sigma_u \sqrt{e^{2h} - 1}\, z
    """

    method = "sde-dpm-1"


@noisy(
    order=1, formula=_ancestral,
    reference="Ho, Jain & Abbeel, Denoising diffusion probabilistic models, NeurIPS 2020; arXiv:2211.01095, SDE++1",
)  # fmt: skip
class Ancestral(SamplerOptions):
    r"""One prediction of data a step: ancestral sampling (DDPM), which is SDE-DPM-Solver++1.

    .. math:: x_u = \frac{\sigma_u}{\sigma_t} e^{-h} x_t + \alpha_u (1 - e^{-2h}) D_t + \sigma_u \sqrt{1 - e^{-2h}}\, z
    """

    method = "ancestral"


@noisy(order=2, formula=_second, reference="Lu et al., DPM-Solver++ (arXiv:2211.01095), section 5, SDE-DPM-Solver++(2M)")
class SdeDpmPP2m(SamplerOptions):
    r"""Ancestral sampling with the line through two predictions of data, evaluated at the middle of the step.

    .. math:: D_t \to D_t + \tfrac12 \frac{h}{h'} (D_t - D_{t'})
    """

    method = "sde-dpm++2m"


@noisy(
    order=1, formula=_corrected,
    reference="Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021, algorithm 1",
)  # fmt: skip
class PredictorCorrector(SamplerOptions):
    r"""Ancestral sampling, and after each step one Langevin step at its noise level: two evaluations.

    .. math:: x' = x - \epsilon \sigma N + \sqrt{2 \epsilon}\, \sigma z, \qquad \epsilon = 2 \cdot 0.16^2

    The length of the step is Song's with the ratio 0.16 of the norms of noise and score in their means.
    """

    method = "predictor-corrector"
