"""Moments at the beginning: of certain numbers, of distributions of independent species, or as given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from math import comb
from typing import TYPE_CHECKING, Any

import sympy as sp

from symdyn.declaration import lookup, numeric_values
from symdyn.errors import DeclarationError
from symdyn.models.moment_index import Index

if TYPE_CHECKING:
    from symdyn.models.moments import MomentSystem

__all__ = ["checked", "initial_moments", "is_distribution"]


def is_distribution(value: Any) -> bool:
    """Whether a value has moments, as a frozen distribution of scipy.stats has."""
    return callable(getattr(value, "moment", None))


def checked(initial: Mapping[Any, Any] | None, symbols: Iterable[sp.Symbol]) -> dict[sp.Symbol, Any]:
    """Numbers and distributions by symbol."""
    symbols = tuple(symbols)
    spread = {lookup(k, symbols, "species or state"): v for k, v in (initial or {}).items() if is_distribution(v)}
    numbers = {k: v for k, v in (initial or {}).items() if not is_distribution(v)}
    return {**numeric_values(numbers, symbols, "species or state"), **spread}


def initial_moments(system: MomentSystem, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
    """Initial values of the states.

    Raises
    ------
    DeclarationError
        If a species is missing whose moments are not all given, or a distribution lacks a moment.
    """
    # most values have no dimension; products of arrays with labels take a thousand times as long as those of numbers
    values = {k: float(v) if getattr(v, "ndim", None) == 0 else v for k, v in values.items()}
    found: dict[sp.Symbol, Any] = {}
    for state in system.states:
        if state in values:
            if is_distribution(values[state]):
                raise DeclarationError(f"the moment {state} has a distribution for its value; distributions belong to species")
            found[state] = values[state]
        elif state not in system.indices:
            found[state] = 0.0
        else:
            found[state] = _moment(system, values, system.indices[state], state)
    return found


def _moment(system: MomentSystem, values: Mapping[sp.Symbol, Any], index: Index, state: sp.Symbol) -> Any:
    present = [(s, power) for s, power in zip(system.species, index, strict=True) if power]
    missing = [s.name for s, _ in present if s not in values]
    if missing:
        raise DeclarationError(
            f"no value for the species {', '.join(missing)}, from which {state} begins; pass initial={{'{missing[0]}': ...}}, "
            "or every moment of it by the name of its state"
        )
    kind = "raw" if sum(index) == 1 else system.moment_kind
    if kind == "cumulant" and len(present) > 1:
        return 0.0 * sum(values[s] for s, _ in present if not is_distribution(values[s]))
    product: Any = 1.0
    for s, power in present:
        product = product * _single(values[s], power, kind, s)
    return product


def _single(value: Any, power: int, kind: str, species: sp.Symbol) -> Any:
    """A moment of one species."""
    if not is_distribution(value):
        return value**power if kind == "raw" else value * 0.0
    raw = [1.0, *(float(value.moment(k)) for k in range(1, power + 1))]
    if not all(map(math.isfinite, raw)):
        raise DeclarationError(f"the distribution of the species {species} has no finite moment of order {power}")
    if kind == "raw":
        return raw[power]
    central = [sum(comb(p, k) * raw[k] * (-raw[1]) ** (p - k) for k in range(p + 1)) for p in range(power + 1)]
    if kind == "central":
        return central[power]
    found = [0.0, 0.0]
    for p in range(2, power + 1):
        found.append(central[p] - sum(comb(p - 1, k - 1) * found[k] * central[p - k] for k in range(2, p)))
    return found[power]
