"""Fits of colonies: their equations reduced over the ranges of what is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from symdyn.declaration import expression, name_of
from symdyn.errors import RecoveryError
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.guesses import read_bounds
from symdyn.models.colony import BulkCellSystem

__all__ = ["reduced_colony"]

#: Share of a prior that a range may leave out at either end where its support is open.
TAIL = 1e-4


def reduced_colony(colony: BulkCellSystem, wanted: FitRequest) -> tuple[Any, FitRequest, str]:
    """A colony as ordinary differential equations that hold for all values that a fit may try.

    `BulkCellSystem.reduce` reproduces the finite elements to 1e-6 over ranges of diffusivities, of symbols of influxes, and up
    to a longest tau: these are the bounds and priors of a fit, and what its conditions say.

    Parameters
    ----------
    colony : BulkCellSystem
    wanted : FitRequest

    Returns
    -------
    tuple of (ReducedCells, FitRequest, str)
        The request with initial values of the bulk in its states, and a note.

    Raises
    ------
    RecoveryError
        If a parameter of the bulk is fitted without positive bounds or a prior.
    DeclarationError
        In the plane, and for values that are no ranges.
    """
    walls = {s for row in colony.influx for e in row for s in e.free_symbols}
    ranges = {s: _range(s, colony, wanted) for s in (*colony.diffusivities, *colony.delay, *walls)}
    known = {s: r for s, r in ranges.items() if r is not None}
    own = [{s: known[s] for s in symbols if s in known} for symbols in (colony.diffusivities, colony.delay, walls)]
    diffusion, delay, influx = (found or None for found in own)
    reduced = colony.reduce(diffusion=diffusion, delay=delay, influx=influx)
    begun = None if wanted.initial is None else dict(_begun(reduced, wanted.initial))
    conditions = wanted.conditions and {
        c: dict(_begun(reduced, over)) if isinstance(over, Mapping) else over for c, over in wanted.conditions.items()
    }
    note = f"the colony is fitted by colony.reduce(), {len(reduced.states)} equations for its cells and its bulk"
    return reduced, replace(wanted, initial=begun, conditions=conditions), note


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


def _begun(reduced: Any, given: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Values with means of the bulk in terms of the state that they are a multiple of."""
    for key, value in given.items():
        name = name_of(key)
        mean = next((e for u in reduced.colony.bulk for n, e in reduced.observables.items() if str(n) == name == u.name), None)
        if mean is None:
            yield key, value
            continue
        share, state = mean.as_coeff_Mul()
        yield state, expression(value) / share
