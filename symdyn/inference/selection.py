"""Choosing terms with the simulation in the loop: add, drop and exchange terms while an information criterion falls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.inference.candidates import Candidates
from symdyn.inference.climb import Climb, Neighbour, Profiled
from symdyn.inference.criterion import criterion, price
from symdyn.inference.information import Information, arrow, estimated, inverse
from symdyn.inference.journal import Journal
from symdyn.inference.kinds import kind_of
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.misfit import StateResiduals
from symdyn.inference.shooting import Shooting, ShootingWindows

__all__ = ["SelectedModel", "Selection"]

#: Relative error of simulated states below which differences between models mean nothing.
PRECISION = 1e-5


@dataclass(frozen=True)
class SelectedModel:
    """A choice of terms (K,), fitted.

    `theta` (P,) are scaled parameters, zero where they take no part, `starts` (V, n) scaled initial values of the windows, and
    `rss` (n,) the weighted sums of squares of each state.
    """

    chosen: np.ndarray
    theta: np.ndarray
    starts: np.ndarray
    rss: np.ndarray
    criterion: float


class Selection(Climb[SelectedModel]):
    """The search for terms at one number of windows; records every model it fitted.

    Parameters
    ----------
    candidates : Candidates
    shooting : Shooting
        Of ``candidates.system`` with ``candidates.columns`` free.
    cut : ShootingWindows
    start_bounds : pair of (V, n) float64
        Smallest and largest initial values of the windows, scaled; where they are equal the value is fixed.
    penalty : callable or None
        From chosen terms and scaled parameters to what is added to the criterion.
    largest : int
        Most terms in a model.
    pieces : int
        ShootingWindows into which each trajectory was to be cut.
    journal : Journal or None
        Stores fits, so that an interrupted search can be resumed.
    repeats : bool
        Whether terms of one unknown function are taken to come again in others, see `criterion`.
    textbook : (T, K) int, optional
        Models of textbooks that are together as likely as all other choices of terms: signs of the coefficients of their
        terms, or 2 for either sign, and 0 for those that they lack.
    """

    def __init__(
        self,
        candidates: Candidates,
        shooting: Shooting,
        cut: ShootingWindows,
        *,
        start_bounds: tuple[np.ndarray, np.ndarray],
        penalty: Callable[[np.ndarray, np.ndarray], float] | None,
        largest: int,
        pieces: int,
        journal: Journal | None,
        repeats: bool,
        textbook: np.ndarray | None = None,
    ) -> None:
        super().__init__(candidates, largest)
        self._textbook = np.zeros((0, len(candidates.terms)), dtype=np.int64) if textbook is None else textbook
        self.repeats, self.shooting, self.cut = repeats, shooting, cut
        self.journal = Journal() if journal is None else journal
        shapes = (cut.origins, cut.first, cut.values, *(times for _, times in cut.groups))
        self._context = (*shooting.facts, candidates.low, candidates.high, *start_bounds, *shapes)
        self.start_bounds, self.penalty, self.pieces = start_bounds, penalty, pieces
        self._coefficients = np.arange(len(candidates.columns)) < len(candidates.terms)
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
        theta = np.where(active | ~self._coefficients, theta, 0.0)

        def compute() -> tuple[np.ndarray, ...]:
            fits = LevenbergMarquardt(
                self.shooting.along(self.cut), theta, starts, active, bounds=(self.candidates.low, self.candidates.high),
                start_bounds=self.start_bounds, tolerance=tolerance, floor=0.01 * self.floor * self.cut.size,
            ).run(iterations, going=self.going)  # fmt: skip
            return fits.theta, fits.starts, fits.local.rss

        fitted = self.journal((*self._context, theta, starts, active, iterations, tolerance), compute, keep=self.going)
        return [self._register(which, *rows) for which, *rows in zip(chosen, *fitted, strict=True)]

    def _register(self, chosen: np.ndarray, theta: np.ndarray, starts: np.ndarray, rss: np.ndarray) -> SelectedModel | None:
        value = self.value(float(rss.sum()), chosen, theta)
        if not np.isfinite(value):
            return None
        return self.remember(SelectedModel(chosen.copy(), theta.copy(), starts.copy(), rss.copy(), value))

    def value(self, rss: float, chosen: np.ndarray, theta: np.ndarray | None = None) -> float:
        """The criterion of a choice of terms with this sum of squares; columns whose bounds are equal are not fitted."""
        count = int((self.candidates.active(chosen[None]) & self.candidates.movable).sum())
        value = criterion(
            rss, self.cut.size, self.nuisance, count, terms=int(chosen.sum()), library=len(chosen), floor=self.floor,
            repeats=self._repeated(chosen) if self.repeats else 0, places=self._places, textbook=self.among(chosen, theta),
        )  # fmt: skip
        return value + self.penalty(chosen, theta) if self.penalty is not None and theta is not None else value

    def prior(
        self, chosen: np.ndarray, theta: np.ndarray | None = None, *, known: bool = True, repeats: bool | None = None
    ) -> float:
        """Minus twice the logarithm of the prior of a choice of terms, with scaled parameters `theta` (P,) if known.

        Unless models of textbooks count as `known`, they are as likely as others with as many terms; `repeats` may be another
        than that of the search.
        """
        again = self._repeated(chosen) if (self.repeats if repeats is None else repeats) else 0
        textbook = self.among(chosen, theta) if known else 0
        return price((), terms=int(chosen.sum()), library=len(chosen), repeats=again, places=self._places, textbook=textbook)

    def among(self, chosen: np.ndarray, theta: np.ndarray | None = None) -> int:
        """The number of models of textbooks if this is one of them, with coefficients of the right signs if they are known."""
        signs = self._textbook[((self._textbook != 0) == chosen).all(axis=1)]
        if theta is not None:
            signs = signs[((signs == 2) | (signs == np.sign(theta[: len(chosen)]) * chosen)).all(axis=1)]
        return len(self._textbook) if len(signs) else 0

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
        pieces = cut.count
        matrix = arrow(local.information[0][np.ix_(active, active)], local.mixed[0][:, active], local.start_information[0])
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

    def effect_of_prior(self, named: Callable[[SelectedModel], str]) -> tuple[str, ...]:
        """Notes where another model would be the first under another prior; `named` gives a model in words.

        If terms were taken to come again, or were not where they are; if models of textbooks were no likelier than others.
        """
        models, notes = self.ranked(), []
        ways: dict[str, Callable[[SelectedModel], float]] = {
            f"terms that come again decides: with RecoverOptions(repeats={not self.repeats})": lambda m: (
                self.prior(m.chosen, m.theta, repeats=not self.repeats) - self.prior(m.chosen, m.theta)
            ),
            "models of textbooks decides: without it": lambda m: (
                self.prior(m.chosen, m.theta, known=False) - self.prior(m.chosen, m.theta)
            ),
        }
        for words, change in ways.items():
            other = [m.criterion + change(m) for m in models]
            first = int(np.argmin(other)) if models else 0
            if first:
                notes.append(
                    f"the prior on {words} the first is {named(models[first])}, ahead by {other[0] - other[first]:.2g} in the "
                    f"criterion; here it is behind by {models[first].criterion - models[0].criterion:.2g}"
                )
        return tuple(notes)

    # ---- searching -----------------------------------------------------------------------------

    def expansions(self, model: SelectedModel) -> list[Profiled]:
        """Expansions about a model, with the initial values eliminated; none where one cannot be simulated."""
        lanes = self._opened(model)
        local = self.shooting.expand(self.cut, lanes, np.repeat(model.starts[None], len(lanes), axis=0))
        local = local.hold(np.repeat(self.held[None], len(lanes), axis=0))
        if not np.isfinite(local.rss).all():
            return []
        total = float(model.rss.sum())
        parts = zip(lanes, *local.profiled(np.full(len(lanes), 1e-9)), strict=True)
        return [Profiled(theta, total, information, gradient, back) for theta, information, gradient, back in parts]

    def _opened(self, model: SelectedModel) -> np.ndarray:
        """Columns (G, P) of a model, with each guess of the constants inside terms that it lacks."""
        idle = ~self.candidates.active(model.chosen[None])[0]
        lanes = np.where(idle, self.candidates.guesses, model.theta)
        lanes[:, idle & self._coefficients] = 0.0
        return lanes

    def fit_neighbours(self, moves: Iterator[tuple[SelectedModel, Neighbour]]) -> None:
        """Fit neighbours all at once; those with a term less or another also without the forecast, which may overshoot."""
        rows = []
        for model, move in moves:
            theta, back = move.origin.theta, move.origin.back
            if move.kind < 1 and back is not None:
                rows.append((move.chosen, theta + move.step, model.starts + back[..., -1] - back[..., :-1] @ move.step))
                own = move.chosen @ self.candidates.inner | ~self._coefficients
                theta = np.where(own, self._opened(model)[0], 0.0)
            rows.append((move.chosen, theta, model.starts))
        if rows:
            self.fit(*(np.stack(column) for column in zip(*rows, strict=True)))
