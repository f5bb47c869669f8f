"""The linear noise approximation, of diffusions the extended Kalman filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symdyn.derive.system_size import linear_noise
from symdyn.errors import SymdynError
from symdyn.inference.likelihoods._moment_equations import MomentEquations
from symdyn.inference.likelihoods._normal import normal_unmet
from symdyn.inference.likelihoods._normal_smoother import SmoothingFilter
from symdyn.inference.likelihoods.registry import LIKELIHOODS, FitLikelihood, eventful
from symdyn.inference.local_moments import diffusion_moments
from symdyn.inference.stochastic_setup import StochasticSetup

__all__ = ["LinearNoise"]


@dataclass(frozen=True, kw_only=True)
class LinearNoise(FitLikelihood):
    r"""Means by the rate equations, covariances by the linear noise approximation, restarted at every measurement.

    .. math:: \dot m = f(m), \qquad \dot C = J C + C J^T + D(m)

    with the drift f, its Jacobian J and the squared noise D at the mean.  It is the likelihood itself for linear systems with
    additive noise and for no network; of networks with linear propensities the first two moments are exact.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> walk = sd.SDESystem.from_text("dx = -k*x*dt + s*dW", parameters={"s": 0.5}, initial={"x": 1})
    >>> data = {"t": np.arange(6.0), "x": [1.0, 0.9, 0.1, -0.2, 0.3, 0.0]}
    >>> fit = sd.fit(walk, data, likelihood="lna", starts=2)
    >>> a = fit.parameters["k"]
    >>> steps = np.array(data["x"][1:]) - np.array(data["x"][:-1]) * np.exp(-a)
    >>> v = 0.25 * (1 - np.exp(-2 * a)) / (2 * a)
    >>> bool(np.isclose(fit.log_likelihood, (-0.5 * steps**2 / v - 0.5 * np.log(2 * np.pi * v)).sum(), rtol=1e-8))
    True
    """

    name: ClassVar[str] = "lna"
    definition: ClassVar[str] = "normal laws with means of the rate equations and covariances of the linear noise approximation"
    reference: ClassVar[str] = (
        "Fearnhead, Giagos, Sherlock, Biometrics 70, 457 (2014); Komorowski et al., BMC Bioinf. 10, 343 (2009)"
    )

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
    if system.propensities is not None:
        return MomentEquations.of(linear_noise(system.replace(binary=())))
    moments = diffusion_moments(system, system.parameters)
    return MomentEquations.of_diffusion(moments, moments.linear_rates)


LIKELIHOODS.register("lna", LinearNoise)
