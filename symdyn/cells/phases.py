r"""Oscillations of cells from their traces: period, extremes, phase, lag, order parameter and synchrony.

The phase is that of Poincaré sections: :math:`2\pi k` where a trace rises through its mean for the k-th time, and linear in
time between.  It grows linearly on any cycle, also of relaxation oscillations, so that equal cycles of one period differ by a
constant; the phase of the analytic signal (Hilbert transform) does not, and is inaccurate near both ends of the record.

Every function takes a dataset of ``v_1, v_2, ...`` as `symdyn.simulate` gives it and the name of a state (the first one of the
cells by default), or the array that `cell_traces` makes of them, with any further dims.  A trace with NaN gives NaN.

References
----------
Pikovsky, Rosenblum & Kurths, Synchronization (Cambridge, 2001), section 6.2; Kralemann et al., Phys. Rev. E 77 (2008) 066205.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells._cycles import find_cycles, find_swing
from symdyn.cells._traces import (
    angles,
    cell_traces,
    flat,
    late,
    late_cycles,
    late_phase,
    late_start,
    like,
    oscillating,
    read_traces,
    time_weights,
    with_cells,
)
from symdyn.errors import DeclarationError

__all__ = ["cell_traces", "cycle_lengths", "extremes", "order_parameter", "period", "phase", "phase_lag", "synchrony"]

STILL = 1e-3
"""A trace does not oscillate if its range is less than this fraction of its largest magnitude."""

UNLOCKED = 0.5
r"""No lag is defined between cells for which :math:`|\langle e^{i(\theta_i - \theta_j)} \rangle|` is less than this."""


def period(data: Any, state: Any = None, *, after: float | None = None, least: float = STILL) -> xr.DataArray:
    r"""Mean time from one rise of a trace through its mean to the next.

    The mean is over complete cycles.  Crossings of cubic splines have errors of :math:`O(h^4)` in the time between samples h.
    Of two frequencies it is the period of the stronger one, up to :math:`O(1/\text{cycles})`.  Small oscillations within a
    large one, less than a tenth of it, do not count.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Leave out times before this one, in the units of time: by default the first half.
    least : float
        A trace that ranges over less than this fraction of its largest magnitude does not oscillate.

    Returns
    -------
    xarray.DataArray
        In the units of time, with the dims of the traces without ``time``; NaN of fewer than two complete cycles.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    Examples
    --------
    >>> t = np.linspace(0, 100, 1001)
    >>> data = xr.Dataset({"v_1": ("time", 1 + np.sin(2 * np.pi * t / 8))}, {"time": t})
    >>> period(data).round(6).values
    array([8.])
    """
    traces = read_traces(data, state)
    cycles, _ = late_cycles(traces, after, least)
    return like(traces, cycles.period, "period")


def cycle_lengths(
    data: Any, state: Any = None, *, after: float | None = None, least: float = STILL
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Middle and length of every cycle of each trace, from rise to rise through its late mean, over all times.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Beginning of the late times that determine mean and range, in the units of time: by default the second half.
    least : float
        A trace that ranges over less than this fraction of its largest magnitude does not oscillate.

    Returns
    -------
    list of pairs of (k,) arrays
        In the units of time and in the order of the traces, the last dim (the cells) fastest; empty without a cycle.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    Examples
    --------
    >>> t = np.linspace(-1, 20, 2101)
    >>> data = xr.Dataset({"v_1": ("time", 1 + np.sin(2 * np.pi * t / 8))}, {"time": t})  # rises through 1 at 0, 8, 16
    >>> ((middles, lengths),) = cycle_lengths(data, after=4)
    >>> middles.round(4), lengths.round(4)
    (array([ 4., 12.]), array([8., 8.]))
    """
    traces = read_traces(data, state)
    t, x = flat(traces)
    cycles = find_cycles(t, x, oscillating(*late(traces, after), least))
    rises = [row[:k] for row, k in zip(cycles.times, cycles.count, strict=True)]
    return [((r[1:] + r[:-1]) / 2, np.diff(r)) for r in rises]


