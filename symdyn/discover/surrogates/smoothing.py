"""The surrogate without networks: every state smoothed by a Gaussian process, unknown terms solved for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.surrogates._pairs import LinearForm
from symdyn.discover.surrogates._smoothed import Smoothed, SmoothStates
from symdyn.discover.surrogates.registry import SURROGATES, with_options
from symdyn.errors import RecoveryError

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


class Smoothing(Smoothed):
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
    All states must be observed.  Parameters without a value are fitted by the residuals of equations beyond the unknown terms.
    """

    name = "smoothing"

    def __init__(self, options: SmoothingOptions | None = None, **changes: Any) -> None:
        self.options = with_options(options or SmoothingOptions(), changes, "smoothing")

    def _along(self, run: SmoothStates, form: LinearForm, known: Mapping[Any, float], data: int) -> tuple[np.ndarray, ...]:
        return form.solve(run.pairs, known)


SURROGATES.register("smoothing", Smoothing)
