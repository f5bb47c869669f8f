"""Measurements of fields at places, as trajectories of each place."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory, observations, typical_sizes
from symdyn.inference.headers import legible_names
from symdyn.inference.reading import dataset_times, positions

__all__ = ["spatial_observations"]

#: Positions beyond the domain by this much, relative to its size, count as inside.
SLACK = 1e-6


def spatial_observations(system: Any, data: Any, names: Sequence[str]) -> Observations:
    """Measurements of fields, a trajectory for each place, and of numbers that have no place.

    Parameters
    ----------
    system : PDESystem
        Names the axes and time, and has the domain.
    data : Dataset, list of Datasets, or anything that `symdyn.inference.data.observations` reads
        A dataset has the dimensions ``time`` and those of space, with values; every other dimension gives several experiments.
        Variables without those of space, and all other tables, are numbers such as means, and values at a point.
    names : sequence of str
        What may be measured.

    Returns
    -------
    Observations
        Without estimates of the noise.

    Warns
    -----
    UserWarning
        Of variables that are none of the names.

    Raises
    ------
    RecoveryError
        For data without times, positions outside of the domain, and infinite values.

    Examples
    --------
    >>> import symdyn as sd
    >>> pde = sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1))
    >>> data = xr.Dataset({"u": (("time", "x"), [[1.0, 2.0], [1.5, np.nan]])}, {"time": [0, 1], "x": [0.2, 0.8]})
    >>> seen = spatial_observations(pde, data, ["u"])
    >>> [(t.place, t.times.tolist()) for t in seen.trajectories], seen.size
    ([((0.2,), [0.0, 1.0]), ((0.8,), [0.0])], 3)
    """
    parts = data if isinstance(data, list) and data and all(isinstance(p, xr.Dataset) for p in data) else [data]
    axes = tuple(s.name for s in getattr(system, "space", ()))
    if not any(isinstance(p, xr.Dataset) and set(axes) & set(map(str, p.dims)) for p in parts):
        return observations(system, data, columns=names, censored=True)
    found = [t for part in parts for t in _read(system, part, tuple(names), axes)]
    if not found:
        raise RecoveryError(f"the data hold no number of {', '.join(names)}: all are NaN, or the variables have other names")
    known = {n for p in parts for n in legible_names(map(str, p.data_vars), names).values()}
    if ignored := sorted(known - set(names)):
        warnings.warn(f"variables that are not measured are ignored: {', '.join(ignored)}", stacklevel=3)
    scale = typical_sizes([t.values for t in found])
    return Observations(tuple(found), tuple(names), scale, 1e-8 * scale)


def _read(system: Any, part: xr.Dataset, names: tuple[str, ...], axes: tuple[str, ...]) -> Iterator[Trajectory]:
    """The trajectories of a dataset: of every experiment those of all places, and one of numbers."""
    if missing := [a for a in axes if a not in part.dims]:
        raise RecoveryError(f"the dataset has no dimension {missing[0]}; data of fields have time, {', '.join(axes)}")
    clock, times, _ = dataset_times(part, system.time.name, states=axes)
    headers = legible_names(map(str, part.data_vars), names)
    points = [positions(part, a) for a in axes]
    for a, p, low, high in zip(axes, points, *system.domain.box, strict=True):
        slack = SLACK * (high - low)
        if not np.isfinite(p).all() or p.min() < low - slack or p.max() > high + slack:
            raise RecoveryError(f"positions {a} reach from {p.min():g} to {p.max():g}; the domain from {low:g} to {high:g}")
    order = np.argsort(times, kind="stable")
    if (np.diff(times[order]) <= 0).any():
        raise RecoveryError("the times of a dataset of fields must be different; give repeats as a further dataset")
    spread: dict[str, xr.DataArray] = {}
    single: dict[str, xr.DataArray] = {}
    for header, name in headers.items():
        if name in names:
            if clock not in part[header].dims:
                raise RecoveryError(
                    f"the variable {header} has the dimensions {part[header].dims}; expected {clock} among them"
                )
            (spread if set(axes) <= set(part[header].dims) else single)[name] = part[header]
    for known, dims, places in ((spread, axes, _places(points)), (single, (), [()])):
        if not known:
            continue
        others = list(dict.fromkeys(d for v in known.values() for d in v.dims if d not in (clock, *dims)))
        sizes = {d: part.sizes[d] for d in (*others, clock, *dims)}
        table = np.full((int(np.prod([sizes[d] for d in others])), len(times), len(places), len(names)), np.nan)
        for name, v in known.items():
            whole = v.expand_dims({d: sizes[d] for d in sizes if d not in v.dims}).transpose(*sizes)
            table[..., names.index(name)] = whole.values.astype(float).reshape(table.shape[:-1])
        if np.isinf(table).any():
            raise RecoveryError("the data hold infinite values; mark missing ones as NaN")
        for run in table[:, order]:
            for k, place in enumerate(places):
                rows = np.isfinite(run[:, k]).any(axis=-1)
                rows[0] |= rows.any()  # experiments begin at the first time of the dataset
                if rows.any():
                    yield Trajectory(times[order][rows], run[rows, k], place=place)


def _places(points: Sequence[np.ndarray]) -> list[tuple[float, ...]]:
    grid = np.meshgrid(*points, indexing="ij")
    return [tuple(map(float, row)) for row in np.stack([g.ravel() for g in grid], axis=-1)]
