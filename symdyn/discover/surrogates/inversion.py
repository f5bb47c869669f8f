"""Unknown terms of a map, solved for from every state and the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.surrogates._pairs import Pairs, Solving, consecutive, not_linear
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.problem import rough_states
from symdyn.system import System

__all__ = ["Inversion"]


@dataclass(frozen=True)
class Inversion(Solving):
    r"""Values of unknown functions that enter a map linearly, from pairs of consecutive complete observations.

    With :math:`F(x) = A(x) + B(x)\,u` for the values `u` of the unknown functions, every pair gives

    .. math:: \hat u_t = (B^\top W B)^{-1} B^\top W\, (x_{t+1} - A(x_t)), \qquad W = \mathrm{diag}(\sigma_i^{-2}),

    with variance :math:`(B^\top W B)^{-1}`, whose inverse weighs the sample.  The residual of the equations beyond the unknown
    functions fits the parameters without a value; those that it does not determine are taken to be 1.

    Parameters
    ----------
    singular : float
        Share of the largest weight below which a sample is left out: there the term hardly moves the next state.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known; samples of the other sign are left out.

    Notes
    -----
    Noise of `x_t` in `A`, `B` and in the arguments of the functions is not allowed for: the samples only propose formulas,
    which are then fitted to all data.
    """

    source = "the next state"

    singular: float = 1e-6
    signs: Mapping[Any, int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.singular < 1:
            raise RecoveryError(
                f"the option singular of the surrogate 'inversion' is {self.singular!r}; expected 0 or more, below 1"
            )

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for a map whose unknown functions can be solved for, else the reason."""
        if system.unmet(["map"]):
            return f"the surrogate 'inversion' needs a DiscreteSystem, got {type(system).__name__}; for ODEs there is 'pinn'"
        reason = not_linear(system)
        if reason is None and not len(consecutive(observations).now):
            reason = "no two observations of all states are one step apart"
        return None if reason is None else f"the surrogate 'inversion' cannot solve for the unknown terms: {reason}"

    def _along(
        self, system: System, observations: Observations, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray], Pairs]:
        progress(1, 1)
        return [t.times for t in observations.trajectories], rough_states(system, observations)[0], consecutive(observations)


SURROGATES.register("inversion", Inversion)
