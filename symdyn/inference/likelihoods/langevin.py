"""The quasi-likelihood of a diffusion, of networks that of their Langevin equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symdyn.derive.langevin import langevin
from symdyn.errors import SymdynError
from symdyn.inference.likelihoods._moment_equations import MomentEquations
from symdyn.inference.likelihoods._normal import normal_unmet
from symdyn.inference.likelihoods._normal_smoother import SmoothingFilter
from symdyn.inference.likelihoods.registry import LIKELIHOODS, FitLikelihood, eventful
from symdyn.inference.local_moments import diffusion_moments
from symdyn.inference.stochastic_setup import StochasticSetup

__all__ = ["LangevinLikelihood"]


@dataclass(frozen=True, kw_only=True)
class LangevinLikelihood(FitLikelihood):
    r"""Normal laws with the local moments of the (Langevin) diffusion, `symdyn.inference.local_moments`.

    .. math:: \dot m = f + \tfrac12 \nabla\nabla f : C, \qquad \dot C = J C + C J^T + D + \tfrac12 \nabla\nabla D : C

    The means feel the noise, which those of the linear noise approximation do not; rates need not be polynomials.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> growth = sd.SDESystem.from_text("dx = r*x*dt + s*x*dW", initial={"x": 1})
    >>> x = np.exp([0.0, 0.3, 0.2, 0.7, 0.9, 1.6, 1.7, 2.2])
    >>> fit = sd.fit(growth, {"t": 0.1 * np.arange(8.0), "x": x}, likelihood="langevin", starts=2, parameters={"s": (0.01, 10)})
    >>> bool(abs(fit.parameters["s"] - np.diff(np.log(x)).std() / np.sqrt(0.1)) < 0.3)
    True
    """

    name: ClassVar[str] = "langevin"
    definition: ClassVar[str] = "normal laws with the mean and covariance of the diffusion equation to second order"
    reference: ClassVar[str] = "Kessler, Scand. J. Statist. 24, 211 (1997); Gillespie, J. Chem. Phys. 113, 297 (2000)"

    def unmet(self, setup: StochasticSetup) -> str | None:
        if reason := eventful(setup.system):
            return reason
        try:
            equations(setup)
        except SymdynError as error:
            return f"does not apply: {error}"
        return normal_unmet(setup)

    def evaluator(self, setup: StochasticSetup) -> SmoothingFilter:
        return SmoothingFilter(setup, equations(setup))


def equations(setup: StochasticSetup) -> MomentEquations:
    """Of a network or a diffusion."""
    system = setup.system
    diffusion = langevin(system) if system.propensities is not None else system
    moments = diffusion_moments(diffusion, diffusion.parameters)
    return MomentEquations.of_diffusion(moments, moments.rates)


LIKELIHOODS.register("langevin", LangevinLikelihood)
