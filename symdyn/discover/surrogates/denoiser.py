r"""A network that tells data from noise, and with it the score of noised data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.dense import DenseLayers
from symdyn.discover.surrogates.registry import SCORE_SURROGATES
from symdyn.methods.options import check_positive, check_whole
from symdyn.optional import require

__all__ = ["Denoiser", "DenoiserFit", "features"]

#: Frequencies of the Fourier features of states and of the noise level.
STATES, LEVELS = (1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0, 16.0)
#: Mean and standard deviation of the logarithm of the noise level, relative to the data, in training.
CENTRE, SPREAD = -1.2, 1.4
#: Weight of the past in the mean of weights, share of the samples held out, parts in which training reports.
MEMORY, HELD, PARTS = 0.998, 0.1, 12


@dataclass(frozen=True)
class DenoiserFit:
    """A trained denoiser.

    Attributes
    ----------
    layers : DenseLayers
    mean : (d,) float64
    scale : float
        Of the data.
    losses : dict of str to array
    seconds : float
    parts : int
        Of the training, as many as there are losses unless it ended early.
    """

    layers: DenseLayers
    mean: np.ndarray
    scale: float
    losses: dict[str, np.ndarray]
    seconds: float
    parts: int

    def expressions(self, process: Any) -> tuple[dict[sp.Symbol, sp.Expr], dict[sp.Symbol, sp.Expr]]:
        r"""Score and prediction of noise by state, of :math:`x = \alpha x_0 + \sigma\epsilon`.

        With :math:`u = (x/\alpha - m)/s` and :math:`r = \sigma/(\alpha s)` the prediction of noise is
        :math:`r u/(1 + r^2) - F/\sqrt{1 + r^2}`.
        """
        ratio = process.sigma / (process.alpha * sp.Float(self.scale))
        root = sp.sqrt(1 + ratio**2)
        u = [
            (x / process.alpha - sp.Float(float(m))) / sp.Float(self.scale)
            for x, m in zip(process.states, self.mean, strict=True)
        ]
        v = [e / root for e in u]
        level = sp.log(ratio) / 4
        waves = [f(sp.Float(k) * e) for e in v for f in (sp.sin, sp.cos) for k in STATES]
        inputs = [*v, *waves, *(f(sp.Float(k) * level) for f in (sp.sin, sp.cos) for k in LEVELS)]
        found = self.layers(*inputs)
        outputs = list(found) if isinstance(found, tuple) else [found]
        noise = {x: (ratio * e - o) / root for x, e, o in zip(process.states, v, outputs, strict=True)}
        return {x: -e / process.sigma for x, e in noise.items()}, noise


@dataclass(frozen=True)
class Denoiser:
    r"""A perceptron F that is trained to denoise, with the preconditioning of Karras et al.

    With data of scale 1, :math:`u = x_0 + r\,\epsilon` and :math:`D = u/(1 + r^2) + r F/\sqrt{1 + r^2}`, it minimises
    :math:`E\, (1 + r^2)\, |D - x_0|^2 / r^2` over log-normal noise levels r.  By Tweedie's formula the score is
    :math:`(D - u)/r^2`.  The network knows no schedule: one training serves all of them.

    Parameters
    ----------
    width, depth : int
        Neurons of a hidden layer, and hidden layers.
    steps, batch : int
        Steps of Adam's method, and samples of each.
    rate : float
        First step size, which falls to 0 like a cosine.

    References
    ----------
    Karras, Aittala, Aila & Laine, Elucidating the design space of diffusion-based generative models, NeurIPS 2022, table 1;
    Vincent, Neural Computation 23, 1661 (2011).

    Examples
    --------
    >>> Denoiser(width=32).depth
    3
    """

    name = "denoiser"

    width: int = 96
    depth: int = 3
    steps: int = 6000
    batch: int = 512
    rate: float = 3e-3

    def __post_init__(self) -> None:
        check_whole(width=self.width, depth=self.depth, steps=self.steps, batch=self.batch)
        check_positive(rate=self.rate)

    def fit(
        self, points: np.ndarray, *, seed: int = 0, going: Callable[[], bool] | None = None,
        report: Callable[[float], None] | None = None,
    ) -> DenoiserFit:  # fmt: skip
        """Train.

        Parameters
        ----------
        points : (n, d) float64
        seed : int
        going : callable, optional
            False ends the training.
        report : callable, optional
            Called with the fraction that is done.

        Returns
        -------
        DenoiserFit
        """
        require("jax")
        from symdyn.discover.surrogates._denoising import DenoiserTraining  # imports JAX, which needs a second

        began = time.process_time()
        mean, scale = points.mean(axis=0), float(np.sqrt(points.var(axis=0).mean()))
        data = (points - mean) / scale
        order = np.random.default_rng(seed).permutation(len(data))
        held, kept = np.split(data[order], [max(1, int(HELD * len(data)))])
        training = DenoiserTraining(
            _shape(data.shape[1], self.width, self.depth), states=STATES, levels=LEVELS, noise=(CENTRE, SPREAD), memory=MEMORY,
            steps=self.steps, batch=self.batch, rate=self.rate, seed=seed,
        )  # fmt: skip
        losses: list[tuple[float, float]] = []
        parts = min(PARTS, self.steps)
        for part in range(parts):
            losses.append(training.run(kept, held, part, parts))
            if report is not None:
                report((part + 1) / parts)
            if going is not None and not going():
                break
        layers = DenseLayers("denoiser", training.layers())
        rows = np.array(losses).T
        return DenoiserFit(layers, mean, scale, {"train": rows[0], "heldout": rows[1]}, time.process_time() - began, parts)


def features(d: int) -> int:
    """Inputs of a network for d states: the states, and waves of them and of the noise level."""
    return d * (1 + 2 * len(STATES)) + 2 * len(LEVELS)


def _shape(d: int, width: int, depth: int) -> Sequence[int]:
    """Inputs, neurons, outputs."""
    return [features(d), *[width] * depth, d]


SCORE_SURROGATES.register("denoiser", Denoiser)
