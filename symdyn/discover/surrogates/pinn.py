"""The physics-informed surrogate: networks for the states and for the unknown terms, trained on data and equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symdyn.discover.surrogates._networks import Networks
from symdyn.discover.surrogates.registry import SURROGATES, SurrogateFit, not_rates
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["PINN"]


@dataclass(frozen=True)
class PINN(Networks):
    r"""Universal physics-informed networks for one or several trajectories.

    One tanh network of scaled time for the states of each trajectory, one network for each unknown function of its
    scaled arguments (shared by all trajectories), and parameters without a value minimise

    .. math:: \sum \frac{(\hat x_i(t_k) - x_{ik})^2}{\sigma_i^2}
              + \frac{T}{C} \sum \frac{(\dot{\hat x}_i - f_i)^2}{(\tau r_i)^2} + \lambda |w|^2

    with estimated noise :math:`\sigma`, rates of change :math:`r`, `T` data times and `C` collocation points: by
    Levenberg-Marquardt in residual space, first with a larger :math:`\tau`.  The longest trained weights are kept whose misfit
    of validation points is within a standard error of the smallest.

    Parameters
    ----------
    width, term_width : int
        Neurons in each of the two hidden layers of a state network and of a term network.
    collocation : int
        Points on each trajectory at which the equations are imposed (fewer if there are very many residuals).
    iterations : int
        Most trials of Levenberg-Marquardt.
    tolerance : float
        Size of an acceptable residual of the equations, relative to the rate of change of each state.
    decay : float
        Precision of the normal prior of the weights; against it stands the chi-square of the data.
    holdout : float
        Fraction of the time points for validation, which determine when to stop; 0 for fewer than 12 points.
    members : int
        Networks trained from other initial weights and validation points; the result is their mean.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known.

    Notes
    -----
    A state is :math:`x_0 + (1 - e^{-4(1 + s)}) N(s)` in scaled time :math:`-1 \le s \le 1`, with fitted initial values; states
    that were never measured stay near the initial values of the system.  On both interactions of the Lotka-Volterra system of
    Rackauckas et al. (31 points) the relative errors of the hidden terms have the median 0.27 %, 1.5 % at most over 16 seeds,
    without noise, and 6.5 % and 19 % with noise of 1 %.

    The first fit switches JAX to double precision for the entire process; single precision cannot resolve the residuals.
    A term is identified only where the trajectories went, and from one trajectory not uniquely.

    References
    ----------
    Podina, Eastman, Kohandel, Universal physics-informed neural networks, ICML 2023, PMLR 202:27948.
    """

    name = "pinn"

    width: int = 24
    term_width: int = 16
    collocation: int = 60
    iterations: int = 160
    tolerance: float = 2e-3
    decay: float = 1.0
    holdout: float = 0.17
    members: int = 2
    signs: Mapping[Any, int] | None = None

    #: Smallest noise believed, relative to the spread of a state: below it the networks, not the data, limit the fit.
    noise_floor = 1e-4

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem, else the reason why nothing can be learned."""
        return not_rates(system, "pinn")

    @staticmethod
    def _training() -> Callable[..., SurrogateFit]:
        from symdyn.discover.surrogates._state_training import train

        return train


SURROGATES.register("pinn", PINN)
