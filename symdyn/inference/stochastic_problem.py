"""A likelihood of a system with randomness as what every fit maximises."""

from __future__ import annotations

import numpy as np

from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.likelihoods.registry import Evaluator, FitLikelihood, LikelihoodTerms, StochasticSetup
from symdyn.inference.quadratic import Quadratic

__all__ = ["StochasticProblem"]

#: Step of a first parabola through simulated log-likelihoods, in units of coordinates.
FIRST = 0.15
#: Fall of the log-likelihood over which the second one reaches, and bounds of its steps.
FALL, SHORTEST, LONGEST = 1.5, 0.01, 0.6


class StochasticProblem(FitProblem):
    """The likelihood of a `StochasticSetup`.

    Parameters
    ----------
    setup : StochasticSetup
    likelihood : FitLikelihood
    """

    def __init__(self, setup: StochasticSetup, likelihood: FitLikelihood) -> None:
        self.setup, self.likelihood, self.columns = setup, likelihood, setup.columns
        self.system, self.size = setup.system, setup.data.size
        self.start_bounds, self.start_scale = (np.zeros((0, 0)), np.zeros((0, 0))), np.zeros(0)
        self.evaluator: Evaluator = likelihood.evaluator(setup)

    @property
    def noisy(self) -> bool:
        """Whether simulations estimate the log-likelihood."""
        return self.evaluator.noisy

    def error(self, theta: np.ndarray) -> float:
        """Standard error of the log-likelihood at coordinates (P,): of simulations, else 0."""
        found = self.evaluator.expand(self.values(theta[None])).error
        return 0.0 if found is None else float(found[0])

    def remarks(self, theta: np.ndarray) -> tuple[str, ...]:
        return self.evaluator.remarks(self.values(theta))

    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        count, P = theta.shape
        terms = self._parabola(theta) if self.noisy else self._scaled(theta)
        rss = np.where(np.isfinite(terms.value), -2 * terms.value, np.inf)[:, None]
        none = np.zeros((count, 0, P, 0)), np.zeros((count, 0, 0, 0)), np.zeros((count, 0, 0))
        return Quadratic(rss, terms.information, terms.gradient, *none)

    def _scaled(self, theta: np.ndarray) -> LikelihoodTerms:
        """Value, gradient and information by coordinates."""
        values = self.values(theta)
        found = self.evaluator.expand(values)
        slopes = np.stack([c.slope(values[:, k]) for k, c in enumerate(self.columns)], axis=-1)
        slopes = np.where(np.isfinite(found.value)[:, None], slopes, 0.0)  # where values are huge
        return LikelihoodTerms(
            found.value, found.gradient * slopes, found.information * slopes[:, :, None] * slopes[:, None, :], found.error
        )  # fmt: skip

    def _parabola(self, theta: np.ndarray) -> LikelihoodTerms:
        r"""The same where values are simulated: least squares of a parabola through values about each choice.

        Its steps are such that the log-likelihood falls by about 1.5, which is found from steps of one length before.
        """
        count, P = theta.shape
        axes = np.concatenate([np.zeros((1, P)), np.eye(P), -np.eye(P)])
        steps = np.full((count, P), FIRST)
        first, _ = self._valued(theta, steps, axes)
        with np.errstate(invalid="ignore"):
            bend = (first[:, 1 : P + 1] + first[:, P + 1 :] - 2 * first[:, :1]) / steps**2
        bend = np.where(np.isfinite(bend), np.maximum(-bend, 0.0), 0.0)
        steps = np.clip(np.sqrt(2 * FALL / np.maximum(bend, 1e-12)), SHORTEST, LONGEST)
        corners = [[a * (p == i) + b * (p == j) for p in range(P)] for i in range(P) for j in range(i) for a in (-1, 1)
                   for b in (-1, 1)]  # fmt: skip
        design = np.concatenate([axes, 0.5 * axes[1:], 0.7 * np.array(corners).reshape(-1, P)])
        values, places = self._valued(theta, steps, design)
        pairs = [(i, j) for i in range(P) for j in range(i + 1)]
        squares = np.stack([places[..., i] * places[..., j] for i, j in pairs], axis=-1)
        bases = np.concatenate([np.ones((*values.shape, 1)), places, squares], axis=-1)
        gradient, information = np.zeros((count, P)), np.zeros((count, P, P))
        for m in range(count):
            sound = np.isfinite(values[m])
            if not sound[0] or sound.sum() < bases.shape[-1]:
                continue
            found = np.linalg.lstsq(bases[m, sound], values[m, sound], rcond=None)[0]
            gradient[m] = found[1 : P + 1] / steps[m]
            matrix = np.zeros((P, P))
            for (i, j), b in zip(pairs, found[P + 1 :], strict=True):
                matrix[i, j] -= b
                matrix[j, i] -= b
            scaled, vectors = np.linalg.eigh(matrix)
            scaled = np.maximum(scaled, 1e-3 * max(float(np.abs(scaled).max()), 1e-6))
            information[m] = (vectors * scaled) @ vectors.T / np.outer(steps[m], steps[m])
        value = np.where(np.isfinite(values[:, 0]), values[:, 0], -np.inf)
        return LikelihoodTerms(value, gradient, information)

    def _valued(self, theta: np.ndarray, steps: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihoods (M, D) at points about each choice, and the points (M, D, P) in units of its steps (M, P)."""
        points = np.clip(theta[:, None] + steps[:, None] * design[None], self.low, self.high)
        found = self.evaluator.expand(self.values(points.reshape(-1, theta.shape[1]))).value
        return found.reshape(len(theta), len(design)), (points - theta[:, None]) / steps[:, None]
