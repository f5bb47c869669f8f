"""A fill-reducing order of pivots for sparse elimination without interchanges (Markowitz, Management Science 3, 1957).

Rows and columns are bit sets in integers: a pivot is merged into every row that it changes, which for a
thousand equations is a few machine words each.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["SparsityStructure", "blocks", "markowitz"]


@dataclass(frozen=True)
class SparsityStructure:
    """Where the factors of a matrix that is eliminated along its diagonal are not zero.

    Attributes
    ----------
    order : list of int
        Rows (and columns) in the order in which they are pivots.
    lower, upper : list of list of int
        For each row the columns of pivots before and after its own, in the order of the pivots.
    updates : int
        Multiplications of an entry by a factor, which is what the elimination costs.
    """

    order: list[int]
    lower: list[list[int]]
    upper: list[list[int]]
    updates: int


def markowitz(n: int, pattern: Iterable[tuple[int, int]]) -> SparsityStructure:
    """The next pivot is that whose row and column change the fewest entries.

    Among equals it is that with the shortest chain of preceding pivots, so that processors find independent operations.

    Parameters
    ----------
    n : int
    pattern : iterable of (row, column)
        Entries that may not be zero; those of the diagonal are taken for such anyway.

    Examples
    --------
    An arrow that points to the upper left fills in unless its head comes last:

    >>> markowitz(3, [(0, 1), (0, 2), (1, 0), (2, 0)]).order
    [1, 2, 0]
    >>> markowitz(5, [(i, j) for i in range(5) for j in (i - 1, i + 1) if 0 <= j < 5]).order
    [0, 4, 1, 3, 2]
    """
    rows, columns = [1 << i for i in range(n)], [1 << i for i in range(n)]
    for i, j in pattern:
        rows[i] |= 1 << j
        columns[j] |= 1 << i
    cost = [(columns[q].bit_count() - 1) * (rows[q].bit_count() - 1) for q in range(n)]
    depth = [0] * n
    heap = [(c, 0, q) for q, c in enumerate(cost)]
    heapq.heapify(heap)
    order: list[int] = []
    waiting = [True] * n
    lower: list[list[int]] = [[] for _ in range(n)]
    upper: list[list[int]] = [[] for _ in range(n)]
    updates = 0
    while heap:
        c, d, p = heapq.heappop(heap)
        if not waiting[p] or c != cost[p] or d != depth[p]:
            continue
        waiting[p] = False
        order.append(p)
        bit = 1 << p
        row, column = rows[p] ^ bit, columns[p] ^ bit
        upper[p] = list(_bits(row))
        for i in _bits(column):
            rows[i] = (rows[i] | row) & ~bit
            lower[i].append(p)
        for j in upper[p]:
            columns[j] = (columns[j] | column) & ~bit
        updates += row.bit_count() * column.bit_count()
        for q in _bits(row | column):
            c = (columns[q].bit_count() - 1) * (rows[q].bit_count() - 1)
            if c != cost[q] or depth[q] <= d:
                cost[q], depth[q] = c, max(depth[q], d + 1)
                heapq.heappush(heap, (c, depth[q], q))
    order.sort(key=depth.__getitem__)  # a pivot is deeper than those that it waits for
    place = {p: k for k, p in enumerate(order)}
    for part in (*lower, *upper):
        part.sort(key=place.__getitem__)
    return SparsityStructure(order, lower, upper, updates)


def blocks(nodes: Iterable[int], pattern: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The strong components of a graph with an edge for each entry, each after those to which its edges lead.

    With equations in rows and their unknowns in columns, in pairs on the diagonal, these are the smallest systems of equations
    that can be solved one after another (Tarjan, SIAM J. Comput. 1 (1972) 146).

    Parameters
    ----------
    nodes : iterable of int
    pattern : iterable of (row, column)

    Examples
    --------
    >>> blocks(range(4), [(0, 1), (1, 2), (2, 1), (3, 0)])
    [[1, 2], [0], [3]]
    """
    after: dict[int, list[int]] = {i: [] for i in sorted(nodes)}
    for i, j in sorted(pattern):
        after[i].append(j)
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    found: list[list[int]] = []
    for root in after:
        work = [(root, iter(after[root]))] if root not in number else []
        while work:
            i, rest = work[-1]
            if i not in number:
                number[i] = low[i] = len(number)
                stack.append(i)
            j = next((j for j in rest if j not in number or j in stack), -1)
            if j < 0:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[i])
                if low[i] == number[i]:
                    cut = stack.index(i)
                    found.append(sorted(stack[cut:]))
                    del stack[cut:]
            elif j in number:
                low[i] = min(low[i], number[j])
            else:
                work.append((j, iter(after[j])))
    return found


def _bits(number: int) -> Iterator[int]:
    """Places of the ones, increasing."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
