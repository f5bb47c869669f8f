"""The neural-ODE surrogate: small networks in place of the unknown terms, trained through the integration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy.core.function import AppliedUndef

from symdyn.discover.surrogates._networks import trained
from symdyn.discover.surrogates.registry import SURROGATES, SurrogateFit, with_options
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["NeuralODE", "NeuralODEOptions"]

#: What the training needs.
PACKAGES = ("jax", "optax")


@dataclass(frozen=True)
class NeuralODEOptions:
    """How the networks are built and trained.

    Attributes
    ----------
    width : int
        Neurons in each of the two hidden layers of a term's network.
    window : int
        Most points of a window; longer trajectories are cut into windows with initial values of their own.
    substeps : int
        Steps of the Runge-Kutta method between two data.
    iterations : int
        Most trials of Levenberg-Marquardt.
    decay : float
        Precision of the normal prior of the weights; against it stands the chi-square of the data.
    holdout : float
        Fraction of the time points for validation, which determine when to stop; 0 for fewer than 12 points.
    members : int
        Networks trained from other initial weights and validation points; the result is their mean.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known.
    """

    width: int = 12
    window: int = 40
    substeps: int = 3
    iterations: int = 150
    decay: float = 1.0
    holdout: float = 0.17
    members: int = 2
    signs: Mapping[Any, int] | None = None

    #: Smallest noise believed, relative to the size of a state.
    noise_floor = 1e-5

    def __post_init__(self) -> None:
        for name in ("width", "window", "substeps", "iterations", "decay", "members"):
            if not getattr(self, name) > 0:
                raise RecoveryError(
                    f"the option {name} of the surrogate 'neural_ode' is {getattr(self, name)!r}; expected a positive number"
                )
        if not 0 <= self.holdout < 0.5:
            raise RecoveryError(
                f"the option holdout of the surrogate 'neural_ode' is {self.holdout!r}; expected 0 or more, below 0.5"
            )
        for term, sign in (self.signs or {}).items():
            if sign not in (1, -1):
                raise RecoveryError(f"the sign of the term {term} is {sign!r}; expected +1 or -1")


class NeuralODE:
    r"""A network of its arguments for each unknown function, inside the equations.

    The equations are integrated by the classical Runge-Kutta method from initial values that are fitted jointly;
    Levenberg-Marquardt in residual space minimises

    .. math:: \sum \frac{(x_i(t_k; w) - x_{ik})^2}{\sigma_i^2} + \lambda |w|^2 .

    The equations hold exactly: there is no weight to choose between data and equations.  The networks begin with what
    smoothing tells of the terms, where all states are observed; unobserved states begin at their declared initial values.

    Parameters
    ----------
    options : NeuralODEOptions, optional
    **changes
        Single options instead.

    Notes
    -----
    The first fit switches JAX to double precision for the entire process.

    References
    ----------
    Rackauckas et al., arXiv:2001.04385 (universal differential equations).
    """

    def __init__(self, options: NeuralODEOptions | None = None, **changes: Any) -> None:
        self.options = with_options(options or NeuralODEOptions(), changes, "neural_ode")

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem whose unknown terms are no arguments of each other, else the reason."""
        if system.unmet(["drift"]):
            return (
                f"the surrogate 'neural_ode' needs an ODESystem, got {type(system).__name__}; "
                "for a map leave surrogate='auto', which is 'inversion', or give None"
            )
        for term in system.unknowns:
            if any(a.atoms(AppliedUndef) for a in term.args):
                return f"the unknown term {term} has an unknown term among its arguments; give that one a state of its own"
        return None if system.unknowns else "the surrogate 'neural_ode' needs an unknown term; fit parameters without it"

    def fit(
        self, system: System, observations: Observations, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
    ) -> SurrogateFit:
        """Train on `observations`.

        Parameters
        ----------
        system : ODESystem
            With one or more unknown terms.
        observations : Observations
        seed : int
            Of first weights and held-out points; the same seed gives the same result on the same machine.
        progress : callable, optional
            Called as ``progress(done, total)``.

        Raises
        ------
        RecoveryError
            If JAX is missing, `applies` gives a reason, or the equations cannot be integrated along the data.
        """
        return trained(self, "neural_ode", PACKAGES, _training, system, observations, seed=seed, progress=progress)


def _training() -> Callable[..., SurrogateFit]:
    from symdyn.discover.surrogates._network_training import train

    return train


SURROGATES.register("neural_ode", NeuralODE)
