"""An ensemble of walkers, a step after another, that goes on from a record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn.inference.density import PosteriorDensity
from symdyn.inference.long_run import LongRun
from symdyn.optional import require

__all__ = ["WalkerChains", "walker_chains"]

#: Share of steps by differences of walkers; the others are snooker steps.
DIFFERENCES = 0.8


class WalkerChains(NamedTuple):
    """Draws (draws, walkers, D), log densities, the mean acceptance, and the longest time of autocorrelation in steps."""

    points: np.ndarray
    density: np.ndarray
    acceptance: float
    autocorrelation: float


def walker_chains(
    posterior: PosteriorDensity,
    begin: np.ndarray,
    *,
    draws: int,
    tune: int,
    thin: int,
    seed: int,
    run: LongRun,
    afterwards: bool,
) -> WalkerChains:
    """Walkers of emcee from the rows of `begin` (walkers, D), of which every `thin`-th step after `tune` is kept.

    Parameters
    ----------
    posterior : PosteriorDensity
    begin : (walkers, D) float64
    draws, tune, thin, seed : int
    run : LongRun
    afterwards : bool
        Whether every draw is evaluated once more when all are there, for which time is left.

    Raises
    ------
    RecoveryError
        If the time ended before the first draw.
    KeyboardInterrupt
        If there is none to keep at an interrupt.
    MissingPackageError
        Without emcee.
    """
    emcee = require("emcee")
    moves = [(emcee.moves.DEMove(), DIFFERENCES), (emcee.moves.DESnookerMove(), 1 - DIFFERENCES)]
    stopped = False

    def evaluated(points: np.ndarray) -> np.ndarray:
        nonlocal stopped
        try:
            return posterior(points)
        except KeyboardInterrupt:  # emcee would print the points; the step that this spoils does not count
            stopped = True
            return np.full(len(points), -np.inf)

    ensemble = emcee.EnsembleSampler(*begin.shape, evaluated, moves=moves, vectorize=True)
    chain, density = np.empty((draws, *begin.shape)), np.empty((draws, len(begin)))
    kept, steps = run.kept("walkers"), tune + draws * thin
    if kept.known is None:
        done, moved = 0, 0
        # of its own: emcee would draw from the global generator
        state = emcee.State(begin, random_state=np.random.RandomState(seed).get_state())
    else:
        counts, last, cached, words, coords, values, *former = kept.known
        done, moved = (int(n) for n in counts)
        chain[: len(former[0])], density[: len(former[1])] = former
        numbers = ("MT19937", words, *last.tolist(), float(cached[0]))
        state = emcee.State(coords.copy(), log_prob=values.copy(), random_state=numbers)
    going = ensemble.sample(state, iterations=steps - done, store=False)

    def made() -> int:
        return max(done - tune, 0) // thin

    def standing() -> tuple[np.ndarray, ...]:
        _, words, *last, cached = state.random_state
        now = np.array([done, moved]), np.array(last), np.array([cached]), words.copy()
        return *now, state.coords.copy(), state.log_prob.copy(), chain[: made()], density[: made()]

    with run.ending(made):
        while done < steps:
            run.go_on(after=run.took * made() if afterwards else 0.0)
            run.began()
            before = state.coords.copy()
            state = next(going)
            if stopped:
                raise KeyboardInterrupt
            if done >= tune:
                kth, between = divmod(done + 1 - tune, thin)
                if not between:
                    chain[kth - 1], density[kth - 1] = state.coords, state.log_prob
                moved += int((state.coords != before).any(axis=1).sum())
            done += 1  # last, since an interrupt may come between any two lines
            run.ended()
            kept.keep(standing)
            run.report(*(("tuning", done / tune) if done <= tune else ("sampling", (done - tune) / (steps - tune))))
    if not made():
        raise run.nothing("the sampler", f"while it was tuned, after {done} of {tune} steps")
    chain, density = chain[: made()], density[: made()]
    with np.errstate(invalid="ignore"):  # of walkers that did not move it is not a number
        longest = float(np.max(emcee.autocorr.integrated_time(chain, tol=0))) * thin
    return WalkerChains(chain, density, moved / ((done - tune) * len(begin)), longest)
