"""The physics-informed surrogate: networks for the states and for the unknown terms, trained on data and equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symdyn.discover.surrogates._networks import Networks, check_options
from symdyn.discover.surrogates.registry import SURROGATES, SurrogateFit, not_rates
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["PINN", "PINNOptions"]


@dataclass(frozen=True)
class PINNOptions:
    r"""How the networks are built and trained.

    Attributes
    ----------
    width, term_width : int
        Neurons in each of the two hidden layers of a state network and of a term network.
    collocation : int
        Points on each trajectory at which the equations are imposed (fewer if there are very many residuals).
    warm_up, iterations : int
        Steps of Adam, then at most so many trials of Levenberg-Marquardt.
    tolerance : float
        Size of an acceptable residual of the equations, relative to the rate of change of each state.
    decay : float
        Precision of the normal prior of the weights; against it stands the chi-square of the data.
    holdout : float
        Fraction of the time points for validation, which determine when to stop; 0 for fewer than 12 points.
    members : int
        Networks trained from other initial weights and validation points; the result is their mean.
    initial : {'hard', 'soft'}
        Whether a state is :math:`x_0 + (1 - e^{-4(1 + s)}) N(s)` in scaled time :math:`-1 \le s \le 1`, with fitted initial
        values, or a network alone.  With the first, states that were never measured stay near the initial values of the system.
    causal : float
        :math:`\epsilon` of weights :math:`e^{-\epsilon \sum_{j<i} L_j}` of the squared residuals at the i-th collocation
        point, where :math:`L_j` are those residuals relative to the rates of change; 0 for equal weights.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known.

    Notes
    -----
    Measured on both interactions of the Lotka-Volterra system of Rackauckas et al. (31 points), 16 seeds each, median and
    largest relative error of the hidden terms:

    ======================  ===============  ===============
    options                 no noise         noise of 1 %
    ======================  ===============  ===============
    soft                    0.25 %, 2.8 %    7.5 %, 23 %
    hard                    0.27 %, 1.5 %    6.5 %, 19 %
    hard, causal 1          0.26 %, 1.9 %    6.5 %, 11 %
    hard, causal 100        0.25 %, 290 %    8.6 %, 140 %
    ======================  ===============  ===============

    (one member without noise, two with.)  Causal weights are off: weak ones leave the medians as they are, and with strong
    ones five of 16 trainings without noise stalled with the weights of 97 % of the points below one half.

    References
    ----------
    Wang, Sankaran, Perdikaris, Comput. Methods Appl. Mech. Eng. 421, 116813 (2024), arXiv:2203.07404 (causal weights).
    """

    width: int = 24
    term_width: int = 16
    collocation: int = 60
    warm_up: int = 500
    iterations: int = 160
    tolerance: float = 2e-3
    decay: float = 1.0
    holdout: float = 0.17
    members: int = 2
    initial: str = "hard"
    causal: float = 0.0
    signs: Mapping[Any, int] | None = None

    #: Smallest noise believed, relative to the spread of a state: below it the networks, not the data, limit the fit.
    noise_floor = 1e-4

    def __post_init__(self) -> None:
        check_options(self, "pinn")
        if self.initial not in ("hard", "soft"):
            raise RecoveryError(f"the option initial of the surrogate 'pinn' is {self.initial!r}; expected 'hard' or 'soft'")


class PINN(Networks):
    r"""Universal physics-informed networks for one or several trajectories.

    One tanh network of scaled time for the states of each trajectory, one network for each unknown function of its
    scaled arguments (shared by all trajectories), and parameters without a value minimise

    .. math:: \sum \frac{(\hat x_i(t_k) - x_{ik})^2}{\sigma_i^2}
              + \frac{T}{C} \sum \frac{(\dot{\hat x}_i - f_i)^2}{(\tau r_i)^2} + \lambda |w|^2

    with estimated noise :math:`\sigma`, rates of change :math:`r`, `T` data times and `C` collocation points: first by
    Adam, then by Levenberg-Marquardt in residual space.  The longest trained weights are kept
    whose misfit of validation points is within a standard error of the smallest.

    Parameters
    ----------
    options : PINNOptions, optional
    **changes
        Single options instead.

    Notes
    -----
    The first fit switches JAX to double precision for the entire process; single precision cannot resolve the residuals.
    A term is identified only where the trajectories went, and from one trajectory not uniquely.

    References
    ----------
    Podina, Eastman, Kohandel, Universal physics-informed neural networks, ICML 2023, PMLR 202:27948.
    """

    name, usual = "pinn", PINNOptions

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None for an ODESystem, else the reason why nothing can be learned."""
        return not_rates(system, "pinn")

    @staticmethod
    def _training() -> Callable[..., SurrogateFit]:
        from symdyn.discover.surrogates._state_training import train

        return train


SURROGATES.register("pinn", PINN)
