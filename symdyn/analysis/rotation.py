r"""Rotation numbers of invariant circles in sections of flows.

Where a torus is born from a cycle, the points of a section run around an invariant circle.  With the angles
:math:`2 \pi \theta_k` of the points about their mean, in turns, the rotation number is the mean of the increments
:math:`\delta_k = \theta_{k+1} - \theta_k`, here with the weights

.. math:: w_k \propto \exp\left(-\frac{1}{s_k (1 - s_k)}\right), \qquad s_k = \frac{k}{K},

which on a smooth circle converges faster than any power of the number of points.

References
----------
Das, Saiki, Sander & Yorke, Nonlinearity 30 (2017) 4111; Kuznetsov, Elements of Applied Bifurcation Theory, 3rd ed. (2004), 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import name_of

__all__ = ["rotation_number"]

#: Fewest points of a section.
FEWEST = 20
#: Size of what points surround, relative to their coordinates, below which it is the error of a fixed point.
SMALL = 1e-6


def rotation_number(section: xr.Dataset, states: Sequence[Any]) -> xr.Dataset:
    """Turns about the invariant circle from one crossing to the next, counter-clockwise in the plane of two states.

    Parameters
    ----------
    section : xarray.Dataset
        From `poincare_section`, in one direction, after a transient.
    states : sequence of two Symbols or str
        The plane, horizontal and vertical: one in which the points surround their mean once.

    Returns
    -------
    xarray.Dataset
        ``rotation``, from 0 to 1, and ``error``, the difference from that of the first half of the points, both with the dims
        of the sweep; NaN where there are fewer than 20 points, or they do not surround their mean, as those of a cycle.  At the
        birth of a torus it is ``angle / (2*pi)`` of `continue_cycle`, or 1 less that.

    Raises
    ------
    DeclarationError
        If `section` is no section, or there are no such states.

    Examples
    --------
    A linear oscillator of the frequency 0.3 beside a forcing of the frequency 1:

    >>> import symdyn as sd
    >>> free = sd.ODESystem.from_text("x' = -0.3*y + 0*sin(t); y' = 0.3*x; x(0) = 1; y(0) = 0")
    >>> found = rotation_number(sd.analysis.poincare_section(free, "sin(t)", duration=700), ["x", "y"])
    >>> round(found.rotation.item(), 6)
    0.3
    """
    if not isinstance(section, xr.Dataset) or "surface" not in section.attrs or "crossing" not in section.dims:
        raise DeclarationError(f"expected a dataset from poincare_section, got {type(section).__name__} without its surface")
    names = [str(name_of(s)) for s in states]
    wrong = next((n for n in names if n not in section or "crossing" not in section[n].dims), None)
    if wrong is not None or len(names) != 2:
        raise DeclarationError(f"states is {names}; expected the names of two states of the section")
    first, second = (section[n].transpose(..., "crossing").values for n in names)
    rows = [_rotation(x[~np.isnan(x)], y[~np.isnan(x)]) for x, y in zip(*(_rows(v) for v in (first, second)), strict=True)]
    dims, shape = section["crossings"].dims, section["crossings"].shape
    found = np.array(rows).reshape(*shape, 2)
    return xr.Dataset(
        {
            "rotation": (dims, found[..., 0], {"long_name": "turns from one crossing to the next"}),
            "error": (dims, found[..., 1], {"long_name": "difference from that of the first half of the points"}),
        },
        {d: section[d] for d in dims if d in section.coords}, section.attrs,
    )  # fmt: skip


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _rotation(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The rotation number of points, and an estimate of its error."""
    if len(x) < FEWEST:
        return np.nan, np.nan
    scale = [float(np.ptp(v)) for v in (x, y)]
    if not min(scale) > SMALL * max(np.abs(x).max(), np.abs(y).max()):
        return np.nan, np.nan
    turns = np.arctan2((y - y.mean()) / scale[1], (x - x.mean()) / scale[0]) / (2 * np.pi)
    places = np.sort(turns)
    if max(np.diff(places).max(), places[0] + 1 - places[-1]) > 0.5:
        return np.nan, np.nan
    steps = np.diff(turns)
    middle = float(np.angle(np.exp(2j * np.pi * steps).mean())) / (2 * np.pi)
    steps = middle + np.mod(steps - middle + 0.5, 1.0) - 0.5  # the same turns for all steps
    whole, half = (_average(steps[:count]) for count in (len(steps), len(steps) // 2))
    return float(np.mod(whole, 1.0)), abs(whole - half)


def _average(values: np.ndarray) -> float:
    s = (np.arange(len(values)) + 1) / (len(values) + 1)
    weights = np.exp(-1 / (s * (1 - s)))
    return float(weights @ values / weights.sum())
