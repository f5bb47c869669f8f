"""What a problem states, the same for both versions of the format: parameters, observables, measurements and experiments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError
from symdyn.io.petab.distributions import NOISES, SCALES, PetabPrior, read_prior
from symdyn.io.petab.formulas import read_number

__all__ = ["Experiment", "Measurements", "Period", "PetabObservable", "PetabParameter", "Statements", "read_statements"]

_PLACEHOLDER = re.compile(r"\b(observable|noise)Parameter(\d+)_(\w+)")
#: The one experiment of a problem of version 2 whose measurements name none.
PLAIN = ""


@dataclass(frozen=True)
class PetabParameter:
    """A row of the table of parameters; `scale` is that of estimation, all values are plain."""

    name: str
    scale: str
    lower: float
    upper: float
    nominal: float
    estimated: bool
    prior: PetabPrior | None = None
    start_prior: PetabPrior | None = None


@dataclass(frozen=True)
class PetabObservable:
    """A row of the table of observables: its formulas as text, the scale on which noise is added, and its placeholders."""

    name: str
    formula: str
    noise: str
    scale: str
    laplace: bool
    placeholders: tuple[str, ...]
    noise_placeholders: tuple[str, ...]


@dataclass(frozen=True)
class Period:
    """A time from which on some quantities have other values.

    Attributes
    ----------
    start : float
        Minus infinity for a period that lasts until the steady state.
    changes : mapping of str to str
        From identifiers to formulas; ``nan`` keeps what simulation gave, and of parameters the value of the model.
    """

    start: float
    changes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """What is done to the model, period by period."""

    name: str
    periods: tuple[Period, ...]


@dataclass(frozen=True)
class Measurements:
    """Rows of the table of measurements.

    Attributes
    ----------
    table : DataFrame
        As in the file.
    values, times : (N,) float64
    observables, experiments : (N,) arrays of str
    overrides, noise_overrides : tuples of tuples of str
        For placeholders, in their order.
    """

    table: pd.DataFrame
    values: np.ndarray
    times: np.ndarray
    observables: np.ndarray
    experiments: np.ndarray
    overrides: tuple[tuple[str, ...], ...]
    noise_overrides: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Statements:
    """Everything but the model; `reinitialises` says whether changes of a first period come before initial assignments."""

    parameters: dict[str, PetabParameter]
    observables: dict[str, PetabObservable]
    experiments: dict[str, Experiment]
    measurements: Measurements
    targets: tuple[str, ...]
    aliases: dict[str, str]
    version: int


def read_statements(tables: Mapping[str, pd.DataFrame], version: int) -> Statements:
    """The statements of tables.

    Raises
    ------
    DeclarationError
        Naming the row and the cell that does not fit.
    """
    parameters = [_parameter(row, version) for row in _rows(tables["parameters"])]
    observables = [_observable(row, version) for row in _rows(tables["observables"])]
    experiments, named, targets = (_conditions if version == 1 else _experiments)(tables)
    found = Statements(
        parameters=_unique({p.name: p for p in parameters}, len(parameters), "parameters"),
        observables=_unique({o.name: o for o in observables}, len(observables), "observables"),
        experiments=experiments,
        measurements=_measurements(tables["measurements"], named),
        targets=targets,
        aliases={r["petabEntityId"]: r["modelEntityId"] for r in _rows(tables["mapping"]) if r["modelEntityId"]},
        version=version,
    )
    _check(found)
    return found


def _rows(table: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _unique(found: dict, count: int, what: str) -> dict:
    if len(found) < count:
        raise DeclarationError(f"the table of {what} has an identifier twice; identifiers are unique")
    return found


def _number(text: str, where: str, default: float | None = None) -> float:
    value = default if text == "" else read_number(text)
    if value is None or (math.isnan(value) and default is None):
        raise DeclarationError(f"{where} is {text!r}; expected a number")
    return value


# ---- parameters ------------------------------------------------------------------------------------------


def _parameter(row: dict[str, str], version: int) -> PetabParameter:
    name = row["parameterId"]
    where = f"the parameter {name}"
    scale = row.get("parameterScale", "") or "lin" if version == 1 else "lin"
    if scale not in SCALES:
        raise DeclarationError(f"{where} has the scale {scale!r}; expected one of {', '.join(SCALES)}")
    answers = {"1": True, "0": False, "true": True, "false": False, "1.0": True, "0.0": False}
    estimated = answers.get(row["estimate"].lower())
    if estimated is None:
        raise DeclarationError(
            f"estimate of {where} is {row['estimate']!r}; expected {'0 or 1' if version == 1 else 'true or false'}"
        )
    low = _number(row.get("lowerBound", ""), f"lowerBound of {where}", -math.inf)
    high = _number(row.get("upperBound", ""), f"upperBound of {where}", math.inf)
    nominal = _number(row.get("nominalValue", ""), f"nominalValue of {where}", math.nan)
    if not estimated and math.isnan(nominal):
        raise DeclarationError(f"{where} is not estimated and has no nominalValue; expected one")
    if estimated and low > high:
        raise DeclarationError(f"{where}: the lower bound {low:g} is above the upper bound {high:g}")
    priors = _priors_1(row, where, scale) if version == 1 else (_prior_2(row, where, low, high), None)
    return PetabParameter(name, scale, low, high, nominal, estimated, *(priors if estimated else (None, None)))


def _priors_1(row: dict[str, str], where: str, scale: str) -> tuple[PetabPrior | None, PetabPrior | None]:
    found = []
    for kind in ("objective", "initialization"):
        name, numbers = row.get(f"{kind}PriorType", ""), row.get(f"{kind}PriorParameters", "")
        if name and not numbers and name == "parameterScaleUniform":
            name = ""
        found.append(read_prior(name, numbers, where, scale=scale) if name else None)
    return found[0], found[1]


def _prior_2(row: dict[str, str], where: str, low: float, high: float) -> PetabPrior | None:
    name, numbers = row.get("priorDistribution", ""), row.get("priorParameters", "")
    if name:
        return read_prior(name, numbers, where, low=low, high=high)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    return read_prior("uniform", f"{low!r};{high!r}", where, low=low, high=high)


# ---- observables ------------------------------------------------------------------------------------------


def _observable(row: dict[str, str], version: int) -> PetabObservable:
    name, formula, noise = row["observableId"], row["observableFormula"], row["noiseFormula"]
    where = f"the observable {name}"
    law = row.get("noiseDistribution", "") or "normal"
    if version == 1:
        scale = row.get("observableTransformation", "") or "lin"
        if scale not in SCALES:
            raise DeclarationError(f"{where} has the transformation {scale!r}; expected one of {', '.join(SCALES)}")
        if law not in ("normal", "laplace"):
            raise DeclarationError(f"{where} has noise {law!r}; expected 'normal' or 'laplace'")
        laplace = law == "laplace"
        placeholders = tuple(_numbered(kind, name, formula, noise) for kind in ("observable", "noise"))
    else:
        if law not in NOISES:
            raise DeclarationError(f"{where} has noise {law!r}; expected one of {', '.join(NOISES)}")
        scale, laplace = NOISES[law]
        columns = ("observablePlaceholders", "noisePlaceholders")
        placeholders = tuple(tuple(p.strip() for p in row.get(c, "").split(";") if p.strip()) for c in columns)
    return PetabObservable(name, formula, noise, scale, laplace, placeholders[0], placeholders[1])


def _numbered(kind: str, name: str, *formulas: str) -> tuple[str, ...]:
    """Placeholders of a kind in formulas of an observable, by their numbers."""
    found = {int(m[2]) for f in formulas for m in _PLACEHOLDER.finditer(f) if m[1] == kind and m[3] == name}
    if found and max(found) != len(found):
        raise DeclarationError(f"the observable {name} has the {kind} parameters {sorted(found)}; expected 1 to {len(found)}")
    return tuple(f"{kind}Parameter{k}_{name}" for k in sorted(found))


# ---- experiments ------------------------------------------------------------------------------------------


def _conditions(
    tables: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, Experiment], np.ndarray, tuple[str, ...]]:
    """Of version 1: an experiment for each pair of conditions that is measured."""
    table = tables["conditions"]
    targets = tuple(c for c in table.columns if c not in ("conditionId", "conditionName"))
    rows = _rows(table)
    conditions = _unique({r["conditionId"]: {t: r[t] or "nan" for t in targets} for r in rows}, len(rows), "conditions")
    measured = tables["measurements"]
    before = measured.get("preequilibrationConditionId", pd.Series("", index=measured.index))
    pairs = list(zip(before, measured["simulationConditionId"], strict=True))
    found = {}
    for first, second in dict.fromkeys(pairs):
        for c in (first, second) if first else (second,):
            if c not in conditions:
                raise DeclarationError(f"a measurement is of the condition {c!r}, which the table of conditions does not have")
        start = (Period(-math.inf, conditions[first]),) if first else ()
        found[_pair(first, second)] = Experiment(_pair(first, second), (*start, Period(0.0, conditions[second])))
    return found, np.array([_pair(*p) for p in pairs], dtype=object), targets


def _pair(first: str, second: str) -> str:
    return f"{first} -> {second}" if first else second


def _experiments(
    tables: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, Experiment], np.ndarray, tuple[str, ...]]:
    """Of version 2: the experiments of the table."""
    conditions: dict[str, dict[str, str]] = {}
    for r in _rows(tables["conditions"]):
        changes = conditions.setdefault(r["conditionId"], {})
        if r["targetId"] in changes:
            raise DeclarationError(f"the condition {r['conditionId']} changes {r['targetId']} twice; expected one value")
        changes[r["targetId"]] = r["targetValue"]
    starts: dict[str, dict[float, dict[str, str]]] = {}
    for r in _rows(tables["experiments"]):
        where = f"the experiment {r['experimentId']}"
        time, condition = _number(r["time"], f"a time of {where}"), r["conditionId"]
        if time == math.inf:
            raise DeclarationError(f"{where} has a period that starts at infinity; expected a number, or -inf")
        if condition and condition not in conditions:
            raise DeclarationError(f"{where} applies the condition {condition!r}, which the table of conditions does not have")
        period = starts.setdefault(r["experimentId"], {}).setdefault(time, {})
        for target, value in conditions.get(condition, {}).items():
            if target in period:
                raise DeclarationError(f"{where} changes {target} twice at time {time:g}; expected one value")
            period[target] = value
    found = {}
    for name, periods in starts.items():
        listed = [Period(t, periods[t]) for t in sorted(periods)]
        if len(listed) == 1 and listed[0].start == -math.inf:
            listed.append(Period(0.0))
        found[name] = Experiment(name, tuple(listed))
    measured = tables["measurements"]
    named = measured.get("experimentId", pd.Series(PLAIN, index=measured.index)).to_numpy(dtype=object)
    for name in dict.fromkeys(named):
        if name == PLAIN:
            found[PLAIN] = Experiment(PLAIN, (Period(0.0),))
        elif name not in found:
            raise DeclarationError(f"a measurement is of the experiment {name!r}, which the table of experiments does not have")
    used = {name: e for name, e in found.items() if name in set(named)}
    return used, named, tuple(dict.fromkeys(t for e in used.values() for p in e.periods for t in p.changes))


# ---- measurements -----------------------------------------------------------------------------------------


def _measurements(table: pd.DataFrame, experiments: np.ndarray) -> Measurements:
    rows = _rows(table)
    if not rows:
        raise DeclarationError("the table of measurements has no rows; a problem needs one at least")
    wheres = [f"row {k} of the measurements" for k in range(1, len(rows) + 1)]

    def cells(column: str) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(c.strip() for c in r.get(column, "").split(";")) if r.get(column) else () for r in rows)

    times = np.array([_number(r["time"], f"the time in {w}") for r, w in zip(rows, wheres, strict=True)])
    values = np.array([_number(r["measurement"], f"the measurement in {w}") for r, w in zip(rows, wheres, strict=True)])
    if not np.isfinite(values).all():
        raise DeclarationError("a measurement is infinite; expected finite numbers")
    return Measurements(
        table, values, times, np.array([r["observableId"] for r in rows], dtype=object), experiments,
        cells("observableParameters"), cells("noiseParameters"),
    )  # fmt: skip


def _check(found: Statements) -> None:
    """Refuse measurements that fit no observable or lie before their experiment, and values outside the range of a scale."""
    m = found.measurements
    for k in range(len(m.values)):
        where = f"row {k + 1} of the measurements"
        observable = found.observables.get(m.observables[k])
        if observable is None:
            raise DeclarationError(f"{where} is of {m.observables[k]!r}, which the table of observables does not have")
        for given, wanted, what in (
            (m.overrides[k], observable.placeholders, "observableParameters"),
            (m.noise_overrides[k], observable.noise_placeholders, "noiseParameters"),
        ):
            if len(given) != len(wanted):
                raise DeclarationError(
                    f"{where} has {len(given)} {what}; the observable {observable.name} takes {len(wanted)}"
                    + (f": {', '.join(wanted)}" if wanted else "")
                )
        starts = [p.start for p in found.experiments[m.experiments[k]].periods if p.start > -math.inf]
        if m.times[k] < starts[0]:
            raise DeclarationError(f"{where} is at time {m.times[k]:g}, before its experiment begins at {starts[0]:g}")
        if observable.scale != "lin" and m.values[k] <= 0:
            raise DeclarationError(f"{where} is {m.values[k]:g}; noise on a logarithmic scale needs positive values")
