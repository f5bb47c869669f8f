"""Common parts of figures of fields: axes, colours and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["axis_label", "colours_of", "coordinates", "edges", "image", "time_label", "value_label"]

#: A field has both signs if the smaller reaches this part of the larger: rounding errors below 0 are no second sign.
BOTH = 0.02


def coordinates(shown: xr.DataArray) -> list[np.ndarray]:
    """Positions along each axis of space."""
    return [np.asarray(shown[d].values, float) for d in shown.dims if d != "time"]


def edges(centers: np.ndarray) -> np.ndarray:
    """Walls between grid cells, (n + 1,)."""
    c = np.asarray(centers, float)
    if c.size == 1:
        return np.array([c[0] - 0.5, c[0] + 0.5])
    middle = (c[1:] + c[:-1]) / 2
    return np.concatenate([[2 * c[0] - middle[0]], middle, [2 * c[-1] - middle[-1]]])


def colours_of(values: np.ndarray, limits: Any, cmap: Any) -> dict[str, Any]:
    """Limits and colour map: symmetric about 0 if the values have both signs."""
    from matplotlib import colormaps

    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = min(-low, high) > BOTH * max(-low, high)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    if limits is not None:
        try:
            low, high = (float(v) for v in limits)
        except (TypeError, ValueError):
            raise DeclarationError(f"limits is {limits!r}; expected two numbers, (low, high)") from None
        if not low < high:
            raise DeclarationError(f"limits is {limits!r}; expected the lower one first")
    elif high - low <= 1e-12 * max(abs(low), abs(high)):
        pad = 0.05 * abs(low) or 0.5
        low, high = low - pad, high + pad
    chosen = ("RdBu_r" if signed else "viridis") if cmap is None else cmap
    found = colormaps[chosen] if isinstance(chosen, str) else chosen
    return {"vmin": low, "vmax": high, "cmap": found.with_extremes(bad="#c8c8c8")}


def image(ax: Axes, shown: xr.DataArray, k: int, colours: dict[str, Any]) -> AxesImage:
    """A field of two axes at the k-th time, x to the right."""
    x, y = (edges(c) for c in coordinates(shown))
    return ax.imshow(
        np.ma.masked_invalid(shown.values[k].T), extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="equal",
        interpolation="nearest", **colours,
    )  # fmt: skip


def axis_label(shown: xr.DataArray, axis: int) -> str:
    """Name and unit of an axis of space."""
    name = str([d for d in shown.dims if d != "time"][axis])
    return _labelled(name, shown[name].attrs.get("units"))


def value_label(shown: xr.DataArray) -> str:
    """Name and unit of the field."""
    return _labelled(str(shown.name), shown.attrs.get("units"))


def time_label(shown: xr.DataArray) -> str:
    """Time and its unit."""
    units = shown["time"].attrs.get("units")
    return f"time $t$ ({units})" if units else "time $t$"


def _labelled(name: str, units: str | None) -> str:
    head, *rest = name.split("_")
    head, *rest = [p if len(p) == 1 else rf"\mathrm{{{p}}}" for p in (head, *rest)]
    text = f"${head}_{{{','.join(rest)}}}$" if rest else f"${head}$"
    return f"{text} ({units})" if units else text
