"""`delays`: coordinates of a series from its own past, the singular vectors of its Hankel matrix."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.reduction.delay_maps import DelayMap, delay_map
from symdyn.reduction.havok import HavokSystem, havok_system

__all__ = ["DelayCoordinates", "delays"]

#: Share of the slope of a coordinate that the others explain where it is above the noise, and how many are looked at.
EXPLAINED, LOOKED_AT = 0.999, 30


@dataclass(frozen=True, eq=False, repr=False)
class DelayCoordinates:
    r"""The singular value decomposition :math:`H = U \Sigma V^\top` of a Hankel matrix; `symdyn.reduction.delays` makes one.

    Attributes
    ----------
    names : tuple of str
        The series.
    series : (T, d) float64
    times : (T,) float64
    count : int
        Delays, q: rows of H for each series.
    singular : (q d,) float64
        All singular values.
    modes : (q d, r) float64
        Columns of U, in which the oldest value comes first.
    coordinates : (T - q + 1, r) float64
        Columns of V.
    above_noise : int
        How many coordinates are above the noise: the slope of each is explained, up to a thousandth, by those that are.

    Examples
    --------
    >>> t = np.linspace(0, 20, 401)
    >>> delays(np.cos(t), delays=40, modes=2, step=0.05)
    DelayCoordinates of x: 40 delays, 2 modes of 2 above the noise, singular values 1, 0.621 (relative)
    """

    names: tuple[str, ...]
    series: np.ndarray
    times: np.ndarray
    count: int
    singular: np.ndarray
    modes: np.ndarray
    coordinates: np.ndarray
    above_noise: int

    @property
    def step(self) -> float:
        """Time between values."""
        return float(self.times[1] - self.times[0])

    @property
    def rank(self) -> int:
        """Number of coordinates, r."""
        return self.modes.shape[1]

    @cached_property
    def relative(self) -> np.ndarray:
        """Singular values relative to the largest."""
        return self.singular / self.singular[0]

    def __repr__(self) -> str:
        shown = ", ".join(f"{s:.3g}" for s in self.relative[: min(self.rank, 5)])
        return (
            f"{type(self).__name__} of {', '.join(self.names)}: {self.count} delays, {self.rank} modes of {self.above_noise} "
            f"above the noise, singular values {shown} (relative)"
        )

    def havok(self) -> HavokSystem:
        r"""The linear system :math:`\dot v = A v + B f(t)` of all coordinates but the last, forced by the last.

        Returns
        -------
        HavokSystem

        Raises
        ------
        DeclarationError
            With fewer than two coordinates.

        Examples
        --------
        >>> t = np.linspace(0, 20, 401)
        >>> lin = delays(np.cos(t) + np.cos(2 * t), delays=40, modes=4, step=0.05).havok()
        >>> len(lin.states), lin.inputs[0].name
        (3, 'f')
        """
        if self.rank < 2:
            raise DeclarationError(f"HAVOK needs two coordinates or more; there is {self.rank}")
        last = self.times[self.count - 1 :]
        rows = self.modes[self.count - 1 :: self.count] * self.singular[: self.rank]
        return havok_system(self.coordinates, last, rows, self.names)

    def dmd(self, rank: int | None = None, *, center: bool = False) -> DelayMap:
        """The linear map from the last values to the next one, of low rank: Hankel-DMD, or the companion matrix.

        Parameters
        ----------
        rank : int, optional
            Of the least-squares problem; by default all singular values above rounding.
        center : bool
            Whether the mean is subtracted.

        Returns
        -------
        DelayMap

        Raises
        ------
        DeclarationError
            For a rank larger than delays times series.

        Examples
        --------
        >>> t = np.linspace(0, 20, 401)
        >>> step = delays(np.cos(t), delays=10, modes=2, step=0.05).dmd(rank=2)
        >>> bool(abs(step.forecast(100).x.values[-1] - np.cos(t[-1] + 5)) < 1e-9)
        True
        """
        if rank is not None:
            check_whole(1, rank=rank)
            if rank > self.count * len(self.names):
                raise DeclarationError(f"rank is {rank}; there are {self.count * len(self.names)} delayed values")
        return delay_map(self.series, self.times, self.names, self.count, rank, center)


def delays(x: Any, delays: int = 100, modes: int | None = None, *, step: float | None = None) -> DelayCoordinates:
    r"""Delay coordinates: singular vectors of the matrix of windows :math:`(x(t - (q - 1) h), \ldots, x(t))`.

    The decomposition is that of the triangular factor of a QR decomposition: the Gram matrix would lose all singular values
    below 1e-8 of the largest.

    Parameters
    ----------
    x : DataArray, Dataset, Series or (T,) array
        Values at equal steps; of a dataset all variables over ``time``.
    delays : int
        Values in a window, q.
    modes : int, optional
        How many coordinates; by default those above the noise, see `DelayCoordinates.above_noise`.  A warning tells of more.
    step : float, optional
        Time between values, of arrays.

    Returns
    -------
    DelayCoordinates

    Raises
    ------
    DeclarationError
        For values that are not finite, times that are not equally far apart, and fewer values than two windows hold.

    References
    ----------
    Brunton, Brunton, Proctor, Kaiser & Kutz, Nature Communications 8, 19 (2017); Arbabi & Mezic, SIAM Journal on Applied
    Dynamical Systems 16, 2096 (2017).

    Examples
    --------
    >>> t = np.linspace(0, 20, 401)
    >>> found = delays(np.cos(t) + 0.1 * np.cos(3 * t), delays=40, step=0.05)
    >>> found.rank  # two frequencies
    4
    """
    names, series, times = _series(x, step)
    check_whole(2, delays=delays)
    if modes is not None:
        check_whole(1, modes=modes)
    if len(times) < 2 * delays * len(names) + 5:
        raise DeclarationError(
            f"{len(times)} values are too few for {delays} delays; take {2 * delays * len(names) + 5} or more"
        )
    windows = [np.lib.stride_tricks.sliding_window_view(column, delays) for column in series.T]
    orthogonal, triangle = np.linalg.qr(np.concatenate(windows, axis=1))
    left, singular, right = np.linalg.svd(triangle)  # windows = Q (L S R), H = windows'
    looked = min(LOOKED_AT if modes is None else max(modes, LOOKED_AT), len(singular))
    signs = np.sign(right[np.arange(looked), np.abs(right[:looked]).argmax(axis=1)])
    coordinates = orthogonal @ (left[:, :looked] * signs)
    above = _above_noise(coordinates, singular)
    rank = above if modes is None else modes
    if rank > len(singular):
        raise DeclarationError(f"modes is {modes}; {delays} delays of {len(names)} series have {len(singular)}")
    if rank > above:
        warnings.warn(
            f"{above} of {rank} modes are above the noise: the slopes of the others are not explained; take modes={above}",
            stacklevel=2,
        )
    made = (right[:rank].T * signs[:rank], np.ascontiguousarray(coordinates[:, :rank]))
    return DelayCoordinates(names, series, times, delays, singular, *made, above)


def _above_noise(coordinates: np.ndarray, singular: np.ndarray) -> int:
    """The most coordinates such that all but the last have slopes that they explain, and that are above rounding."""
    most = int((singular[: coordinates.shape[1]] > 1e2 * np.finfo(float).eps * singular[0]).sum())
    slopes, inner = coordinates[2:] - coordinates[:-2], coordinates[1:-1]
    matrix = np.linalg.solve(np.linalg.cholesky(inner.T @ inner), inner.T @ slopes).T  # without its ends it is not orthonormal
    share = np.cumsum(matrix**2, axis=1) / np.maximum((slopes**2).sum(axis=0), 1e-300)[:, None]
    fits = [r for r in range(2, most + 1) if share[: r - 1, r - 1].min() >= EXPLAINED]
    return max(fits, default=1)


def _series(x: Any, step: float | None) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, values (T, d) and times of series at equal steps."""
    if isinstance(x, xr.Dataset):
        arrays = [x[n] for n in x.data_vars if x[n].dims == ("time",) and x[n].dtype.kind in "iuf"]
    else:
        arrays = [x]
    if not arrays or any(np.ndim(a) != 1 for a in arrays):
        raise DeclarationError(
            "delays take one trajectory: a DataArray over time, a dataset of such, a Series or an array (T,)"
        )
    labels = arrays[0]["time"].values if isinstance(arrays[0], xr.DataArray) and "time" in arrays[0].dims else None
    if labels is None and hasattr(arrays[0], "index") and not isinstance(arrays[0], Sequence):
        labels = np.asarray(arrays[0].index, float)
    if (labels is None) == (step is None):
        raise DeclarationError("give step=, the time between values, for an array, and only there")
    series = np.stack([np.asarray(a, float) for a in arrays], axis=1)
    times = np.asarray(labels, float) if labels is not None else float(step or 0) * np.arange(len(series))
    if not np.isfinite(series).all():
        raise DeclarationError("the series holds values that are not finite")
    if not series.any():
        raise DeclarationError("all values of the series are 0")
    apart = np.diff(times)
    if len(times) < 3 or apart[0] <= 0 or not np.allclose(apart, apart[0], rtol=1e-6, atol=0):
        raise DeclarationError("the values are not at equal steps of time; interpolate them, or simulate at equal steps")
    names = tuple(str(getattr(a, "name", None) or "x") for a in arrays)
    return names, series, times
