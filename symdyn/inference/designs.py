"""The next experiment: measurements that make a fit surest, chosen among many by their Fisher information."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import RecoveryError
from symdyn.given_values import listed, lookup, name_of
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.information import arrow, inverse
from symdyn.inference.noise_laws import LAWS
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.methods.options import check_whole

__all__ = ["ExperimentDesign", "design_of"]

#: Information about every coordinate besides, relative to the largest: directions that nothing tells count as very uncertain.
RIDGE = 1e-10
#: Rounds in which every measurement may be exchanged, and the least gain of an exchange.
ROUNDS, GAIN = 20, 1e-9


@dataclass(frozen=True, repr=False)
class ExperimentDesign:
    """Measurements that were chosen, and what they promise.

    Attributes
    ----------
    measurements : DataFrame
        Columns condition, observable, time and ``count``, how often it is to be measured.
    standard_errors : DataFrame
        Of every fitted value, in its unit: columns constant, ``now`` and ``then``, with the measurements.
    criterion : str
    gain : float
        Of D designs the fall of the logarithm of the determinant of the covariance, of A designs the factor by which its trace
        falls.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> t = np.arange(1.0, 5.0)
    >>> data = {"t": np.append(0, t), "x": np.append(np.nan, 2 * np.exp(-t / 2) + 0.02 * np.cos(9 * t))}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}, initial={x: 2}), data, noise=0.1, starts=2)
    >>> fit.design([0.5, 1, 1.5, 2, 3, 4])  # t exp(-k t) is largest at 1/k = 2
    x at 2
    standard error of k: 0.039 now, 0.034 then
    """

    measurements: pd.DataFrame
    standard_errors: pd.DataFrame
    criterion: str
    gain: float

    def __str__(self) -> str:
        lines = []
        for _, row in self.measurements.iterrows():
            where = f" of {row['condition']}" if row["condition"] != "" else ""
            often = "" if row["count"] == 1 else f", {row['count']} times"
            lines.append(f"{row['observable']}{where} at {row['time']:.6g}{often}")
        for _, row in self.standard_errors.iterrows():
            lines.append(f"standard error of {row['constant']}: {row['now']:.2g} now, {row['then']:.2g} then")
        return "\n".join(lines)

    __repr__ = __str__


def design_of(
    fit: Fit,
    times: Sequence[float] | np.ndarray,
    *,
    count: int = 1,
    criterion: str = "D",
    of: Iterable[Any] | None = None,
    observables: Iterable[Any] | None = None,
    conditions: Mapping[str, Mapping[Any, Any]] | None = None,
    trajectory: int = 0,
    beside: bool = True,
) -> ExperimentDesign:
    r"""Choose further measurements from which the fitted values will be known best.

    Each measurement adds its Fisher information :math:`J^\top I J` at the fitted values, with the derivatives J of what is
    expected and the information I of the law of noise.  D designs minimise :math:`\log\det C`, A designs
    :math:`\mathrm{tr}\,C` of the covariance :math:`C = (\sum J^\top I J)^{-1}` in the coordinates of the fit, logarithms where
    values are positive.  Measurements are chosen one after another, then exchanged as long as that gains.

    Parameters
    ----------
    fit : Fit
        Of a system.
    times : (T,) sequence of float
        At which one can measure, not before the first time of the trajectory; a time may be chosen several times.  Measurements
        there count as exact ones, whatever limits of detection the data have: leave out times at which the curve is beyond.
    count : int
        How many measurements.
    criterion : {'D', 'A'}
    of : iterable, optional
        Values that matter, by name; all unless given.
    observables : iterable, optional
        Those that can be measured; all columns of the data unless given.
    conditions : mapping from names to mappings, optional
        Possible experiments: numbers for parameters that are not fitted, and for initial values, over those of the trajectory.
    trajectory : int
        Of the data, from 0: its condition and initial values.
    beside : bool
        Whether the measurements that were fitted count too; otherwise the design is one from nothing.

    Returns
    -------
    ExperimentDesign
        It prints, and has ``measurements``, ``standard_errors`` and ``gain``.

    Raises
    ------
    RecoveryError
        For a fit of a PEtab problem, and times, names and numbers that do not fit.

    References
    ----------
    Box & Lucas, Biometrika 46, 77 (1959); Fedorov, Theory of Optimal Experiments (1972) (exchanges).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> t = np.arange(6.0)
    >>> data = {"t": t, "x": 2 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}), data, noise=0.1, starts=2)
    >>> fit.design(np.linspace(0, 6, 25), count=2, beside=False).measurements.time.tolist()  # 0 and 1/k, Box & Lucas (1959)
    [0.0, 2.0]
    """
    problem = observed_problem(fit, "designs")
    check_whole(1, count=count)
    if criterion not in ("D", "A"):
        raise RecoveryError(f"the criterion is {criterion!r}; expected 'D' or 'A'")
    total = len(problem.setup.data.trajectories)
    if not isinstance(trajectory, Integral) or isinstance(trajectory, bool) or not 0 <= trajectory < total:
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {total}, counted from 0")
    grid, names = _grid(times, problem, trajectory), [*problem.names, *problem.start_names]
    if not names:
        raise RecoveryError("nothing is fitted")
    seen = [o.name for o in problem.setup.observed]
    chosen = seen if observables is None else [_known(o, seen, "observable") for o in listed(observables)]
    matter = [names.index(_known(q, names, "fitted value")) for q in (names if of is None else listed(of))]
    if not chosen or not matter:
        raise RecoveryError("observables or of is empty; leave it out for all")
    labels: list[tuple[str, str, float]] = []
    parts = []
    for name, over in (conditions or {"": {}}).items():
        blocks = _information(fit, problem, grid, trajectory, over)
        for o in chosen:
            parts.append(blocks[seen.index(o)])
            labels += [(str(name), o, float(t)) for t in grid]
    candidates = np.concatenate(parts)
    base = _known_information(fit, problem) if beside else np.zeros(candidates.shape[1:])
    size = np.sqrt(np.maximum(np.diagonal(base + candidates.sum(0)), 1e-300))
    scaled, start = candidates / (size[:, None] * size), base / (size[:, None] * size) + RIDGE * np.eye(len(size))
    taken = _exchanged(scaled, start, count, _cost(criterion, matter, size))
    with_them = start + scaled[taken].sum(axis=0)
    score = _cost(criterion, matter, size)
    before, after = (float(score(m[None])[0]) for m in (start, with_them))
    table = pd.DataFrame([labels[k] for k in taken], columns=["condition", "observable", "time"])
    table = table.groupby(["condition", "observable", "time"], sort=True).size().rename("count").reset_index()
    sizes = np.broadcast_to(problem.start_scale, problem.open_starts.shape)[problem.open_starts]
    slopes = [float(c.slope(c.value(q))) for c, q in zip(problem.columns, fit.theta, strict=True)]
    units = np.concatenate([slopes, sizes])
    errors = [units * _errors(m) for m in (base, base + candidates[taken].sum(axis=0))]
    known = pd.DataFrame({"constant": names, "now": errors[0], "then": errors[1]})
    gain = before - after if criterion == "D" else before / after
    return ExperimentDesign(table, known, criterion, gain)


def _errors(information: np.ndarray) -> np.ndarray:
    """Standard errors of all coordinates, infinite of those that are not determined."""
    found = inverse(information)
    return np.where(found.undetermined, np.inf, np.sqrt(np.maximum(np.diag(found.covariance), 0.0)))


def _known(given: Any, names: Sequence[str], what: str) -> str:
    name = str(name_of(given))
    if name not in names:
        raise RecoveryError(f"{name!r} is no {what} of the fit; known: {', '.join(names)}")
    return name


def _grid(times: Any, problem: ObservedProblem, trajectory: int) -> np.ndarray:
    begin = float(problem.setup.data.trajectories[trajectory].times[0])
    try:
        grid = np.unique(np.asarray(times, dtype=float))
    except (TypeError, ValueError):
        grid = np.zeros(0)
    if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all() or grid[0] < begin:
        raise RecoveryError(f"the times are {times!r}; expected finite ones from {begin:g}, the first time of the data, on")
    if problem.system.map is not None and not np.allclose(grid - begin, np.round(grid - begin), rtol=0, atol=1e-9):
        raise RecoveryError(f"the times are {times!r}; a map is known at whole steps from {begin:g} on alone")
    return grid


def _known_information(fit: Fit, problem: ObservedProblem) -> np.ndarray:
    """Of the data and priors of the fit, over the coordinates and open initial values."""
    local = problem.expand(np.zeros(1, dtype=int), fit.theta[None], fit.scaled_starts[None], fisher=True)
    moved = np.concatenate([np.ones(len(fit.theta), dtype=bool), problem.open_starts.ravel()])
    return arrow(local.information[0], local.mixed[0], local.start_information[0])[np.ix_(moved, moved)]


def _information(
    fit: Fit, problem: ObservedProblem, grid: np.ndarray, trajectory: int, over: Mapping[Any, Any]
) -> list[np.ndarray]:
    """For each observable the information (T, D, D) of one measurement at each time."""
    setup = problem.setup
    begin = float(setup.data.trajectories[trajectory].times[0])
    times = np.union1d([begin], grid)
    times = times if len(times) > 1 else np.append(times, begin + 1.0)
    observed = [NoisyObservable(o.name, o.expression, LAWS["normal"]) for o in setup.observed]
    own = [(o.name, e) for o in setup.observed for e in o.parameters or ()]
    observed += [NoisyObservable(f"noise {k} of {name}", e, LAWS["normal"]) for k, (name, e) in enumerate(own)]
    blank = Observations(
        (Trajectory(times, np.full((len(times), len(observed)), np.nan), place=setup.data.trajectories[trajectory].place),),
        tuple(o.name for o in observed),
        np.ones(len(observed)), np.ones(len(observed)),
    )  # fmt: skip
    rules = {**setup.overrides[trajectory], **_overrides(problem, over)}
    run = type(problem)(
        replace(setup, observed=tuple(observed), data=blank, overrides=(rules,), weights=None, pieces=1, conditions=())
    )
    run.start_scale = problem.start_scale
    first = int(np.flatnonzero(problem.first)[trajectory])
    values, slopes = run.evaluate(fit.theta[None], fit.scaled_starts[None, [first]])
    P, at = len(fit.theta), np.searchsorted(times, grid)
    opened = problem.open_starts
    places = np.cumsum(opened.ravel()).reshape(opened.shape) - 1
    total, found, place = P + int(opened.sum()), [], len(setup.observed)
    usual = fit.residuals.groupby("observable", sort=False)["scale"].median()
    for o, spec in enumerate(setup.observed):
        count = len(spec.parameters or ())
        rows = [o, *range(place, place + count)]
        place += count
        design = np.zeros((len(grid), len(rows), total))
        for k, row in enumerate(rows):
            part = slopes[row][0, 0][at]
            design[:, k, :P] = part[:, :P]
            design[:, k, P + places[first][opened[first]]] = part[:, P + np.flatnonzero(opened[first])]
        mean = values[o][0, 0, at]
        parameters = tuple(values[row][0, 0, at] for row in rows[1:]) or (
            (np.full(len(grid), float(usual[spec.name])),) if spec.parameters is None else ()
        )
        with np.errstate(all="ignore"):
            law = spec.law.score(mean, mean, parameters, fisher=True).information[: len(rows), : len(rows)]
        found.append(np.nan_to_num(np.einsum("tap,abt,tbq->tpq", design, law, design), posinf=0.0, neginf=0.0))
    return found


def _overrides(problem: ObservedProblem, over: Mapping[Any, Any]) -> dict[sp.Symbol, sp.Expr]:
    system = problem.system
    found = {}
    for key, value in over.items():
        symbol = lookup(key, (*system.parameters, *problem.x0), "parameter or state")
        if symbol.name in problem.names:
            raise RecoveryError(f"a condition gives {symbol}, which is fitted; it may give other parameters and initial values")
        found[symbol] = expression(value)
        if not found[symbol].is_number:
            raise RecoveryError(f"a condition gives {symbol} as {value!r}; expected a number")
    return found


def _cost(criterion: str, matter: Sequence[int], size: np.ndarray) -> Any:
    """The criterion of information matrices (N, D, D), whose coordinates are scaled by `size`."""
    over = 1 / size[list(matter)]

    def score(matrices: np.ndarray) -> np.ndarray:
        covariance = np.linalg.inv(matrices)[:, matter][:, :, matter] * over[:, None] * over
        if criterion == "A":
            return np.asarray(np.trace(covariance, axis1=1, axis2=2))
        return np.asarray(np.linalg.slogdet(covariance)[1])

    return score


def _exchanged(candidates: np.ndarray, base: np.ndarray, count: int, score: Any) -> list[int]:
    """Candidates that minimise a score: one after another, then exchanged."""
    taken: list[int] = []
    total = base.copy()
    for _ in range(count):
        best = int(np.argmin(score(total + candidates)))
        taken.append(best)
        total = total + candidates[best]
    for _ in range(ROUNDS):
        changed = False
        for k in range(count):
            without = base + candidates[taken[:k] + taken[k + 1 :]].sum(axis=0)
            scores = score(without + candidates)
            best = int(np.argmin(scores))
            if scores[best] < scores[taken[k]] - GAIN * max(abs(scores[taken[k]]), 1.0):
                taken[k], changed = best, True
        if not changed:
            break
    return taken
