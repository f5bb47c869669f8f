"""A bootstrap particle filter on simulated trajectories: the likelihood itself, with an error of simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdyn.codegen.kernel import compile
from symdyn.errors import CompileError, DeclarationError
from symdyn.inference.beginnings import drawn
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.likelihoods.registry import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms, eventful
from symdyn.inference.stochastic_setup import PathGroup, StochasticSetup
from symdyn.methods.options import check_whole

__all__ = ["ParticleLikelihood"]

#: Numbers of particles that are simulated at a time.
MOST = 400_000
#: Steps of diffusions, and most reactions of networks, between two measurements.
STEPS, REACTIONS = 20, 20_000
#: Least expected value of a law of positive numbers or counts.
LEAST = 1e-10


@dataclass(frozen=True, kw_only=True)
class ParticleLikelihood(FitLikelihood):
    r"""The bootstrap particle filter, with exact simulations of networks and those of diffusions in short steps.

    .. math:: \log \hat L = \sum_k \log \frac1N \sum_i g(y_k | x_k^i)

    where particles :math:`x_k^i` are simulated from those that systematic resampling kept of the step before.  The expected
    value of :math:`\hat L` is the likelihood.  All choices of parameters have the same random numbers, which the seed gives, so
    that differences of log-likelihoods vary far less than these.  Derivatives are those of a parabola through values nearby.

    Parameters
    ----------
    particles : int
        For each path; of cells that are not followed, simulated ones.
    steps : int, optional
        Between two measurements, of diffusions alone; by default 20.
    reactions : int, optional
        Between two measurements at most, of networks alone: values at which a particle has more are impossible, as their
        simulation may not end; by default 20 000.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 50})
    >>> data = {"t": [0.0, 1.0, 2.0], "X": [50.0, 30.5, 18.9]}
    >>> fit = sd.fit(net, data, likelihood=sd.LIKELIHOODS["particle"](particles=100), noise=2.0, guesses={"g": 1}, starts=1)
    >>> bool(abs(fit.parameters["g"] - 0.5) < 0.1), bool(0 < fit.log_likelihood_error < 0.5)
    (True, True)
    """

    name: ClassVar[str] = "particle"
    definition: ClassVar[str] = "a bootstrap particle filter, with values that simulations estimate"
    reference: ClassVar[str] = (
        "Gordon, Salmond, Smith, IEE Proc. F 140, 107 (1993); Golightly, Wilkinson, Interface Focus 1, 807 (2011)"
    )
    exact: ClassVar[bool] = True
    particles: int = 500
    steps: int | None = None
    reactions: int | None = None

    def __post_init__(self) -> None:
        check_whole(2, particles=self.particles)
        if self.steps is not None:
            check_whole(1, steps=self.steps)
        if self.reactions is not None:
            check_whole(1, reactions=self.reactions)

    def unmet(self, setup: StochasticSetup) -> str | None:
        if reason := eventful(setup.system):
            return reason
        if reason := setup.fraction():
            return reason
        if setup.system.propensities is not None and self.steps is not None:
            return "takes no steps of networks, which are simulated exactly; leave steps out"
        if setup.system.propensities is None and self.reactions is not None:
            return "takes no reactions of diffusions; leave reactions out"
        if setup.snapshots and any(o.law.exact for o in setup.observed):
            return "takes cells that are not followed with noise of measurement alone; give noise, or take 'projection'"
        if setup.system.propensities is None and any(o.law.exact for o in setup.observed):
            return "takes diffusions with noise of measurement alone, as no particle meets a measured value; give noise"
        try:
            compile(setup.system)
        except (CompileError, DeclarationError) as error:
            return f"does not apply: {error}"
        return None

    def evaluator(self, setup: StochasticSetup) -> Evaluator:
        return ParticleEvaluator(setup, self)


class ParticleEvaluator(Evaluator):
    """The filter."""

    noisy = True

    def __init__(self, setup: StochasticSetup, options: ParticleLikelihood) -> None:
        self.setup, self.options = setup, options
        self.kernel = compile(setup.system)
        states = setup.system.states
        found = [e for o in setup.observed for e in (o.expression, *(o.parameters or ()))]
        self.symbols = tuple(dict.fromkeys((*setup.system.parameters, *setup.symbols)))
        self.formulas = ArrayFormulas(found, (*states, *self.symbols, setup.system.time), ())
        self.notes = (f"log-likelihoods are estimated with {options.particles} particles, gradients are differences",)

    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        M, P = values.shape
        each = self.options.particles * max((len(g.members) for g in self.setup.groups()), default=1)
        most = max(MOST // each, 1)
        parts = [self._some(values[a : a + most]) for a in range(0, M, most)]
        value, error = (np.concatenate([p[k] for p in parts]) for k in range(2))
        value = np.where(np.isfinite(value), value, -np.inf)
        return LikelihoodTerms(value, np.zeros((M, P)), np.zeros((M, P, P)), error)

    def _some(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            if self.setup.snapshots:
                return self._cells(values)
            value, variance = np.zeros(len(values)), np.zeros(len(values))
            for g, group in enumerate(self.setup.groups()):
                own, spread = self._paths(group, values, g)
                value, variance = value + own, variance + spread
        return value, np.sqrt(variance)

    def _seed(self, *places: int) -> int:
        return int(np.random.SeedSequence([self.setup.seed, *places]).generate_state(1, np.uint32)[0])

    def _moved(self, x: np.ndarray, rows: np.ndarray, times: np.ndarray, seed: int) -> np.ndarray:
        """States (M, K, T, n) at times from those (M, K, n) at the first; the same random numbers for all M."""
        M, K, n = x.shape
        options: dict[str, Any] = {"seed": seed}
        if self.setup.system.propensities is None:
            options["step"] = float(np.diff(times).min()) / (self.options.steps or STEPS)
        else:
            options["max_steps"] = (self.options.reactions or REACTIONS) * (len(times) - 1)
        streams = np.tile(np.arange(K), M)
        run = self.kernel(x.reshape(-1, n), np.repeat(rows, K, axis=0), times, streams=streams, **options)
        found = np.where((run.status == 0)[:, None, None], run.values[..., :n], np.nan)
        return found.reshape(M, K, len(times), n)

    def _laws(self, x: np.ndarray, values: np.ndarray, time: float) -> list[tuple[Any, list[np.ndarray]]]:
        """Laws of the columns, with expected values and parameters (M, K), of states (M, K, n)."""
        lanes = {s: v[:, None] for s, v in self.setup.table(values).items()}
        table = {s: x[..., i] for i, s in enumerate(self.setup.system.states)} | {s: lanes[s] for s in self.symbols}
        found, _ = self.formulas(table | {self.setup.system.time: np.asarray(time)})
        laws, place = [], 0
        for spec in self.setup.observed:
            own = 1 + len(spec.parameters or ())
            mean, *parameters = (np.broadcast_to(f, x.shape[:2]) for f in found[place : place + own])
            if spec.law.counts or spec.law.positive:
                mean = np.maximum(mean, LEAST)
            laws.append((spec.law, [mean, *parameters]))
            place += own
        return laws

    def _paths(self, group: PathGroup, values: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihoods (M,) of paths that were measured at the same times, and variances of their errors."""
        M, G, N = len(values), len(group.members), self.options.particles
        begun, slopes = self.setup.path_starts(group, values)
        n = begun.shape[-1]
        x = np.repeat(begun[:, :, None], N, axis=2)
        spread, _ = self.setup.path_spread(group, begun, slopes, values)
        if spread.any():  # the same random numbers for all M
            x = drawn(begun, spread, np.random.default_rng([self.setup.seed, number, 0, 2]).standard_normal((G, N, n)))
            x = self.setup.inside(group, x, begun, values)
        x = x.reshape(M, G * N, n)
        if self.setup.system.propensities is not None:
            x = np.rint(x)
        rows, data = self.setup.rows(self.setup.system, values), self.setup.later(group)
        total, variance = np.zeros(M), np.zeros(M)
        for k, time in enumerate(group.times):
            if k:
                x = self._moved(x, rows, group.times[k - 1 : k + 1], self._seed(number, k))[:, :, -1]
            if not np.isfinite(data[:, k]).any():
                continue
            logs = np.zeros((M, G, N))
            for o, (law, parts) in enumerate(self._laws(x, values, float(time))):
                y = data[:, k, o][None, :, None]
                mean, *parameters = (p.reshape(M, G, N) for p in parts)
                score = law.score(np.where(np.isfinite(y), y, 1.0), mean, tuple(parameters), fisher=True).value
                logs += np.where(np.isfinite(y), score, 0.0)
                if o == 0:
                    order = np.argsort(mean, axis=-1, kind="stable")
            logs = np.where(np.isnan(logs), -np.inf, logs)
            top = np.where(np.isfinite(logs.max(axis=-1)), logs.max(axis=-1), 0.0)
            w = np.exp(logs - top[..., None])
            q = w.mean(axis=-1)
            total += (np.log(q) + top).sum(axis=1)
            variance += (w.var(axis=-1) / (N * np.maximum(q, 1e-300) ** 2)).sum(axis=1)
            x = self._resampled(x.reshape(M, G, N, n), w, order, number, k).reshape(M, G * N, n)
        return total, variance

    def _resampled(self, x: np.ndarray, w: np.ndarray, order: np.ndarray, number: int, k: int) -> np.ndarray:
        """Particles (M, G, N, n) drawn by their weights, systematically along their order."""
        M, G, N, _ = x.shape
        share = np.asarray(np.random.default_rng([self.setup.seed, number, k, 1]).random(G))
        places = (np.arange(N)[None] + share[:, None]) / N
        found = np.empty_like(x)
        for m in range(M):
            for g in range(G):
                at = order[m, g]
                along = np.cumsum(w[m, g, at])
                if not along[-1] > 0:
                    found[m, g] = np.nan
                    continue
                found[m, g] = x[m, g, at[np.minimum(np.searchsorted(along / along[-1], places[g]), N - 1)]]
        return found

    def _cells(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of cells that are not followed: the mean density over simulated ones."""
        M, N, cells = len(values), self.options.particles, self.setup.cells()
        begun, _ = self.setup.starts(values)
        x = np.repeat(begun[:, None], N, axis=1)
        if self.setup.system.propensities is not None:
            x = np.rint(x)
        times = np.union1d([self.setup.begin], [t for t, _ in cells])
        rows = self.setup.rows(self.setup.system, values)
        path = self._moved(x, rows, times, self._seed(0)) if len(times) > 1 else x[:, :, None]
        total, variance = np.zeros(M), np.zeros(M)
        for time, y in cells:
            logs = np.zeros((M, len(y), N))
            at = path[:, :, int(np.searchsorted(times, time))]
            for o, (law, parts) in enumerate(self._laws(at, values, time)):
                have = np.isfinite(y[:, o])[None, :, None]
                mean, *parameters = (p[:, None] for p in parts)
                score = law.score(np.where(have, y[None, :, o, None], 1.0), mean, tuple(parameters), fisher=True).value
                logs += np.where(have, score, 0.0)
            w = np.exp(np.where(np.isnan(logs), -np.inf, logs))
            q = w.mean(axis=-1)
            total += np.log(q).sum(axis=1)
            relative = (w / np.maximum(q, 1e-300)[..., None]).sum(axis=1)  # one simulated cell serves all measured ones
            variance += relative.var(axis=-1) / N
        return total, np.sqrt(variance)


LIKELIHOODS.register("particle", ParticleLikelihood)
