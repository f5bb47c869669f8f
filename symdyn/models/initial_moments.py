"""Initial moments: of deterministic numbers, of distributions of independent species, or as given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from math import comb
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import initial_values, lookup
from symdyn.models.moment_index import Index

__all__ = ["checked", "initial_moments", "is_distribution"]


def is_distribution(value: Any) -> bool:
    """Whether a value has moments, as a frozen distribution of scipy.stats has."""
    return callable(getattr(value, "moment", None))


def checked(initial: Mapping[Any, Any] | None, symbols: Iterable[sp.Symbol], time: sp.Symbol) -> dict[sp.Symbol, Any]:
    """Numbers, expressions of parameters and distributions by symbol."""
    symbols = tuple(symbols)
    spread = {lookup(k, symbols, "species or state"): v for k, v in (initial or {}).items() if is_distribution(v)}
    numbers = {k: v for k, v in (initial or {}).items() if not is_distribution(v)}
    return {**initial_values(numbers, symbols, time, "species or state"), **spread}


def initial_moments(
    values: Mapping[sp.Symbol, Any],
    states: Sequence[sp.Symbol],
    species: Sequence[sp.Symbol],
    indices: Mapping[sp.Symbol, Index],
    kind: str,
) -> dict[sp.Symbol, Any]:
    """Initial values of the states.

    Parameters
    ----------
    values : mapping
        Numbers and distributions of species; numbers of states.
    states, species : sequence of Symbol
    indices : mapping of Symbol to index
        Which moment each state is; states without an entry start from zero.
    kind : {'raw', 'central', 'cumulant'}
        Of the moments above order 1.

    Raises
    ------
    DeclarationError
        If a species is missing whose moments are not all given, or a distribution lacks a moment.
    """
    # most values have no dimension; products of arrays with labels take a thousand times as long as those of numbers
    values = {k: float(v) if getattr(v, "ndim", None) == 0 else v for k, v in values.items()}
    found: dict[sp.Symbol, Any] = {}
    for state in states:
        if state in values:
            if is_distribution(values[state]):
                raise DeclarationError(f"the moment {state} has a distribution for its value; distributions belong to species")
            found[state] = values[state]
        elif state not in indices:
            found[state] = 0.0
        else:
            present = {s: power for s, power in zip(species, indices[state], strict=True) if power}
            found[state] = _moment(values, present, kind, state)
    return found


def _moment(values: Mapping[sp.Symbol, Any], powers: Mapping[sp.Symbol, int], kind: str, state: sp.Symbol) -> Any:
    missing = [s.name for s in powers if s not in values]
    if missing:
        raise DeclarationError(
            f"no value for the species {', '.join(missing)}, from which {state} begins; pass initial={{'{missing[0]}': ...}}, "
            "or every moment of it by the name of its state"
        )
    kind = "raw" if sum(powers.values()) == 1 else kind
    if kind == "cumulant" and len(powers) > 1:
        return 0.0 * sum(values[s] for s in powers if not is_distribution(values[s]))
    product: Any = 1.0
    for s, power in powers.items():
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
