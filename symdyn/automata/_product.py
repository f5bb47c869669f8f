"""The step of an automaton as a product over new cells, applied to vectors of all states without a matrix."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as ss

from symdyn.errors import DeclarationError
from symdyn.models.automaton import Automaton

__all__ = ["ENTRIES", "CellProduct", "cycles_of"]

#: Entries of the largest sparse matrix, and axes of the largest array on the way through the product.
ENTRIES, WIDEST = 2**25, 28
#: New cells that one product of matrices makes, and most old ones that it may take.
TOGETHER, TAKEN = 4, 8


class _Factor(NamedTuple):
    """A step of the product over cells: old cells to keep and to sum over, and the law of a few new ones given these."""

    order: tuple[int, ...]
    weights: np.ndarray  # (kept, summed over, new)


class CellProduct:
    """The factors of a step, for all states of few cells; bit j of a state, from the left, is cell j.

    Parameters
    ----------
    automaton : Automaton
    tables : sequence of (2^k,) float64
        Its probabilities.
    """

    def __init__(self, automaton: Automaton, tables: Any) -> None:
        self.automaton, self.tables = automaton, tables
        self.cells = automaton.sites * len(automaton.states)
        self.size = 2**self.cells

    def bits(self, cell: int) -> np.ndarray:
        """The value of a cell in all states."""
        return (np.arange(self.size) >> (self.cells - 1 - cell)) & 1

    @cached_property
    def _factors(self) -> tuple[tuple[_Factor, ...], tuple[int, ...]]:
        """The factors, and the order of the axes that brings the new cells into theirs."""
        laws = {cell: self._law(*cell) for cell in self._order}
        groups = self._groups({cell: set(used) for cell, (used, _) in laws.items()})
        left = {old: k for k, group in enumerate(groups) for cell in group for old in laws[cell][0]}  # the last that uses it
        axes: list[tuple[str, int]] = [("old", c) for c in range(self.cells)]
        found = []
        for k, group in enumerate(groups):
            over = [c for kind, c in axes if kind == "old" and left.get(c, 0) <= k]
            kept = [c for c in dict.fromkeys(old for cell in group for old in laws[cell][0]) if c not in over]
            involved = [*kept, *over]
            front = [("old", c) for c in involved]
            order = [*(axes.index(a) for a in front), *(i for i, a in enumerate(axes) if a not in front)]
            place = np.indices((2,) * len(involved)).reshape(len(involved), 2 ** len(involved))
            weights = np.ones((2 ** len(involved), 1))
            for cell in group:
                used, chances = laws[cell]
                bits = (place[involved.index(c)] << (len(used) - 1 - j) for j, c in enumerate(used))
                one = chances[sum(bits, np.zeros(len(weights), int))]
                weights = (weights[:, :, None] * np.stack([1 - one, one], axis=-1)[:, None]).reshape(len(weights), -1)
            found.append(_Factor(tuple(order), weights.reshape(2 ** len(kept), 2 ** len(over), -1)))
            rest = [axes[i] for i in order[len(front) :]]
            axes = [("old", c) for c in kept] + rest + [("new", self._cell(*cell)) for cell in group]
            if len(axes) > WIDEST:
                raise DeclarationError(
                    f"a step of {self.cells} cells, of which each depends on {max(map(len, self.automaton.neighbours))}, takes "
                    f"arrays of 2^{len(axes)} numbers; expected at most 2^{WIDEST}: take fewer cells"
                )
        return tuple(found), tuple(axes.index(("new", c)) for c in range(self.cells))

    def _groups(self, used: dict[tuple[int, int], set[int]]) -> list[list[tuple[int, int]]]:
        """New cells that are made together; old ones that nothing depends on are summed over along with the first."""
        taken = set(range(self.cells)).difference(*used.values())
        found: list[list[tuple[int, int]]] = [[]]
        for cell in self._order:
            taken |= used[cell]
            if found[-1] and (len(found[-1]) == TOGETHER or len(taken) > TAKEN):
                found.append([])
                taken = set(used[cell])
            found[-1].append(cell)
        return found

    @cached_property
    def _order(self) -> list[tuple[int, int]]:
        """New cells in the order of their sites."""
        return list(itertools.product(range(self.automaton.sites), range(len(self.automaton.states))))

    def _cell(self, site: int, name: int) -> int:
        return name * self.automaton.sites + site

    def _law(self, site: int, name: int) -> tuple[list[int], np.ndarray]:
        """Different old cells on which a new one depends, and its probability of 1 for all their values."""
        sites, boundary = self.automaton.sites, self.automaton.boundary
        places: list[Any] = []
        for f, d in self.automaton.neighbours[name]:
            at = (site + d) % sites if boundary == "periodic" else site + d
            places.append(self._cell(at, f) if 0 <= at < sites else None)
        used = sorted({c for c in places if c is not None})
        values = np.indices((2,) * len(used)).reshape(len(used), -1) if used else np.zeros((0, 1), int)
        bits = [values[used.index(c)] if c is not None else np.full(values.shape[1], int(boundary)) for c in places]
        pattern = sum((b << (len(bits) - 1 - k) for k, b in enumerate(bits)), np.zeros(values.shape[1], int))
        return used, self.tables[name][pattern]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The operator applied to a vector."""
        factors, last = self._factors
        t = np.ascontiguousarray(np.ravel(x))
        for order, weights in factors:
            t = t.reshape((2,) * len(order)).transpose(order).reshape(*weights.shape[:2], -1)
            t = t.transpose(0, 2, 1) @ weights
        return t.reshape((2,) * self.cells).transpose(last).ravel()

    def backward(self, x: np.ndarray) -> np.ndarray:
        """Its transpose applied to a vector."""
        factors, last = self._factors
        t = np.ascontiguousarray(np.ravel(x).reshape((2,) * self.cells).transpose(np.argsort(last)))
        for order, weights in reversed(factors):
            old = weights @ t.reshape(len(weights), -1, weights.shape[2]).transpose(0, 2, 1)
            t = np.ascontiguousarray(old.reshape((2,) * len(order)).transpose(np.argsort(order)))
        return t.ravel()

    @cached_property
    def permutation(self) -> np.ndarray | None:
        """Where each state goes, (2^n,) int64, if the automaton is deterministic and reversible; else None."""
        if any(((t != 0) & (t != 1)).any() for t in self.tables):
            return None
        target = np.zeros(self.size, np.int64)
        for site, name in self._order:
            one = self._chance(site, name) == 1
            target |= one.astype(np.int64) << (self.cells - 1 - self._cell(site, name))
        return target if np.unique(target).size == target.size else None

    def _chance(self, site: int, name: int) -> np.ndarray:
        """The probability that a new cell is 1, for all old states."""
        used, chances = self._law(site, name)
        return chances[sum((self.bits(c) << (len(used) - 1 - k) for k, c in enumerate(used)), np.zeros(self.size, np.int64))]

    def matrix(self) -> ss.csc_array:
        """The sparse matrix of the operator."""
        size = self.size
        random = np.zeros(size)
        for cell in self._order:
            q = self._chance(*cell)
            random += (q > 0) & (q < 1)
        if (count := int((2.0**random).sum())) > ENTRIES:
            raise DeclarationError(f"the matrix has {count} entries; products with the operator need no matrix")
        columns, rows, values = np.arange(size), np.zeros(size, np.int64), np.ones(size)
        for site, name in self._order:
            q, bit = self._chance(site, name)[columns], np.int64(1) << (self.cells - 1 - self._cell(site, name))
            one, zero = q > 0, q < 1
            rows = np.concatenate([rows[zero], rows[one] | bit])
            values = np.concatenate([values[zero] * (1 - q[zero]), values[one] * q[one]])
            columns = np.concatenate([columns[zero], columns[one]])
        return ss.csc_array(ss.coo_array((values, (rows, columns)), shape=(size, size)))


def cycles_of(permutation: np.ndarray) -> Sequence[np.ndarray]:
    """The cycles of a permutation, each from its smallest state on.

    >>> [c.tolist() for c in cycles_of(np.array([1, 0, 2]))]
    [[0, 1], [2]]
    """
    seen, found = np.zeros(permutation.size, bool), []
    for begin in range(permutation.size):
        if seen[begin]:
            continue
        path, at = [], begin
        while not seen[at]:
            seen[at] = True
            path.append(at)
            at = int(permutation[at])
        found.append(np.array(path))
    return found
