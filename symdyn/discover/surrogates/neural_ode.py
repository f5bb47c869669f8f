"""The neural-ODE surrogate: small networks in place of the unknown terms, trained through the integration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from symdyn.discover.surrogates._networks import Networks
from symdyn.discover.surrogates.registry import SURROGATES, SurrogateFit, nested, not_rates
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["STARTS", "NeuralODE"]

#: What may have a price.
PRICED = ("error", "local error", "stiffness")
#: Where trajectories begin.
STARTS = ("fitted", "declared", "measured")


@dataclass(frozen=True)
class NeuralODE(Networks):
    r"""A network of its arguments for each unknown function, inside the equations.

    The equations are integrated by the classical Runge-Kutta method from initial values that are fitted jointly;
    Levenberg-Marquardt in residual space minimises

    .. math:: \sum \frac{(x_i(t_k; w) - x_{ik})^2}{\sigma_i^2} + \lambda |w|^2 .

    The equations hold exactly: there is no weight to choose between data and equations.  The networks begin with what
    smoothing tells of the terms, where all states are observed; unobserved states begin at their declared initial values.

    Parameters
    ----------
    width : int
        Neurons in each of the two hidden layers of a term's network.
    window : int
        Most points of a window; longer trajectories are cut into windows with initial values of their own.
    substeps : int
        Steps of the Runge-Kutta method between two data, or knots of inputs; with inputs so many at first.
    iterations : int
        Most trials of Levenberg-Marquardt.
    decay : float, optional
        Precision of the normal prior of the weights; against it stands the chi-square of the data.  Without it, it is 1; with
        `starts` that are not fitted, no points for validation and no `penalty` it is that of the greatest evidence, for each
        layer by itself.
    holdout : float
        Fraction of the time points for validation, which determine when to stop; 0 for fewer than 12 points.
    members : int
        Networks trained from other initial weights and validation points; the result is their mean.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known.
    penalty : mapping, optional
        Prices of what steps cost a solver, see `symdyn.learn`.
    starts : {'fitted', 'declared', 'measured'}
        Whether initial values of windows are fitted; otherwise those of the system, or the first measurements, hold exactly in
        every trajectory, which is one window then.
    courses : DrivingPaths, optional
        Of the inputs.

    Notes
    -----
    The first fit switches JAX to double precision for the entire process.

    References
    ----------
    Rackauckas et al., arXiv:2001.04385 (universal differential equations).
    """

    name = "neural_ode"

    width: int = 12
    window: int = 40
    substeps: int = 3
    iterations: int = 150
    decay: float | None = None
    holdout: float = 0.17
    members: int = 2
    signs: Mapping[Any, int] | None = None
    penalty: Mapping[str, float] | None = None
    starts: str = "fitted"
    courses: Any = field(default=None, compare=False, repr=False)

    #: Smallest noise believed, relative to the size of a state.
    noise_floor = 1e-5

    def __post_init__(self) -> None:
        """Refuse prices and starts that are none, also."""
        super().__post_init__()
        if self.starts not in STARTS:
            raise RecoveryError(f"starts is {self.starts!r}; expected {', '.join(map(repr, STARTS))}")
        if self.penalty is None:
            return
        if not isinstance(self.penalty, Mapping) or not self.penalty or (wrong := sorted({*self.penalty} - {*PRICED})):
            shown = self.penalty if not isinstance(self.penalty, Mapping) or not self.penalty else wrong[0]
            raise RecoveryError(f"penalty has {shown!r}; expected prices of {', '.join(map(repr, PRICED))}")
        for name, value in self.penalty.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < float("inf"):
                raise RecoveryError(f"the penalty of {name!r} is {value!r}; expected a positive number")
        if {"error", "local error"} <= {*self.penalty}:
            raise RecoveryError("penalty has 'error' and 'local error'; give one of them")

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem whose unknown terms are no arguments of each other, else the reason."""
        reason = not_rates(system, "neural_ode") or nested(system)
        if reason is None and not system.unknowns:
            return "the surrogate 'neural_ode' needs an unknown term; fit parameters without it"
        return reason

    @staticmethod
    def _training() -> Callable[..., SurrogateFit]:
        from symdyn.discover.surrogates._network_training import train

        return train


SURROGATES.register("neural_ode", NeuralODE)
