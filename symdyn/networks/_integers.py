"""Exact linear algebra on small integer matrices, rows as Python integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd

__all__ = ["independent", "left_null_space", "primitive", "rank", "semiflows"]

#: Above so many rows the search for nonnegative laws is given up: their number may grow exponentially.
MAX_ROWS = 5_000

Row = list[int]


def primitive(row: Sequence[int]) -> Row:
    """`row` divided by the greatest common divisor of its entries."""
    divisor = gcd(*row) or 1
    return [v // divisor for v in row]


def _eliminate(rows: list[Row], width: int) -> tuple[list[Row], list[int]]:
    """Fraction-free elimination of the first `width` columns; the rows in echelon form and their pivots."""
    rows = [list(r) for r in rows]
    pivots: list[int] = []
    for column in range(width):
        top = len(pivots)
        chosen = min((i for i in range(top, len(rows)) if rows[i][column]), key=lambda i: abs(rows[i][column]), default=None)
        if chosen is None:
            continue
        rows[top], rows[chosen] = rows[chosen], rows[top]
        head = rows[top]
        for i in range(top + 1, len(rows)):
            if factor := rows[i][column]:
                rows[i] = primitive([head[column] * v - factor * h for v, h in zip(rows[i], head, strict=True)])
        pivots.append(column)
    return rows, pivots


def rank(matrix: Sequence[Sequence[int]]) -> int:
    """Rank of a matrix of integers.

    >>> rank([[1, 2], [2, 4], [0, 1]])
    2
    """
    rows = [list(map(int, r)) for r in matrix]
    return len(_eliminate(rows, len(rows[0]))[1]) if rows else 0


def independent(rows: Iterable[Sequence[int]]) -> list[Row]:
    """Those of `rows` that are no combination of rows before them.

    >>> independent([[1, 1], [2, 2], [0, 1]])
    [[1, 1], [0, 1]]
    """
    kept: list[Row] = []
    reduced: dict[int, Row] = {}  # by the place of the first entry that is not zero
    for row in rows:
        rest = list(row)
        while (place := next((i for i, v in enumerate(rest) if v), None)) in reduced:
            head = reduced[place]
            rest = primitive([head[place] * v - rest[place] * h for v, h in zip(rest, head, strict=True)])
        if place is not None:
            reduced[place] = rest
            kept.append(list(row))
    return kept


def left_null_space(matrix: Sequence[Sequence[int]]) -> list[Row]:
    """A basis of all y with y^T `matrix` = 0, in primitive integers, leading coefficients positive.

    >>> left_null_space([[-1, 1], [1, -1], [0, 0]])
    [[1, 1, 0], [0, 0, 1]]
    """
    n = len(matrix)
    width = len(matrix[0]) if n else 0
    rows = [[*map(int, r), *(int(i == j) for j in range(n))] for i, r in enumerate(matrix)]
    rows, pivots = _eliminate(rows, width)
    found = [primitive(r[width:]) for r in rows[len(pivots) :]]
    return [[-v for v in y] if next(v for v in y if v) < 0 else y for y in found]


def semiflows(matrix: Sequence[Sequence[int]]) -> list[Row] | None:
    """All extreme nonnegative y with y^T `matrix` = 0 (those of minimal support), or None if there are too many to list.

    The algorithm is that of Farkas: column after column, rows are combined so that the column vanishes, and rows whose
    support holds that of another are dropped.

    References
    ----------
    Colom, Silva, Convex geometry and semiflows in P/T nets, Lect. Notes Comput. Sci. 483, 79 (1991).

    Examples
    --------
    >>> semiflows([[-1, 1], [1, -1], [0, 0]])
    [[0, 0, 1], [1, 1, 0]]
    """
    n = len(matrix)
    width = len(matrix[0]) if n else 0
    rows = [[*map(int, r), *(int(i == j) for j in range(n))] for i, r in enumerate(matrix)]
    for column in range(width):
        positive = [r for r in rows if r[column] > 0]
        negative = [r for r in rows if r[column] < 0]
        rows = [r for r in rows if r[column] == 0]
        if len(positive) * len(negative) > MAX_ROWS:
            return None
        rows += [_without_column(a, b, column) for a in positive for b in negative]
        rows = _minimal(rows, width)
    return sorted(r[width:] for r in rows)


def _without_column(a: Row, b: Row, column: int) -> Row:
    """The positive combination of `a` (positive there) and `b` (negative there) that vanishes in `column`."""
    return primitive([-b[column] * x + a[column] * y for x, y in zip(a, b, strict=True)])


def _minimal(rows: list[Row], width: int) -> list[Row]:
    """Rows whose support (in the part that follows `width`) holds no other's."""
    supports = sorted(((sum(1 << i for i, v in enumerate(r[width:]) if v), r) for r in rows), key=lambda s: s[0].bit_count())
    kept: list[tuple[int, Row]] = []
    for support, row in supports:
        if not any(support & other == other for other, _ in kept):
            kept.append((support, row))
    return [row for _, row in kept]
