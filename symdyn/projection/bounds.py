"""Bounds of molecule numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError, SimulationError
from symdyn.given_values import lookup
from symdyn.models.reactions import ReactionNetwork

__all__ = ["Bounds", "read_bounds"]


def read_bounds(network: ReactionNetwork, given: Mapping[Any, int | None] | int | None, what: str) -> dict[sp.Symbol, int]:
    """Bounds of species, those that are None left out; one number holds for all species.

    Raises
    ------
    DeclarationError
        If a bound is not a whole number or its species is unknown; `what` names the argument.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {s: _whole(given, f"{what} is {given!r}; expected a mapping from species to") for s in network.states}
    found = {lookup(key, network.states, "species"): value for key, value in given.items()}
    return {
        s: _whole(value, f"the {what} bound of {s} is {value!r}; expected") for s, value in found.items() if value is not None
    }


def _whole(value: Any, message: str) -> int:
    if not isinstance(value, (int, float, np.number)) or not np.isfinite(value) or int(value) != value:
        raise DeclarationError(f"{message} a whole number; leave out bounds that are not wanted")
    return int(value)


@dataclass(frozen=True)
class Bounds:
    """How far states may go, and how many of them there may be.

    Attributes
    ----------
    lower, upper : (species,) int64
    limit : int
        Largest number of states; more are an error.
    """

    lower: np.ndarray
    upper: np.ndarray
    limit: int

    def inside(self, states: np.ndarray) -> np.ndarray:
        """Which states are within the bounds."""
        return np.all((states >= self.lower) & (states <= self.upper), axis=1)

    def check(self, size: int, names: Sequence[str], states: np.ndarray) -> None:
        """Refuse sets beyond the limit."""
        if size > self.limit:
            low, high = states.min(axis=0), states.max(axis=0)
            reach = ", ".join(f"{s} {a}..{b}" for s, a, b in zip(names, low, high, strict=True))
            raise SimulationError(
                f"the state space has grown to {size} states ({reach}), more than max_states={self.limit}; raise max_states or "
                "tolerance, give upper bounds, or simulate with method='ssa'"
            )
