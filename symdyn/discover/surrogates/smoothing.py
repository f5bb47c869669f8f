"""The surrogate without networks: every state smoothed by a Gaussian process, unknown terms solved for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.surrogates._gaussian import smooth
from symdyn.discover.surrogates._pairs import Pairs, Solving, not_linear
from symdyn.discover.surrogates.registry import SURROGATES, not_rates
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory
from symdyn.system import System

__all__ = ["Smoothing"]

#: Values of a state on a trajectory from which it can be smoothed.
FEWEST = 6


@dataclass(frozen=True)
class Smoothing(Solving):
    r"""Values of unknown terms that enter linearly, from smoothed states and their derivatives.

    Every state is the posterior mean of an integrated Wiener process (a quintic smoothing spline), whose smoothness and noise
    maximise the restricted likelihood.  With :math:`\dot x = A(x) + B(x)\,u` every time gives

    .. math:: \hat u = (B^\top W B)^{-1} B^\top W\, (\hat{\dot x} - A(\hat x)), \qquad W = \mathrm{diag}(s_i^{-2})

    with the pointwise standard errors `s` of the derivatives; the variance :math:`(B^\top W B)^{-1}` becomes the weight.

    Parameters
    ----------
    points : int
        Samples on each trajectory.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known; samples of the other sign are left out.

    Notes
    -----
    All states must be observed.  Parameters without a value are fitted by the residuals of equations beyond the unknown terms.
    """

    source, singular = "the derivatives of the states", 0.0

    points: int = 200
    signs: Mapping[Any, int] | None = None

    def __post_init__(self) -> None:
        if not self.points >= 2:
            raise RecoveryError(f"the option points of the surrogate 'smoothing' is {self.points!r}; expected 2 or more")

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem with all states observed and terms that can be solved for, else the reason."""
        if system.unmet(["drift"]):
            return not_rates(system, "smoothing")
        reason = not_linear(system)
        for t in observations.trajectories:
            counts = np.isfinite(t.values).sum(axis=0)
            if reason is None and counts.min() < FEWEST:
                state = system.names[int(np.argmin(counts))]
                reason = f"{state} has {counts.min()} values on a trajectory, and smoothing needs {FEWEST}; 'pinn' needs none"
        return None if reason is None else f"the surrogate 'smoothing' cannot solve for the unknown terms: {reason}"

    def _along(
        self, system: System, observations: Observations, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray], Pairs]:
        runs = []
        for k, t in enumerate(observations.trajectories):
            runs.append(_smooth_states(t, self.points))
            progress(k + 1, len(observations.trajectories))
        pairs = Pairs(*(np.concatenate([getattr(r, name) for r in runs]) for name in ("times", "now", "then", "noise")))
        return [r.times for r in runs], [r.now for r in runs], pairs


def _smooth_states(t: Trajectory, points: int) -> Pairs:
    """States with their slopes at so many equal times, between the first and last one at which all states are known."""
    seen = [np.isfinite(v) for v in t.values.T]
    low, high = (f(t.times[s][end] for s in seen) for f, end in ((max, 0), (min, -1)))
    at = np.linspace(low, high, points)
    each = [smooth(t.times[s], t.values[s, i], at) for i, s in enumerate(seen)]
    floors = [1e-9 * max(float(np.abs(t.values[s, i]).max()), 1e-300) for i, s in enumerate(seen)]
    errors = np.stack([np.maximum(p.slope_error, floor) for p, floor in zip(each, floors, strict=True)], axis=1)
    value, slope = (np.stack([getattr(p, name) for p in each], axis=1) for name in ("value", "slope"))
    return Pairs(at, value, slope, errors)


SURROGATES.register("smoothing", Smoothing)
