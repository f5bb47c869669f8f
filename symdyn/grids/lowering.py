"""From the equations of fields to passes over a grid: stencils as data, and point functions of the equations.

Linear expressions with coefficients that are constant in space are differentiated by centred stencils.  A derivative of any
other expression is the difference of fluxes, which are computed on the faces between cells, so that they are conserved; second
and higher derivatives of other expressions are taken of an array of their values in the cells.  Between walls first derivatives
of what holds no derivative have an array of their own, whose values next to the walls are those of `symdyn.grids.closures`.
The values that a pass reads from arrays are symbols of its point functions, which therefore do not depend on the grid: the same
functions and tables could serve a kernel for a card, with a thread in place of a lane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import sympy as sp

from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from symdyn.grids.closures import OPEN, closure_rows
from symdyn.grids.passes import CELL, Array, Read, Slope, Sweep
from symdyn.grids.reflection import mirrored
from symdyn.grids.stencils import Stencil, differences
from symdyn.grids.upwind import FLUXES, face_flux
from symdyn.models.operators import AXES, NUMBERS, components, derivative_of, integral, laplacian, linear_form, varies
from symdyn.models.pde import PDESystem

__all__ = ["Passes"]

Index = tuple[int, ...]


class Passes:
    """The passes of a system on cells of given widths.

    `advection` is as for `PDESystem.discretize`, and None for what is no rate: its first derivatives at walls have full order.

    Attributes
    ----------
    arrays : list of Array
        The fields, then what is computed on the way.
    schedule : list
        Passes, and places (in `arrays`) whose ghosts are filled and whose sums are taken, by levels: (kind, what).
    closures : list of Slope
        First derivatives between walls.
    wall_values : dict
        Of expressions that take values at walls which conditions determine, by (expression, axis, side).
    means : list of (array, factor)
        Sums over cells that are numbers of subsequent passes.
    last : Sweep
        The pass that computes the rates of the fields.
    scalars : Program or None
        Rates of the scalars.
    ghosts : int
        How far the stencils reach.
    """

    def __init__(
        self,
        pde: PDESystem,
        order: int,
        spacing: Sequence[float],
        cells: int,
        ends: Sequence[sp.Expr],
        numbers: Sequence[sp.Expr],
        advection: str | None = "central",
    ) -> None:
        self.pde, self.order, self.spacing, self.cells = pde, order, tuple(spacing), cells
        self._stable = advection is not None
        self.dimension = pde.dimension
        self.mirror = mirrored(pde)
        self.operands = {components(k, self.dimension): k for k in pde.conditions if k not in pde.fields}
        self.bases: dict[sp.Expr, int] = {f: i for i, f in enumerate(pde.fields)}
        self.arrays = [Array(f, CELL, 0, target=f) for f in pde.fields]
        self.ghosts = 1
        self.means: list[tuple[int, float]] = []
        self._means: dict[tuple[sp.Expr, type], sp.Dummy] = {}
        self._mean_levels: dict[sp.Basic, int] = {}
        self._made: dict[tuple[sp.Expr, int], int] = {}
        self.closures: list[Slope] = []
        self.wall_values: dict[tuple[sp.Expr, int, int], sp.Expr] = {}
        self._slopes: dict[tuple[sp.Expr, int], int] = {}
        self._limited: dict[sp.Symbol, int] = {}
        self._speeds = _speeds(pde)
        self._reads: dict[Read, sp.Dummy] = {}
        self._read_of: dict[sp.Basic, Read] = {}
        self._values: dict[tuple[sp.Expr, int], sp.Expr] = {}
        self._points: dict[int, sp.Expr] = {}
        self._building: set[sp.Expr] = set()
        ends = [components(e, self.dimension) for e in ends]
        plain = advection is None or advection not in FLUXES
        points = [self.value(e, CELL) for e in ends] if plain else self._transported(ends, str(advection))
        values = [self.value(components(e, self.dimension), CELL) for e in numbers]
        self._schedule()
        first = len(self.arrays)
        labels = [str(e) for e in ends]
        self.last = self._sweep("rates", CELL, False, points, list(range(first, first + len(points))), labels)
        self.scalars = lower("scalars", self.blocks(()), values, [str(e) for e in numbers]) if values else None

    def conditioned(self, target: sp.Expr) -> sp.Expr:
        """The key of the conditions of a field or an operand."""
        return self.operands.get(target, target)

    def check_operands(self) -> None:
        """Refuse conditions for expressions that no operator acts on."""
        for plain, shown in self.operands.items():
            if plain not in self.bases:
                raise DeclarationError(
                    f"the boundary has a condition for {shown}, but no operator acts on that expression; write it as it stands "
                    "inside the operator"
                )

    # ---- expressions at a place ----------------------------------------------------------------

    def value(self, e: sp.Expr, at: int) -> sp.Expr:
        """The expression in symbols of the pass at `at`."""
        key = e, at
        if key not in self._values:
            self._values[key] = self._value(e, at)
        return self._values[key]

    def _value(self, e: sp.Expr, at: int) -> sp.Expr:
        if (e in self.bases or e in self.operands) and e not in self._building:
            return self._read(self._array(e, CELL), self._derivative((0,) * self.dimension, at))
        if isinstance(e, NUMBERS):
            return self._number(e)
        if e.is_Symbol or e.is_number or not e.args:
            return e
        if isinstance(e, (*AXES, laplacian)) or (e.is_Add and e.has(*AXES, laplacian)):
            if varies(e, {*self.pde.fields, *self.pde.space}):
                return self._combination(e, at)
            constant = sp.Add(*linear_form(e, self.pde.fields, self.pde.space, self.dimension).values())
            if constant != e:
                return self.value(constant, at)
        return e.func(*(self.value(a, at) for a in e.args))

    def _combination(self, e: sp.Expr, at: int) -> sp.Expr:
        """A sum of derivatives: those of one array with one coefficient are one stencil."""
        terms: list[sp.Expr] = []
        groups: dict[tuple[int, sp.Expr], dict[Index, float]] = {}
        known = ({*self.bases} | {*self.operands}) - self._building
        for (w, m), c in linear_form(e, known, self.pde.space, self.dimension).items():
            factor = self.value(c, at)
            if not any(m):
                terms.append(factor if w == 1 else factor * self.value(w, at))
                continue
            if at == CELL and sum(m) == 1 and self._closed(w, m.index(1), known):
                array, parts = self._slope(w, m.index(1)), {(0,) * self.dimension: 1.0}
            elif at == CELL and sum(m) == 1 and w not in known:
                axis = m.index(1)
                array = self._array(w, axis)
                stencil = differences(self.order).face(1)
                parts = {_along(self.dimension, axis, k + 1): x / self.spacing[axis] for k, x in zip(*stencil, strict=True)}
            else:
                self._check(w, m)
                array = self._array(w, CELL)
                parts = self._derivative(m, at)
            number, symbolic = factor.as_coeff_Mul()
            entries = groups.setdefault((array, symbolic), {})
            for offset, x in parts.items():
                entries[offset] = entries.get(offset, 0.0) + float(number) * x
        return sp.Add(*terms, *(c * self._read(array, entries) for (array, c), entries in groups.items()))

    # ---- fluxes of conservation laws -----------------------------------------------------------

    def _transported(self, rates: Sequence[sp.Expr], advection: str) -> list[sp.Expr]:
        r"""Rates, with :math:`-\partial_x F` of what holds no derivative by the fluxes of `symdyn.grids.upwind`."""
        rest: list[sp.Expr] = []
        fluxes: dict[int, dict[sp.Symbol, sp.Expr]] = {}
        for field, rate in zip(self.pde.fields, rates, strict=True):
            terms = []
            for (w, m), c in linear_form(rate, {*self.bases, *self.operands}, self.pde.space, self.dimension).items():
                if (
                    sum(m) == 1
                    and w not in self.operands
                    and not w.has(*AXES, laplacian, *NUMBERS)
                    and varies(w, self.pde.fields)
                ):
                    along = fluxes.setdefault(m.index(1), {})
                    speed = c.xreplace({e: self._number(e) for e in c.atoms(*NUMBERS)})
                    along[field] = along.get(field, sp.S.Zero) - speed * w
                else:
                    terms.append(c * derivative_of(w, m))
            rest.append(sp.Add(*terms))
        found = [self.value(e, CELL) for e in rest]
        for axis, along in fluxes.items():
            known = {f: along.get(f, sp.S.Zero) for f in self.pde.fields}
            for i, field in enumerate(self.pde.fields):
                if known[field] != 0:
                    point = face_flux(advection, field, known, partial(self._beside, axis))
                    place = len(self.arrays)
                    self.arrays.append(Array(known[field], axis, self._level([point]) + 1))
                    self._points[place] = point
                    h = self.spacing[axis]
                    found[i] -= self._read(place, {_along(self.dimension, axis, k): (2 * k - 1) / h for k in range(2)})
        return found

    def _beside(self, axis: int, field: sp.Symbol, k: int) -> sp.Symbol:
        """The value of a field in a cell beside a face, with ghosts of its own at walls."""
        source = self.bases[field]
        if axis not in self.pde.periodic:
            if field not in self._limited:
                place = self._limited[field] = len(self.arrays)
                point = self._read(source, {(0,) * self.dimension: 1.0})
                self.arrays.append(Array(field, CELL, self._level([point]) + 1, target=field, limited=True))
                self._points[place] = point
            source = self._limited[field]
        return self._read(source, {_along(self.dimension, axis, k): 1.0})

    def _closed(self, w: sp.Expr, axis: int, known: Collection[sp.Expr]) -> bool:
        """Whether a first derivative has rows of its own next to walls."""
        if not self._stable or axis in self.pde.periodic or all((axis, side) in self.mirror for side in range(2)):
            return False
        return w in known or not w.has(*AXES, laplacian)

    def _slope(self, w: sp.Expr, axis: int) -> int:
        """The array of a first derivative between walls."""
        key = w, axis
        if key not in self._slopes:
            source, m = self._array(w, CELL), _along(self.dimension, axis, 1)
            point = self._read(source, self._derivative(m, CELL))
            place = self._slopes[key] = len(self.arrays)
            self.arrays.append(Array(AXES[axis](w), CELL, self._level([point]) + 1))
            self._points[place] = point
            sides = self._known_side(w, axis, 0), self._known_side(w, axis, 1)
            rows = self._rows_at(w, axis, 0, sides[0]), self._rows_at(w, axis, 1, sides[1])
            self.closures.append(Slope(source, place, axis, w, self._speeds.get(key), sides, rows))
        return self._slopes[key]

    def _known_side(self, w: sp.Expr, axis: int, side: int) -> tuple[float, ...] | None:
        """The condition that follows at a wall for an expression from those of its fields; None for what has its own."""
        if (axis, side) in self.mirror:
            return 0.0, 1.0
        if w in self.bases and self.conditioned(w) in self.pde.conditions:
            return None
        conditions = {f: self.pde.conditions[f][axis][side] for f in self.pde.fields if w.has(f)}
        if all(c.reflecting for c in conditions.values()) and not w.has(self.pde.space[axis]):
            return 0.0, 1.0
        if all(len(c.coefficients) == 1 for c in conditions.values()) and not w.has(*NUMBERS):
            values = {f: c.value / c.coefficients[0] for f, c in conditions.items()}
            self.wall_values[w, axis, side] = w.xreplace(values)
            return (1.0,)
        return OPEN

    def _rows_at(self, w: sp.Expr, axis: int, side: int, known: tuple[float, ...] | None) -> int:
        own = self.pde.conditions[self.conditioned(w)][axis][side].coefficients if known is None else known
        return max(closure_rows(self.order, len(own) - 1), closure_rows(self.order, 0))

    def _derivative(self, m: Index, at: int) -> dict[Index, float]:
        """Offsets and coefficients of a derivative at `at`."""
        known = differences(self.order)
        stencils = [known.face(k) if axis == at else known.cell(k) for axis, k in enumerate(m)]
        scale = 1.0
        for k, h in zip(m, self.spacing, strict=True):
            scale /= h**k
        return _product(stencils, scale)

    def _read(self, array: int, entries: Mapping[Index, float]) -> sp.Dummy:
        """The symbol of a weighted sum over neighbours in an array."""
        read = Read(array, tuple(entries), tuple(entries.values()))
        self.ghosts = max(self.ghosts, *(abs(k) for offset in read.offsets for k in offset))
        if read not in self._reads:
            name = "".join(c for c in str(self.arrays[array].expr) if c.isalnum() or c == "_")[:24]
            symbol = sp.Dummy(f"{name}_{len(self._reads)}", real=True)
            self._reads[read], self._read_of[symbol] = symbol, read
        return self._reads[read]

    def _check(self, w: sp.Expr, m: Index) -> None:
        for axis, k in enumerate(m):
            if k > 2 and axis not in self.pde.periodic:
                raise DeclarationError(
                    f"derivatives of order {k} of {w} along {self.pde.space[axis]} need a second condition at the walls; "
                    f"give it in boundary under the operand, such as {{{w}: ..., laplacian({w}): 'no-flux'}}, or make the axis "
                    "periodic"
                )

    # ---- arrays that are computed on the way ---------------------------------------------------

    def _array(self, w: sp.Expr, location: int) -> int:
        if w in self.bases and location == CELL:
            return self.bases[w]
        key = w, location
        if key in self._made:
            return self._made[key]
        target = w if w in self.operands and location == CELL else None
        if location == CELL and target is None and w.has(*AXES, laplacian):
            walls = [a for a in range(self.dimension) if a not in self.pde.periodic]
            if walls:
                raise DeclarationError(
                    f"{w} is differentiated again, and along {self.pde.space[walls[0]]} there are walls, where it needs a "
                    f"condition of its own; give it in boundary under this expression, such as {{{w}: 'no-flux'}}"
                )
            target = w
        self._building.add(w)
        point = self._value(w, location)
        self._building.discard(w)
        return self._new(w, location, point, target, extended=location == CELL and target is None)

    def _new(self, w: sp.Expr, location: int, point: sp.Expr, target: sp.Expr | None, *, extended: bool) -> int:
        place = len(self.arrays)
        self.arrays.append(Array(w, location, self._level([point]) + 1, target, extended))
        self._points[place] = point
        self._made[w, location] = place
        if w in self.operands and location == CELL:
            self.bases[w] = place
        return place

    def _number(self, e: sp.Expr) -> sp.Expr:
        """The symbol of a mean or an integral."""
        inner, measure = e.args[0], self.pde.domain.measure if isinstance(e, integral) else 1.0
        if not varies(inner, {*self.pde.fields, *self.pde.space}):
            return self.value(inner, CELL) * measure
        key = inner, type(e)
        if key not in self._means:
            place = self.bases.get(inner, self._made.get((inner, CELL), -1))
            if place < 0:
                place = self._new(inner, CELL, self.value(inner, CELL), inner, extended=False)
            symbol = sp.Dummy(f"{type(e).__name__}_{len(self.means)}", real=True)
            self._means[key], self._mean_levels[symbol] = symbol, self.arrays[place].level
            self.means.append((place, measure / self.cells))
        return self._means[key]

    def _level(self, expressions: Iterable[sp.Expr]) -> int:
        """The highest level of what expressions read."""
        level = 0
        for e in expressions:
            for s in e.free_symbols:
                if s in self._read_of:
                    level = max(level, self.arrays[self._read_of[s].array].level)
                level = max(level, self._mean_levels.get(s, 0))
        return level

    # ---- passes --------------------------------------------------------------------------------

    def _schedule(self) -> None:
        self.schedule: list[tuple[str, Any]] = [("fill", i) for i in range(len(self.pde.fields))]
        for level in range(max(a.level for a in self.arrays) + 1):
            made = [i for i in self._points if self.arrays[i].level == level]
            for key in sorted({(self.arrays[i].location, self.arrays[i].extended) for i in made}):
                places = [i for i in made if (self.arrays[i].location, self.arrays[i].extended) == key]
                points = [self._points[i] for i in places]
                labels = [str(self.arrays[i].expr) for i in places]
                self.schedule.append(("pass", self._sweep(f"pass_{len(self.schedule)}", *key, points, places, labels)))
            self.schedule += [("close", k) for k, c in enumerate(self.closures) if c.target in made]
            self.schedule += [("fill", i) for i in made if not self.arrays[i].extended and self._needs_ghosts(i)]
            self.schedule += [("sum", k) for k, (place, _) in enumerate(self.means) if self.arrays[place].level == level]

    def _needs_ghosts(self, place: int) -> bool:
        return any(r.array == place and any(map(any, r.offsets)) for r in self._reads)

    def blocks(self, symbols: Sequence[sp.Basic]) -> list[tuple[str, Sequence[Any]]]:
        """Argument blocks of point functions: time and positions, what is read from arrays, and numbers."""
        pde = self.pde
        axes = [*(sp.Dummy(f"axis_{k}") for k in range(3 - self.dimension)), *pde.space]
        numbers = [*pde.parameters, *pde.scalars, *self._means.values()]
        return [("lane", [pde.time, *axes]), ("y", symbols), ("p", numbers)]

    def _sweep(
        self, name: str, location: int, extended: bool, points: list[sp.Expr], outputs: list[int], labels: list[str]
    ) -> Sweep:
        free = set().union(*(e.free_symbols for e in points)) if points else set()
        symbols = [s for s in self._read_of if s in free]
        program = lower(name, self.blocks(symbols), points, labels)
        uses = frozenset(i for i, s in enumerate(self.pde.space) if s in free)
        return Sweep(location, extended, program, [self._read_of[s] for s in symbols], outputs, uses)


def _speeds(pde: PDESystem) -> dict[tuple[sp.Expr, int], sp.Expr]:
    """The coefficients, made of parameters, that first derivatives of fields have in their own rates, by field and axis."""
    found = {}
    for field, rate in zip(pde.fields, pde.rates, strict=False):
        form = linear_form(components(rate, pde.dimension), pde.fields, pde.space, pde.dimension)
        for axis in range(pde.dimension):
            speed = form.get((field, _along(pde.dimension, axis, 1)))
            if speed is not None and speed.free_symbols <= set(pde.parameters) and not speed.has(*NUMBERS):
                found[field, axis] = speed
    return found


def _along(dimension: int, axis: int, k: int) -> Index:
    return tuple(k * (i == axis) for i in range(dimension))


def _product(stencils: Sequence[Stencil], scale: float) -> dict[Index, float]:
    """The tensor product of stencils along the axes."""
    found: dict[Index, float] = {}
    for picks in product(*(tuple(zip(*s, strict=True)) for s in stencils)):
        x = scale
        for _, c in picks:
            x *= c
        found[tuple(k for k, _ in picks)] = x
    return found
