"""Extinction risk: environmental stochasticity, and demographic stochasticity of discrete individuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy.stats import norm

from symdyn.errors import DeclarationError
from symdyn.leslie._values import check_split, refuse_changes
from symdyn.leslie.stochastic import counted_states
from symdyn.models.branching import BranchingSystem
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.matrix import MatrixModel
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["demographic", "diffusion_extinction", "quasi_extinction"]

#: A state of the extended map, and a time beyond any simulation.
PASSAGE, NEVER = "first_below", 1e300


def quasi_extinction(
    model: System, threshold: float, t: Sequence[float], *, initial: Any = None, trajectories: int = 10_000, seed: int = 0,
    stages: Sequence[Any] | None = None, parameters: Any = None, level: float = 0.95, **options: Any,
) -> xr.Dataset:  # fmt: skip
    r"""Probability that the population has been below a threshold by each time.

    Parameters
    ----------
    model : MatrixModel, DiscreteSystem or BranchingSystem
    threshold : float
        Total below which the population is quasi-extinct, individuals; 1 for extinction of a `BranchingSystem`.
    t : sequence of whole numbers
        Times at which the probability is reported, in steps; the first is the initial time.
    initial, parameters, trajectories, seed, **options :
        As `simulate` takes them; `initial` may be a sequence for a matrix model.
    stages : sequence, optional
        The states that are counted; by default all but one called ``environment``.
    level : float
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    Dataset
        ``probability``, ``lower``, ``upper`` (time): fraction of the trajectories with its Wilson interval; ``first_below``
        (trajectory): the step at which each was first below, infinite if it was not; ``log_growth_rate``, mean of
        :math:`\ln N(t+1)/N(t)`, its ``standard_error``, and ``variance``, that of :math:`\ln N` per step.  Extinct
        trajectories are excluded from these three; those of a `BranchingSystem` count until they are first below.  Sweeps
        retain their dims.

    Raises
    ------
    DeclarationError
        For times that are no increasing integers, and for other thresholds and levels than described.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.random_environment([1.2, 0.8])
    >>> risk = sd.leslie.quasi_extinction(model, 60, range(11), initial=[100], trajectories=1000)
    >>> risk.probability.values[:3].tolist()  # 100 * 0.8^3 = 51.2: three bad years, probability 1/8
    [0.0, 0.0, 0.0]
    >>> bool(risk.lower[3] < 1 / 8 < risk.upper[3])
    True
    """
    numbers = counted_states(model, stages)
    total = sp.Add(*numbers)
    given = _initial(model, initial)
    times = np.asarray(t, dtype=float)
    if times.ndim != 1 or times.size < 2 or not (np.diff(times) > 0).all() or (times % 1 != 0).any():
        raise DeclarationError(f"times are {t!r}; expected two or more increasing whole numbers, such as range(101)")
    if not isinstance(threshold, (int, float, np.number)):
        raise DeclarationError(f"the threshold is {threshold!r}; expected one number")
    ends = [times[0], times[-1]]
    run = {"parameters": parameters, "trajectories": trajectories, "seed": seed, "progress": False, **options}
    if model.offspring is not None:
        data = simulate(model, ends, initial=given, until=total < threshold, **run)
        passage = data.first_passage
        last = np.minimum(passage, ends[1])
    else:
        data = simulate(_with_passage(model, numbers, threshold), ends, initial=given, **run)
        noted = data[PASSAGE].isel(time=-1, drop=True)
        final = sum(data[s.name].isel(time=-1, drop=True) for s in numbers)
        passage = noted.where(noted < ends[1], xr.where(final < threshold, ends[1], np.inf))
        last = xr.full_like(passage, ends[1])
    counted = sum(data[s.name] for s in numbers)
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = np.log(counted.isel(time=-1, drop=True)) - np.log(counted.isel(time=0, drop=True))
    found = xr.Dataset(
        {**_risk(passage, times, level), **_growth(gained, last - ends[0])}, attrs={**data.attrs, "threshold": threshold}
    )
    return found.assign(first_below=passage)


def diffusion_extinction(log_growth_rate: float, variance: float, ratio: float, t: Any) -> np.ndarray:
    r"""Probability of quasi-extinction by time t where :math:`\ln N` is a Brownian motion with drift.

    .. math:: G(t) = \Phi\left(\frac{-d - \mu t}{\sigma \sqrt t}\right)
        + e^{-2 \mu d / \sigma^2}\, \Phi\left(\frac{-d + \mu t}{\sigma \sqrt t}\right), \qquad d = \ln \frac{N_0}{N_q}

    Parameters
    ----------
    log_growth_rate, variance : float
        :math:`\mu` and :math:`\sigma^2` per step, as `stochastic_growth_rate` gives them.
    ratio : float
        :math:`N_0 / N_q`, initial numbers over the threshold, dimensionless; of a structured population weighted with
        reproductive values.
    t : (T,) array of float
        Times in steps.

    Returns
    -------
    (T,) float64
        Probabilities.

    Raises
    ------
    DeclarationError
        If the variance is not positive, the ratio not above 1, or a time negative.

    References
    ----------
    Lande & Orzack, Proceedings of the National Academy of Sciences 85 (1988) 7418, eq. 11; Dennis, Munholland & Scott,
    Ecological Monographs 61 (1991) 115.

    Examples
    --------
    >>> diffusion_extinction(0.0, 0.04, np.e, [0, 25]).round(6).tolist()  # 2 Phi(-1) where d = sigma sqrt(t) = 1
    [0.0, 0.317311]
    >>> diffusion_extinction(0.02, 0.04, np.e, [1e6]).round(6).tolist()  # exp(-2 mu d / sigma^2) = 1/e
    [0.367879]
    """
    times = np.asarray(t, dtype=float)
    if not (variance > 0 and ratio > 1 and (times >= 0).all()):
        raise DeclarationError(
            f"variance is {variance!r}, ratio {ratio!r}; expected a variance above 0, a ratio above 1, times from 0"
        )
    d, spread = np.log(ratio), np.sqrt(variance * np.maximum(times, 1e-300))
    down, up = (-d - log_growth_rate * times) / spread, (-d + log_growth_rate * times) / spread
    # in logarithms: the exponential may overflow where the normal tail that it multiplies vanishes
    return norm.cdf(down) + np.exp(np.minimum(norm.logcdf(up) - 2 * log_growth_rate * d / variance, 0.0))


def demographic(model: MatrixModel, *, offspring: str = "poisson") -> BranchingSystem:
    """The branching process of discrete individuals, which survive, grow and reproduce at random and independently.

    Parameters
    ----------
    model : MatrixModel
        Its transitions T are probabilities per individual and step, its fecundity F mean numbers of offspring per step.
    offspring : {'poisson', 'bernoulli'}
        Distribution of the number of offspring of an individual.

    Returns
    -------
    BranchingSystem

    Raises
    ------
    DeclarationError
        If the model is clamped or has events or inputs, entries are negative, as in models of predation, or survival of a
        stage adds up to more than 1.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), ch. 15.

    Examples
    --------
    >>> import symdyn as sd
    >>> chain = sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25], initial=[10, 0, 0]).demographic()
    >>> data = sd.simulate(chain, range(11), trajectories=1000, seed=1, progress=False)
    >>> np.unique(data.n1.values % 1).tolist()
    [0.0]
    """
    check_split(model)
    refuse_changes(model, "a process of independent individuals")
    if model.clamped:
        raise DeclarationError("numbers of individuals are never negative; make the chain from the model before it was clamped")
    if any(e.is_number and e < 0 for e in (*model.transitions, *model.fecundity)):
        raise DeclarationError(
            "the matrix has negative entries, and individuals have no negative numbers of descendants; models of predation "
            "have no demographic form of this kind, see symdyn.ReactionNetwork"
        )
    return BranchingSystem(
        model.states, model.transitions, model.fecundity, dict(model.defaults), offspring=offspring,
        immigration=model.immigration if any(model.immigration) else None, initial=dict(model.initial),
        observables=dict(model.observables), time=model.time,
        provenance=(*model.provenance, "independent individuals"),
    )  # fmt: skip


def _with_passage(model: System, numbers: Sequence[sp.Symbol], threshold: float) -> DiscreteSystem:
    """The map with a further state: the time at which the total was first below a threshold, `NEVER` before that.

    A step reads the numbers from which it starts, so that those at the last time remain to be compared.
    """
    rows = dict(zip(model.states, model.part("map"), strict=True))
    passage = sp.Symbol(PASSAGE)
    below = sp.Add(*numbers) < float(threshold)
    rows[passage] = sp.Piecewise((passage, passage <= model.time), (model.time, below), (passage, True))
    values = model.numeric_defaults
    return DiscreteSystem(
        rows, values, initial={**model.initial, passage: NEVER}, events=model.events, time=model.time,
        provenance=(*model.provenance, f"first time below {threshold:g}"),
    )  # fmt: skip


def _initial(model: System, values: Any) -> Any:
    if values is None or not isinstance(model, MatrixModel):
        if values is None or isinstance(values, dict):
            return values
        given = list(values)
        return {**{s.name: v for s, v in model.initial.items()}, **dict(zip(model.names, given, strict=False))}
    return {s.name: float(v) if isinstance(v, sp.Expr) else v for s, v in model.read_initial(values).items()}


def _risk(passage: xr.DataArray, times: np.ndarray, level: float) -> dict[str, Any]:
    """The curve of first passages with Wilson's interval (Journal of the American Statistical Association 22 (1927) 209)."""
    if not 0 < level < 1:
        raise DeclarationError(f"the level of the intervals is {level!r}; expected a number between 0 and 1, such as 0.95")
    count = passage.sizes["trajectory"]
    ordered = np.sort(passage.transpose(..., "trajectory").values, axis=-1)
    reached = np.apply_along_axis(np.searchsorted, -1, ordered, times, side="right") / count
    dims = [d for d in passage.dims if d != "trajectory"]
    p = xr.DataArray(
        reached, dims=(*dims, "time"), coords={**{d: passage[d] for d in dims if d in passage.coords}, "time": times}
    )
    z = float(norm.ppf(0.5 + level / 2))
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    return {"probability": p, "lower": np.maximum(middle - reach, 0.0), "upper": np.minimum(middle + reach, 1.0)}


def _growth(gained: xr.DataArray, steps: xr.DataArray) -> dict[str, Any]:
    r"""Growth rate and variance per step from trajectories of different lengths, by Wald's identities.

    With :math:`S_i` the logarithmic growth of trajectory i over :math:`\tau_i` steps, :math:`\mu = \sum S_i / \sum \tau_i` and
    :math:`\sigma^2 = \sum (S_i - \mu \tau_i)^2 / \sum \tau_i`, for any stopping times (Wald, Annals of Mathematical
    Statistics 15 (1944) 283).
    """
    there = np.isfinite(gained) & (steps > 0)
    total = steps.where(there).sum("trajectory")
    rate = gained.where(there).sum("trajectory") / total
    squares = ((gained - rate * steps).where(there) ** 2).sum("trajectory")
    return {"log_growth_rate": rate, "standard_error": np.sqrt(squares) / total, "variance": squares / total}
