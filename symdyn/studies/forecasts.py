r"""How far chaotic flows can be foretold from data, by method, number of points and noise.

Two trajectories of a flow are made: a method learns from the first, and foretells the second from several states of it.  Steps
are a thirtieth of the dominant period, times are in Lyapunov times :math:`1/\lambda_1`.  With the error of a forecast

.. math:: e(t) = \frac{|\hat x(t) - x(t)|}{\sqrt{\sum_i \operatorname{var} x_i}}, \qquad
   \text{sMAPE} = 200 \left\langle \frac{|\hat x_i - x_i|}{|\hat x_i| + |x_i|} \right\rangle,

the *valid time* is when e first exceeds 0.3, and the mean of the symmetric error is taken over states and the first Lyapunov
time.

References
----------
Gilpin, Chaos as an interpretable benchmark for forecasting and data-driven modelling, NeurIPS Datasets and Benchmarks (2021),
arXiv:2110.05266; Gilpin, Physical Review Research 5 (2023) 043252.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import welch
from scipy.stats import rankdata

from symdyn.analysis.lyapunov import lyapunov_exponents
from symdyn.bar import bar
from symdyn.errors import DeclarationError, SymdynError
from symdyn.inference.information import check_level
from symdyn.methods.options import check_whole
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest
from symdyn.simulation.run import simulate
from symdyn.studies._forecasters import FORECASTERS, Forecaster, Training
from symdyn.studies._table import check_study

__all__ = ["forecast", "forecast_correlations", "forecast_table"]

#: Error at which a forecast is no longer valid, points a period, and periods that are left for the way to the attractor.
ASTRAY, PER_PERIOD, WAY = 0.3, 30, 40
#: Lyapunov times over which an error of rounding grows to a tenth: no truth is known beyond.
FURTHEST = 20.0
#: States that a forecast begins from, periods between two beginnings, and relative tolerance of the truth.
HISTORY, APART, TIGHT = 200, 2.0, 1e-12
#: Steps of the Lyapunov spectrum and those before, and points of the spectrum of frequencies.
SPECTRUM, BURN_IN, POINTS = 4000, 500, 8192
USUAL = ("persistence", "linear", "nvar", "echo-state", "recover")
DIMS = ("flow", "forecaster", "points", "noise")


@dataclass(frozen=True)
class _Orbits:
    """What is known, what is foretold, and numbers of the flow."""

    step: float
    known: np.ndarray
    foretold: np.ndarray
    spread: float
    exponent: float
    dimension: float
    period: float


def forecast(
    flows: Mapping[str, ODESystem],
    methods: Sequence[str] | Mapping[str, Callable[[Training], Forecaster]] = (
        "persistence",
        "linear",
        "nvar",
        "echo-state",
        "recover",
    ),
    *,
    points: Sequence[int] = (100, 1000),
    noise: Sequence[float] = (0.0,),
    starts: int = 10,
    horizon: float = 5.0,
    budget: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Learn chaotic flows from one trajectory, and foretell another.

    Noise is added to what a method learns from, not to the states that a forecast begins from: models are compared, not
    estimates of the present.

    Parameters
    ----------
    flows : mapping of str to ODESystem
        Chaotic, with initial values, such as `symdyn.models.zoo.chaotic`.
    methods : sequence of str, or mapping of str to callable, optional
        Of ``persistence``, ``linear``, ``nvar`` (quadratic vector autoregression), ``echo-state``, ``recover`` (equations with
        nothing known) and ``hybrid`` (one equation hidden); or functions of a `Training`, which return a function of past
        states (m, n) and a number of steps, and this the next states.
    points : sequence of int, optional
        Lengths of the trajectory that is learnt from, at 30 points a period.
    noise : sequence of float, optional
        Standard deviations of the noise, relative to those of the states.
    starts : int, optional
        States that forecasts begin from, two periods apart or more.
    horizon : float, optional
        Of forecasts, in Lyapunov times, to 20; a valid time is not longer.
    budget : float, optional
        Seconds for each recovery, as of `recover`.
    seed : int, optional
    progress : bool, optional

    Returns
    -------
    xarray.Dataset
        ``valid_time`` and ``smape`` (flow, forecaster, points, noise, start), in Lyapunov times and per cent, 0 and 200 where a
        method failed; ``seconds`` of CPU of learning; ``note``, what failed; and of each flow the largest ``exponent``, the
        ``dimension`` of Kaplan and Yorke and the dominant ``period``.

    Raises
    ------
    DeclarationError
        For flows that are not chaotic, unknown methods and numbers out of range.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> found = forecast({"sprott_b": zoo.chaotic["sprott_b"]}, ["persistence", "nvar"], points=[300], starts=3, progress=False)
    >>> longer = found.valid_time.median("start").squeeze()
    >>> bool(longer.sel(forecaster="nvar") > 3 * longer.sel(forecaster="persistence"))
    True
    """
    named = _methods(methods)
    sizes, levels = _listed("points", points), _listed("noise", noise)
    check_whole(20, **{f"points[{k}]": n for k, n in enumerate(sizes)})
    check_whole(starts=starts)
    check_whole(0, seed=seed)
    if not all(isinstance(v, int | float) and 0 <= v < np.inf for v in levels):
        raise DeclarationError(f"noise is {noise!r}; expected numbers from 0")
    if not 0 < horizon <= FURTHEST:
        raise DeclarationError(
            f"horizon is {horizon!r}; expected Lyapunov times to {FURTHEST:g}, beyond which no truth is known"
        )
    if not isinstance(flows, Mapping) or not flows or not all(isinstance(f, ODESystem) for f in flows.values()):
        raise DeclarationError("flows are a mapping of names to ODESystems, such as {'lorenz': zoo.chaotic['lorenz']}")
    shape = (len(flows), len(named), len(sizes), len(levels))
    valid, smape = np.zeros((*shape, starts)), np.full((*shape, starts), 200.0)
    seconds, note = np.zeros(shape), np.full(shape, "", dtype=object)
    facts = []
    with bar(progress, total=int(np.prod(shape)), desc="forecast") as shown:
        for f, (name, system) in enumerate(flows.items()):
            orbits = _orbits(name, system, max(sizes), starts, horizon, seed)
            facts.append((orbits.exponent, orbits.dimension, orbits.period))
            for m, learn in enumerate(named.values()):
                for p, count in enumerate(sizes):
                    for k, level in enumerate(levels):
                        training = Training(
                            orbits.step * np.arange(count),
                            _noisy(orbits.known[:count], level, (seed, name)),
                            system,
                            seed,
                            budget,
                        )
                        before = time.process_time()
                        try:
                            learnt = learn(training)
                            seconds[f, m, p, k] = time.process_time() - before
                            valid[f, m, p, k], smape[f, m, p, k] = _scores(learnt, orbits, starts, horizon)
                        except (SymdynError, np.linalg.LinAlgError, ValueError) as error:
                            seconds[f, m, p, k] = time.process_time() - before
                            note[f, m, p, k] = f"{type(error).__name__}: {error}"
                        shown.update(1)
    exponents, dimensions, periods = np.array(facts).T
    about = {"horizon": horizon, "starts": starts, "seed": seed, "per_period": PER_PERIOD, "astray": ASTRAY}
    return xr.Dataset(
        {
            "valid_time": ((*DIMS, "start"), valid, {"long_name": "valid time", "units": "Lyapunov times"}),
            "smape": ((*DIMS, "start"), smape, {"long_name": "symmetric error", "units": "%"}),
            "seconds": (DIMS, seconds, {"long_name": "CPU time of learning", "units": "s"}),
            "note": (DIMS, note.astype(str)),
            "exponent": ("flow", exponents, {"long_name": "largest Lyapunov exponent"}),
            "dimension": ("flow", dimensions, {"long_name": "Kaplan-Yorke dimension"}),
            "period": ("flow", periods, {"long_name": "dominant period"}),
        },
        {"flow": list(flows), "forecaster": list(named), "points": sizes, "noise": [float(v) for v in levels]},
        about,
    )


