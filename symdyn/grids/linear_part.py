r"""The linear part of the rates on a grid, made diagonal: :math:`L = V \Lambda V^{-1}`, axis by axis.

Periodic axes have Fourier modes, axes between reflecting walls the even continuation of the cosine transform, and axes
with other walls the eigenvectors of the matrix of the second derivative with its walls.  What is not linear is
:math:`N(u) = f(u) - L u`, so inhomogeneous conditions and all that L lacks stay in N.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import scipy.fft

from symdyn.errors import DeclarationError
from symdyn.grids.linear_part_axes import Axis
from symdyn.simulation.ensemble import default_threads

__all__ = ["LinearPart"]

#: Cells from which on transforms are faster with several threads.
THREADED = 1 << 14


class _Group(NamedTuple):
    """Fields in a row that have the same modes."""

    fields: slice
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]


class LinearPart:
    r"""L of several fields on one grid, and of scalars, on which it is a factor.

    A state y holds the fields one after the other, each in C order, then the scalars.  In modes it is z, of another length
    and perhaps complex.

    Parameters
    ----------
    terms : sequence of mapping
        For each field from derivatives, one after the other and each as its orders along the axes, to a coefficient:
        ``{((2,),): D}`` in one dimension.
    axes : sequence of sequence of Axis
        For each field its axes; periodic axes are so for all fields.
    scalars : int
    threads : int, optional
        Of the transforms; by default those of `symdyn.simulation.ensemble.default_threads`.  The results do not depend on it.

    Attributes
    ----------
    eigenvalues : array
        Of L, one for each mode; real where no odd derivative is.
    half : tuple of int
        Shape of the modes of a field, `modes` of them.
    groups : list
        Fields in a row that have the same modes: ``fields``, a slice, and ``axes``.
    periodic : tuple of int
        Axes of waves, of the last of which half is kept.
    waves_first : bool
        Whether waves are found before the modes between walls, which are complex then.

    Raises
    ------
    DeclarationError
        For odd derivatives along an axis with walls.

    Examples
    --------
    >>> from symdyn.grids.linear_part_axes import axis_modes
    >>> x = (np.arange(32) + 0.5) * np.pi / 16
    >>> heat = LinearPart([{((2,),): 0.5}], [[axis_modes(32, np.pi / 16, None, "periodic", "periodic")]])
    >>> np.allclose(heat.apply(lambda s: np.exp(2.0 * s), np.sin(3 * x)), np.exp(-9) * np.sin(3 * x))
    True
    """

    def __init__(
        self,
        terms: Sequence[Mapping[tuple[tuple[int, ...], ...], float]],
        axes: Sequence[Sequence[Axis]],
        scalars: int = 0,
        threads: int | None = None,
    ) -> None:
        self.shape = tuple(a.n for a in axes[0])
        self.scalars, cells = scalars, int(np.prod(self.shape))
        self.size = len(terms) * cells + scalars
        self.blocks = [slice(k * cells, (k + 1) * cells) for k in range(len(terms))]
        self.blocks += [slice(k, k + 1) for k in range(len(terms) * cells, self.size)]
        self.threads = (threads or default_threads()) if cells >= THREADED else 1
        self.periodic = tuple(i for i, a in enumerate(axes[0]) if a.kind == "periodic")
        self.complex = any(not a.real for row in axes for a in row)
        # modes that are real come first, as long as numbers are
        self.waves_first = any(a.kind == "dense" and not a.real for row in axes for a in row)
        half = list(self.shape)
        if self.periodic:
            half[self.periodic[-1]] = self.shape[self.periodic[-1]] // 2 + 1
        self.half = tuple(half)
        self.groups: list[_Group] = []
        first = 0
        for _, members in groupby(axes, key=_identity):
            rows = list(members)
            self.groups.append(_Group(slice(first, first + len(rows)), tuple(rows[0]), self.half))
            first += len(rows)
        self._cells, self._fields = cells, len(terms)
        self.modes = int(np.prod(self.half))
        values = [self._symbol(t, row).ravel() for t, row in zip(terms, axes, strict=True)]
        found = np.concatenate([*values, np.zeros(scalars)])
        self.eigenvalues = found.real.copy() if not np.iscomplexobj(found) or (found.imag == 0).all() else found
        self.dtype: Any = np.dtype(complex if self.complex else float)

    @property
    def nothing(self) -> bool:
        """Whether L is zero."""
        return not self.eigenvalues.any()

    def _symbol(self, terms: Mapping[tuple[tuple[int, ...], ...], float], axes: Sequence[Axis]) -> np.ndarray:
        total: Any = np.zeros(self.half)
        for chain, coefficient in terms.items():
            part: Any = coefficient
            for orders in chain:
                for i, (axis, m) in enumerate(zip(axes, orders, strict=True)):
                    if m % 2 and axis.kind != "periodic":
                        raise DeclarationError(
                            f"a derivative of order {m} along axis {i + 1} between walls is not diagonal; leave it explicit"
                        )
                    if m:
                        symbol = axis.symbol(m, half=bool(self.periodic) and i == self.periodic[-1])
                        part = part * symbol.reshape([-1 if k == i else 1 for k in range(len(axes))])
            total = total + part
        return np.broadcast_to(total, self.half)

    # ---- there and back ------------------------------------------------------------------------

    def forward(self, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        r"""Modes :math:`V^{-1} y` of a state (size,)."""
        z = np.empty(self.eigenvalues.size, self.dtype) if out is None else out
        fields = y[: self._fields * self._cells].reshape(self._fields, *self.shape)
        modes = z[: self._fields * self.modes].reshape(self._fields, *self.half)
        for group in self.groups:
            a = fields[group.fields]
            if self.waves_first:
                a = self._walls(self._waves(a), group.axes, inverse=True)
            else:
                a = self._waves(self._walls(a, group.axes, inverse=True))
            modes[group.fields] = a
        z[self._fields * self.modes :] = y[self._fields * self._cells :]
        return z

    def back(self, z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        r"""The state :math:`V z`."""
        y = np.empty(self.size) if out is None else out
        fields = y[: self._fields * self._cells].reshape(self._fields, *self.shape)
        modes = z[: self._fields * self.modes].reshape(self._fields, *self.half)
        for group in self.groups:
            a = modes[group.fields]
            if self.waves_first:
                a = self._waves_back(self._walls(a, group.axes, inverse=False))
            else:
                a = self._walls(self._waves_back(a), group.axes, inverse=False)
            fields[group.fields] = a.real
        y[self._fields * self._cells :] = z[self._fields * self.modes :].real
        return y

    def apply(self, function: Callable[[np.ndarray], np.ndarray], y: np.ndarray) -> np.ndarray:
        r""":math:`f(L) y = V f(\Lambda) V^{-1} y`."""
        return self.back(function(self.eigenvalues) * self.forward(y))

    def _waves(self, a: np.ndarray) -> np.ndarray:
        if not self.periodic:
            return a
        return scipy.fft.rfftn(a, axes=[i + 1 for i in self.periodic], workers=self.threads)

    def _waves_back(self, a: np.ndarray) -> np.ndarray:
        if not self.periodic:
            return a
        sizes = [self.shape[i] for i in self.periodic]
        return scipy.fft.irfftn(a, sizes, axes=[i + 1 for i in self.periodic], workers=self.threads)

    def _walls(self, a: np.ndarray, axes: Sequence[Axis], *, inverse: bool) -> np.ndarray:
        mirrors = [i + 1 for i, axis in enumerate(axes) if axis.kind == "mirror"]
        if mirrors:
            transform = scipy.fft.dctn if inverse else scipy.fft.idctn
            a = transform(a, 2, axes=mirrors, norm="ortho", workers=self.threads)
        for i, axis in enumerate(axes):
            if axis.kind == "dense":
                matrix = axis.inverse if inverse else axis.vectors
                a = np.moveaxis(np.moveaxis(a, i + 1, -1) @ matrix.T, -1, i + 1)  # type: ignore[union-attr]
        return a


def _identity(axes: Sequence[Axis]) -> list[Any]:
    """The properties by which modes differ."""
    return [
        (a.n, a.h, a.kind, a.order, None if a.vectors is None else (a.values.tobytes(), a.vectors.tobytes()))  # type: ignore[union-attr]
        for a in axes
    ]
