"""Selection of the data of a figure of fields: one field of one run, its times, and a cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.grids._figure_parts import coordinates, edges

__all__ = ["cut", "field_of", "nearest_times"]

SPACE = ("x", "y", "z")
#: Snapshots unless said otherwise.
FEW = 4


def field_of(data: Any, field: Any, what: str) -> xr.DataArray:
    """One field of one run, dims (time, x[, y[, z]]).

    Raises
    ------
    DeclarationError
        If there is no such field, or the data hold several runs.
    """
    if not isinstance(data, xr.Dataset):
        raise DeclarationError(f"{what} expects the dataset of a simulation, got {type(data).__name__}")
    axes = {str(n): _space(v) for n, v in data.data_vars.items() if "time" in v.dims}
    fields = [n for n, a in axes.items() if a]
    if not fields:
        names = ", ".join(map(str, data.data_vars)) or "nothing"
        raise DeclarationError(f"{what} needs a field over time and space; the dataset holds {names}")
    name = fields[0] if field is None else str(field)
    if name not in fields:
        kind = "is a scalar over time" if name in axes else "is not in the dataset"
        raise DeclarationError(f"{name!r} {kind}; the fields are {', '.join(fields)}")
    shown = data[name].astype(float)
    kept = ("time", *axes[name])
    shown = shown.squeeze([d for d in shown.dims if d not in kept and shown.sizes[d] == 1], drop=True)
    left = [d for d in shown.dims if d not in kept]
    if left:
        several = ", ".join(f"{shown.sizes[d]} of {d!r}" for d in left)
        choice = ", ".join(f"{d}=0" for d in left)
        raise DeclarationError(f"{what} shows one run, {name} holds {several}; choose one, such as data.isel({choice})")
    if len(axes[name]) > 3:
        raise DeclarationError(f"{what} shows fields of one to three axes, {name} has {', '.join(axes[name])}")
    return shown.transpose(*kept)


def _space(variable: xr.DataArray) -> tuple[str, ...]:
    """Axes of a field: x, y and z, or whatever comes after time."""
    dims = [str(d) for d in variable.dims]
    named = tuple(d for d in SPACE if d in dims)
    return named or tuple(dims[dims.index("time") + 1 :])


def nearest_times(shown: xr.DataArray, times: Any) -> list[int]:
    """Indices of the output times nearest to those wanted; of None four, or all if they are fewer."""
    t = shown["time"].values.astype(float)
    times = min(FEW, t.size) if times is None else times
    if isinstance(times, (int, np.integer)) and not isinstance(times, bool):
        if times < 1:
            raise DeclarationError(f"times is {times}; expected how many snapshots, at least 1, or a sequence of times")
        if times > t.size:
            raise DeclarationError(
                f"times is {times}, but the data have {t.size} output times; ask for {t.size}, or simulate with more"
            )
        return _spread(t, int(times))
    else:
        try:
            wanted = np.atleast_1d(np.asarray(times, float))
        except (TypeError, ValueError):
            raise DeclarationError(f"times is {times!r}; expected how many snapshots, or a sequence of times") from None
    slack = 1e-9 * max(abs(t[0]), abs(t[-1]))
    outside = wanted[~((wanted >= t[0] - slack) & (wanted <= t[-1] + slack))]
    if outside.size or not wanted.size:
        raise DeclarationError(
            f"the data run from time {t[0]:g} to {t[-1]:g}; "
            + (f"{outside[0]:g} lies outside" if outside.size else "no time given")
        )
    return list(dict.fromkeys(int(np.abs(t - w).argmin()) for w in wanted))


def _spread(t: np.ndarray, count: int) -> list[int]:
    """Indices of so many different times, as evenly spaced as there are."""
    wanted = np.linspace(t[0], t[-1], count) if count > 1 else t[-1:]
    found = [int(np.abs(t - w).argmin()) for w in wanted]
    for i in range(1, count):
        found[i] = max(found[i], found[i - 1] + 1)
    return [min(k, t.size - count + i) for i, k in enumerate(found)]


def cut(shown: xr.DataArray, at: Any, left: int) -> tuple[xr.DataArray, str]:
    """A field with at most so many axes, cut at the given positions, else in the middle of its last axes, and where.

    Raises
    ------
    DeclarationError
        For axes that do not exist or need no cut, and positions outside.
    """
    chosen, titles = _cuts(shown, at), []
    while shown.ndim - 1 > left:
        axes = [str(d) for d in shown.dims[1:]]
        axis = next(iter(chosen), axes[-1])
        c = coordinates(shown)[axes.index(axis)]
        ends = edges(c)
        position = chosen.pop(axis, float(np.median(ends[[0, -1]])))
        if not ends[0] <= position <= ends[-1]:
            raise DeclarationError(f"the cut at {axis} = {position:g} lies outside the grid, {ends[0]:g} to {ends[-1]:g}")
        k = int(np.abs(c - position).argmin())
        shown = shown.isel({axis: k})
        titles.append(f"${axis}$ = {c[k]:.4g}")
    if chosen:
        axes = [str(d) for d in shown.dims[1:]]
        raise DeclarationError(
            f"{shown.name} is shown over {' and '.join(axes)} and needs no cut along {next(iter(chosen))}; leave out at={at!r}"
        )
    return shown, ", ".join(titles)


def _cuts(shown: xr.DataArray, at: Any) -> dict[str, float]:
    """Positions by axis, from a pair or several."""
    axes = [str(d) for d in shown.dims[1:]]
    pairs = () if at is None else (at,) if isinstance(at, (tuple, list)) and at and isinstance(at[0], str) else at
    try:
        given = [(str(axis), float(position)) for axis, position in pairs]
    except (TypeError, ValueError):
        raise DeclarationError(
            f"at is {at!r}; expected an axis and a position, such as ({axes[-1]!r}, 0.5), or a list of them"
        ) from None
    found = dict(given)
    for axis in found:
        if axis not in axes:
            raise DeclarationError(f"{shown.name} has no axis {axis!r}; its axes are {' and '.join(axes)}")
    if len(found) < len(given):
        raise DeclarationError(f"at is {at!r}, with two cuts along one axis; leave one out")
    return found