def _methods(given: Any) -> Mapping[str, Callable[[Training], Forecaster]]:
    """Methods by name."""
    if isinstance(given, Mapping):
        if not given or not all(callable(v) for v in given.values()):
            raise DeclarationError("methods are a mapping of names to functions of a Training, or a sequence of names")
        return given
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in FORECASTERS:
            known = ", ".join(FORECASTERS)
            raise DeclarationError(
                f"no method of forecasts is called {name!r}.{suggest(str(name), FORECASTERS)} Known: {known}"
            )
    if not names or len(set(names)) < len(names):
        raise DeclarationError(f"methods are {given!r}; expected different names")
    return {name: FORECASTERS[name] for name in names}


def _listed(name: str, values: Any) -> list[Any]:
    """Different values, as a list."""
    found = list(values) if np.ndim(values) else [values]
    found = [v.item() if isinstance(v, np.generic) else v for v in found]
    if not found or len(set(found)) < len(found):
        raise DeclarationError(f"{name} is {values!r}; expected different numbers")
    return found


def _noisy(values: np.ndarray, level: float, key: tuple[int, str]) -> np.ndarray:
    """States with noise; that of the first ones does not depend on how many follow."""
    rng = np.random.default_rng([key[0], zlib.crc32(key[1].encode())])
    return values + level * values.std(axis=0) * rng.standard_normal(values.shape)


