"""Points without times, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import name_of

__all__ = ["read_points"]


def read_points(value: Any, states: Sequence[sp.Symbol], what: str, others: str = "") -> np.ndarray:
    """Points (n, d) of an array, or of a mapping, dataset or table with a column for each state.

    Parameters
    ----------
    value : array, mapping, Dataset or DataFrame
    states : sequence of Symbol
    what : str
        Named in messages.
    others : str
        What else would have been possible.

    Returns
    -------
    (n, d) float64

    Raises
    ------
    DeclarationError
        For anything else, other columns, fewer than two points, and points that are not finite.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> read_points({"y": [1.0, 2.0], x: [3.0, 4.0]}, [x, y], "the data").tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    d, names = len(states), [s.name for s in states]
    if isinstance(value, xr.Dataset | Mapping) or hasattr(value, "columns"):
        columns = {str(name_of(k)): value[k] for k in (value.data_vars if isinstance(value, xr.Dataset) else value)}
        if isinstance(value, xr.Dataset):
            columns = {k: v for k, v in columns.items() if k in names}
        if set(columns) != set(names):
            raise DeclarationError(f"{what} has {', '.join(columns) or 'nothing'}; expected points by {', '.join(names)}")
        value = [np.asarray(columns[n]) for n in names]
        if len({v.shape for v in value}) > 1 or value[0].ndim != 1:
            raise DeclarationError(f"{what} has the shapes {[v.shape for v in value]}; expected one number of each point")
        value = np.stack(value, axis=1)
    try:
        points = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"{what} is a {type(value).__name__}; expected {others}points (n, {d})") from None
    points = points[:, None] if points.ndim == 1 and d == 1 else points
    if points.ndim != 2 or points.shape[1] != d or len(points) < 2:
        raise DeclarationError(f"{what} has points of the shape {points.shape}; expected (n, {d}), two points or more")
    if not np.isfinite(points).all():
        raise DeclarationError(f"{what} has points that are not finite; drop them")
    return points
