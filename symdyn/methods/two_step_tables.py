r"""Tables of two steps read backwards, from two states, and on a lattice, where the arithmetic is exact.

.. math:: x_{r+1} = a\, x_{r-1} + b\, x_r + c\, N_r + d \qquad\Longleftrightarrow\qquad
          x_{r-1} = (x_{r+1} - b\, x_r - c\, N_r - d) / a
"""

from __future__ import annotations

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.methods.sampler_traces import Source
from symdyn.methods.samplers import SamplerTable

__all__ = ["QUANTUM", "REACH", "from_two", "growth", "inverted", "on_lattice"]

#: The distance of points of the lattice, and how far from 0 states may be.
QUANTUM, REACH = 2.0**-40, 1024.0
#: A float of this size has the spacing `QUANTUM`: adding it rounds to the lattice.
SHIFT = 1.5 * 2.0**52 * QUANTUM


def _parts(table: SamplerTable, method: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """a, b and c of each row from the third on, by groups.

    Raises
    ------
    DeclarationError
        If a row is not of this form.
    """
    found = []
    for r in range(2, len(table.times)):
        columns = dict(zip(table.terms[r], table.coefficients[r].T, strict=True))
        zero = np.zeros(table.coefficients[r].shape[0])
        expected: tuple[Source, ...] = ("x", r - 2), ("x", r - 1), ("n", r - 1)
        a, b, c = (columns.get(key, zero) for key in expected)
        if len(table.reached) != len(table.times) or set(columns) - set(expected) or not np.all(a != 0):
            raise DeclarationError(
                f"{method!r} cannot be inverted exactly: a state does not follow from the two after it without solving an "
                "equation; 'bdia' and 'o-belm' can"
            )
        found.append((a, b, c))
    return found


def _table(
    times: np.ndarray, rows: list[tuple[tuple[Source, ...], np.ndarray, np.ndarray]], reached: list[int]
) -> SamplerTable:
    """A table from the terms, coefficients and shifts of its rows."""
    evaluated = {k for terms, _, _ in rows for kind, k in terms if kind == "n"}
    return SamplerTable(
        times, np.array(reached), np.array([k in evaluated for k in range(len(rows))]),
        tuple(terms for terms, _, _ in rows), tuple(c for _, c, _ in rows), np.array([d for _, _, d in rows]),
        np.zeros((len(rows), len(rows[0][2]))),
    )  # fmt: skip


def _given(table: SamplerTable) -> tuple[tuple[Source, ...], np.ndarray, np.ndarray]:
    """A row whose state is given."""
    groups = table.shifts.shape[1]
    return (), np.empty((groups, 0)), np.zeros(groups)


def from_two(table: SamplerTable) -> SamplerTable:
    """The table that begins with two states: the second is given instead of computed from the first.

    Parameters
    ----------
    table : SamplerTable

    Returns
    -------
    SamplerTable

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.methods.clocks import NodeClock
    >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> print(from_two(sd.METHODS["bdia"].table([clock])))
    x1 = 0  at 0.5
    x2 = 1 n1 + 1 x0  at 1
    """
    rows = [_given(table), _given(table)]
    rows += [(table.terms[r], table.coefficients[r], table.shifts[r]) for r in range(2, len(table.times))]
    return _table(table.times, rows, list(range(len(rows))))


def inverted(table: SamplerTable, method: str) -> SamplerTable:
    """The table that goes back from the last two states to the first.

    Parameters
    ----------
    table : SamplerTable
    method : str
        Its name, for messages.

    Returns
    -------
    SamplerTable

    Raises
    ------
    DeclarationError
        If rows hold more than the two states before and the evaluation at the later one.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.methods.clocks import NodeClock
    >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> print(inverted(sd.METHODS["bdia"].table([clock]), "bdia"))
    x1 = 0  at 0.5
    x2 = 1 x0 + 0 x1 - 1 n1  at 0
    """
    rows = [_given(table), _given(table)]
    last = len(table.times) - 1
    for m, (a, b, c) in enumerate(reversed(_parts(table, method)), 2):
        terms: tuple[Source, ...] = ("x", m - 2), ("x", m - 1), ("n", m - 1)
        rows.append((terms, np.stack([1 / a, -b / a, -c / a], axis=1), -table.shifts[last - m + 2] / a))
    return _table(table.times[::-1], rows, list(range(len(rows))))


def growth(table: SamplerTable, method: str) -> float:
    """The factor by which a table of two steps magnifies errors on their way to the last state, at most, by its linear part.

    Where the nonlinear part cancels the linear one, as on data, it is the product of the coefficients a.

    Parameters
    ----------
    table : SamplerTable
    method : str
        Its name, for messages.

    Returns
    -------
    float

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.methods.clocks import NodeClock
    >>> clock = NodeClock([0.0, 0.5, 1.0, 1.5], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> half = sd.METHODS["bdia"].table([clock], {"gamma": 0.5})
    >>> growth(half, "bdia"), growth(inverted(half, "bdia"), "bdia")  # without a linear part gamma^-1 at each step
    (1.0, 5.0)
    """
    parts = _parts(table, method)
    worst = 1.0
    for g in range(table.shifts.shape[1]):
        product, weights = np.eye(2), 1.0
        for a, b, _ in reversed(parts):
            product, weights = product @ np.array([[b[g], a[g]], [1.0, 0.0]]), weights * abs(a[g])
            worst = max(worst, weights, float(np.abs(product[0]).sum()))
    return worst


def on_lattice(table: SamplerTable, method: str, *, back: bool = False, start: bool = True) -> SamplerTable:
    r"""The table on a lattice of :math:`2^{-40}`: increments are rounded, and everything else is exact.

    Of each step two rows are made, :math:`y = M + (b\, x_r + c\, N_r + d)`, where M is so large that floats near it have the
    spacing of the lattice, and :math:`x_{r+1} = x_{r-1} + (y - M)`.  The way back has the same y.

    Parameters
    ----------
    table : SamplerTable
    method : str
        Its name, for messages.
    back : bool
        From the last two states to the first.
    start : bool
        Whether the second state is computed from the first; else both are given.

    Returns
    -------
    SamplerTable

    Raises
    ------
    DeclarationError
        Unless each row has the coefficient 1 of the state before the last one.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.methods.clocks import NodeClock
    >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> print(on_lattice(sd.METHODS["bdia"].table([clock]), "bdia", back=True))
    x1 = 0  at 0.5
    x2 = 0 x1 + 1 n1 + 6144  at 0.5
    x3 = 1 x0 - 1 x2 + 6144  at 0
    """
    parts = _parts(table, method)
    if any(np.any(a != 1) for a, _, _ in parts):
        raise DeclarationError(f"{method!r} does not stay on a lattice: it weighs earlier states; 'bdia' with gamma=1 does not")
    groups, shift = table.shifts.shape[1], np.full(table.shifts.shape[1], SHIFT)
    one = np.ones(groups)
    rows, times, last = [_given(table)], [table.times[-1 if back else 0]], len(table.times) - 1
    if start and not back:
        rows.append((table.terms[1], table.coefficients[1], table.shifts[1] + shift))
        rows.append(((("x", 1),), one[:, None], -shift))
        times += [table.times[0], table.times[1]]
    else:
        rows.append(_given(table))
        times.append(table.times[-2 if back else 1])
    reached = [0, len(rows) - 1]
    for m in range(2, last + 1):
        r = last - m + 2 if back else m  # the row of the table of which this is the increment
        _, b, c = parts[r - 2]
        before, here, increment = reached[-2], reached[-1], len(rows)
        rows.append(((("x", here), ("n", here)), np.stack([b, c], axis=1), table.shifts[r] + shift))
        sign = -one if back else one
        rows.append(((("x", before), ("x", increment)), np.stack([one, sign], axis=1), -sign * shift))
        times += [table.times[r - 1], table.times[r - 2 if back else r]]
        reached.append(len(rows) - 1)
    return _table(np.array(times), rows, reached)
