"""The modes of a `LinearPart` on a card: Fourier transforms along periodic axes, products with matrices between walls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from symdyn.grids.card_arrays import CardArrays
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import Axis

__all__ = ["CardModes", "factors"]

#: Factors of a length that are taken first.
RADICES = (8, 4, 2, 3, 5, 7)


def factors(n: int) -> list[int]:
    """Factors of a length, each a pass of its transform; those of 8 first.

    >>> factors(96), factors(34), factors(1)
    ([8, 4, 3], [2, 17], [])
    """
    found, p = [], 11
    for r in RADICES:
        while n % r == 0:
            found.append(r)
            n //= r
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p = n if p * p > n else p + 2
    return found


class CardModes:
    """As `LinearPart`, whose numbers these are, with states and modes on a card.

    Parameters
    ----------
    linear : LinearPart
    arrays : CardArrays
    """

    def __init__(self, linear: LinearPart, arrays: CardArrays) -> None:
        self.linear, self.arrays = linear, arrays
        self.size, self.blocks, self.modes = linear.size, linear.blocks, linear.modes
        self.eigenvalues, self.dtype = linear.eigenvalues, linear.dtype
        self.shape, self.cells = linear.shape, math.prod(linear.shape)
        self._buffers = [arrays.zeros(2 * self.cells) for _ in range(2)]
        self._roots = {n: self._both(np.exp(-2j * np.pi * np.arange(n) / n)) for n in {self.shape[i] for i in linear.periodic}}
        self._matrices: dict[tuple[int, int], tuple[Any, Any]] = {}
        for g, group in enumerate(linear.groups):
            for i, axis in enumerate(group.axes):
                if axis.kind != "periodic":
                    self._matrices[g, i] = tuple(map(arrays.kept, _matrices(axis)))  # type: ignore[assignment]

    def _both(self, roots: np.ndarray) -> tuple[Any, Any]:
        return self.arrays.kept(roots).values, self.arrays.kept(roots.conj()).values

    def forward(self, y: Any, out: Any) -> Any:
        """Modes of a state."""
        width = 2 if self.linear.complex else 1
        for g, group in enumerate(self.linear.groups):
            for k in range(self.linear.size)[group.fields]:
                self.to_modes(y, k * self.cells, out, k * width * self.modes, g)
        fields = len(self.blocks) - self.linear.scalars
        name, last = "pair" if width == 2 else "take", fields * width * self.modes
        self.arrays.run(name, self.linear.scalars, out, last, y, fields * self.cells)
        return out

    def back(self, z: Any, out: Any) -> Any:
        """The state of modes."""
        width = 2 if self.linear.complex else 1
        for g, group in enumerate(self.linear.groups):
            for k in range(self.linear.size)[group.fields]:
                self.to_points(z, k * width * self.modes, out, k * self.cells, g)
        fields = len(self.blocks) - self.linear.scalars
        name, last = "real_part" if width == 2 else "take", fields * width * self.modes
        self.arrays.run(name, self.linear.scalars, out, fields * self.cells, z, last)
        return out

    def to_modes(self, y: Any, y_at: int, out: Any, out_at: int, group: int = 0) -> None:
        """Modes of one field, whose values begin at `y_at`."""
        run, first = self.arrays.run, self.linear.waves_first
        a, b = self._buffers
        alone = not any(g == group for g, _ in self._matrices)
        if not self.linear.complex:
            run("take", self.cells, a, 0, y, y_at)
            a, _ = self._walls(a, b, self.shape, group, pairs=False, inverse=True)
            run("take", self.modes, out, out_at, a, 0)
            return
        if first or alone:
            run("pair", self.cells, a, 0, y, y_at)
        else:
            run("take", self.cells, b, 0, y, y_at)
            b, a = self._walls(b, a, self.shape, group, pairs=False, inverse=True)
            run("pair", self.cells, a, 0, b, 0)
        shape = list(self.shape)
        for i in reversed(self.linear.periodic):
            a, b = self._fourier(a, b, shape, i, inverse=False)
            if i == self.linear.periodic[-1]:
                n, shape[i] = shape[i], self.linear.half[i]
                run("half", math.prod(shape), b, a, n, shape[i], math.prod(shape[i + 1 :]))
                a, b = b, a
        if first:
            a, b = self._walls(a, b, shape, group, pairs=True, inverse=True)
        run("take", 2 * self.modes, out, out_at, a, 0)

    def to_points(self, z: Any, z_at: int, out: Any, out_at: int, group: int = 0) -> None:
        """Values of one field, whose modes begin at `z_at`."""
        run, first = self.arrays.run, self.linear.waves_first
        a, b = self._buffers
        alone = not any(g == group for g, _ in self._matrices)
        if not self.linear.complex:
            run("take", self.modes, a, 0, z, z_at)
            a, _ = self._walls(a, b, self.shape, group, pairs=False, inverse=False)
            run("take", self.cells, out, out_at, a, 0)
            return
        run("take", 2 * self.modes, a, 0, z, z_at)
        shape = list(self.linear.half)
        if first:
            a, b = self._walls(a, b, shape, group, pairs=True, inverse=False)
        for i in self.linear.periodic:
            if i == self.linear.periodic[-1]:
                some, shape[i] = shape[i], self.shape[i]
                run("whole", math.prod(shape), b, a, shape[i], some, math.prod(shape[i + 1 :]))
                a, b = b, a
            a, b = self._fourier(a, b, shape, i, inverse=True)
        if first or alone:
            run("real_part", self.cells, out, out_at, a, 0)
            return
        run("real_part", self.cells, b, 0, a, 0)
        b, _ = self._walls(b, a, self.shape, group, pairs=False, inverse=False)
        run("take", self.cells, out, out_at, b, 0)

    def _fourier(self, a: Any, b: Any, shape: Sequence[int], axis: int, *, inverse: bool) -> tuple[Any, Any]:
        """The transform of `a` along an axis, and the other buffer."""
        n, done = shape[axis], 1
        inner, roots = math.prod(shape[axis + 1 :]), self._roots[n][int(inverse)]
        for radix in factors(n):
            scale = 1 / n if inverse and done * radix == n else 1.0
            self.arrays.run("wave", math.prod(shape), b, a, roots, n, inner, done, radix, scale)
            a, b, done = b, a, done * radix
        return a, b

    def _walls(self, a: Any, b: Any, shape: Sequence[int], group: int, *, pairs: bool, inverse: bool) -> tuple[Any, Any]:
        """Products along the axes between walls, and the other buffer."""
        for i, n in enumerate(shape):
            if (group, i) not in self._matrices:
                continue
            matrix = self._matrices[group, i][0 if inverse else 1]
            inner, width = math.prod(shape[i + 1 :]), 2 if pairs else 1
            if matrix.complex:
                self.arrays.run("product_waves", math.prod(shape), b, a, matrix.values, n, inner)
            else:
                self.arrays.run("product", width * math.prod(shape), b, a, matrix.values, n, width * inner)
            a, b = b, a
        return a, b


def _matrices(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """From cells to modes, and back."""
    if axis.kind == "mirror":
        cosines = scipy.fft.dct(np.eye(axis.n), 2, axis=0, norm="ortho")
        return cosines, cosines.T
    assert axis.inverse is not None
    assert axis.vectors is not None
    return axis.inverse, axis.vectors
