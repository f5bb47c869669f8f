r"""Forecasts of data to come, from the law of the errors of a recovery.

A band is to hold what comes with its probability though the structure is uncertain, and errors are known only from the data:

- *Mixture.*  Data to come are drawn of each of several systems: parameters from their posterior, the state at the end of the
  data, process noise along the way, errors of measurement.  They are those that were compared with process noise allowed for,
  weighted by the Bayesian criterion, or else the best of the table without and with process noise, weighted as there.  For the
  root mean square errors E of forecasts from origins within the data, which overlap and count as one, weights are divided by E.
- *Calibration.*  The same mixture, of fits to the data before each of m origins, has bands for the data after it.  The factors
  by which these would have to be wider, to hold the share p of the data that they claim, are one number an origin; the one of
  rank :math:`\lceil (m + 1) p \rceil` (the largest, where there are fewer), at least 1, is that by which the band is wider, as
  in split conformal prediction.

References
----------
Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), ch. 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import ErrorFit, Forecast, fit_errors, laws
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood
from symdyn.inference.information import check_level

__all__ = ["bands", "refitted"]

#: Draws behind a band, and behind one from an origin within the data.
DRAWS, EARLY = 1000, 200
#: Systems of a mixture, and the weight relative to the largest below which a part is left out.
SYSTEMS, LEAST = 4, 0.02


def refitted(recovery: Recovery) -> ErrorFit:
    """The first system of a recovery under its law of errors: the one that was chosen, or without an error of the model.

    Parameters
    ----------
    recovery : Recovery
        Of an ODE system or a map.

    Raises
    ------
    RecoveryError
        If it is of another kind, or the data are impossible under the system.
    """
    choices = [recovery.law] if recovery.law is not None else laws(_data(recovery))
    found = [fit for law in choices if (fit := _fit(recovery, 0, law)) is not None]
    if not found:
        raise RecoveryError("no run of the first system follows the data from its initial values; there are no bands")
    return max(found, key=lambda fit: fit.found.score.value)


def _data(recovery: Recovery) -> Observations:
    """The data of a recovery of an ODE system or a map."""
    if not recovery.starts or recovery.system.parts - {"delays"} not in ({"drift"}, {"map"}):
        raise RecoveryError("bands of a prediction need an ODESystem or DiscreteSystem; of others simulate trajectories= of it")
    return cast(Observations, recovery.observations)


def _fit(recovery: Recovery, k: int, law: ErrorLaw, before: ErrorFit | None = None) -> ErrorFit | None:
    """The fit of a system of a recovery under a law."""
    system, own = recovery.systems[k], set(recovery.intervals["constant"])
    free = [p for p in system.parameters if p.name in own or p not in recovery.system.parameters]
    return fit_errors(system, _data(recovery), law, free, starts=recovery.starts[k], before=before)


def bands(recovery: Recovery, times: np.ndarray, level: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lower and upper ends (T, n) of bands of data to come for each trajectory.

    Parameters
    ----------
    recovery : Recovery
        Of an ODE system or a map.
    times : (T,) float64
        After the data.
    level : float
        Probability of a band at each time.

    Raises
    ------
    RecoveryError
        As of `refitted`, and unless the level lies between 0 and 1.
    """
    check_level(level)
    rng = np.random.default_rng(0)
    shares, fits, forecasts = _parts(recovery)
    like = fits[0].likelihood
    factor = _factor(shares, forecasts, like, level, rng)
    every = [times] * like.trajectories
    return [
        (like.outward(middle - factor * below), like.outward(middle + factor * above))
        for middle, below, above in _halves(shares, fits, every, like, level, DRAWS, rng)
    ]


def _parts(recovery: Recovery) -> tuple[np.ndarray, list[ErrorFit], list[dict[float, Forecast]]]:
    """Weights of the parts of the mixture, their fits, and their forecasts by origin."""
    fits = _compared(recovery) or _ranked(recovery)
    like, gaps = fits[0][1].likelihood, np.array([criterion for criterion, _ in fits])
    fits = [fits[k] for k in np.flatnonzero(gaps < gaps.min() - 2 * np.log(LEAST))]
    forecasts = [{f.origin: f for f in fit.forecasts()} for _, fit in fits]
    common = set.intersection(*(set(f) for f in forecasts))
    errors = np.array([[f[o].error(like) for o in common] for f in forecasts])
    logs = -0.5 * np.array([criterion for criterion, _ in fits]) - (0.5 * np.log(errors).mean(axis=1) if common else 0.0)
    shares = np.exp(logs - logs.max())
    return shares / shares.sum(), [fit for _, fit in fits], forecasts


def _compared(recovery: Recovery) -> list[tuple[float, ErrorFit]]:
    """Models that were compared with process noise allowed for, with their criteria."""
    found = []
    for f in recovery.forecasters:
        free = [p for p in f.system.parameters if p.name in f.free]
        fit = fit_errors(f.system, _data(recovery), f.law, free, starts=f.start)
        found += [(f.criterion, fit)] if fit is not None else []
    return found


def _ranked(recovery: Recovery) -> list[tuple[float, ErrorFit]]:
    """Systems of a table without and with process noise, with criteria from their weights and the gaps between the laws."""
    law, found = refitted(recovery).law, []
    weights = recovery.table["weight"].fillna(1.0).to_numpy(float)
    for k in np.flatnonzero(weights > LEAST * weights.max())[:SYSTEMS]:
        still = _fit(recovery, k, replace(law, process=None))
        # steps of a filter begin anew, and lack the past that delays need
        lags = "delays" in recovery.systems[k].parts
        moved = None if lags else _fit(recovery, k, replace(law, process="common"), still)
        own = [(fit.criterion(0.0), fit) for fit in (still, moved) if fit is not None]
        best = min((c for c, _ in own), default=0.0)
        found += [((c - best if np.isfinite(best) else 0.0) - 2 * np.log(weights[k]), fit) for c, fit in own]
    return found


def _factor(
    shares: np.ndarray, forecasts: list[dict[float, Forecast]], like: FilterLikelihood, level: float, rng: np.random.Generator
) -> float:
    """By what bands have to be wider, at least 1: the rank statistic of what those from each origin within the data needed."""
    needed = []
    for origin in sorted(set.intersection(*(set(f) for f in forecasts))):
        early = [f[origin] for f in forecasts]
        halves = _halves(shares, [f.fit for f in early], early[0].times, like, level, EARLY, rng)
        ratios: list[float] = []
        for (middle, below, above), values in zip(halves, early[0].values, strict=True):
            gap = like.inward(values) - middle
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.abs(gap) / np.where(gap < 0, below, above)
            ratios += ratio[np.isfinite(ratio)].tolist()
        needed += [float(np.quantile(ratios, level))] if ratios else []
    rank = min(int(np.ceil((len(needed) + 1) * level)), len(needed))
    return max(sorted(needed)[rank - 1], 1.0) if needed else 1.0


def _halves(
    shares: np.ndarray, fits: Sequence[ErrorFit], times: Sequence[np.ndarray], like: FilterLikelihood, level: float, count: int,
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # fmt: skip
    """Medians (T, n) of the mixture and the distances from there to the ends of bands, as the likelihood has states."""
    drawn = [fit.paths(times, max(round(count * share), 1), rng) for share, fit in zip(shares, fits, strict=True)]
    found = []
    for own in zip(*drawn, strict=True):
        low, middle, high = np.nanquantile(like.inward(np.concatenate(own)), [0.5 - level / 2, 0.5, 0.5 + level / 2], axis=0)
        found.append((middle, middle - low, high - middle))
    return found
