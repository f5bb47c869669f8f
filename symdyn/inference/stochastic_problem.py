"""A likelihood of a system with randomness as what every fit maximises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdyn.inference.beginnings import LAW
from symdyn.inference.budget import Budget
from symdyn.inference.fit_problem import GAIN, FitProblem
from symdyn.inference.journal import KeptState
from symdyn.inference.likelihoods import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms
from symdyn.inference.quadratic import Quadratic
from symdyn.inference.stochastic_setup import StochasticSetup

__all__ = ["StochasticProblem", "made_problem"]

#: Step of second differences of simulated log-likelihoods, in units of coordinates.
FIRST = 0.15
#: Standard error of a log-likelihood above which a note says so.
LARGE_ERROR = 1.5
#: Deviation of noise, relative to the size of a column, below which a note says so.
VANISHED = 1e-4
#: Gain of twice a simulated log-likelihood that counts.
NOISY_GAIN = 0.02
#: Fall of the log-likelihood over which parabolas reach, and bounds of their half axes and of curvatures over expected ones.
FALL, SHORTEST, LONGEST, CURVED = 2.5, 0.003, 0.5, (0.1, 10.0)


class StochasticProblem(FitProblem):
    """The likelihood of a `StochasticSetup`.

    Parameters
    ----------
    setup : StochasticSetup
    likelihood : FitLikelihood
    rough : StochasticProblem, optional
        An approximation of a likelihood that is simulated.
    """

    def __init__(self, setup: StochasticSetup, likelihood: FitLikelihood, rough: StochasticProblem | None = None) -> None:
        self.rough = rough
        setup = replace(setup, certain=likelihood.certain)
        self.setup, self.likelihood, self.columns = setup, likelihood, setup.columns
        self.system, self.size = setup.system, setup.data.size
        self.start_bounds, self.start_scale = (np.zeros((0, 0)), np.zeros((0, 0))), np.zeros(0)
        self.evaluator: Evaluator = likelihood.evaluator(setup)
        self.gain = NOISY_GAIN if self.evaluator.noisy else GAIN

    @property
    def facts(self) -> Any:
        return LAW, self.setup, self.likelihood

    def prepare(self, budget: Budget, kept: KeptState) -> str | None:
        early = self.evaluator.prepare(budget, kept)
        if early is None:
            return None
        done, self.likelihood = early
        return done

    @property
    def noisy(self) -> bool:
        """Whether simulations estimate the log-likelihood."""
        return self.evaluator.noisy

    def error(self, theta: np.ndarray) -> float:
        """Standard error of the log-likelihood at coordinates (P,): of simulations, else 0."""
        found = self.evaluator.expand(self.values(theta[None])).error
        return 0.0 if found is None else float(found[0])

    def begins_about(self, theta: np.ndarray) -> bool:
        """Whether paths begin about initial values, see `symdyn.inference.beginnings`, at coordinates (P,)."""
        setup, values = self.setup, self.values(theta[None])
        groups = () if setup.snapshots else setup.groups()
        return any(setup.path_spread(g, *setup.path_starts(g, values), values)[0].any() for g in groups)

    def log_posterior(self, theta: np.ndarray) -> np.ndarray:
        """Logarithms (M,) of likelihood and densities of priors at coordinates (M, P), without derivatives."""
        return self.evaluator.log_likelihood(self.values(theta)) + self.log_prior(theta)

    def totals(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        found = -2 * self.log_posterior(theta)
        return np.where(np.isnan(found), np.inf, found)

    def remarks(self, theta: np.ndarray) -> tuple[str, ...]:
        found, error = (*self.evaluator.remarks(self.values(theta)), *self._vanished(theta)), self.error(theta)
        if error > LARGE_ERROR:
            found += (f"the log-likelihood has a standard error of {error:.2g}; take more particles",)
        return found

    def _vanished(self, theta: np.ndarray) -> tuple[str, ...]:
        """Notes on deviations of noise that fell to nothing."""
        of = "reactions" if self.system.diffusion is None else "equations"
        values, found = dict(zip(self.setup.symbols, self.values(theta), strict=True)), []
        for o, (spec, size) in enumerate(zip(self.setup.observed, self.setup.data.scale, strict=True)):
            if spec.law.name in ("normal", "laplace", "student") and spec.parameters:
                value = values.get(spec.parameters[0], np.inf)
                if value < VANISHED * size:
                    seen = np.concatenate([t.values[:, o] for t in self.setup.data.trajectories])
                    whole = self.likelihood.exact and self.system.propensities is not None and not np.nansum(seen % 1)
                    why = f"the data do not tell it from the noise of the {of}"
                    if whole:
                        why = "its density grows without end, as data and numbers of molecules are whole: nothing is told by it"
                    found.append(
                        f"{spec.parameters[0]} fell to {value:.2g} where the values of {spec.name} are about {size:.2g}: "
                        f"either there is no noise, or {why}; give noise, or bounds or a prior of it"
                    )
        return tuple(found)

    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        count, P = theta.shape
        terms = self._parabola(theta) if self.noisy else self.scaled(theta)
        rss = np.where(np.isfinite(terms.value), -2 * terms.value, np.inf)[:, None]
        none = np.zeros((count, 0, P, 0)), np.zeros((count, 0, 0, 0)), np.zeros((count, 0, 0))
        return Quadratic(rss, terms.information, terms.gradient, *none)

    def scaled(self, theta: np.ndarray, evaluator: Evaluator | None = None) -> LikelihoodTerms:
        """Value, gradient and information by coordinates, of the data or as another evaluator has them."""
        values = self.values(theta)
        found = (evaluator or self.evaluator).expand(values)
        slopes = np.stack([c.slope(values[:, k]) for k, c in enumerate(self.columns)], axis=-1)
        slopes = np.where(np.isfinite(found.value)[:, None], slopes, 0.0)  # where values are huge
        return LikelihoodTerms(
            found.value, found.gradient * slopes, found.information * slopes[:, :, None] * slopes[:, None, :], found.error
        )  # fmt: skip

    def _parabola(self, theta: np.ndarray) -> LikelihoodTerms:
        r"""The same where values are simulated: least squares of a parabola through values about each choice.

        They lie where the log-likelihood is expected to fall by up to 2.5: by the information of the approximation `rough`, or
        by second differences.  Its curvature is kept within a factor of ten of what was expected.
        """
        count, P = theta.shape
        roots = self._roots(theta)
        eye = np.eye(P)
        corners = [a * eye[i] + b * eye[j] for i in range(P) for j in range(i) for a in (-1, 1) for b in (-1, 1)]
        outer = np.concatenate([eye, -eye, np.sqrt(0.5) * np.array(corners).reshape(-1, P)])
        design = np.sqrt(2 * FALL) * np.concatenate([np.zeros((1, P)), outer, 0.6 * outer])
        values, places = self._valued(theta, roots, design)
        pairs = [(i, j) for i in range(P) for j in range(i + 1)]
        squares = np.stack([places[..., i] * places[..., j] for i, j in pairs], axis=-1)
        bases = np.concatenate([np.ones((*values.shape, 1)), places, squares], axis=-1)
        gradient, information = np.zeros((count, P)), np.zeros((count, P, P))
        for m in range(count):
            sound = np.isfinite(values[m])
            if not sound[0] or sound.sum() < bases.shape[-1]:
                continue
            found = np.linalg.lstsq(bases[m, sound], values[m, sound], rcond=None)[0]
            back = np.linalg.inv(roots[m])
            gradient[m] = back.T @ found[1 : P + 1]
            matrix = np.zeros((P, P))
            for (i, j), b in zip(pairs, found[P + 1 :], strict=True):
                matrix[i, j] -= b
                matrix[j, i] -= b
            scaled, vectors = np.linalg.eigh(matrix)
            information[m] = back.T @ (vectors * np.clip(scaled, *CURVED)) @ vectors.T @ back
        value = np.where(np.isfinite(values[:, 0]), values[:, 0], -np.inf)
        return LikelihoodTerms(value, gradient, information)

    def _roots(self, theta: np.ndarray) -> np.ndarray:
        """Square roots (M, P, P) of the covariance of estimates that is expected."""
        count, P = theta.shape
        if self.rough is not None:
            none = np.zeros((count, 0, 0))
            information = self.rough.expand_data(np.arange(count), theta, none).information
        else:
            steps = np.full((count, P, P), FIRST) * np.eye(P)
            first, _ = self._valued(theta, steps, np.concatenate([np.zeros((1, P)), np.eye(P), -np.eye(P)]))
            with np.errstate(invalid="ignore"):
                bend = -(first[:, 1 : P + 1] + first[:, P + 1 :] - 2 * first[:, :1]) / FIRST**2
            information = np.where(np.isfinite(bend), np.maximum(bend, 0.0), 0.0)[..., None] * np.eye(P)
        values, vectors = np.linalg.eigh(information)
        return vectors * np.clip(1 / np.sqrt(np.maximum(values, 1e-12)), SHORTEST, LONGEST)[:, None, :]

    def _valued(self, theta: np.ndarray, roots: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihoods (M, D) at points about each choice, and where these are (M, D, P) in units of `roots`."""
        points = np.clip(theta[:, None] + np.einsum("mpq,dq->mdp", roots, design), self.low, self.high)
        found = self.evaluator.expand(self.values(points.reshape(-1, theta.shape[1]))).value
        places = np.linalg.solve(roots[:, None], (points - theta[:, None])[..., None])[..., 0]
        return found.reshape(len(theta), len(design)), places


def made_problem(setup: StochasticSetup, likelihood: FitLikelihood) -> StochasticProblem:
    """The problem of a likelihood, of one that is simulated with an approximation whose optimum is where to begin."""
    problem = StochasticProblem(setup, likelihood)
    if problem.noisy:
        made = (LIKELIHOODS[name]() for name in ("langevin", "lna"))
        problem.rough = next((StochasticProblem(setup, rule) for rule in made if rule.unmet(setup) is None), None)
    return problem
