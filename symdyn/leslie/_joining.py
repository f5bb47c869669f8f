"""Joint models of the same stages; parameters of different values become numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import refuse_changes
from symdyn.models.matrix import MatrixModel

__all__ = ["joined_defaults", "same_stages"]


def same_stages(models: Iterable[Any], what: str) -> list[MatrixModel]:
    """Models of the same stages; parameters of one name but of several values become numbers, each model's own.

    Raises
    ------
    DeclarationError
        If there are none, their stages differ, or one has events or inputs.
    """
    local = [m if isinstance(m, MatrixModel) else MatrixModel(m) for m in models]
    if not local or any(m.names != local[0].names for m in local):
        raise DeclarationError(f"{what} need models of the same stages, one for each")
    for m in local:
        refuse_changes(m, "a joint model")
    values: dict[sp.Symbol, set[float]] = {}
    for m in local:
        for p, v in m.defaults.items():
            values.setdefault(p, set()).add(v)
    clash = {p for p, v in values.items() if len(v) > 1}
    return [m.with_numbers([p for p in clash if p in m.defaults]) for m in local]


def joined_defaults(local: Iterable[MatrixModel]) -> dict[sp.Symbol, float]:
    """Values of the parameters that are left."""
    return {p: v for m in local for p, v in m.defaults.items()}
