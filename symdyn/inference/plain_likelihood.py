"""The likelihood of observables without derivatives: simulations of states alone, and the likelihood of each measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.quadratic import Quadratic
from symdyn.inference.spatial_problem import SpatialProblem

__all__ = ["PlainLikelihood", "without_derivatives"]


class PlainLikelihood(ObservedProblem):
    """The likelihood of a `FitSetup` that has `totals` and no expansions: along no coordinate is anything differentiated.

    Parameters
    ----------
    setup : FitSetup
    """

    def _read_courses(self) -> None:
        super()._read_courses()
        self.moving = []

    def _chained(
        self, theta: np.ndarray, courses: Sequence[Mapping[tuple[int, int], np.ndarray]], slopes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((*slopes.shape[:-1], 0)), np.zeros((*slopes.shape[:2], len(self.parameters), 0))

    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        raise NotImplementedError("a likelihood without derivatives has no expansions")

    def totals(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        values, _ = self.evaluate(theta, starts)
        data, total = self.cut.values[None], self.log_prior(theta)
        for o, (mean, parameters) in enumerate(self.noise.at(data, values)):
            y = data[..., o]
            with np.errstate(all="ignore"):
                value = self.noise.scored(o, y, mean, parameters, fisher=False).value
            total = total + np.where(np.isfinite(y), value, 0.0).sum(axis=(1, 2))
        return np.where(np.isfinite(total), -2 * total, np.inf)

    def log_likelihoods(
        self, theta: np.ndarray, starts: np.ndarray, rng: np.random.Generator
    ) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Of each observable the log densities (M, N) of its measurements at many candidates, and scales (M,) of its noise.

        A scale that is estimated along is drawn from its distribution given everything else, with the prior 1/scale: of normal
        noise the sum of squares over the scale squared is distributed as chi square with as many degrees of freedom as there
        are data, of Laplace's law the sum of absolute values over the scale as a gamma variate.
        """
        values, _ = self.evaluate(theta, starts)
        data, found = self.cut.values[None], {}
        laws = self.noise.at(data, values)
        used = self._factors(len(theta), rng)
        for o, (spec, (mean, parameters)) in enumerate(zip(self.setup.observed, laws, strict=True)):
            y = data[..., o]
            own = parameters if spec.parameters is not None else (parameters[0] * used[o][:, None, None],)
            with np.errstate(all="ignore"):
                value = self.noise.scored(o, y, mean, own, fisher=False).value
            have = np.isfinite(self.cut.values[..., o])
            scale = None if spec.parameters is not None else np.broadcast_to(own[0], mean.shape)[:, 0, 0]
            found[spec.name] = np.broadcast_to(value, mean.shape)[:, have], scale
        return found

    def _factors(self, count: int, rng: np.random.Generator) -> dict[int, np.ndarray]:
        """By how much the scale (M,) of an observable differs from the most likely one."""
        sizes = {
            o: int(np.isfinite(self.cut.values[..., o]).sum())
            for o, spec in enumerate(self.setup.observed) if spec.parameters is None
        }  # fmt: skip
        found: dict[int, np.ndarray] = {}
        for o in sizes:
            law = self.setup.observed[o].law
            alike = [k for k in found if self.noise.pooled and self.setup.observed[k].law is law]
            if alike:
                found[o] = found[alike[0]]
                continue
            together = [k for k in sizes if self.setup.observed[k].law is law] if self.noise.pooled else [o]
            size = sum(sizes[k] for k in together)
            if law.name == "laplace":
                found[o] = size / rng.gamma(size, size=count)
            else:
                found[o] = np.sqrt(size / rng.chisquare(size, size=count))
        return found


class PlainSpatialLikelihood(PlainLikelihood, SpatialProblem):
    """The same of fields.

    Parameters
    ----------
    setup : FitSetup
    """


def without_derivatives(problem: ObservedProblem) -> PlainLikelihood:
    """The likelihood of a problem that has values alone."""
    kind = PlainSpatialLikelihood if isinstance(problem, SpatialProblem) else PlainLikelihood
    found = kind(problem.setup)
    found.start_scale = problem.start_scale
    return found
