"""Fits of colonies: their equations reduced over the ranges of what is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.data import Observations
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.guesses import read_bounds
from symdyn.inference.reading import read_data
from symdyn.models.colony import BulkCellSystem

__all__ = ["check_beginnings", "reduced_colony"]

#: Share of a prior that a range may leave out at either end where its support is open.
TAIL = 1e-4
#: Frequencies of the bulk that are resolved: at least, and times the interval from a beginning to the next measurement.
LEAST_FREQUENCY, EARLY = 20.0, 1.0


def reduced_colony(colony: BulkCellSystem, data: Any, wanted: FitRequest) -> tuple[Any, FitRequest, str]:
    """A colony as ordinary differential equations that hold for all values that a fit may try.

    `BulkCellSystem.reduce` reproduces the finite elements to 1e-6 over ranges of diffusivities, of symbols of influxes, and up
    to a longest tau: these are the bounds and priors of a fit, and what its conditions say.  Values with priors get these
    ranges as bounds.  Frequencies are resolved up to one over the time of the first measurement, counted from the beginning.

    Parameters
    ----------
    colony : BulkCellSystem
    data : Any
        As in `symdyn.fit`.
    wanted : FitRequest

    Returns
    -------
    tuple of (ReducedCells, FitRequest, str)
        The request with initial values of the bulk in its states, and a note.

    Raises
    ------
    RecoveryError
        If a parameter of the bulk is fitted without positive bounds or a prior, for initial values of the bulk that vary in
        space, and those named as fitted.
    DeclarationError
        In the plane, and for values that are no ranges.
    """
    if named := [n for part in (wanted.parameters, wanted.priors) for n in map(name_of, part) if n in map(str, colony.bulk)]:
        raise RecoveryError(
            f"the initial value of {named[0]} is not fitted itself; give it as an expression of parameters, which are: "
            f"initial={{'{named[0]}': u0}} and parameters={{u0: (0.1, 10)}} with u0 = sympy.Symbol('u0')"
        )
    walls = {s for row in colony.influx for e in row for s in e.free_symbols}
    ranges = {s: _range(s, colony, wanted) for s in (*colony.diffusivities, *colony.delay, *walls)}
    known = {s: r for s, r in ranges.items() if r is not None}
    own = [{s: known[s] for s in symbols if s in known} for symbols in (colony.diffusivities, colony.delay, walls)]
    diffusion, delay, influx = (found or None for found in own)
    reduced = colony.reduce(diffusion=diffusion, delay=delay, influx=influx, frequencies=_frequencies(data, wanted))
    within = {s: r for s, r in known.items() if s.name in set(map(name_of, wanted.priors))}
    parameters = {k: v for k, v in wanted.parameters.items() if name_of(k) not in {s.name for s in within}} | within
    begun = None if wanted.initial is None else dict(_begun(reduced, wanted, wanted.initial))
    conditions = wanted.conditions and {
        c: dict(_begun(reduced, wanted, over)) if isinstance(over, Mapping) else over for c, over in wanted.conditions.items()
    }
    note = (
        f"the colony is fitted by colony.reduce(), {len(reduced.states)} equations for its cells and its bulk, which resolve "
        f"frequencies up to {reduced.ranges.frequency:.4g}"
    )
    if unsaid := [u.name for u in colony.bulk if not _said(colony, u, wanted)]:
        note += f", and begins with {' = '.join(unsaid)} = 0 everywhere, as initial says nothing else"
    if within:
        note += ", and within most of the priors: " + ", ".join(f"{s} from {a:.4g} to {b:.4g}" for s, (a, b) in within.items())
    return reduced, replace(wanted, parameters=parameters, initial=begun, conditions=conditions), note


def _frequencies(data: Any, wanted: FitRequest) -> float:
    """Up to which frequency the bulk is to be resolved."""
    apart = wanted.conditions and isinstance(data, Mapping) and set(map(str, data)) == set(map(str, wanted.conditions))
    gaps = []
    for part in data.values() if apart else [data]:
        for table in part.trajectories if isinstance(part, Observations) else read_data(part).tables:
            times = np.unique(table.times[np.isfinite(table.times)])
            gaps += np.diff(times[:2]).tolist()
    return max(LEAST_FREQUENCY, EARLY / min(gaps, default=math.inf))


def _said(colony: BulkCellSystem, u: sp.Symbol, wanted: FitRequest) -> bool:
    """Whether something says with what a mean of the bulk begins; a declared 0 is as good as none."""
    conditions = [set(map(name_of, over)) for over in (wanted.conditions or {}).values() if isinstance(over, Mapping)]
    everywhere = bool(conditions) and all(u.name in named for named in conditions)
    return u.name in set(map(name_of, wanted.initial or {})) or everywhere or colony.initial[u] != 0


def _range(s: sp.Symbol, colony: BulkCellSystem, wanted: FitRequest) -> tuple[float, float] | None:
    """Smallest and largest values that are tried; None for the default range of a value that stays."""
    by_name = [{name_of(k): v for k, v in given.items()} for given in (wanted.parameters, wanted.priors)]
    bounds, prior = (given.get(s.name) for given in by_name)
    fitted = s in colony.parameters and (s not in colony.defaults or any(s.name in given for given in by_name))
    stated = [over for over in (wanted.conditions or {}).values() if isinstance(over, Mapping)]
    values = [expression(v) for over in stated for k, v in over.items() if name_of(k) == s.name]
    low, high = math.inf, -math.inf
    if fitted and not (values and len(values) == len(stated)):
        low, high = (0.0, math.inf) if bounds is None else read_bounds({s: bounds}, [s])[s]
        if prior is not None and hasattr(prior, "ppf"):
            low, high = max(low, float(prior.ppf(TAIL))), min(high, float(prior.ppf(1 - TAIL)))
        if not 0 < low < high < math.inf:
            raise RecoveryError(
                f"{s} of a colony is fitted between {low:g} and {high:g}; its equations are reduced over a range of it: give "
                f"positive bounds, parameters={{'{s}': (0.1, 10)}}"
            )
    if unknown := [e for e in values if not e.is_number]:
        raise RecoveryError(f"a condition says {s} = {unknown[0]}; a colony is reduced for numbers of it: give these")
    if not values and not fitted:
        return None
    here = [float(e) for e in values] + ([float(colony.defaults[s])] if s in colony.defaults and not fitted else [])
    return min([low, *here]), max([high, *here])


def check_beginnings(colony: BulkCellSystem, seen: Observations, wanted: FitRequest) -> None:
    """Refuse data of a mean of the bulk of which nothing says with what it begins.

    Raises
    ------
    RecoveryError
        Naming the mean.
    """
    for u in colony.bulk:
        if u.name in seen.states and not _said(colony, u, wanted):
            raise RecoveryError(
                f"{u} is measured, and its initial values are not fitted; give initial={{'{u}': 0}} if it begins with 0, "
                "another number or an expression of parameters, or that of each trajectory in conditions"
            )


def _mean(reduced: Any, name: str) -> Any:
    """A mean of the bulk in terms of the state that it is a multiple of."""
    return next(e for n, e in reduced.observables.items() if str(n) == name)


def _begun(reduced: Any, wanted: FitRequest, given: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Values with means of the bulk in terms of the state that they are a multiple of."""
    for key, value in given.items():
        name = name_of(key)
        if name not in map(str, reduced.colony.bulk):
            yield key, value
            continue
        share, state = _mean(reduced, name).as_coeff_Mul()
        begins = expression(value)
        known = {*map(str, reduced.parameters), *map(name_of, wanted.parameters), *map(name_of, wanted.priors)}
        if placed := sorted({"x", "y"} & {s.name for s in begins.free_symbols} - known):
            raise RecoveryError(
                f"{name} begins with an expression of {placed[0]}; a colony that is fitted begins with a uniform bulk: give a "
                "number or an expression of parameters, or fit colony.full()"
            )
        yield state, begins / share
