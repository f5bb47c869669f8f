"""The surrogate without networks: every state smoothed by a Gaussian process, unknown terms solved for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.data import Observations
from symdyn.discover.surrogates._pairs import Pairs, fitted_parameters, linear_form
from symdyn.discover.surrogates._registry import SURROGATES, SurrogateFit, with_options
from symdyn.discover.surrogates._smooth_states import samples_of, smooth_states, unsuitable
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["Smoothing", "SmoothingOptions"]


@dataclass(frozen=True)
class SmoothingOptions:
    """Details of the smoothing.

    Attributes
    ----------
    points : int
        Samples on each trajectory.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known; samples of the other sign are left out.
    """

    points: int = 200
    signs: Mapping[Any, int] | None = None

    def __post_init__(self) -> None:
        if not self.points >= 2:
            raise RecoveryError(f"the option points of the surrogate 'smoothing' is {self.points!r}; expected 2 or more")


class Smoothing:
    r"""Values of unknown terms that enter linearly, from smoothed states and their derivatives.

    Every state is the posterior mean of an integrated Wiener process (a quintic smoothing spline), whose smoothness and noise
    maximise the restricted likelihood.  With :math:`\dot x = A(x) + B(x)\,u` every time gives

    .. math:: \hat u = (B^\top W B)^{-1} B^\top W\, (\hat{\dot x} - A(\hat x)), \qquad W = \mathrm{diag}(s_i^{-2})

    with the pointwise standard errors `s` of the derivatives; the variance :math:`(B^\top W B)^{-1}` becomes the weight.

    Parameters
    ----------
    options : SmoothingOptions, optional
    **changes
        Single options instead.

    Notes
    -----
    All states must be observed.  Parameters without a value are fitted by what the equations say beyond the unknown terms.
    """

    def __init__(self, options: SmoothingOptions | None = None, **changes: Any) -> None:
        self.options = with_options(options or SmoothingOptions(), changes, "smoothing")

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem with all states observed and terms that can be solved for, else the reason."""
        return unsuitable(system, observations, "smoothing")

    def fit(
        self, system: System, observations: Observations, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
    ) -> SurrogateFit:
        """Smooth `observations` and solve for the unknown terms; `seed` is without effect, the result is unique.

        Raises
        ------
        RecoveryError
            If `applies` gives a reason, or nowhere on the data a term moves a derivative.
        """
        reason = self.applies(system, observations)
        if reason is not None:
            raise RecoveryError(reason)
        started = time.perf_counter()
        runs, form = smooth_states(observations, self.options.points), linear_form(system)
        pairs = Pairs(*(np.concatenate([getattr(r.pairs, k) for r in runs]) for k in ("times", "now", "then", "noise")))
        parameters = fitted_parameters(system, form, pairs)
        known = {**system.defaults, **parameters}
        values, weights = form.solve(pairs, known)
        terms = {
            u: samples_of(u, form.arguments(pairs, known)[j], values[:, j], weights[:, j], self.options.signs)
            for j, u in enumerate(system.unknowns)
        }
        if progress is not None:
            progress(1, 1)
        history = {"errors": tuple(r.value_error for r in runs), "seconds": time.perf_counter() - started}
        return SurrogateFit(tuple(r.times for r in runs), tuple(r.value for r in runs), terms, parameters, history)


SURROGATES.register("smoothing", Smoothing)
