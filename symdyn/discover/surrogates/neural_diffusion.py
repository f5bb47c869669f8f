"""Networks inside the drift and the noise of stochastic differential equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symdyn.discover.surrogates._networks import Networks
from symdyn.discover.surrogates.registry import SurrogateFit, nested

__all__ = ["NeuralDiffusion"]


@dataclass(frozen=True)
class NeuralDiffusion(Networks):
    r"""A network of its arguments for each unknown function of a diffusion, trained on the steps of observed paths.

    Every step is taken to be normal with the conditional mean :math:`m_k` and covariance :math:`P_k` of the diffusion
    (`symdyn.inference.local_moments`); Fisher's scoring minimises

    .. math:: \sum_k (x_{k+1} - m_k)^T P_k^{-1} (x_{k+1} - m_k) + \log\det P_k + \lambda |w|^2 .

    Of a noise that stands alone the data tell only the square; it is taken to be positive.

    Parameters
    ----------
    width : int
        Neurons in each of the two hidden layers of a term's network.
    iterations : int
        Most steps of each training.
    decay : float
        Precision of the normal prior of the weights.
    holdout : float, optional
        Fraction of the steps of the paths that decide when to stop; none of fewer than 60.  By default 0.17, and 0 where there
        are 20 steps or more for each weight, of which more is lost by stopping early than by fitting noise.
    members : int
        Networks trained from other weights and steps.

    References
    ----------
    Kessler, Scand. J. Statist. 24, 211 (1997); Kidger, Foster, Li & Lyons, ICML (2021) (neural SDEs).
    """

    name = "neural_diffusion"

    width: int = 16
    iterations: int = 150
    decay: float = 0.1
    holdout: float | None = None
    members: int = 2
    signs: None = None

    @staticmethod
    def applies(system: Any, observations: Any) -> str | None:
        """None for an SDESystem whose unknown terms are no arguments of each other, else the reason."""
        return system.unmet(["drift", "diffusion"]) or nested(system)

    @staticmethod
    def _training() -> Callable[..., SurrogateFit]:
        from symdyn.discover.surrogates._diffusion_training import train

        return train