def _orbits(name: str, system: ODESystem, known: int, starts: int, horizon: float, seed: int) -> _Orbits:
    """Two trajectories on the attractor."""
    found = lyapunov_exponents(system, steps=SPECTRUM, burn_in=BURN_IN, progress=False)
    if not found.attrs["complete"]:  # an interrupt is of the study, not of its exponents alone
        raise KeyboardInterrupt
    exponent, error = float(found.lyapunov[0]), float(found.standard_error[0])
    if not exponent > 3 * error:
        raise DeclarationError(f"{name} has the largest exponent {exponent:.2g} +- {error:.2g}, and is not chaotic")
    period = _period(system, float(found.attrs["interval"]))
    step, way = period / PER_PERIOD, WAY * PER_PERIOD
    ahead, apart = _steps(horizon, exponent, step), round(APART * PER_PERIOD)
    first = _run(system, {}, step, way + known)[way:]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 1])
    begin = {s: float(v) * (1 + 0.01 * rng.standard_normal()) for s, v in zip(system.states, first[0], strict=True)}
    second = _run(system, begin, step, way + HISTORY + (starts - 1) * apart + ahead + 1)[way:]
    spread = float(np.sqrt(second.var(axis=0).sum()))
    return _Orbits(step, first, second, spread, exponent, float(found.kaplan_yorke), period)


