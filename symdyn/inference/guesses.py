"""Which parameters are fitted, from which values, within which bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import RecoveryError
from symdyn.given_values import keyed, lookup
from symdyn.system import System

__all__ = ["GUESSES", "Bounds", "between", "free_parameters", "read_bounds"]

Bounds = Mapping[sp.Symbol, tuple[float, float]]

#: Values from which parameters without a value or guess are fitted, in units of their natural sizes.
GUESSES = (0.01, 0.1, 1.0, 10.0)


def free_parameters(system: System, fit: Iterable[Any], starts: Iterable[sp.Symbol] = ()) -> tuple[sp.Symbol, ...]:
    """Parameters to fit: those without a value, and those named; beside them the states `starts` may be named."""
    states = tuple(starts)
    named = {lookup(p, (*system.parameters, *states), "parameter or state" if states else "parameter") for p in fit}
    return tuple(p for p in system.parameters if p in named or p not in system.defaults)


def read_bounds(
    bounds: Mapping[Any, tuple[Any, Any]] | None, known: Iterable[sp.Symbol], initial: Iterable[sp.Symbol] = ()
) -> dict[sp.Symbol, tuple[float, float]]:
    """Bounds by symbol, infinite where None was given; equal ones hold the initial value of a state (one of `initial`).

    Raises
    ------
    RecoveryError
        If bounds are no pair of increasing numbers.
    """
    known, initial = tuple(known), tuple(initial)
    found = {}
    for symbol, pair in keyed(bounds or {}, known, "parameter, constant or state").items():
        try:
            low, high = (float(v) if v is not None else s * np.inf for v, s in zip(pair, (-1, 1), strict=True))
        except (TypeError, ValueError):
            message = f"the bounds of {symbol} are {pair!r}; expected a pair (smallest, largest), None where open"
            raise RecoveryError(message) from None
        if not (low < high or (low == high and symbol in initial)):
            raise RecoveryError(f"the bounds of {symbol} are {pair!r}; the first must be below the second")
        found[symbol] = (low, high)
    return found


def between(pair: tuple[float | None, float | None] | None) -> tuple[float, ...]:
    """Values spread between two bounds, evenly in their logarithms where both are positive; none if a bound is open."""
    if pair is None or None in pair or not np.all(np.isfinite(np.array(pair, dtype=float))):
        return ()
    low, high = map(float, pair)  # type: ignore[arg-type]
    return tuple((np.geomspace if low > 0 else np.linspace)(low, high, 5)[1:-1].tolist())
