"""Training of networks inside the drift and the noise of a diffusion, by the quasi-likelihood of its steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.diffusions.declared import only_squared
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._network_moments import NetworkMoments
from symdyn.discover.surrogates._term_networks import TermNetworks
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.gaussian import gaussian_score, gaussian_value
from symdyn.inference.increments import Increments, increments
from symdyn.inference.local_moments import symmetric
from symdyn.inference.path_likelihood import steps_for
from symdyn.inference.scoring import Score, maximise
from symdyn.models.sde import SDESystem
from symdyn.network_forms import form_of

__all__ = ["train"]

#: Numbers of derivatives that are held at once, and fewest steps of a part of them.
HELD, FEWEST = 4_000_000, 64
#: Steps without a better value of those that are held out, after which training ends.
PATIENCE = 15
#: Third derivatives of networks in loops are compiled in half the time, and run as fast.
COMPILER = {"xla_llvm_disable_expensive_passes": True}
#: Fewest steps of paths of which some are held out, which share of them, and steps for each weight that need none.
FEW, HOLDOUT, ENOUGH = 60, 0.17, 20


class _Transitions:
    """The likelihood that is maximised, with a normal prior of the weights; it remembers what the others like best."""

    def __init__(self, moments: NetworkMoments, data: Increments, precision: np.ndarray) -> None:
        self._moments, self._data, self._precision = moments, data, precision
        n = len(data.begin)
        self._every = (data.times, data.begin.T, data.gaps)
        along = (None, 0, 0, 0)
        self._values = jax.jit(jax.vmap(moments.after, in_axes=along))
        both = jax.vmap(lambda *a: (moments.after(*a), jax.jacrev(moments.after)(*a)), in_axes=along)
        self._slopes = jax.jit(both, compiler_options=COMPILER)
        self._size = max(FEWEST, HELD // (len(precision) * (n + n * (n + 1) // 2)))
        self.training = self.judging = np.arange(data.count)

    def begin(self, training: np.ndarray, judging: np.ndarray) -> None:
        """Forget what was seen, and take these steps for training and judging."""
        self.training, self.judging = training, judging
        self.best: np.ndarray | None = None
        self.liked, self.since = np.inf, 0
        self.history: dict[str, list[float]] = {"train": [], "validation": []}

    def residuals(self, w: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (N, n) and covariances (N, n, n)."""
        return self._split(np.asarray(self._values(w, *(v[which] for v in self._every))), which)

    def _split(self, found: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(self._data.begin)
        return self._data.end.T[which] - found[:, :n], symmetric(found[:, n:].T, n)

    def value(self, theta: np.ndarray) -> float:
        return gaussian_value(*self.residuals(theta, self.training)) - 0.5 * float(self._precision @ theta**2)

    def score(self, theta: np.ndarray) -> Score:
        found = Score.none(len(theta), -0.5 * float(self._precision @ theta**2))
        n, size = len(self._data.begin), self._size
        for first in range(0, len(self.training), size):
            which = self.training[first : first + size]
            there = np.resize(which, size) if len(self.training) > size else which  # of one shape, which is compiled once
            values, slopes = (np.asarray(v)[: len(which)] for v in self._slopes(theta, *(v[there] for v in self._every)))
            moved = np.moveaxis(slopes, 2, 0)
            spreads = symmetric(np.moveaxis(moved[..., n:], 2, 0), n)
            found += gaussian_score(*self._split(values, which), moved[..., :n], spreads)
            if not np.isfinite(found.value):
                return Score.none(len(theta), -np.inf)
        self._judge(theta, found.value)
        return Score(
            found.value, found.gradient - self._precision * theta, found.information + np.diag(self._precision), found.outer
        )

    def _judge(self, theta: np.ndarray, value: float) -> None:
        """Keep the weights that the steps which were held out like best, among those that are better in training."""
        if self.history["train"] and -2 * value >= self.history["train"][-1]:
            return
        judged = -2 * gaussian_value(*self.residuals(theta, self.judging)) if len(self.judging) else np.nan
        self.history["train"].append(-2 * value)
        self.history["validation"].append(judged)
        self.since += 1
        if self.best is None or not len(self.judging) or judged < self.liked:
            self.best, self.liked, self.since = theta.copy(), judged, 0


def train(
    system: SDESystem, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], bool | None] | None
) -> SurrogateFit:
    """Fit every member, each without other steps of the paths, which decide when to stop."""
    prepare()
    data = increments(observed)
    squares = {
        u.func.__name__: 1 for u in system.unknowns if only_squared(system, u) and not (form_of(u).sign or form_of(u).zero_at)
    }
    networks = TermNetworks(system, options.width, options.decay, squares)
    moments = NetworkMoments(system, observed, networks, steps_for(_rate(data), data))
    likelihood = _Transitions(moments, data, networks.precision)
    sample = jax.jit(jax.vmap(moments.terms, in_axes=(None, 0, 0)))
    order = np.random.default_rng(seed).permutation(data.count)
    usual = 0.0 if data.count >= ENOUGH * networks.size else HOLDOUT
    share = usual if options.holdout is None else options.holdout
    held = int(share * data.count) if data.count >= FEW else 0
    paths = [_whole(t.values, moments.units.centre) for t in observed.trajectories]

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        turned = np.roll(order, -k * held)
        likelihood.begin(np.sort(turned[held:]), np.sort(turned[:held]))
        first = networks.first(np.random.default_rng([seed, k]))
        done = count()

        def going() -> bool:
            return likelihood.since < PATIENCE and tell(next(done)) is not False

        maximise(likelihood, first, iterations=options.iterations, going=going)
        if likelihood.best is None:
            raise RecoveryError(
                "the equations with networks in place of the unknown terms make the data impossible: the covariance of a step "
                "is not positive; is there noise in every state?"
            )
        w = jnp.asarray(likelihood.best)
        arguments, values = sample(w, data.times, data.begin.T)
        losses = {name: np.array(v) for name, v in likelihood.history.items()}
        return MemberFit(paths, arguments, values, networks.free(w), losses, networks.trained(moments.units, w))

    return ensemble(system, options, tuple(t.times for t in observed.trajectories), member, progress)


def _rate(data: Increments) -> float:
    """How fast the paths forget where they were, the largest rate over states: that of an Ornstein-Uhlenbeck process."""
    varied, moved = data.begin.var(axis=1), ((data.end - data.begin) ** 2).sum(axis=1)
    if not (moved > 0).all():
        raise RecoveryError("a state of the paths never changes; leave it out of the system")
    return float(np.max(moved / (2 * data.gaps.sum() * np.maximum(varied, 1e-300))))


def _whole(values: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Values that begin at the first complete ones, or at the centre."""
    complete = np.flatnonzero(np.isfinite(values).all(axis=1))
    return values[complete[0] :] if complete.size else np.asarray(centre)[None]
