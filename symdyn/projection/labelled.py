"""From arrays over sets of states to labelled distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.projection.equation import MasterEquation
from symdyn.projection.states import Listing, StateBox, StateSpace, bounding_box
from symdyn.projection.transitions import Transitions

__all__ = ["check_layout", "labelled"]

#: Entries of a box, and how many times more than there are states, beyond which a list is returned.
LARGE_BOX, SPARSE = 20_000_000, 20


def labelled(
    equation: MasterEquation,
    transitions: Transitions,
    found: Sequence[tuple[StateSpace, np.ndarray]],
    times: np.ndarray | None,
    *,
    layout: str | None,
    facts: dict[str, Any],
) -> xr.DataArray:
    """A DataArray of several distributions, each on a set of its own; without `times` of the only one.

    Where ``facts['error_bound']`` is given, what is missing from each sum is added to it.  Rounding below zero is cut off,
    which brings the numbers closer to the probabilities that they stand for.
    """
    names = equation.network.names
    sensitivity = "wrt" in facts
    missing = [max(0.0, 1.0 - float(p.sum())) for _, p in found]
    spaces = {id(s): s for s, _ in found}
    box = bounding_box(iter(spaces.values()))
    states = sum(s.size for s in spaces.values())
    if layout is None:
        layout = "list" if box.size * len(found) > LARGE_BOX and box.size > SPARSE * states else "box"
    coords: dict[str, Any]
    if layout == "box":
        values = np.stack([_fill(box, space, p) for space, p in found])
        dims = list(names)
        coords = {s: np.arange(a, a + k) for s, a, k in zip(names, box.lower, box.shape, strict=True)}
    else:
        union = Listing.unique(np.concatenate([s.states for s in spaces.values()]), np.ones(len(names), dtype=np.int64))
        values = np.zeros((len(found), union.size))
        for row, (space, p) in zip(values, found, strict=True):
            row[union.locate(space.states)] = p
        dims = ["state"]
        coords = {s: ("state", column) for s, column in zip(names, union.states.T, strict=True)}
    if not sensitivity:
        np.maximum(values, 0.0, out=values)
    attrs: dict[str, Any] = {
        "species": list(names),
        "network": "\n".join(map(str, equation.network.reactions)),
        "lower": list(equation.lower),
        "upper": ["adaptive" if b is None else str(b) for b in equation.upper],
        "parameters": ", ".join(f"{k} = {v:g}" for k, v in transitions.values.items()),
        "states": max(s.size for s, _ in found),
        **facts,
    }
    if "error_bound" in facts:
        bound = np.array(missing) + facts["error_bound"]
        attrs["error_bound"] = float(bound[-1])
        if times is not None:
            coords["error_bound"] = ("time", bound)
    name = "sensitivity" if sensitivity else "probability"
    if times is None:
        return xr.DataArray(values[0], dims=dims, coords=coords, name=name, attrs=attrs)
    return xr.DataArray(values, dims=["time", *dims], coords={"time": times, **coords}, name=name, attrs=attrs)


def check_layout(layout: Any) -> None:
    """Refuse what is no layout."""
    if layout not in (None, "box", "list"):
        raise DeclarationError(f"layout is {layout!r}; expected 'box' or 'list'")


def _fill(box: StateBox, space: StateSpace, p: np.ndarray) -> np.ndarray:
    """`p` as an array over a box that holds its states."""
    if isinstance(space, StateBox) and space == box:
        return p.reshape(box.shape)
    values = np.zeros(box.size)
    values[box.locate(space.states)] = p
    return values.reshape(box.shape)
