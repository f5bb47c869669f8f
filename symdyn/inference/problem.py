"""Residuals of candidates by multiple shooting: from many windows with their own initial values to full trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.candidates import Candidates
from symdyn.inference.criterion import SPARE, weights
from symdyn.inference.data import Observations
from symdyn.inference.formulas import evaluated
from symdyn.inference.guesses import Bounds
from symdyn.inference.journal import Journal
from symdyn.inference.kinds import RecoverableKind, kind_of
from symdyn.inference.noise import freedom_of_data, growth_of_noise
from symdyn.inference.selection import SelectedModel, Selection
from symdyn.inference.shooting import Shooting, windows
from symdyn.system import System

__all__ = ["SelectionProblem", "data_counts", "make_problem", "read_windows", "rough_states"]

#: Data of a state below which its noise cannot be told: residuals then weigh as this share of each state's scale.
FEW, COMMON_NOISE = 12, 0.05
#: Smallest noise that weighs the residuals, relative to the scale of a state.
NOISE_FLOOR = 1e-3
#: Share of the data that must be left beside the initial values of windows.
LEFT = 0.25
#: Models that are carried over when windows are joined.
CARRIED = 12
#: Models whose inner constants are fitted from every guess in the end.
RENEWED = 3
#: Residuals, relative to the scale of each state, below which they tell how the noise grows with the values.
FOLLOWED = 0.3
#: Ratio between assumed and found noise, of one datum to another, beyond which weights are set anew, and how often at most.
REWEIGH, REWEIGHINGS = 1.1, 6


@dataclass(frozen=True)
class SelectionProblem:
    """Candidates against data: what every stage of a fit shares.

    Attributes
    ----------
    candidates : Candidates
    shooting : Shooting
    rough : tuple of tuples of (T, n) float64
        Guesses of the states at the times of the data; one array a trajectory in each guess.
    bounds : pair of (n,) float64
        Smallest and largest initial values; equal ones hold the value at the beginning of each trajectory.
    penalty : callable or None
        See `Selection`.
    largest : int
        Most terms in a model.
    journal : Journal or None
        See `Selection`.
    repeats : bool
        See `Selection`.
    textbook : (T, K) int, optional
        See `Selection`.
    """

    candidates: Candidates
    shooting: Shooting
    rough: tuple[tuple[np.ndarray, ...], ...]
    bounds: tuple[np.ndarray, np.ndarray]
    penalty: Callable[[np.ndarray, np.ndarray], float] | None = None
    largest: int = 12
    journal: Journal | None = None
    repeats: bool = False
    textbook: np.ndarray | None = None

    def selection(self, pieces: int) -> Selection:
        """The search with so many windows a trajectory."""
        cut = windows(self.shooting.observations, pieces)
        low, high = (np.tile(b / self.shooting.scale, (cut.count, 1)) for b in self.bounds)
        inner = (low == high) & (cut.origins[:, 1:] > 0)  # a value known at the beginning is not known later
        limits = (np.where(inner, -np.inf, low), np.where(inner, np.inf, high))
        return Selection(
            self.candidates, self.shooting, cut, start_bounds=limits, penalty=self.penalty, largest=self.largest,
            pieces=pieces, journal=self.journal, repeats=self.repeats, textbook=self.textbook,
        )  # fmt: skip

    @property
    def kind(self) -> RecoverableKind:
        """What is known of the kind of the system."""
        return kind_of(self.candidates.system)

    def stages(self, points: int | None = None, wanted: int | None = None) -> list[int]:
        """Numbers of windows a trajectory, halved from stage to stage.

        Parameters
        ----------
        points : int, optional
            Intervals that the first windows have at least; by the kind of the system unless given.
        wanted : int, optional
            The first number, whatever the length, as far as each window has two intervals.

        Raises
        ------
        RecoveryError
            If the number that is wanted is none, or leaves too few data beside the initial values of so many windows.
        """
        longest = max(len(t.times) for t in self.shooting.observations.trajectories)
        if wanted is not None:
            first = min(read_windows(wanted), max((longest - 1) // 2, 1))
            if first > 1 and not self._determined(first):
                selection = self.selection(first)
                raise RecoveryError(
                    f"windows is {wanted}, but {selection.cut.size} data tell too little beside {selection.nuisance} initial "
                    "values of so many windows; give fewer"
                )
            return [first >> k for k in range(first.bit_length())]
        count, short = 1, (longest - 1) // (points or self.kind.points)
        if self.kind.stepwise:
            short = 2 * short - 1  # rounded up: the first windows are to be short
        while 2 * count <= min(short, self.kind.most):
            count *= 2
        counts = [count >> k for k in range(count.bit_length())]
        return [c for c in counts if self._determined(c)] or counts[-1:]

    def _determined(self, pieces: int) -> bool:
        """Whether so many windows leave data beside their initial values: a share of all, and enough for the parameters."""
        selection = self.selection(pieces)
        left = selection.cut.size - selection.nuisance
        return left >= LEFT * selection.cut.size and left > int(self.candidates.always.sum()) + SPARE

    def begin(self, selection: Selection, chosen: np.ndarray, theta: np.ndarray) -> None:
        """Fit models from every rough guess of the states; `chosen` (M, K) and `theta` (M, P)."""
        starts = np.stack([[guess[k][i] for k, i in selection.cut.origins] for guess in self.rough])
        m, g = len(chosen), len(starts)
        starts = np.tile(starts / self.shooting.scale, (m, 1, 1))
        selection.fit(np.repeat(chosen, g, axis=0), np.repeat(theta, g, axis=0), starts, iterations=30)

    def join(self, before: Selection, after: Selection, count: int = CARRIED) -> None:
        """Fit the best models of one stage, and those of textbooks, again with the windows of the next."""
        models = before.ranked()
        models = [m for k, m in enumerate(models) if k < count or before.among(m.chosen)]
        if not models:
            return
        theta, starts = np.stack([m.theta for m in models]), np.stack([m.starts for m in models])
        states, _ = self.shooting.simulate(before.cut, theta, starts)
        joined = np.empty((len(models), after.cut.count, starts.shape[-1]))
        for v, (k, i) in enumerate(after.cut.origins):
            home = np.flatnonzero((before.cut.origins[:, 0] == k) & (before.cut.origins[:, 1] <= i))[-1]
            joined[:, v] = states[:, home, i - before.cut.origins[home, 1]]
        after.fit(np.stack([m.chosen for m in models]), theta, np.nan_to_num(joined), iterations=30)

    def renew(self, selection: Selection, count: int = RENEWED) -> None:
        """Fit the best models again from every guess of the constants inside their terms.

        Short windows hardly tell apart the halves of a curve that saturates; a constant that went astray in them has no slope
        left in the long ones.
        """
        candidates, rows = self.candidates, []
        coefficients = np.arange(len(candidates.columns)) < len(candidates.terms)
        bends = candidates.inner[:, ~coefficients].any(axis=1)  # terms with constants inside
        for model in selection.ranked()[:count]:
            inside = candidates.active(model.chosen[None])[0] & ~coefficients & ~candidates.always
            anew = np.zeros_like(coefficients)
            anew[coefficients] = model.chosen & bends
            if anew.any():
                before = self._terms_along(model.theta)
                for guess in candidates.guesses:
                    theta = np.where(inside, guess, model.theta)
                    after = self._terms_along(theta)  # coefficients keep the terms as large as they were
                    theta[coefficients] *= np.where(anew[coefficients], before / after, 1.0)
                    rows.append((model.chosen, theta, model.starts))
        if rows:
            selection.fit(*(np.stack(column) for column in zip(*rows, strict=True)), iterations=30)

    def _terms_along(self, theta: np.ndarray) -> np.ndarray:
        """Root mean squares of the candidate terms along the data, (K,); 1 where that is no number."""
        candidates, data, system = self.candidates, self.shooting.observations, self.candidates.system
        values = np.concatenate([t.values for t in data.trajectories])
        values = np.where(np.isfinite(values), values, data.scale)
        known = dict.fromkeys(system.parameters, 1.0) | dict(system.defaults)
        known |= dict(zip(candidates.columns, map(float, theta * candidates.sizes), strict=True))
        times = np.concatenate([t.times for t in data.trajectories])
        along = dict(zip(system.states, values.T, strict=True)) | {system.time: times} | known
        found = evaluated([t.shape for t in candidates.terms], along, times.shape)
        with np.errstate(all="ignore"):
            sizes = np.sqrt(np.mean(found**2, axis=1))
        return np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)

    def spoiled(self, before: Selection, after: Selection) -> bool:
        """Whether joining the windows of `before` has lost what its best model explained.

        Over long windows that model may be trapped where a wrong one is not, so others do not count.
        """
        if np.isinf(self.kind.worse) or not before.visited:
            return False
        best = before.ranked()[0]
        same = after.visited.get(best.chosen.tobytes())
        return same is None or after.variance(same) > self.kind.worse * before.variance(best)

    def polish(self, selection: Selection, count: int) -> list[SelectedModel]:
        """Converge the best models."""
        models = selection.ranked()[:count]
        if models:
            columns = (np.stack([getattr(m, name) for m in models]) for name in ("chosen", "theta", "starts"))
            selection.fit(*columns, iterations=60, tolerance=1e-9)
        return selection.ranked()[:count]

    def reweighed(self, selection: Selection, models: Sequence[SelectedModel]) -> SelectionProblem | None:
        """The problem with the noise that residuals show, averaged over models by evidence; None if it was right.

        How the noise grows with the values is told by the best model.
        """
        counts = data_counts(self.shooting.observations)
        seen = counts > 0
        if counts[seen].min() < FEW:
            return None
        shooting, cut, n, best = self.shooting, selection.cut, len(counts), models[0]
        rss = weights([m.criterion for m in models]) @ np.stack([m.rss for m in models])
        states, slopes = shooting.simulate(cut, best.theta[None], best.starts[None])
        run, old = states[0], shooting.deviations(cut)
        left, size = cut.values - run * shooting.scale, np.sqrt(np.nanmean(run**2, axis=(0, 1)))
        have, level = np.isfinite(left), np.abs(run / size)
        freedom = np.ones_like(run)
        freedom[have] = freedom_of_data(self._design(selection, best, slopes[0])[have] / (old / shooting.scale)[have][:, None])
        kept = [have[..., i] for i in np.flatnonzero(seen)]
        parts = ([a[..., i][k] for i, k in zip(np.flatnonzero(seen), kept, strict=True)] for a in (left, level, freedom))
        followed = np.sqrt(np.nanmean(left[..., seen] ** 2, axis=(0, 1))) < FOLLOWED * shooting.scale[seen]
        share = growth_of_noise(*parts) if followed.all() else 0.0  # what a wrong model misses is not noise
        factors, found = np.sqrt(1 - share + share * np.nan_to_num(level) ** 2), shooting.noise.copy()
        for i, k in zip(np.flatnonzero(seen), kept, strict=True):
            square = np.sum((left / factors)[..., i][k] ** 2) / max(freedom[..., i][k].sum(), 1.0)
            found[i] = np.sqrt(square * max(rss[i], 1e-300) / max(best.rss[i], 1e-300))  # other models have a say
        found = np.maximum(found, NOISE_FLOOR * shooting.scale)
        growth = [np.ones((len(t.times), n)) for t in shooting.observations.trajectories]
        for v, (k, at) in enumerate(cut.origins):
            part = growth[k][at : at + run.shape[1]]
            inside = np.isfinite(run[v, : len(part)])
            part[inside] = factors[v, : len(part)][inside]
        again = shooting.with_noise(found, growth if share else None)
        ratio = (again.deviations(cut) / shooting.deviations(cut))[np.isfinite(cut.values)]
        if ratio.max() / ratio.min() < REWEIGH:
            return None
        return replace(self, shooting=again)

    def _design(self, selection: Selection, model: SelectedModel, slopes: np.ndarray) -> np.ndarray:
        """Derivatives of the states (V, T, n) by every value that was fitted: parameters, and initial values of windows."""
        p, candidates = len(self.shooting.free), self.candidates
        active = candidates.active(model.chosen[None])[0] & candidates.movable
        pieces, length, n = slopes.shape[:3]
        own = np.zeros((pieces, length, n, pieces, n))
        own[np.arange(pieces), :, :, np.arange(pieces)] = np.where(selection.held[:, None, None], 0.0, slopes[..., p:])
        return np.concatenate([slopes[..., :p][..., active], own.reshape(pieces, length, n, -1)], axis=-1)


def read_windows(windows: int) -> int:
    """A number of windows a trajectory, checked."""
    if not isinstance(windows, Integral) or isinstance(windows, bool) or windows < 1:
        raise RecoveryError(f"windows is {windows!r}; expected a number of windows a trajectory, 1 or more")
    return int(windows)


def data_counts(data: Observations) -> np.ndarray:
    """How many values of each state were measured, (n,)."""
    return np.sum([np.isfinite(t.values).sum(axis=0) for t in data.trajectories], axis=0)


def rough_states(
    system: System, data: Observations, fitted: Sequence[tuple[np.ndarray, np.ndarray]] | None = None
) -> tuple[tuple[np.ndarray, ...], ...]:
    """Guesses of all states at the times of the data: from the data, else a surrogate, else initial values, else sizes.

    Parameters
    ----------
    fitted : sequence of (times, states), optional
        States of a surrogate, one pair a trajectory.
    """
    factors: tuple[float, ...] = (1.0,)
    guesses = []
    seen = np.any([np.isfinite(t.values).any(axis=0) for t in data.trajectories], axis=0)
    scale = float(np.median(data.scale[seen]))
    hidden = [s for s, have in zip(system.states, seen, strict=True) if not have]
    if fitted is None and any(s not in system.initial for s in hidden):
        factors = (0.1, 1.0, 10.0)
    for factor in factors:
        tables = []
        for k, t in enumerate(data.trajectories):
            table = np.empty_like(t.values)
            for i, state in enumerate(system.states):
                have = np.isfinite(t.values[:, i])
                if have.any():
                    table[:, i] = np.interp(t.times, t.times[have], t.values[have, i])
                elif fitted is not None:
                    table[:, i] = np.interp(t.times, fitted[k][0], fitted[k][1][:, i])
                else:
                    table[:, i] = system.initial.get(state, factor * scale)
            tables.append(table)
        guesses.append(tuple(tables))
    return tuple(guesses)


def make_problem(
    system: System,
    candidates: Candidates,
    data: Observations,
    limits: Bounds,
    *,
    rough: tuple[tuple[np.ndarray, ...], ...] | None = None,
    noise: np.ndarray | None = None,
    penalty: Callable[[np.ndarray, np.ndarray], float] | None = None,
    largest: int = 12,
    journal: Journal | None = None,
    repeats: bool = False,
    textbook: np.ndarray | None = None,
) -> SelectionProblem:
    """Compile candidates and set up their comparison with data.

    Raises
    ------
    RecoveryError
        If terms are taken to come again in another unknown function, and there is no other.
    """
    if repeats and len({t.unknown.func for t in candidates.terms}) < 2:
        raise RecoveryError("repeats has no effect where terms are sought for one unknown function alone; leave it out")
    fixed = {p: v for p, v in system.defaults.items() if p not in candidates.columns}
    if noise is None:
        counts = data_counts(data)
        few = counts[counts > 0].min() < FEW
        noise = COMMON_NOISE * data.scale if few else np.maximum(data.noise, NOISE_FLOOR * data.scale)
    shooting = Shooting(
        candidates.system, data, candidates.columns, sizes=candidates.sizes, fixed=fixed, noise=noise,
        stiff=not candidates.terms,
    )  # fmt: skip
    pairs = [limits.get(s, (-np.inf, np.inf)) for s in system.states]
    bounds = (np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
    rough = rough or rough_states(system, data)
    return SelectionProblem(candidates, shooting, rough, bounds, penalty, largest, journal, repeats, textbook)