def extremes(data: Any, state: Any = None, *, after: float | None = None) -> xr.Dataset:
    """Range of traces at late times, between the samples by cubic splines.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Leave out times before this one, in the units of time: by default the first half.

    Returns
    -------
    xarray.Dataset
        ``lowest``, ``highest``, ``amplitude`` (half of their difference), and ``mean`` (over complete cycles where there are
        any), in the units of the state.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    Examples
    --------
    >>> t = np.linspace(0, 100, 1001)
    >>> data = xr.Dataset({"v_1": ("time", 1 + np.sin(2 * np.pi * t / 8))}, {"time": t})
    >>> found = extremes(data)
    >>> [round(abs(float(found[name].squeeze())), 4) for name in ("lowest", "highest", "amplitude", "mean")]
    [0.0, 2.0, 1.0, 1.0]
    """
    traces = read_traces(data, state)
    t, x = late(traces, after)
    swing = find_swing(t, x)
    found = {
        "lowest": swing.lowest,
        "highest": swing.highest,
        "amplitude": (swing.highest - swing.lowest) / 2,
        "mean": swing.mean,
    }
    return xr.Dataset({name: like(traces, values, name) for name, values in found.items()})


def phase(data: Any, state: Any = None, *, after: float | None = None, least: float = STILL) -> xr.DataArray:
    r"""Phase of each trace over time, continuous, in radians: :math:`2\pi k` at the k-th rise through its mean.

    Mean and range are those of late times (see `period`); crossings are sought at all times.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Beginning of the late times, in the units of time: by default the second half.
    least : float
        A trace that ranges over less than this fraction of its largest magnitude does not oscillate.

    Returns
    -------
    xarray.DataArray
        With the dims of the traces; NaN before the first and after the last crossing, and where the trace does not oscillate.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    References
    ----------
    Pikovsky, Rosenblum & Kurths, Synchronization (Cambridge, 2001), section 6.2.

    Examples
    --------
    >>> t = np.linspace(-1, 20, 2101)
    >>> data = xr.Dataset({"v_1": ("time", 1 + np.sin(2 * np.pi * t / 8))}, {"time": t})
    >>> advance = phase(data, after=4).sel(time=[2, 4, 12], method="nearest").diff("time")
    >>> (advance / np.pi).round(4).values.ravel()  # a quarter of a cycle, and a full one
    array([0.5, 2. ])
    """
    traces = read_traces(data, state)
    t, x = flat(traces)
    cycles = find_cycles(t, x, oscillating(*late(traces, after), least))
    return like(traces, angles(t, cycles), "phase", time=True)


def phase_lag(
    data: Any, state: Any = None, *, reference: int = 1, after: float | None = None, least: float = STILL
) -> xr.DataArray:
    r"""Degrees by which each cell is behind a reference cell, between -180 and 180; negative if it is ahead.

    The direction of :math:`\langle e^{i(\theta_\text{reference} - \theta_j)} \rangle` over late times.  NaN if its modulus is
    below 1/2, since the cells are not locked, and where one of them does not oscillate.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    reference : int
        Number of the cell, from 1.
    after : float, optional
        Leave out times before this one, in the units of time: by default the first half.
    least : float
        A trace that ranges over less than this fraction of its largest magnitude does not oscillate.

    Returns
    -------
    xarray.DataArray
        In degrees, with the dims of the traces without ``time``.

    Raises
    ------
    DeclarationError
        If the data have no such state or cell.

    Examples
    --------
    >>> t = np.linspace(0, 100, 1001)
    >>> v = {f"v_{j + 1}": ("time", 1 + np.sin(2 * np.pi * (t - j) / 8)) for j in range(3)}  # each a time of 1 behind
    >>> phase_lag(xr.Dataset(v, {"time": t})).round(3).values
    array([ 0., 45., 90.])
    """
    traces = with_cells(read_traces(data, state))
    if reference not in traces["cell"].values:
        known = ", ".join(str(c) for c in traces["cell"].values[:8])
        raise DeclarationError(f"there is no cell {reference!r} to refer to; the cells are {known}")
    theta = late_phase(traces, after, least)
    turn = _on_circle(theta.sel(cell=reference, drop=True) - theta)
    weights = xr.where(np.isfinite(turn), time_weights(theta["time"]), 0)
    total = weights.sum("time")
    mean = (turn.fillna(0) * weights).sum("time") / total.where(total > 0)
    return xr.apply_ufunc(lambda z: np.degrees(np.angle(z)), mean.where(abs(mean) >= UNLOCKED)).rename("phase_lag")


