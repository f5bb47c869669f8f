"""Where a reduced bulk has to be good: ranges of diffusivities, delays, frequencies and permeabilities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.cells._krylov import Point
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of, numeric_values
from symdyn.models.colony import BulkCellSystem

__all__ = ["Ranges", "WallGroups", "read_ranges", "wall_groups"]

#: Default range, relative to the default value, or to the squared size of the domain.
WIDE = (0.05, 20.0)
#: The same of a permeability that is a symbol.
WIDE_WALL = (0.25, 4.0)
#: Longest delay that is thought of if there is no default, and highest frequency in units of 1/time.
DELAY, FREQUENCY = 2.0, 20.0
#: Points to a factor of ten in diffusivity, and frequencies above zero.
DENSITY, FREQUENCIES = 4, 12


@dataclass(frozen=True)
class WallGroups:
    """Walls of one species whose influxes are multiples of one expression.

    Attributes
    ----------
    units : tuple of Expr
        The expressions; 1 of all that are numbers.
    weights : (G, m) array
    """

    units: tuple[sp.Expr, ...]
    weights: np.ndarray

    def coefficients(self, values: Mapping[sp.Symbol, float]) -> tuple[float, ...]:
        """The expressions as numbers."""
        return tuple(float(u.xreplace(values)) for u in self.units)


def wall_groups(influx: Sequence[sp.Expr]) -> WallGroups:
    """Group the walls of one species."""
    groups: dict[sp.Expr, np.ndarray] = {}
    for j, e in enumerate(influx):
        weight, unit = e.as_coeff_Mul()
        if weight:
            groups.setdefault(unit, np.zeros(len(influx)))[j] = float(weight)
    return WallGroups(tuple(groups), np.array(list(groups.values())).reshape(len(groups), len(influx)))


@dataclass(frozen=True)
class Ranges:
    """What a reduction was made for.

    Attributes
    ----------
    bounds : mapping of Symbol to (low, high)
        Diffusivities, and symbols of influxes.
    delay : mapping of Symbol to float
        The longest of each species.
    frequency : float
        The highest, in radians per unit of time.
    """

    bounds: dict[sp.Symbol, tuple[float, float]]
    delay: dict[sp.Symbol, float]
    frequency: float

    def points(self, diffusion: sp.Symbol, delay: sp.Symbol, groups: WallGroups) -> list[Point]:
        """Candidates of one species."""
        low, high = self.bounds[diffusion]
        count = 1 + math.ceil(DENSITY * math.log10(high / low) - 1e-9)
        grid = np.geomspace(low, high, count) if count > 1 else [low]
        top = self.frequency * self.delay[delay]
        band = [0.0, *np.geomspace(min(0.05, top / 10), top, FREQUENCIES)]
        walls = self._walls(groups)
        return [Point(float(d), complex(0.0, w), c) for d in grid for w in band for c in walls]

    def _walls(self, groups: WallGroups) -> list[tuple[float, ...]]:
        symbols = sorted(set().union(*(u.free_symbols for u in groups.units)), key=lambda s: s.name)
        values = {s: (self.bounds[s][0], math.sqrt(math.prod(self.bounds[s])), self.bounds[s][1]) for s in symbols}
        if len(symbols) <= 2:
            choices = list(itertools.product(*values.values()))
        else:  # all at once, and one at a time
            choices = [tuple(v[k] for v in values.values()) for k in range(3)]
            for i, s in enumerate(symbols):
                choices += [(*choices[1][:i], values[s][k], *choices[1][i + 1 :]) for k in (0, 2)]
        found = [groups.coefficients(dict(zip(symbols, c, strict=True))) for c in choices]
        if any(c < 0 for row in found for c in row):
            raise DeclarationError("an influx is negative within the ranges of its symbols; pass influx={symbol: (low, high)}")
        return list(dict.fromkeys(found))


def read_ranges(
    colony: BulkCellSystem, parameters: Mapping[Any, Any] | None, diffusion: Any, delay: Any, frequencies: Any, influx: Any
) -> Ranges:
    """Ranges from those given, otherwise from values or defaults.

    Raises
    ------
    DeclarationError
        For values that are not ranges of positive numbers.
    """
    given = numeric_values(parameters, colony.parameters, "parameter")
    size = float(colony.domain.measure) / math.pi
    asked = {s: _range(v, s.name) for s, v in _by_symbol(diffusion, colony.diffusivities, "diffusion").items()}
    symbols = {s for row in colony.influx for e in row for s in e.free_symbols}
    if influx is not None and not isinstance(influx, Mapping):
        raise DeclarationError(f"influx is {influx!r}; expected ranges of its symbols, {{'d1': (0.1, 1)}}")
    for key, value in (influx or {}).items():
        asked[lookup(key, symbols, "symbol of an influx")] = _range(value, name_of(key))
    bounds = {}
    for s in (*colony.diffusivities, *sorted(symbols, key=lambda s: s.name)):
        if s in asked:
            bounds[s] = asked[s]
        elif s in given:
            bounds[s] = _range(given[s], s.name)
        elif s in colony.diffusivities:
            scale = colony.defaults.get(s, size)
            bounds[s] = (WIDE[0] * scale, WIDE[1] * scale)
        elif s in colony.defaults:
            bounds[s] = (WIDE_WALL[0] * colony.defaults[s], WIDE_WALL[1] * colony.defaults[s])
        else:
            raise DeclarationError(
                f"the influx {s} has no value; pass parameters={{'{s}': ...}} or influx={{'{s}': (low, high)}}"
            )
    longest = {s: _range(v, s.name)[1] for s, v in _by_symbol(delay, colony.delay, "delay").items()}
    for s in colony.delay:
        longest.setdefault(s, _range(given.get(s, colony.defaults.get(s, DELAY)), s.name)[1])
    frequency = FREQUENCY if frequencies is None else _range(frequencies, "frequencies")[1]
    return Ranges(bounds, longest, frequency)


def _by_symbol(given: Any, symbols: Sequence[sp.Symbol], what: str) -> dict[sp.Symbol, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {lookup(k, symbols, what): v for k, v in given.items()}
    return dict.fromkeys(symbols, given)


def _range(given: Any, what: str) -> tuple[float, float]:
    try:
        values = [float(v) for v in np.atleast_1d(np.asarray(given, float))]
    except (TypeError, ValueError):
        values = []
    if len(values) not in (1, 2) or not all(0 < v < math.inf for v in values) or values[0] > values[-1]:
        raise DeclarationError(f"{what} is {given!r}; expected a positive number or a range of them, (low, high)")
    return values[0], values[-1]
