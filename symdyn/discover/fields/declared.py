"""A system of fields with unknown right-hand sides, made from data: its fields, its domain and its walls."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.discover.fields.data import field_times
from symdyn.errors import RecoveryError
from symdyn.inference.headers import legible_names
from symdyn.inference.reading import positions
from symdyn.models.boxes import Box, BoxedDomain, Interval, Rectangle
from symdyn.models.pde import PDESystem

__all__ = ["declared_for"]

#: Names of axes in data.
AXES = ("x", "y", "z")
#: How much rougher than elsewhere a field may be where the last position meets the first.
ROUGHER = 3.0


def declared_for(data: Any) -> tuple[PDESystem, list[str]]:
    """The system ``u' = f_u(u, ...)`` of the fields in a dataset, and what was guessed of it.

    Raises
    ------
    RecoveryError
        If there are no data, or they have no fields or uneven positions.
    """
    first: Any = (data[0] if data else None) if isinstance(data, (list, tuple)) else data
    axes = [a for a in AXES if a in getattr(first, "dims", ())] or ["x"]
    wanted = {field_times(first, axes)[0], *axes}
    headers = [str(v) for v in first.data_vars if wanted <= set(first[v].dims) and first[v].dtype.kind == "f"]
    if not headers:
        raise RecoveryError(f"no variable of the data has the dims {', '.join(('time', *axes))}")
    ends, walls = [], {}
    for a in axes:
        points = np.sort(positions(first, a))
        if points.size < 4 or np.ptp(np.diff(points)) > 1e-4 * np.diff(points).mean():
            raise RecoveryError(f"the positions {a} are not even; declare a PDESystem with unknown terms on their domain")
        h = float(np.diff(points).mean())
        met = _meeting(first, headers, a)
        walls[a] = "no-flux" if met is None else "periodic"
        pad = 0.0 if met == "repeated" else h / 2
        ends.append((float(points[0]) - pad, float(points[-1]) + pad))
    domain: BoxedDomain = Interval(*ends[0])
    if len(axes) > 1:
        kind: type[Any] = Rectangle if len(axes) == 2 else Box
        domain = kind(*(high - low for low, high in ends), tuple(low for low, _ in ends))
    named = legible_names(map(str, first.data_vars))
    fields = [sp.Symbol(named[h]) for h in headers]
    system = PDESystem(
        {f: sp.Function(f"f_{f}")(*fields) for f in fields}, domain, boundary=walls, space=axes, provenance=("made for data",)
    )
    shown = ", ".join(f"{a} {w}" for a, w in walls.items())
    return system, [f"the domain was taken from the positions, and what its ends are from the fields: {shown}"]


def _meeting(data: xr.Dataset, names: list[str], axis: str) -> str | None:
    """Whether fields go on where an axis begins again: 'next' to the last position, 'repeated' at it, or None."""
    next_to, repeated = True, True
    for name in names:
        u = np.moveaxis(data[name].transpose(..., axis).values.astype(float), -1, 0)
        u = u[:, np.isfinite(u).all(axis=0)].reshape(len(u), -1)
        if not u.size:
            return None

        def rough(*rows: int, u: np.ndarray = u) -> float:
            a, b, c, d = (u[r] for r in rows)
            return float(np.sqrt(np.mean(((c - b) - ((b - a) + (d - c)) / 2) ** 2)))

        n = len(u)
        inside = np.sqrt(np.mean([rough(i, i + 1, i + 2, i + 3) ** 2 for i in range(n - 3)]))
        next_to &= max(rough(n - 2, n - 1, 0, 1), rough(n - 3, n - 2, n - 1, 0)) <= ROUGHER * inside
        repeated &= rough(n - 3, n - 2, 0, 1) <= ROUGHER * inside and bool(
            np.sqrt(np.mean((u[0] - u[-1]) ** 2)) <= ROUGHER * inside
        )
    if repeated:
        # with a point left out the field would jump by a step along the axis, unless it is flat there
        flat = all(
            float(np.abs(data[n].isel({axis: 0}) - data[n].isel({axis: 1})).mean()) < 1e-3 * float(data[n].std()) for n in names
        )
        return "next" if flat and next_to else "repeated"
    return "next" if next_to else None