def order_parameter(data: Any, state: Any = None, *, after: float | None = None, least: float = STILL) -> xr.DataArray:
    r"""Kuramoto's order parameter, :math:`R(t) = |\frac1m \sum_j e^{i\theta_j(t)}|`: 1 in phase, 0 evenly spread.

    It is over the m cells that oscillate at late times; NaN if they are fewer than two, and where one of them has no phase, as
    before its first and after its last crossing.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Beginning of the late times, in the units of time: by default the second half.
    least : float
        A trace that ranges over less than this fraction of its largest magnitude does not oscillate.

    Returns
    -------
    xarray.DataArray
        Dimensionless, with the dims of the traces without ``cell``.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    References
    ----------
    Kuramoto, Chemical Oscillations, Waves, and Turbulence (Springer, 1984).

    Examples
    --------
    >>> t = np.linspace(0, 100, 1001)
    >>> v = {f"v_{j + 1}": ("time", 1 + np.sin(2 * np.pi * (t - 2 * j) / 8)) for j in range(2)}  # a quarter of a cycle apart
    >>> float(order_parameter(xr.Dataset(v, {"time": t})).sel(time=50).round(4)), round(2**-0.5, 4)
    (0.7071, 0.7071)
    """
    traces = with_cells(read_traces(data, state))
    theta = phase(traces, after=after, least=least)
    moving = theta.notnull().any("time")
    m = moving.sum("cell")
    complete = (theta.notnull() | ~moving).all("cell") & (m > 1)
    total = abs(_on_circle(theta).fillna(0).sum("cell"))
    return (total / m.where(m > 1)).where(complete).rename("order_parameter")


def synchrony(data: Any, state: Any = None, *, after: float | None = None) -> xr.DataArray:
    r"""Variance over time of the mean of the cells over the mean of their variances, at late times.

    .. math:: \chi^2 = \frac{\mathrm{Var}_t(\frac1m\sum_j v_j)}{\frac1m\sum_j \mathrm{Var}_t(v_j)}

    It is 1 if all traces are equal, 1/m for independent cells, 0 if they cancel.  No phase is needed, so that irregular traces
    can be compared.

    Parameters
    ----------
    data : xarray.Dataset or DataArray
        Traces of cells over ``time``.
    state : Symbol or str, optional
        The first state of the cells by default.
    after : float, optional
        Leave out times before this one, in the units of time: by default the first half.

    Returns
    -------
    xarray.DataArray
        Dimensionless, with the dims of the traces without ``cell`` and ``time``; NaN if no trace varies.

    Raises
    ------
    DeclarationError
        If the data have no such state.

    References
    ----------
    Golomb & Rinzel, Physica D 72 (1994) 259-282.

    Examples
    --------
    >>> t = np.linspace(0, 96, 961)
    >>> v = {f"v_{j + 1}": ("time", 1 + np.sin(2 * np.pi * (t - 2 * j) / 8)) for j in range(2)}  # a quarter of a cycle apart
    >>> float(synchrony(xr.Dataset(v, {"time": t})).round(3))  # cos(pi/4)**2
    0.5
    """
    traces = with_cells(read_traces(data, state))
    kept = traces.isel(time=traces["time"].values >= late_start(traces, after))
    weights = time_weights(kept["time"])

    def variance(x: xr.DataArray) -> xr.DataArray:
        mean = (x * weights).sum("time", skipna=False)
        return ((x - mean) ** 2 * weights).sum("time", skipna=False)

    each = variance(kept).mean("cell", skipna=False)
    rounding = (1e-12 * abs(kept).max(("cell", "time"))) ** 2
    return (variance(kept.mean("cell", skipna=False)) / each.where(each > rounding)).rename("synchrony")


def _on_circle(theta: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(lambda a: np.exp(1j * a), theta)
