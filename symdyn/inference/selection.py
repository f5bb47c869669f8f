"""Choosing terms with the simulation in the loop: add, drop and exchange terms while an information criterion falls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.inference.candidates import Candidates
from symdyn.inference.criterion import criterion
from symdyn.inference.information import Information, estimated, inverse
from symdyn.inference.journal import Journal
from symdyn.inference.kinds import kind_of
from symdyn.inference.levenberg import levenberg_marquardt
from symdyn.inference.misfit import StateResiduals
from symdyn.inference.shooting import Shooting, ShootingWindows

__all__ = ["SelectedModel", "Selection"]

#: Relative error of simulated states below which differences between models mean nothing.
PRECISION = 1e-5
#: Share of a term's squared sensitivity that must be its own for it to be added.
NOVELTY = 1e-7


@dataclass(frozen=True)
class SelectedModel:
    """A choice of terms, fitted.

    Attributes
    ----------
    chosen : (K,) bool
    theta : (P,) float64
        Scaled parameters, zero where they take no part.
    starts : (V, n) float64
        Scaled initial values of the windows.
    rss : (n,) float64
        Weighted sum of squares of each state.
    criterion : float
    """

    chosen: np.ndarray
    theta: np.ndarray
    starts: np.ndarray
    rss: np.ndarray
    criterion: float


class Selection:
    """The search for terms at one number of windows; records every model it fitted.

    Parameters
    ----------
    candidates : Candidates
    shooting : Shooting
        Of ``candidates.system`` with ``candidates.columns`` free.
    cut : ShootingWindows
    start_bounds : pair of (V, n) float64
        Smallest and largest initial values of the windows, scaled; where they are equal the value is fixed.
    penalty : callable, optional
        From chosen terms and scaled parameters to what is added to the criterion.
    largest : int
        Most terms in a model.
    pieces : int
        ShootingWindows into which each trajectory was to be cut.
    journal : Journal, optional
        Stores fits, so that an interrupted search can be resumed.
    repeats : bool
        Whether terms of one unknown function are taken to come again in others, see `criterion`.
    """

    ADDITIONS, DROPS, EXCHANGES = 8, 3, 6

    def __init__(
        self,
        candidates: Candidates,
        shooting: Shooting,
        cut: ShootingWindows,
        *,
        start_bounds: tuple[np.ndarray, np.ndarray],
        penalty: Callable[[np.ndarray, np.ndarray], float] | None = None,
        largest: int = 12,
        pieces: int = 1,
        journal: Journal | None = None,
        repeats: bool = False,
    ) -> None:
        self.repeats = repeats
        self.candidates, self.shooting, self.cut = candidates, shooting, cut
        self.journal = Journal() if journal is None else journal
        #: Asked before each iteration of a fit; False ends fits where they are.
        self.going: Callable[[], bool] | None = None
        shapes = (cut.origins, cut.first, cut.values, *(times for _, times in cut.groups))
        self._context = (*shooting.facts, candidates.low, candidates.high, *start_bounds, *shapes)
        self.start_bounds, self.penalty, self.largest, self.pieces = start_bounds, penalty, largest, pieces
        self.visited: dict[bytes, SelectedModel] = {}
        numbers: dict[sp.Expr, int] = {}
        self._shapes = np.array([numbers.setdefault(t.shape, len(numbers)) for t in candidates.terms], dtype=np.int64)
        self._places = len({t.unknown.func for t in candidates.terms})
        seen = np.isfinite(cut.values).any(axis=(0, 1))
        self.floor = float(np.mean((PRECISION * shooting.scale / shooting.noise)[seen] ** 2))
        self.held = start_bounds[0] == start_bounds[1]
        self.nuisance = int((~self.held).sum())

    # ---- fitting -------------------------------------------------------------------------------

    def fit(
        self,
        chosen: np.ndarray,
        theta: np.ndarray,
        starts: np.ndarray,
        *,
        iterations: int = 15,
        tolerance: float = 1e-3,
    ) -> list[SelectedModel | None]:
        """Fit the models `chosen` (M, K) from `theta` (M, P) and `starts` (M, V, n), and remember them."""
        active = self.candidates.active(chosen)
        coefficients = len(self.candidates.terms)
        theta = np.where(active | (np.arange(theta.shape[1]) >= coefficients), theta, 0.0)

        def compute() -> tuple[np.ndarray, ...]:
            fits = levenberg_marquardt(
                self.shooting, self.cut, theta, starts, active, bounds=(self.candidates.low, self.candidates.high),
                start_bounds=self.start_bounds, iterations=iterations, tolerance=tolerance,
                floor=0.01 * self.floor * self.cut.size, going=self.going,
            )  # fmt: skip
            return fits.theta, fits.starts, fits.local.rss

        fitted = self.journal((*self._context, theta, starts, active, iterations, tolerance), compute, keep=self.going)
        return [self._register(which, *rows) for which, *rows in zip(chosen, *fitted, strict=True)]

    def _register(self, chosen: np.ndarray, theta: np.ndarray, starts: np.ndarray, rss: np.ndarray) -> SelectedModel | None:
        value = self.value(float(rss.sum()), chosen, theta)
        if not np.isfinite(value):
            return None
        model = SelectedModel(chosen.copy(), theta.copy(), starts.copy(), rss.copy(), value)
        key = chosen.tobytes()
        if key not in self.visited or value < self.visited[key].criterion:
            self.visited[key] = model
        return self.visited[key]

    def value(self, rss: float, chosen: np.ndarray, theta: np.ndarray | None = None) -> float:
        """The criterion of a choice of terms with this sum of squares; columns whose bounds are equal are not fitted."""
        count = int((self.candidates.active(chosen[None]) & self.candidates.movable).sum())
        value = criterion(
            rss, self.cut.size, self.nuisance, count, terms=int(chosen.sum()), library=len(chosen), floor=self.floor,
            repeats=self._repeated(chosen) if self.repeats else 0, places=self._places,
        )  # fmt: skip
        return value + self.penalty(chosen, theta) if self.penalty is not None and theta is not None else value

    def variance(self, model: SelectedModel) -> float:
        """Mean square residual of a model, in units of the noise and corrected for what was fitted."""
        count = int((self.candidates.active(model.chosen[None]) & self.candidates.movable).sum())
        return float(model.rss.sum()) / max(self.cut.size - self.nuisance - count, 1) + self.floor

    def residuals(self, model: SelectedModel, given: Collection[str] = ()) -> list[StateResiduals]:
        """What a model leaves of the data of each state, in each window; `given` names the states whose noise is known."""
        cut, shooting, found = self.cut, self.shooting, []
        states, _ = shooting.simulate(cut, model.theta[None], model.starts[None])
        left, deviations = cut.values - states[0] * shooting.scale, shooting.deviations(cut)
        follows = np.append(cut.origins[1:, 0] == cut.origins[:-1, 0], False)  # the next window begins with its last point
        ends = [len(shooting.observations.trajectories[k].times) for k in cut.origins[:, 0]]
        lengths = np.where(follows, np.append(cut.origins[1:, 1], 0), ends) - cut.origins[:, 1]
        for i, (name, scale) in enumerate(zip(shooting.observations.states, shooting.scale, strict=True)):
            each = [np.stack([left[v, :m, i], deviations[v, :m, i]]) for v, m in enumerate(lengths)]
            if kind_of(self.candidates.system).stepwise:  # what a map misses jumps in time, but not along the state before
                before = states[0, :, :-1, i].ravel()
                each = [np.stack([left[:, 1:, i].ravel(), deviations[:, 1:, i].ravel()])[:, np.argsort(before)]]
            each = [e[:, np.isfinite(e[0])] for e in each]
            noise = shooting.noise[i] if name in given else shooting.observations.estimate(i)
            found.append(StateResiduals(
                name, tuple(e for e, _ in each), tuple(d for _, d in each), float(scale), float(noise), name in given
            ))  # fmt: skip
        return found

    def _repeated(self, chosen: np.ndarray) -> int:
        """How many of the terms `chosen` (K,) another unknown function holds as well."""
        shapes = self._shapes[chosen].tolist()
        return len(shapes) - len(set(shapes))

    def information(self, model: SelectedModel) -> Information:
        """Gauss-Newton information of a fitted model, its noise estimated from the residuals."""
        candidates, cut, shooting = self.candidates, self.cut, self.shooting
        local = shooting.expand(cut, model.theta[None], model.starts[None])
        active = np.flatnonzero(candidates.active(model.chosen[None])[0] & candidates.movable)
        n, pieces = model.starts.shape[1], cut.count
        size = len(active) + pieces * n
        matrix = np.zeros((size, size))
        matrix[: len(active), : len(active)] = local.information[0][np.ix_(active, active)]
        for v in range(pieces):
            at = slice(len(active) + v * n, len(active) + (v + 1) * n)
            matrix[at, at] = local.start_information[0, v]
            matrix[: len(active), at] = local.mixed[0, v][active]
            matrix[at, : len(active)] = local.mixed[0, v][active].T
        # initial values that are held are known
        moved = np.concatenate([np.ones(len(active), dtype=bool), ~self.held.ravel()])
        found = inverse(matrix[np.ix_(moved, moved)])
        freedom = cut.size - int(moved.sum())
        scales = np.concatenate([candidates.sizes[active], np.tile(shooting.scale, pieces)])[moved]

        def joined(of_columns: np.ndarray, of_starts: np.ndarray) -> np.ndarray:
            return np.concatenate([of_columns[active], of_starts.ravel()])[moved] * scales

        names = [candidates.columns[i].name for i in active]
        for v in range(pieces):
            which = f" of trajectory {cut.origins[v, 0]}" if pieces > 1 else ""
            names += [f"{s}({cut.first[v]:g}){which}" for s in shooting.system.names]
        return estimated(
            [name for name, m in zip(names, moved, strict=True) if m], joined(model.theta, model.starts), found,
            float(model.rss.sum()), freedom, scales=scales, low=joined(candidates.low, self.start_bounds[0]),
            high=joined(candidates.high, self.start_bounds[1]),
        )  # fmt: skip

    def ranked(self) -> list[SelectedModel]:
        """Every model that was fitted, best first."""
        return sorted(self.visited.values(), key=lambda m: m.criterion)

    def effect_of_prior(self, named: Callable[[SelectedModel], str]) -> tuple[str, ...]:
        """A note where another model would be the first if terms were taken to come again, or were not where they are.

        `named` gives a model in words.
        """
        models, size = self.ranked(), len(self.candidates.terms)
        saved = 2 * np.log(max(size, 1) / max(min(size, 2 * self._places), 1)) * (1 if self.repeats else -1)
        other = [m.criterion + saved * self._repeated(m.chosen) for m in models]
        first = int(np.argmin(other)) if models else 0
        if first == 0:
            return ()
        return (
            f"the prior on terms that come again decides: with RecoverOptions(repeats={not self.repeats}) the first is "
            f"{named(models[first])}, ahead by {other[0] - other[first]:.2g} in the criterion; here it is "
            f"behind by {models[first].criterion - models[0].criterion:.2g}",
        )

    # ---- searching -----------------------------------------------------------------------------

    def climb(self, *, beam: int = 3, rounds: int = 12, width: int = 1) -> list[SelectedModel]:
        """Look at the neighbours of the best `beam` models until all of those have been looked at, or `going` ends.

        `width` times as many of each kind are fitted as usual.
        """
        looked: set[bytes] = set()
        for _ in range(rounds):
            fresh = [m for m in self.ranked()[:beam] if m.chosen.tobytes() not in looked]
            if not fresh:
                break
            looked |= {m.chosen.tobytes() for m in fresh}
            proposals = list(self._proposals(fresh, width))
            if proposals:
                self.fit(*(np.stack(column) for column in zip(*proposals, strict=True)))
            if self.going is not None and not self.going():
                break
        return self.ranked()

    def _proposals(
        self, models: Sequence[SelectedModel], width: int
    ) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # fmt: skip
        """Promising neighbours of models: choices, and where to fit them from."""
        new: set[bytes] = set()
        guesses = self.candidates.guesses
        for model in models:
            idle = ~self.candidates.active(model.chosen[None])[0]
            lanes = np.where(idle, guesses, model.theta)
            coefficients = np.arange(lanes.shape[1]) < len(self.candidates.terms)
            lanes[:, idle & coefficients] = 0.0
            local = self.shooting.expand(self.cut, lanes, np.repeat(model.starts[None], len(lanes), axis=0))
            local = local.hold(np.repeat(self.held[None], len(lanes), axis=0))
            if not np.isfinite(local.rss).all():
                continue
            information, gradient, back = local.profiled(np.full(len(lanes), 1e-9))
            ranked: list[tuple[float, np.ndarray, np.ndarray, np.ndarray]] = []
            for g in range(len(lanes)):
                ranked += self._ranked_moves(model, width, lanes[g], information[g], gradient[g], back[g])
            kinds: dict[int, int] = {}
            limit = {1: width * self.ADDITIONS, -1: width * self.DROPS, 0: width * self.EXCHANGES}
            for _, chosen, theta, starts in sorted(ranked, key=lambda move: move[0]):
                kind, key = int(chosen.sum() - model.chosen.sum()), chosen.tobytes()
                if key in self.visited or key in new or kinds.get(kind, 0) >= limit[kind]:
                    continue
                kinds[kind] = kinds.get(kind, 0) + 1
                new.add(key)
                yield chosen, theta, starts
                if kind < 1:  # the same without the linear forecast, which may overshoot
                    yield chosen, np.where(chosen @ self.candidates.inner | ~coefficients, lanes[0], 0.0), model.starts

    def _ranked_moves(
        self,
        model: SelectedModel,
        width: int,
        theta: np.ndarray,
        information: np.ndarray,
        gradient: np.ndarray,
        back: np.ndarray,
    ) -> list[tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
        """Forecasts of the criterion after adding, dropping and exchanging terms, from one expansion."""
        unit = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
        a, g = information * unit[:, None] * unit, gradient * unit
        total, moves = float(model.rss.sum()), []
        base = self._columns(model.chosen)
        gains = _additions(a, g, base)
        # the fit may be unfinished: what the base itself can gain counts for every addition
        own = float(g[base] @ _solve(a, g, base)) if base.size else 0.0
        for k in map(int, np.flatnonzero(~model.chosen)):
            if model.chosen.sum() < self.largest and gains[k] > 0:
                chosen = model.chosen.copy()
                chosen[k] = True
                forecast = self.value(max(total - own - gains[k], 1e-9 * total), chosen)
                moves.append((forecast, chosen, theta, model.starts))
        for k in map(int, np.flatnonzero(model.chosen)):
            rest = self._columns(np.where(np.arange(len(model.chosen)) == k, False, model.chosen))
            shift = theta[k] / unit[k]
            after = g + a[:, k] * shift  # gradient once the coefficient is zero
            without = total + 2 * shift * g[k] + shift**2 * a[k, k]
            step = _solve(a, after, rest) if rest.size else np.zeros(0)
            without -= float(after[rest] @ step) if rest.size else 0.0
            dropped = model.chosen.copy()
            dropped[k] = False
            forecast = self.value(max(without, 1e-9 * total), dropped)
            moves.append((forecast, dropped, *self._moved(model, theta, unit, back, k, rest, step)))
            gains = _additions(a, after, rest)
            for j in np.argsort(-gains[: len(model.chosen)])[: width * self.EXCHANGES]:
                if model.chosen[j] or gains[j] <= 0:
                    continue
                swapped = dropped.copy()
                swapped[j] = True
                both = np.append(rest, j)
                step = _solve(a, after, both)
                forecast = self.value(max(without - gains[j], 1e-9 * total), swapped)
                moves.append((forecast, swapped, *self._moved(model, theta, unit, back, k, both, step)))
        return moves

    def _columns(self, chosen: np.ndarray) -> np.ndarray:
        return np.flatnonzero(self.candidates.active(chosen[None])[0])

    @staticmethod
    def _moved(
        model: SelectedModel,
        theta: np.ndarray,
        unit: np.ndarray,
        back: np.ndarray,
        dropped: int,
        columns: np.ndarray,
        step: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Parameters and initial values after a linear step that starts with one coefficient at zero."""
        move = np.zeros_like(theta)
        move[columns] = step * unit[columns]
        move[dropped] = -theta[dropped]
        return theta + move, model.starts + back[..., -1] - back[..., :-1] @ move


def _solve(a: np.ndarray, g: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.linalg.solve(a[np.ix_(columns, columns)] + 1e-11 * np.eye(len(columns)), g[columns])


def _additions(a: np.ndarray, g: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Score tests: how much the sum of squares falls when a single column joins `base`, for every column."""
    own, score = np.diag(a).copy(), g.copy()
    if base.size:
        solved = np.linalg.solve(a[np.ix_(base, base)] + 1e-11 * np.eye(len(base)), np.c_[a[base], g[base]])
        own -= np.einsum("ij,ij->j", a[base], solved[:, :-1])
        score -= a[:, base] @ solved[:, -1]
    novel = own > NOVELTY
    return np.where(novel, score**2 / np.where(novel, own, 1.0), 0.0)
