r"""Times at which expressions jump or bend, as far as time alone decides: comparisons, and functions with steps or corners.

Where two sides are compared that differ by :math:`d(t)`, the times are the roots of :math:`d`; a step of ``floor``, ``ceiling``
and ``Mod`` is where the argument is a multiple of a number.  They are found by inversion: of a linear function of time,

.. math:: a t + b = c + n q \iff t = \frac{c - b}{a} + n \frac{q}{a},

and of the functions of time that are inverted here, one inside the other: remainders, sines, cosines and tangents of linear
functions, absolute values, powers, exponentials, logarithms, ``Min``, ``Max`` and ``Piecewise``.  Further times, at which
nothing jumps, do no harm and may be among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import combinations
from typing import NamedTuple

import sympy as sp

from symdyn.dag import nodes

__all__ = ["CORNERS", "JumpTimes", "by_remainders", "jump_times", "times_of"]

#: Functions that jump where their argument is a whole number, and what jumps or bends elsewhere.
STAIRS = (sp.floor, sp.ceiling)
CORNERS = (sp.Rel, sp.sign, sp.Heaviside, sp.Abs, sp.Min, sp.Max, sp.Mod, *STAIRS)
#: Functions whose value does not change but where they jump.
CONSTANT = (sp.sign, sp.Heaviside, *STAIRS)


class JumpTimes(NamedTuple):
    r"""The times :math:`s + v + i\,q + j\,p` for all whole numbers i and j.

    Attributes
    ----------
    start, level : Expr
        s and v, free of states.
    span : Expr
        p, or infinity where j is 0 alone.
    spacing : Expr
        q, or infinity where i is 0 alone; if it is finite :math:`v + i\,q` lies between 0 and the span.
    size : Expr
        The size of the terms of which a time consists, by which rounding makes it uncertain; 0 if time is itself compared with
        a number or a symbol, which is exact.
    """

    start: sp.Expr
    level: sp.Expr
    span: sp.Expr
    spacing: sp.Expr
    size: sp.Expr


def jump_times(
    expressions: Iterable[sp.Basic], time: sp.Symbol, states: Set[sp.Symbol]
) -> tuple[list[JumpTimes], list[sp.Basic]]:  # fmt: skip
    """Times at which expressions jump or bend, and what in them does so with time at others.

    Parameters
    ----------
    expressions : iterable of Basic
    time : Symbol
    states : set of Symbol
        What else may vary with time.

    Returns
    -------
    times : list of JumpTimes
    others : list of Basic
        Comparisons and functions with time whose jumps are not found, as those in which states occur.

    Examples
    --------
    >>> t, x, T = sp.symbols("t x T")
    >>> times, others = jump_times([sp.Heaviside(sp.Mod(t, T) - T / 4) * x, sp.sign(t - x)], t, {x})
    >>> [(f.start + f.level, f.span) for f in times], others
    ([(0, T), (T/4, T)], [sign(t - x)])
    """
    found: dict[JumpTimes, None] = {}
    others = []
    for node in nodes(expressions):
        if isinstance(node, CORNERS) and time in node.free_symbols:
            times = times_of(node, time, states)
            others += [node] if times is None else []
            found |= dict.fromkeys(times or ())
    return list(found), others


def times_of(node: sp.Basic, time: sp.Symbol, states: Set[sp.Symbol]) -> list[JumpTimes] | None:
    """Times at which one of the `CORNERS` jumps or bends, for a reason of its own and not for what is inside of it.

    Parameters
    ----------
    node : Basic
    time : Symbol
    states : set of Symbol

    Returns
    -------
    list of JumpTimes or None
        None if they are not known, as where states occur.

    Examples
    --------
    >>> t, T = sp.symbols("t T")
    >>> [(f.start, f.span) for f in times_of(sp.Mod(t, T) > T / 4, t, set())]
    [(T/4, T)]
    """
    found: list[JumpTimes] = []
    for side, spacing in _changes(node):
        times = _roots(side, sp.S.Zero, spacing, time, {time, *states})
        if times is None:
            return None
        if isinstance(node, sp.Rel) and time in node.args and all(a.is_Symbol or a.is_number for a in node.args):
            times = [f._replace(size=sp.S.Zero) for f in times]
        found += times
    return found


def by_remainders(side: sp.Expr, time: sp.Symbol) -> sp.Expr:
    """A right-hand side in which ``floor`` and ``ceiling`` of time are written by remainders.

    Parameters
    ----------
    side : Expr
    time : Symbol

    Returns
    -------
    Expr
        Expanded if it contained any.

    Examples
    --------
    >>> t = sp.Symbol("t")
    >>> by_remainders(t / 8 - sp.floor(t / 8), t), by_remainders((-1) ** sp.floor(t), t)
    (Mod(t/8, 1), 1 - 2*floor(Mod(t, 2)))
    """

    def steps(e: sp.Basic) -> bool:
        return isinstance(e, STAIRS) and time in e.free_symbols and not e.has(sp.Mod)

    def inside(e: sp.Basic) -> bool:  # whole numbers modulo n have the period n, and powers of -1 the period 2
        whole = isinstance(e, sp.Mod) and e.args[1].is_Integer and isinstance(e.args[0], STAIRS) and steps(e.args[0])
        return whole or (isinstance(e, sp.Pow) and e.base == -1 and isinstance(e.exp, STAIRS) and steps(e.exp))

    def remainder(e: sp.Basic) -> sp.Expr:
        stair, n = e.args if isinstance(e, sp.Mod) else (e.exp, sp.Integer(2))
        number = stair.func(sp.Mod(stair.args[0], n))
        number = number if isinstance(stair, sp.floor) else sp.Mod(number, n)
        return number if isinstance(e, sp.Mod) else 1 - 2 * number

    side = side.replace(inside, remainder)
    if not any(steps(e) for e in side.atoms(*STAIRS)):
        return side
    signs = {sp.floor: 1, sp.ceiling: -1}
    return sp.expand(side.replace(steps, lambda e: e.args[0] - signs[e.func] * sp.Mod(signs[e.func] * e.args[0], 1)))


def _changes(node: sp.Basic) -> Iterator[tuple[sp.Expr, sp.Expr | None]]:
    """Of what a comparison or a function changes its course: where it is 0, or a multiple of a number."""
    if isinstance(node, sp.Rel):
        yield node.lhs - node.rhs, None
    elif isinstance(node, (sp.Max, sp.Min)):
        for one, other in combinations(node.args, 2):
            yield one - other, None
    elif isinstance(node, STAIRS):
        yield node.args[0], sp.S.One
    elif isinstance(node, sp.Mod):
        yield node.args[0], node.args[1]
    else:
        yield node.args[0], None


def _roots(
    e: sp.Expr, level: sp.Expr, spacing: sp.Expr | None, time: sp.Symbol, moving: set[sp.Symbol]
) -> list[JumpTimes] | None:  # fmt: skip
    """Times at which an expression is `level`, or that plus a multiple of the spacing; None if they are not known."""
    if time not in e.free_symbols:
        return []
    if spacing is not None and spacing.free_symbols & moving:
        return None
    line = _linear(e, time, moving)
    if line is not None:
        a, b = line
        return [_times((level - b) / a, sp.S.Zero, spacing, None, (b, level), a)]
    parts: dict[sp.Expr, sp.Expr] = {}
    rest = sp.S.Zero
    for term in sp.Add.make_args(sp.expand_mul(e)):
        factor, inner = term.as_independent(time, as_Add=False)
        if inner == 1:
            rest += term
        else:
            parts[inner] = parts.get(inner, sp.S.Zero) + factor
    steps = [inner for inner in parts if isinstance(inner, CONSTANT)]
    if len(steps) == len(parts):
        return []
    if steps:  # such as t - floor(t)
        other = by_remainders(e, time)
        return None if other == e else _roots(other, level, spacing, time, moving)
    if len(parts) > 1 or (rest.free_symbols | next(iter(parts.values())).free_symbols) & moving:
        return None
    (inner, factor), = parts.items()  # fmt: skip
    return _inverted(inner, (level - rest) / factor, None if spacing is None else spacing / factor, time, moving)


def _inverted(
    f: sp.Expr, level: sp.Expr, spacing: sp.Expr | None, time: sp.Symbol, moving: set[sp.Symbol]
) -> list[JumpTimes] | None:  # fmt: skip
    """As `_roots`, of a function of time."""

    def inside(u: sp.Expr, *levels: sp.Expr) -> list[JumpTimes] | None:
        found = [_roots(u, value, spacing, time, moving) for value in levels]
        return None if None in found else [times for part in found if part is not None for times in part]

    def together(sides: Iterable[sp.Expr]) -> list[JumpTimes] | None:
        found = [_roots(side, level, spacing, time, moving) for side in sides]
        return None if None in found else [times for part in found if part is not None for times in part]

    if isinstance(f, sp.Abs):
        return inside(f.args[0], level, -level)
    if isinstance(f, (sp.Min, sp.Max)):
        return together(f.args)
    if isinstance(f, sp.Piecewise):
        return together(branch for branch, _ in f.args)
    line = _linear(f.args[0], time, moving) if f.args else None
    if isinstance(f, sp.Mod):
        if line is None:
            return [] if _roots(f.args[0], sp.S.Zero, sp.S.One, time, moving) == [] else None
        (a, b), period = line, f.args[1]
        if period.free_symbols & moving:
            return None
        if spacing is None:
            return [_times((level - b) / a, sp.S.Zero, period, None, (b, level), a)]
        return [_times(-b / a, level / a, period, spacing, (b, level), a)]
    if spacing is not None:
        return None
    if isinstance(f, (sp.sin, sp.cos, sp.tan)) and line is not None:
        a, b = line
        angle, turn = (sp.atan(level), sp.pi) if isinstance(f, sp.tan) else (sp.asin(level), 2 * sp.pi)
        angles: tuple[sp.Expr, ...] = (angle,)
        if isinstance(f, sp.sin):
            angles = (angle, sp.pi - angle)
        elif isinstance(f, sp.cos):
            angles = (sp.pi / 2 - angle, angle - sp.pi / 2)
        return [_times((v - b) / a, sp.S.Zero, turn, None, (b, v), a) for v in angles]
    if isinstance(f, sp.exp):
        return inside(f.args[0], sp.log(level))
    if isinstance(f, sp.log):
        return inside(f.args[0], sp.exp(level))
    if isinstance(f, sp.Pow) and f.exp.is_number and f.exp.is_positive:
        size = sp.Abs(level) ** (1 / f.exp)
        return inside(f.base, *((sp.sign(level) * size,) if f.exp.is_odd else (size, -size)))
    return None


def _linear(e: sp.Expr, time: sp.Symbol, moving: set[sp.Symbol]) -> tuple[sp.Expr, sp.Expr] | None:
    """Factors (a, b) of a t + b, free of time and states."""
    if any(isinstance(node, CORNERS) and time in node.free_symbols for node in sp.preorder_traversal(e)):
        return None
    expanded = sp.expand(e)
    a = sp.diff(expanded, time)
    if a == 0 or a.free_symbols & moving:
        return None
    b = expanded.xreplace({time: sp.S.Zero})
    return None if b.free_symbols & moving else (a, b)


def _times(
    start: sp.Expr, level: sp.Expr, span: sp.Expr | None, spacing: sp.Expr | None, terms: Iterable[sp.Expr], a: sp.Expr
) -> JumpTimes:  # fmt: skip
    """A family whose times consist of these terms over the slope `a`, as span and spacing of the argument do."""
    size = sp.Add(*(sp.Abs(term) for side in terms for term in sp.Add.make_args(side))) / sp.Abs(a)
    turn, step = (sp.oo if e is None else e / a for e in (span, spacing))
    return JumpTimes(start, level, turn, step, size)
