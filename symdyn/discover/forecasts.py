"""Forecasts of data to come, from the law of the errors of a recovery."""

from __future__ import annotations

import numpy as np

from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.error_fits import ErrorFit, fit_errors, laws
from symdyn.inference.information import check_level

__all__ = ["bands", "refitted"]

#: Draws behind a band.
DRAWS = 1000


def refitted(recovery: Recovery, after: bool = True) -> ErrorFit:
    """The first system of a recovery under its law of errors: the one that was chosen, or without an error of the model.

    Parameters
    ----------
    recovery : Recovery
        Of an ODE system or a map.
    after : bool
        Whether the forecast begins after the data.

    Raises
    ------
    RecoveryError
        If it is of another kind, the forecast begins within the data, or these are impossible under the system.
    """
    if not after:
        raise RecoveryError("bands are those of data to come: give times after those of the data")
    if not recovery.starts or recovery.system.parts not in ({"drift"}, {"map"}):
        raise RecoveryError("bands of a prediction need an ODESystem or DiscreteSystem; of others simulate trajectories= of it")
    own = set(recovery.intervals["constant"])
    free = [p for p in recovery.system.parameters if p.name in own]
    choices = [recovery.law] if recovery.law is not None else laws(recovery.observations)
    fits = [fit_errors(recovery.system, recovery.observations, law, free, starts=recovery.starts[0]) for law in choices]
    found = [fit for fit in fits if fit is not None]
    if not found:
        raise RecoveryError("no run of the first system follows the data from its initial values; there are no bands")
    return max(found, key=lambda fit: fit.found.score.value)


def bands(fit: ErrorFit, times: np.ndarray, level: float, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lower and upper ends (T, n) of bands of data to come for each trajectory.

    Parameters
    ----------
    fit : ErrorFit
    times : (T,) float64
        After the data.
    level : float
        Probability of a band at each time.
    seed : int

    Raises
    ------
    RecoveryError
        Unless the level lies between 0 and 1.
    """
    check_level(level)
    tails = [0.5 - level / 2, 0.5 + level / 2]
    found = []
    for paths in fit.paths([times] * fit.likelihood.runs, DRAWS, np.random.default_rng(seed)):
        ends = np.nanquantile(paths, tails, axis=0)
        found.append((ends[0], ends[1]))
    return found