def _period(system: ODESystem, interval: float) -> float:
    """The period with the largest power, of all states in units of their standard deviations."""
    values = _run(system, {}, 0.25 * interval, POINTS + POINTS // 8)[POINTS // 8 :]
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    frequencies, power = welch(z, fs=4 / interval, nperseg=POINTS // 4, axis=0)
    return float(1 / frequencies[1 + np.argmax(power.sum(axis=1)[1:])])


def _run(system: ODESystem, begin: Mapping[Any, float], step: float, count: int) -> np.ndarray:
    run = simulate(system, step * np.arange(count), initial=begin, rtol=TIGHT, atol=TIGHT, progress=False)
    return np.stack([run[s.name].values for s in system.states], axis=1)


def _steps(times: float, exponent: float, step: float) -> int:
    """Steps in so many Lyapunov times, one or more."""
    return max(1, round(times / (exponent * step)))


def _scores(learnt: Forecaster, orbits: _Orbits, starts: int, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Valid times and symmetric errors of forecasts from all starts."""
    unit = orbits.exponent * orbits.step
    ahead, first = _steps(horizon, orbits.exponent, orbits.step), _steps(1.0, orbits.exponent, orbits.step)
    valid, smape = np.empty(starts), np.empty(starts)
    for k in range(starts):
        now = HISTORY + k * round(APART * PER_PERIOD)
        truth = orbits.foretold[now : now + ahead]
        run = np.asarray(learnt(orbits.foretold[now - HISTORY : now].copy(), ahead), dtype=float)
        if run.shape != truth.shape:
            raise ValueError(f"a forecast has the shape {run.shape}; expected {truth.shape}")
        with np.errstate(all="ignore"):
            away = ~(np.linalg.norm(run - truth, axis=1) < ASTRAY * orbits.spread)
            share = np.abs(run - truth) / (np.abs(run) + np.abs(truth))
        valid[k] = min(unit * (np.argmax(away) if away.any() else ahead), horizon)
        smape[k] = 200 * np.mean(np.where(np.isfinite(share), share, np.where(run == truth, 0.0, 1.0))[:first])
    return valid, smape


def forecast_table(study: xr.Dataset) -> pd.DataFrame:
    """Medians over flows, and quartiles of the valid time.

    Parameters
    ----------
    study : Dataset
        Of `forecast`; of each flow the median over starts is taken.

    Returns
    -------
    DataFrame
        By forecaster, points and noise: ``valid_time``, ``lower``, ``upper``, ``smape``, ``seconds``, and ``failed``, the
        number of flows on which the method failed.

    Raises
    ------
    DeclarationError
        If the dataset is no result of `forecast`.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> study = forecast({"sprott_b": zoo.chaotic["sprott_b"]}, "persistence", points=[100], starts=3, progress=False)
    >>> forecast_table(study).columns.tolist()
    ['valid_time', 'lower', 'upper', 'smape', 'seconds', 'failed']
    """
    check_study(study, "forecast", "valid_time", "smape", "seconds", "note")
    each = study.valid_time.median("start")
    columns = {
        "valid_time": each.median("flow"), "lower": each.quantile(0.25, "flow", skipna=False),
        "upper": each.quantile(0.75, "flow", skipna=False), "smape": study.smape.median("start").median("flow"),
        "seconds": study.seconds.median("flow"), "failed": (study.note != "").sum("flow"),
    }  # fmt: skip
    return xr.Dataset({name: v.reset_coords(drop=True) for name, v in columns.items()}).to_dataframe()


def forecast_correlations(study: xr.Dataset, *, level: float = 0.9, resamples: int = 2000, seed: int = 0) -> xr.Dataset:
    """Whether what is hard to foretell is what is more chaotic: rank correlations over flows.

    Parameters
    ----------
    study : Dataset
        Of `forecast`, with five flows or more.
    level : float, optional
        Of the intervals, from flows drawn again with replacement.
    resamples, seed : int, optional

    Returns
    -------
    Dataset
        ``correlation``, ``lower`` and ``upper`` (forecaster, points, noise, invariant): of Spearman, between the median valid
        time of each flow and its largest exponent, times its period, or its dimension; not a number where all valid times are
        the same.

    Raises
    ------
    DeclarationError
        For fewer flows.

    References
    ----------
    Gilpin, Physical Review Research 5 (2023) 043252.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> rank = np.arange(6.0)
    >>> study = xr.Dataset(
    ...     {"valid_time": (("flow", "forecaster", "start"), -rank[:, None, None]), "exponent": ("flow", rank**3),
    ...      "period": ("flow", np.ones(6)), "dimension": ("flow", -rank)}, {"flow": list("abcdef"), "forecaster": ["m"]})
    >>> forecast_correlations(study).correlation.values.round(3).tolist()
    [[-1.0, 1.0]]
    """
    check_level(level)
    check_whole(resamples=resamples)
    check_whole(0, seed=seed)
    flows = study.sizes.get("flow", 0)
    if flows < 5:
        raise DeclarationError(f"the study has {flows} flows; expected five or more for a rank correlation")
    valid = study.valid_time.median("start").transpose("flow", ...)
    table = valid.values.reshape(flows, -1)
    numbers = {"exponent": (study.exponent * study.period).values, "dimension": study.dimension.values}
    drawn = np.random.default_rng(seed).integers(flows, size=(resamples, flows))
    found = np.full((3, table.shape[1], len(numbers)), np.nan)
    for j, values in enumerate(numbers.values()):
        for i, column in enumerate(table.T):
            if np.ptp(column) == 0:
                continue
            low, high = np.nanquantile(_rank_correlations(column[drawn], values[drawn]), [0.5 - level / 2, 0.5 + level / 2])
            found[:, i, j] = _rank_correlations(column[None], values[None])[0], low, high
    dims = (*valid.dims[1:], "invariant")
    shape = (*valid.shape[1:], len(numbers))
    return xr.Dataset(
        {name: (dims, v.reshape(shape)) for name, v in zip(("correlation", "lower", "upper"), found, strict=True)},
        {**{d: study[d] for d in valid.dims[1:] if d in study.coords}, "invariant": list(numbers)}, {"level": level},
    )  # fmt: skip


def _rank_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of Spearman, row by row; not a number where all values of a row are the same."""
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (rankdata(a, axis=1), rankdata(b, axis=1)))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)
