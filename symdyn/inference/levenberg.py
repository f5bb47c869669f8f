"""Levenberg-Marquardt for a batch of problems that differ in which parameters are free: the one optimiser of all fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from symdyn.inference.journal import KeptState
from symdyn.inference.quadratic import Quadratic
from symdyn.inference.waiting import Waiting

__all__ = ["Expand", "Fits", "LevenbergMarquardt", "Recorded", "Settle", "outward"]

FIRST_DAMPING, MOST_DAMPING = 1e-2, 1e8
#: Size of a coordinate up to which it counts as a number of usual size.
LARGE = 100.0
#: How many times its reach a parameter moves at most without damping.
FREE = 20.0
#: How many times the fall that a step promises all further ones are taken to bring at most.
OPTIMISM = 20.0

#: From the places (m,) of candidates in the batch, their parameters (m, P) and initial values (m, V, n) to their expansions.
Expand = Callable[[np.ndarray, np.ndarray, np.ndarray], Quadratic]
#: From the same and which parameters may move, (m, P) bool, to parameters (m, P) whose sums of squares are no larger, and
#: these, (m,), NaN where they are not known.
Settle = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Fits:
    """M fitted candidates, in scaled units.

    Attributes
    ----------
    theta : (M, P) float64
    starts : (M, V, n) float64
        Initial values of the windows.
    local : Quadratic
        Sums of squares and expansions there.
    abandoned : (M,) bool
        Candidates that were given up because what was needed is out of reach; empty if nothing was.
    """

    theta: np.ndarray
    starts: np.ndarray
    local: Quadratic
    abandoned: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def total(self) -> np.ndarray:
        """Sum of squares over all states, (M,)."""
        return self.local.rss.sum(axis=1)


@dataclass(frozen=True)
class Recorded:
    """What a run of `LevenbergMarquardt` leaves behind.

    Attributes
    ----------
    kept : KeptState
        Where its state is kept, from which it goes on.
    check : callable
        Called with it before each iteration, and may raise.
    """

    kept: KeptState
    check: Callable[[LevenbergMarquardt], None]


class LevenbergMarquardt:
    """Fits of M candidates at once: every iteration expands those that still move.

    Parameters
    ----------
    expand : callable
        See `Expand`; of simulations one kernel call.
    theta, starts : (M, P), (M, V, n) float64
        Where to begin, scaled.
    active : (M, P) bool
        Parameters that may move.
    bounds, start_bounds : pairs of (P,) or (M, P), and (V, n) float64, optional
        Smallest and largest values, scaled; steps are projected.  Initial values whose bounds are equal are held.
    tolerance : float
        A candidate is done when a step lowers its sum of squares by less than this fraction.
    floor : float
        Sums of squares below this are as good as zero.
    small : float
        A candidate is done when a step promises less than this; while others go on that step is taken still.
    apart : bool
        Whether it is not, so that a candidate ends where it does alone.
    needed : float or (M,) float64
        Candidates that cannot come below this sum of squares are given up.
    damping : (float, float)
        At first, and after a step that failed at least.
    reach : float
        How far a parameter moves at most where the damping is 1, `FREE` times as far without: what hardly matters would else go
        to the end of its range before what matters could fall.
    settle : callable, optional
        Moves those parameters of each trial to their best values that are cheap to find while the others stay (variable
        projection): steps of the others are then those of the sum of squares with these eliminated, which has fewer valleys.
        Trials whose sums of squares it finds to be no smaller are not expanded.

    Attributes
    ----------
    done : int
        Iterations so far.
    moving : bool
        Whether any candidate may still move.

    References
    ----------
    Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05 (choice of the damping); Fan & Yuan, Computing 74 (2005)
    23: damping by the gradient, on which `reach` rests, keeps quadratic convergence; Golub & Pereyra, SIAM J. Numer. Anal. 10
    (1973) 413, and Ruhe & Wedin, SIAM Rev. 22 (1980) 318: eliminated parameters.
    """

    def __init__(
        self,
        expand: Expand,
        theta: np.ndarray,
        starts: np.ndarray,
        active: np.ndarray,
        *,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
        start_bounds: tuple[np.ndarray, np.ndarray] | None = None,
        tolerance: float = 1e-4,
        floor: float = 0.0,
        small: float = -np.inf,
        apart: bool = False,
        needed: float | np.ndarray = np.inf,
        damping: tuple[float, float] = (FIRST_DAMPING, 0.0),
        reach: float = np.inf,
        settle: Settle | None = None,
    ) -> None:
        self._expand, self._settle, self._active = expand, settle, active
        self._low, self._high = (np.broadcast_to(b, theta.shape) for b in bounds or (-np.inf, np.inf))
        self._start_low, self._start_high = start_bounds or (np.array(-np.inf), np.array(np.inf))
        self._theta, self._starts = np.clip(theta, self._low, self._high), np.clip(starts, self._start_low, self._start_high)
        count = len(theta)
        self._needed, self._known = np.broadcast_to(needed, count), np.full(count, np.nan)
        self._tolerance, self._floor, self._small, self._apart = tolerance, floor, small, apart
        self._least, self._reach = damping[1], reach
        self._damped, self._growth = np.full(count, damping[0]), np.full(count, 2.0)
        self._abandoned, self._open = np.zeros((2, count), dtype=bool)
        self._waiting = Waiting(theta.shape)
        self._local: Quadratic | None = None
        self.done, self._ended = 0, False

    def begin(self) -> None:
        """Expand all candidates where they begin."""
        every = np.arange(len(self._theta))
        if self._settle is not None:
            self._theta, self._known = self._settle(every, self._theta, self._starts, self._active)
        self._local = self._expand(every, self._theta, self._starts)
        self._open = np.isfinite(self._local.rss).all(axis=1)

    def run(self, iterations: int = 30, *, recorded: Recorded | None = None, going: Callable[[], bool] | None = None) -> Fits:
        """Begin, or go on from what is kept, until nothing moves or so many iterations are made.

        Parameters
        ----------
        iterations : int
        recorded : Recorded, optional
        going : callable, optional
            Called before each iteration; False ends the fits where they are.

        Raises
        ------
        RecoveryError
            If what is kept is no state of such candidates.
        """
        known = None if recorded is None else recorded.kept.known
        if recorded is None or known is None:
            self.begin()
        else:
            try:
                self.restore(known)
            except ValueError as error:
                raise recorded.kept.journal.refused(error) from None
        while self.done < iterations and self.moving and (going is None or going()):
            if recorded is not None:
                recorded.kept.keep(self.state)
                recorded.check(self)
            self.step()
        if recorded is not None:
            recorded.kept.keep(self.state)
        return self.found

    @property
    def moving(self) -> bool:
        return not self.settled.all()

    @property
    def settled(self) -> np.ndarray:
        """Candidates that move no further, (M,) bool."""
        return ~self._open | self._ended

    @property
    def found(self) -> Fits:
        """Where the candidates are; they move along as further iterations are made."""
        assert self._local is not None, "begin or restore first"
        return Fits(self._theta, self._starts, self._local, self._abandoned)

    def step(self) -> None:
        """Make one iteration."""
        fits, now = self.found, np.flatnonzero(self._open)
        theta, starts, local, abandoned = fits.theta, fits.starts, fits.local, fits.abandoned
        low, high, start_low, start_high = self._low, self._high, self._start_low, self._start_high
        known, damped, growth, waiting, active = self._known, self._damped, self._growth, self._waiting, self._active
        small, tolerance = self._small, self._tolerance
        self.done += 1
        here = local.take(now)
        blocked = outward(starts[now], here.start_gradient, start_low, start_high)
        here = here.hold(blocked | (start_low == start_high))
        held = waiting.held[now]
        free, waits = active[now] & ~outward(theta[now], here.gradient, low[now], high[now]) & ~held, held.any(axis=1)
        move, start_move = _step(here, self._theta[now], free, damped[now], self._reach)
        trial = np.clip(theta[now] + move, low[now], high[now])
        start_trial = np.clip(starts[now] + start_move, start_low, start_high)
        before = here.rss.sum(axis=1)
        expected = _expected(here, trial - theta[now], start_trial - starts[now])
        # a step that bounds have bent may promise no fall, while a more damped one does
        bent = (trial != theta[now] + move).any(axis=1) | (start_trial != starts[now] + start_move).any(axis=(1, 2))
        vain = bent & (expected <= 0)
        abandoned[now] = (expected >= small) & (before - OPTIMISM * expected > self._needed[now]) & ~vain & ~waits
        ended = (expected < small) & ~vain & ~waits | abandoned[now]
        if ended.all():
            self._ended = True
            return
        ends = free & (trial != theta[now]) & ((trial <= low[now]) | (trial >= high[now]))
        after = np.full(len(now), np.nan)
        if self._settle is not None:
            trial, after = self._settle(now, trial, start_trial, active[now])
        # both sums are those without derivatives, whose steps of integration are others than with them
        foreseen, worth = after.copy(), np.flatnonzero(~(after >= known[now]) & ~(ended & self._apart))
        if worth.size:
            there = self._expand(now[worth], trial[worth], start_trial[worth])
            after[worth] = there.rss.sum(axis=1)
        good = np.isfinite(after) & (expected > 1e-12 * np.abs(before))
        gain = np.where(good, (before - np.where(good, after, before)) / np.where(good, expected, 1.0), -1.0)
        halted = waiting.halt(now, ends & ~np.isfinite(after)[:, None], free)
        better = np.isin(np.arange(len(now)), worth) & (after < before)
        done = better & (before - after <= tolerance * before)
        still = (expected <= 1e-2 * tolerance * before) & ~vain
        freed = waits & (done | still | (expected < small))
        waiting.release(now, freed, better)
        taken = now[better]
        if taken.size:
            theta[taken], starts[taken], known[taken] = trial[better], start_trial[better], foreseen[better]
            local.put(taken, there.take(np.flatnonzero(better[worth])))
        shrink = np.maximum(1 / 9, 1 - (2 * np.clip(gain, 0, 1) - 1) ** 3)
        grown = np.where(halted, damped[now], np.maximum(damped[now] * growth[now], self._least))
        damped[now] = np.where(better & ~freed, np.maximum(damped[now] * shrink, 1e-12), grown)
        growth[now] = np.where(better & ~freed, 2.0, np.where(halted, 1, 2) * growth[now])
        fine = np.where(better, after, before) <= self._floor
        self._open[now] = ~((done | still) & ~waits | fine | ended | (damped[now] > MOST_DAMPING))

    def state(self) -> tuple[np.ndarray, ...]:
        """Copies of everything that further iterations depend on."""
        local = [getattr(self.found.local, name) for name in Quadratic.__dataclass_fields__]
        # sums depend in their last bits on the order of axes in memory
        orders = [np.argsort([-s for s in a.strides], kind="stable") for a in local]
        parts = [np.ascontiguousarray(a.transpose(order)) for a, order in zip(local, orders, strict=True)]
        own = (np.array([self.done, self._ended]), *self._candidates, *self._waiting.state, *orders, *parts)
        return tuple(a.copy() for a in own)

    @property
    def _candidates(self) -> tuple[np.ndarray, ...]:
        return self._theta, self._starts, self._abandoned, self._known, self._damped, self._growth, self._open

    def restore(self, state: tuple[np.ndarray, ...]) -> None:
        """Go on, in the place of `begin`, from where `state` was taken of such candidates: with the same bits.

        Raises
        ------
        ValueError
            If it is of others.
        """
        (M, P), (V, n) = self._theta.shape, self._starts.shape[1:]
        own, names = (*self._candidates, *self._waiting.state), list(Quadratic.__dataclass_fields__)
        first, *others = [a.copy() for a in state]
        same, orders = others[: len(own)], others[len(own) : len(own) + len(names)]
        parts = others[len(own) + len(names) :]
        wanted = [(a.shape, a.dtype) for a in own]
        if first.shape != (2,) or [(a.shape, a.dtype) for a in same] != wanted or len(parts) != len(names):
            raise ValueError("a state of other candidates")
        shapes = dict(zip(names, [(M, -1), (M, P, P), (M, P), (M, V, P, n), (M, V, n, n), (M, V, n)], strict=True))
        local = {}
        for name, order, part in zip(names, orders, parts, strict=True):
            shape = shapes[name]
            if sorted(order.tolist()) != list(range(len(shape))) or part.dtype != np.float64 or part.ndim != len(shape):
                raise ValueError("an expansion of other candidates")
            local[name] = part.transpose(np.argsort(order))
            if any(a not in (b, -1) for a, b in zip(shape, local[name].shape, strict=True)):
                raise ValueError("an expansion of other candidates")
        self.done, self._ended = int(first[0]), bool(first[1])
        self._theta, self._starts, self._abandoned, self._known, self._damped, self._growth, self._open = same[:7]
        self._waiting.restore(*same[7:])
        self._local = Quadratic(**local)


def outward(values: np.ndarray, gradient: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Which values are at a bound that the step of steepest descent, `gradient`, points beyond."""
    return ((values <= low) & (gradient < 0)) | ((values >= high) & (gradient > 0))


