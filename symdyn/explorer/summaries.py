"""Simulated data as plain numbers: curves, and quantiles and histograms of ensembles."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["curves", "ensemble"]

#: Shares of trajectories below the curves of an ensemble, trajectories drawn one by one, and bars of a histogram.
LEVELS, PATHS, BARS = (0.05, 0.25, 0.5, 0.75, 0.95), 3, 30


def curves(data: xr.Dataset, names: Sequence[str]) -> dict[str, Any]:
    """The only trajectory."""
    return {"curves": {n: _plain(data[n].values) for n in names}}


def ensemble(data: xr.Dataset, names: Sequence[str], *, counted: Collection[str], ends: Collection[str]) -> dict[str, Any]:
    """Quantiles and histograms at the last time of the trajectories that did not fail, and the first three of all.

    The bars of the variables in `counted` have whole numbers in their middle; of those in `ends` all last values are kept.
    """
    good = data["status"].values == 0
    found: dict[str, Any] = {"bands": {}, "paths": {}, "histograms": {}, "ends": {}}
    for name in names:
        values = data[name].transpose("trajectory", "time").values
        found["paths"][name] = [_plain(row) for row in values[:PATHS]]
        if good.any():
            found["bands"][name] = _plain(np.quantile(values[good], LEVELS, axis=0))
            found["histograms"][name] = _histogram(values[good, -1], whole=name in counted)
            found["ends"] |= {name: values[good, -1].tolist()} if name in ends else {}
    return found


def _plain(values: np.ndarray) -> Any:
    """Nested lists of finite numbers, None in the place of others."""
    if np.isfinite(values).all():
        return values.tolist()
    return [_plain(row) for row in values] if values.ndim > 1 else [v if math.isfinite(v) else None for v in values.tolist()]


def _histogram(values: np.ndarray, *, whole: bool) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    if whole:
        width = math.ceil((high - low + 1) / BARS)
        edges = low - 0.5 + width * np.arange(math.ceil((high - low + 1) / width) + 1)
    else:
        edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low - 0.5, low + 0.5])
    return {"edges": edges.tolist(), "counts": np.histogram(values, edges)[0].tolist()}
