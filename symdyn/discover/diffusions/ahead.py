"""How a diffusion without free parameters follows paths, one step ahead."""

from __future__ import annotations

import numpy as np

from symdyn.discover.diffusions.increments import Increments, increments, residual_notes
from symdyn.discover.diffusions.likelihood import PathLikelihood
from symdyn.inference.data import Observations
from symdyn.inference.local_moments import diffusion_moments
from symdyn.models.sde import SDESystem

__all__ = ["step_errors", "step_notes"]

NONE = np.zeros(0)


def _residuals(system: SDESystem, data: Increments) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (N, n) and covariances (N, n, n) of the steps."""
    likelihood = PathLikelihood(diffusion_moments(system, (), dict(system.defaults)), data)
    likelihood.steps = likelihood.steps_for(NONE)
    return likelihood.residuals(NONE)


def step_errors(system: SDESystem, observed: Observations) -> dict[str, float]:
    """Root mean squares of residuals of steps by state, in standard deviations that the system predicts: 1 of a right one."""
    residual, covariance = _residuals(system, increments(observed))
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    found = np.sqrt(np.mean(residual**2 / variance, axis=0))
    return dict(zip(system.names, map(float, found), strict=True))


def step_notes(system: SDESystem, observed: Observations) -> list[str]:
    """What the residuals say of measurement noise, memory and jumps."""
    data = increments(observed)
    return residual_notes(system.names, data.runs, *_residuals(system, data))
