"""Pairs of rows and columns: equations and the unknowns that they determine."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

__all__ = ["matched"]

Column = TypeVar("Column", bound=Hashable)


def matched(rows: Sequence[Iterable[Column]]) -> tuple[dict[int, Column], list[int]]:
    """As many rows as possible in pairs with columns of their own.

    By augmenting paths (Kuhn, Naval Research Logistics Quarterly 2 (1955) 83); a row takes the first of its columns that is
    left.

    Parameters
    ----------
    rows : sequence of iterable
        The columns that each row may have.

    Returns
    -------
    dict of int to column
        The column of each row that has one.
    list of int
        Rows of which one has none, whichever pairs are chosen: the first that is left over, and all that compete with it for
        their columns; empty if every row has one.

    Examples
    --------
    >>> matched(["ab", "a", "c"])
    ({0: 'b', 1: 'a', 2: 'c'}, [])
    >>> matched(["ab", "c", "c"])
    ({0: 'a', 1: 'c'}, [1, 2])
    """
    columns = [list(row) for row in rows]
    owner: dict[Column, int] = {}
    rivals: list[int] = []
    for start in range(len(columns)):
        reached: dict[Column, int] = {}
        waiting, visited, end = [start], {start}, None
        for row in waiting:
            for column in columns[row]:
                if column in reached:
                    continue
                reached[column] = row
                if column not in owner:
                    end = column
                    break
                if owner[column] not in visited:
                    visited.add(owner[column])
                    waiting.append(owner[column])
            if end is not None:
                break
        if end is None:
            rivals = rivals or sorted(visited)
            continue
        before = {row: column for column, row in owner.items()}
        column = end
        while True:
            row = reached[column]
            owner[column] = row
            if row == start:
                break
            column = before[row]
    return dict(sorted((row, column) for column, row in owner.items())), rivals
