"""States with what a system makes of them, and the system as a linear function of its unknown terms."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from scipy.optimize import least_squares
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.discover.surrogates.registry import NothingLearnedError, SurrogateFit, TermSamples
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.guesses import GUESSES
from symdyn.inference.kinds import right_sides, unknown_slopes
from symdyn.system import System

__all__ = ["Pairs", "Solving", "consecutive", "not_linear"]

#: Relative sensitivity of the residuals, to changes by its value or by 1, below which a parameter counts as not determined.
DETERMINED = 1e-6


@dataclass(frozen=True)
class Pairs:
    """States with the next ones or with their derivatives; of a map, complete observations one step apart.

    Attributes
    ----------
    times : (m,) float64
        Of the first of each pair.
    now, then : (m, n) float64
        States, and what the system makes of them: the next ones, or their derivatives.
    noise : (n,) or (m, n) float64
        Standard deviations of `then`.
    """

    times: np.ndarray
    now: np.ndarray
    then: np.ndarray
    noise: np.ndarray


def consecutive(data: Observations) -> Pairs:
    """All pairs of complete observations that are one step apart."""
    times, now, then = [], [], []
    for t in data.trajectories:
        complete = np.isfinite(t.values).all(axis=1)
        first = np.flatnonzero((np.round(np.diff(t.times)) == 1) & complete[:-1] & complete[1:])
        times.append(t.times[first])
        now.append(t.values[first])
        then.append(t.values[first + 1])
    return Pairs(np.concatenate(times), np.concatenate(now), np.concatenate(then), data.noise)


@dataclass(frozen=True)
class _LinearForm:
    """``F(x) = A(x) + B(x) u``, lowered, for n states and k values u of unknown functions; parameters are 1 unless given."""

    program: Program
    parameters: tuple[sp.Symbol, ...]
    shape: tuple[int, int]
    arities: tuple[int, ...]

    def _evaluate(self, pairs: Pairs, values: Mapping[sp.Symbol, float]) -> np.ndarray:
        known = [np.asarray(values.get(p, 1.0)) for p in self.parameters]
        found = evaluate(self.program, [pairs.times], list(pairs.now.T), known)
        return np.stack([np.broadcast_to(f, pairs.times.shape) for f in found], axis=1).astype(float)

    def parts(self, pairs: Pairs, values: Mapping[sp.Symbol, float]) -> tuple[np.ndarray, np.ndarray]:
        """What is left of the next states without unknown terms, (m, n), and B, (m, n, k), both over the noise."""
        n, k = self.shape
        found = self._evaluate(pairs, values)
        rest = (pairs.then - found[:, :n]) / pairs.noise
        return rest, found[:, n : n + n * k].reshape(-1, n, k) / pairs.noise[..., None]

    def solve(self, pairs: Pairs, values: Mapping[sp.Symbol, float]) -> tuple[np.ndarray, np.ndarray]:
        """Values of the unknown functions with their weights, both (m, k); weight 0 where they are not determined."""
        rest, design = self.parts(pairs, values)
        finite = np.isfinite(rest).all(axis=1) & np.isfinite(design).all(axis=(1, 2))
        rest, design = np.where(finite[:, None], rest, 0.0), np.where(finite[:, None, None], design, 0.0)
        inverse = np.linalg.pinv(design)
        variance = (inverse**2).sum(axis=2)
        full = (np.linalg.matrix_rank(design) == self.shape[1]) & finite
        weights = np.where(full[:, None] & (variance > 0), 1 / np.where(variance > 0, variance, 1.0), 0.0)
        return np.einsum("mkn,mn->mk", inverse, rest), weights

    def residuals(self, pairs: Pairs, values: Mapping[sp.Symbol, float]) -> np.ndarray:
        """What no values of the unknown functions can explain, (m n,)."""
        rest, design = self.parts(pairs, values)
        left = rest - np.einsum("mnk,mkj,mj->mn", design, np.linalg.pinv(np.nan_to_num(design)), rest)
        return np.nan_to_num(left, nan=1e6, posinf=1e6, neginf=-1e6).ravel()

    def arguments(self, pairs: Pairs, values: Mapping[sp.Symbol, float]) -> list[np.ndarray]:
        """Arguments of each application, (m, arity)."""
        n, k = self.shape
        found = self._evaluate(pairs, values)[:, n + n * k :]
        return np.split(found, np.cumsum(self.arities)[:-1], axis=1)


def _linear_form(system: System) -> _LinearForm:
    """The right-hand sides as linear functions of the unknown terms; `not_linear` must have given no reason."""
    rest, slopes = unknown_slopes(system)
    arguments = [a for u in system.unknowns for a in u.args]
    expressions = [*rest, *(e for side in zip(*slopes.values(), strict=True) for e in side), *arguments]
    blocks = [("t", (system.time,)), ("y", system.states), ("p", system.parameters)]
    program = lower("pairs", blocks, expressions, [""] * len(expressions))
    arities = tuple(len(u.args) for u in system.unknowns)
    return _LinearForm(program, system.parameters, (len(rest), len(slopes)), arities)


def not_linear(system: System) -> str | None:
    """None if the unknown terms can be solved for where all states are seen, else the reason."""
    unknowns, slopes = system.unknowns, unknown_slopes(system)[1]
    if any(a.has(*unknowns) for u in unknowns for a in u.args):
        return "one of them is an argument of another"
    bent = [u for u, own in slopes.items() if any(e.has(*unknowns) for e in own)]
    if bent:
        return f"{bent[0]} enters nonlinearly"
    filled = sum(e.has(*unknowns) for e in right_sides(system))
    return f"{len(unknowns)} unknown values stand in {filled} equations" if filled < len(unknowns) else None


def _fitted_parameters(system: System, form: _LinearForm, pairs: Pairs) -> dict[sp.Symbol, float]:
    """Values of the parameters that have none, as far as the equations determine them beside the unknown terms."""
    free = [p for p in system.parameters if p not in system.defaults]
    if not free:
        return {}

    def residuals(values: np.ndarray) -> np.ndarray:
        return form.residuals(pairs, {**system.defaults, **dict(zip(free, values, strict=True))})

    fits = [least_squares(residuals, np.full(len(free), first), x_scale="jac") for first in GUESSES]
    best = min(fits, key=lambda fit: fit.cost)
    size = np.linalg.norm(best.jac, axis=0) * np.maximum(np.abs(best.x), 1.0)  # 0 is a value as good as others
    told = size > DETERMINED * max(float(np.linalg.norm(residuals(np.zeros(len(free))))), 1.0)
    return {p: float(v) for p, v, t in zip(free, best.x, told, strict=True) if t}


class Solving(ABC):
    """A surrogate that solves for the unknown terms, which enter linearly; a frozen dataclass with its options as fields.

    Attributes
    ----------
    source : str
        What the samples come from, for messages.
    singular : float
        Share of the largest weight up to which samples are left out.
    signs : mapping or None
        From the name of a term to +1 or -1; samples of the other sign are left out.
    """

    source: ClassVar[str]
    singular: float
    signs: Mapping[Any, int] | None

    @staticmethod
    @abstractmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None if the terms can be solved for, else the reason."""

    @abstractmethod
    def _along(
        self, system: System, observations: Observations, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray], Pairs]:
        """Times and states of every trajectory, and the pairs that give the samples."""

    def fit(
        self, system: System, observations: Observations, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
    ) -> SurrogateFit:
        """Learn from `observations`; `seed` is without effect, the result is unique.

        Raises
        ------
        RecoveryError
            If `applies` gives a reason, nowhere on the data a term has an effect, or none of its values has its sign.
        """
        reason = self.applies(system, observations)
        if reason is not None:
            raise RecoveryError(f"{reason}; go without, surrogate=None")
        started = time.perf_counter()
        times, states, pairs = self._along(system, observations, progress or (lambda done, total: None))
        form = _linear_form(system)
        parameters = _fitted_parameters(system, form, pairs)
        known = {**system.defaults, **parameters}
        values, weights = form.solve(pairs, known)
        arguments, terms = form.arguments(pairs, known), {}
        for u in system.unknowns:  # a function is sampled by all its applications
            own = [j for j, other in enumerate(system.unknowns) if other.func == u.func]
            rows = np.concatenate([arguments[j] for j in own])
            terms[u] = self._samples(u, rows, values[:, own].T.ravel(), weights[:, own].T.ravel())
        history = {"pairs": len(pairs.now), "seconds": time.perf_counter() - started}
        return SurrogateFit(tuple(times), tuple(states), terms, parameters, history)

    def _samples(self, unknown: AppliedUndef, arguments: np.ndarray, values: np.ndarray, weights: np.ndarray) -> TermSamples:
        """Samples of a term that are finite, of its sign if that is known, and of more than that share of the largest weight.

        Raises
        ------
        NothingLearnedError
            If none is left; the message names the `source` of the samples.
        """
        good = np.isfinite(values) & np.isfinite(arguments).all(axis=1) & np.isfinite(weights)
        good &= weights > self.singular * np.max(weights, initial=0.0, where=good)
        if not good.any():
            raise NothingLearnedError(
                f"nowhere on the data {unknown} can be told from {self.source}; go without, surrogate=None"
            )
        sign = {getattr(k, "__name__", str(k)): v for k, v in (self.signs or {}).items()}.get(unknown.func.__name__, 0)
        good &= values * sign >= 0
        if not good.any():
            raise NothingLearnedError(
                f"no value of {unknown} that the data tell has the sign {sign:+d}; give the other sign, or go without, "
                "surrogate=None"
            )
        return TermSamples(arguments[good], values[good], weights[good] / weights[good].mean())