def _step(
    local: Quadratic, theta: np.ndarray, active: np.ndarray, damping: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Damped Gauss-Newton steps of parameters (M, P) and initial values (M, V, n); none where their equations overflow."""
    information, gradient, back = local.profiled(damping)
    diagonal = np.einsum("mii->mi", local.information)
    both = active[:, :, None] & active[:, None, :]
    eye = np.eye(active.shape[1])
    units = np.maximum(np.abs(theta) / LARGE, 1.0)  # logarithms and shares are below; values of states may be far beyond
    floor = 1e-14 * (diagonal * units**2).max(axis=1, keepdims=True, initial=0.0) / units**2 + 1e-300
    with np.errstate(over="ignore", invalid="ignore"):
        added = damping[:, None] * diagonal + floor + np.abs(gradient) * (damping[:, None] + 1 / FREE) / reach
        matrix = np.where(both, information, 0.0) + eye * np.where(active, added, 1.0)[:, :, None]
        unit = 1 / np.sqrt(np.maximum(np.einsum("mii->mi", matrix), 1e-300))
        matrix = matrix * unit[:, :, None] * unit[:, None, :] + 1e-13 * eye
        move = unit * np.linalg.solve(matrix, (unit * np.where(active, gradient, 0.0))[..., None])[..., 0]
    move[~np.isfinite(move).all(axis=1)] = 0.0
    start_move = back[..., -1] - np.einsum("mvip,mp->mvi", back[..., :-1], move)
    return move, start_move


def _expected(local: Quadratic, move: np.ndarray, start_move: np.ndarray) -> np.ndarray:
    """Fall of the sum of squares that the expansion promises for a step, (M,)."""
    linear = np.einsum("mp,mp->m", local.gradient, move) + np.einsum("mvi,mvi->m", local.start_gradient, start_move)
    square = np.einsum("mp,mpq,mq->m", move, local.information, move, optimize=True)
    square += 2 * np.einsum("mp,mvpi,mvi->m", move, local.mixed, start_move, optimize=True)
    square += np.einsum("mvi,mvij,mvj->m", start_move, local.start_information, start_move, optimize=True)
    return 2 * linear - square
