"""Whether what a fitted model leaves of the data is noise, and how much of the likelihood it misses where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import f as variance_ratio

__all__ = ["Misfit", "StateResiduals", "misfit"]

#: Probability that a model which is right is called one that is not, over all states and both tests.
LEVEL = 0.01
#: Fewest residuals of a state, and their least root mean square relative to the state, that are tested: below, errors of the
#: integration and of the optimiser are no noise.
FEWEST, EXACT = 10, 1e-4
#: Independent residuals that an estimate of the noise from the data is as good as, for each datum: it is a median, over
#: windows that overlap.
KNOWN = 0.25


@dataclass(frozen=True)
class StateResiduals:
    """What a model leaves of the data of one state.

    Attributes
    ----------
    name : str
    series : tuple of (N,) float64
        Data less simulation in the order of time, one array for each stretch with initial values of its own; no NaN.
    deviations : tuple of (N,) float64
        Standard deviations by which the fit weighed them.
    scale : float
        Size of the state.
    noise : float
        Standard deviation of the noise before the fit; NaN if nothing is known of it.
    given : bool
        Whether it was given, and not estimated from the data.
    """

    name: str
    series: tuple[np.ndarray, ...]
    deviations: tuple[np.ndarray, ...]
    scale: float
    noise: float
    given: bool = False


@dataclass(frozen=True)
class Misfit:
    """How far a fitted model is from the data.

    Attributes
    ----------
    missed : float
        Log-likelihood that it misses against a model whose residuals are noise; 0 if its own pass for noise.
    notes : tuple of str
        What was found, in words.
    """

    missed: float = 0.0
    notes: tuple[str, ...] = ()


def misfit(states: Sequence[StateResiduals], fitted: int) -> Misfit:
    r"""Test the residuals of a fit.

    Two tests for each state.  The correlation of neighbours,

    .. math:: r = \frac{\sum_i e_i e_{i+1}}{\sum_i e_i^2},

    is normal for N independent residuals, with the mean 0 and the variance 1/N.  Where the fit took the noise as constant, the
    residual variance over that of the noise before the fit has the law of F (of chi-square if the noise is given).  Where a
    test fails, the residual variance is `c` times that of independent errors, with the larger one of that ratio and
    :math:`1/(1 - r)`, which compares with the mean squared difference of neighbours (von Neumann); the model misses the
    log-likelihood :math:`\tfrac{N}{2} \log c`.

    Parameters
    ----------
    states : sequence of StateResiduals
    fitted : int
        Fitted values of all states.

    Returns
    -------
    Misfit

    References
    ----------
    von Neumann, Ann. Math. Stat. 12, 367 (1941); Bartlett, J. R. Stat. Soc. Suppl. 8, 27 (1946).

    Examples
    --------
    >>> t = np.linspace(0, 6, 100)
    >>> white = 0.1 * np.random.default_rng(0).normal(size=100)
    >>> def left(e):
    ...     return [StateResiduals("x", (e,), (np.full(100, 0.1),), 1.0, 0.1)]
    >>> misfit(left(white), 3).missed
    0.0
    >>> print(misfit(left(white + 0.2 * np.sin(t)), 3).notes[0])  # doctest: +ELLIPSIS
    what the first model leaves of x is not noise: ...
    """
    size = sum(len(e) for s in states for e in s.series)
    level, missed, found = LEVEL / max(2 * len(states), 1), 0.0, []
    for state in states:
        left = [e / d for e, d in zip(state.series, state.deviations, strict=True)]
        raw, count = np.concatenate(state.series), sum(map(len, left))
        if count < FEWEST or np.sqrt(np.mean(raw**2)) < EXACT * state.scale:
            continue
        lag = sum(float(e[1:] @ e[:-1]) for e in left) / sum(float(e @ e) for e in left)
        usual = norm.isf(level) * np.sqrt(sum(max(len(e) - 1, 0) for e in left)) / count
        freedom = max(count * (1 - fitted / size), 1.0)
        ratio = float(raw @ raw) / freedom / state.noise**2
        known = chi2.isf(level, freedom) / freedom if state.given else variance_ratio.isf(level, freedom, KNOWN * count)
        weighed = np.concatenate(state.deviations)
        larger = np.ptp(weighed) <= 1e-9 * weighed.max() and ratio > known
        if lag > usual or larger:
            worse = max(1 / (1 - np.clip(lag, 0, 1 - 1 / count)), ratio if larger else 1.0)
            missed += 0.5 * count * np.log(worse)
            found.append(_words(state, lag, usual, ratio))
    if not found:
        return Misfit()
    end = "no model of the library that was fitted can express these data, and the weights compare wrong models"
    return Misfit(float(missed), (f"what the first model leaves of {', of '.join(found)}; {end}",))


def _words(state: StateResiduals, lag: float, usual: float, ratio: float) -> str:
    """A state with the numbers."""
    parts = [f"neighbouring residuals correlate by {lag:.2g} (of noise at most {usual:.2g})"]
    if np.isfinite(ratio):
        parts.append(f"their variance is {ratio:.2g} times that of the {'given' if state.given else 'estimated'} noise")
    return f"{state.name} is not noise: {', '.join(parts)}"
