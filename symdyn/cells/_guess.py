"""Reading a guess of a steady state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.models.colony import BulkCellSystem
from symdyn.registry import suggest

__all__ = ["cell_names", "read_guess"]


def cell_names(colony: BulkCellSystem) -> list[str]:
    """Names of the states of all cells, cell after cell."""
    return [s.name for j in range(colony.cells) for s in colony.cell_states(j)]


def read_guess(given: Any, names: list[str]) -> np.ndarray:
    """A guess as numbers, (n,), one for each of the named states of the cells."""
    found = given
    if isinstance(given, Mapping):
        table = {str(name_of(k)): v for k, v in given.items()}
        wrong = [k for k in table if k not in names]
        if wrong:
            raise DeclarationError(
                f"the guess has a value for {wrong[0]}, which is no state of the cells: {', '.join(names)}."
                f"{suggest(wrong[0], names)}"
            )
        missing = [n for n in names if n not in table]
        if missing:
            raise DeclarationError(f"the guess has no value for {missing[0]}; give every state of the cells")
        found = [table[n] for n in names]
    try:
        array = np.asarray(found, float).reshape(-1)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"the guess is {given!r}; expected {len(names)} numbers, or a mapping from {names[0]} ... to numbers"
        ) from None
    if array.size != len(names):
        raise DeclarationError(f"the guess has {array.size} values, the cells have {len(names)} states: {', '.join(names)}")
    return array
