"""Sets of states: boxes, whose states are numbered by arithmetic, and lists, which hold what can be reached and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from symdyn.errors import SimulationError

__all__ = ["Listing", "StateBox", "StateSpace"]


@dataclass(frozen=True)
class StateBox:
    """All states with ``lower <= n < lower + shape``, the last species fastest.

    Attributes
    ----------
    lower, shape : tuple of int
    """

    lower: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of states."""
        return int(np.prod(self.shape, dtype=object))

    @cached_property
    def coordinates(self) -> list[np.ndarray]:
        """Molecule numbers of each species, float64, which broadcast to `shape`."""
        axes = [np.arange(a, a + k, dtype=float) for a, k in zip(self.lower, self.shape, strict=True)]
        return list(np.meshgrid(*axes, indexing="ij", sparse=True))

    @cached_property
    def states(self) -> np.ndarray:
        """All states, (size, species) int64."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T + np.array(self.lower)

    def offset(self, change: Sequence[int]) -> int:
        """By how much a jump moves the flat index."""
        strides = [int(np.prod(self.shape[k + 1 :], dtype=object)) for k in range(len(self.shape))]
        return int(np.dot(strides, change))

    def fits(self, change: Sequence[int]) -> bool:
        """Whether a jump can stay inside at all."""
        return all(abs(c) < k for c, k in zip(change, self.shape, strict=True))

    def move(self, change: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Where the jumps that stay inside begin and end, as slices of arrays of `shape`."""
        begin = tuple(slice(max(-c, 0), k - max(c, 0)) for c, k in zip(change, self.shape, strict=True))
        end = tuple(slice(max(c, 0), k + min(c, 0)) for c, k in zip(change, self.shape, strict=True))
        return begin, end

    def runs(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """For each state the one before along an axis, and how far away it is; 0, and the state itself, at the edge."""
        index = np.arange(self.size)
        stride = self.offset([int(k == axis) for k in range(len(self.shape))])
        step = (index // stride % self.shape[axis] > 0).astype(np.int64)
        return index - stride * step, step

    def locate(self, states: np.ndarray) -> np.ndarray:
        """Numbers of `states` (k, species), -1 for those outside."""
        relative = states - np.array(self.lower)
        inside = ((relative >= 0) & (relative < np.array(self.shape))).all(axis=1)
        index = np.full(len(states), -1, dtype=np.int64)
        index[inside] = np.ravel_multi_index(tuple(relative[inside].T), self.shape)
        return index


@dataclass(frozen=True, eq=False)
class Listing:
    """A list of states, sorted by a key; `span` is the widest jump for which keys stay unique.

    Attributes
    ----------
    states : (size, species) int64
    span : (species,) int64
    """

    states: np.ndarray
    span: np.ndarray
    _origin: np.ndarray = field(init=False)
    _strides: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        origin = self.states.min(axis=0) - self.span
        width = self.states.max(axis=0) + self.span - origin + 1
        if np.prod(width.astype(float)) > 2.0**62:
            raise SimulationError(
                "the set of states stretches too far in too many species to be numbered; raise tolerance or give upper bounds"
            )
        strides = np.append(np.cumprod(width[::-1])[-2::-1], 1)
        order = np.argsort((self.states - origin) @ strides, kind="stable")
        object.__setattr__(self, "_origin", origin)
        object.__setattr__(self, "_strides", strides)
        object.__setattr__(self, "states", np.ascontiguousarray(self.states[order]))

    @classmethod
    def unique(cls, states: np.ndarray, span: np.ndarray) -> Listing:
        """The list of `states`, each once."""
        listed = cls(states, span)
        fresh = np.append(True, np.diff(listed.keys) > 0)
        return listed if fresh.all() else cls(listed.states[fresh], span)

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array with an entry for each state."""
        return (self.size,)

    @cached_property
    def coordinates(self) -> list[np.ndarray]:
        """Molecule numbers of each species, float64."""
        return [np.ascontiguousarray(column, dtype=float) for column in self.states.T]

    @cached_property
    def _runs(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def keys(self) -> np.ndarray:
        """Increasing integers, one a state."""
        return (self.states - self._origin) @ self._strides

    def sources(self, change: Sequence[int]) -> np.ndarray:
        """For each state the number of the one from which a jump leads to it; -1 if that one is not in the list."""
        wanted = self.keys - int(np.dot(self._strides, change))
        index = np.searchsorted(self.keys, wanted)
        index[index == self.size] = 0
        return np.where(self.keys[index] == wanted, index, -1)

    def runs(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """As `StateBox.runs`, where the state before may be further away than one."""
        if axis not in self._runs:
            self._runs[axis] = self._lines(axis)
        return self._runs[axis]

    def _lines(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        numbers, index = self.states[:, axis], np.arange(self.size)
        line = self.keys - numbers * self._strides[axis]
        order = np.argsort(line, kind="stable")  # along each line the numbers still increase
        previous, step = index.copy(), np.zeros(self.size, dtype=np.int64)
        adjacent = np.flatnonzero(np.diff(line[order]) == 0)
        here, before = order[adjacent + 1], order[adjacent]
        previous[here], step[here] = before, numbers[here] - numbers[before]
        return previous, step

    def locate(self, states: np.ndarray) -> np.ndarray:
        """Numbers of `states` (k, species), -1 for those that are not in the list."""
        relative = states - self._origin
        width = self.states.max(axis=0) + self.span - self._origin + 1
        inside = ((relative >= 0) & (relative < width)).all(axis=1)
        wanted = np.where(inside, relative @ self._strides, -1)
        index = np.minimum(np.searchsorted(self.keys, wanted), self.size - 1)
        return np.where(self.keys[index] == wanted, index, -1)

    def bounding(self) -> StateBox:
        """The smallest box around it."""
        low, high = self.states.min(axis=0), self.states.max(axis=0)
        return StateBox(tuple(map(int, low)), tuple(map(int, high - low + 1)))


StateSpace = StateBox | Listing


def bounding_box(spaces: Iterator[StateSpace]) -> StateBox:
    """The smallest box around several sets."""
    boxes = [s if isinstance(s, StateBox) else s.bounding() for s in spaces]
    low = np.min([b.lower for b in boxes], axis=0)
    high = np.max([np.add(b.lower, b.shape) for b in boxes], axis=0)
    return StateBox(tuple(map(int, low)), tuple(map(int, high - low)))
