"""The two tables of a system on a grid for the driver: what is read, computed, filled and summed, and with which numbers.

The driver has three axes; those of the system are the last of them, and the others have one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.stencils import layout as at

from symdyn.codegen.emit_llvm import is_long
from symdyn.codegen.emit_passes import PassProgram, WeightedSum
from symdyn.codegen.lower import lower
from symdyn.grids.closures import closure
from symdyn.grids.lowering import Passes
from symdyn.grids.passes import CELL, Read, Sweep
from symdyn.grids.stencils import differences
from symdyn.grids.upwind import wall_ghosts
from symdyn.grids.walls import extrapolation, ghost_weights, mirror
from symdyn.models.pde import PDESystem

__all__ = ["Tables", "rounded"]

#: Bytes of the planes of all arrays that a pass reads and writes at once, so that the last cache holds them.
CACHED = 1 << 22
#: Bytes that the last cache keeps from one step to the next; least and most steps that lines make at once where the states
#: are larger than that; and so many rows of a plane go together.
KEPT, LEAST, LEVELS, BATCH = 1 << 24, 1, 8, 16


def rounded(n: int) -> int:
    """The next multiple of eight."""
    return -(-n // 8) * 8


class Tables:
    """Tables of one system on one grid, and the programs that they call.

    Attributes
    ----------
    programs : list of PassProgram
    block : int
        Numbers that padded states or results take.
    private, shared : int
        What each thread needs besides, and what all need together.
    """

    def __init__(
        self,
        pde: PDESystem,
        passes: Passes,
        shape: tuple[int, ...],
        spacing: tuple[float, ...],
        order: int,
        results: tuple[int, int],
    ) -> None:
        self.pde, self.passes, self.shape, self.spacing, self.order, self.results = pde, passes, shape, spacing, order, results
        self._low = [float(x) for x in pde.domain.box[0]]
        self._first = 3 - len(shape)
        self.cells = (1,) * self._first + tuple(shape)
        self._ghosts = tuple(passes.ghosts * (axis >= self._first) for axis in range(3))
        self.stride = 2 * at.PAD + rounded(self.cells[2] + self._ghosts[2])
        # there is one face more than cells across an axis
        self.plane = (self.cells[1] + 2 * self._ghosts[1] + (self._first < 2)) * self.stride
        self.array = (self.cells[0] + 2 * self._ghosts[0] + (self._first < 1)) * self.plane
        fields, first = len(pde.fields), len(passes.arrays)
        # the driver counts fields, then results, then what is computed on the way
        self._place = {i: i if i < fields else i + results[0] for i in range(first)}
        self._place |= {first + k: fields + k for k in range(results[0])}
        self._numbers: list[float] = []
        self._walls()
        self._passes()
        self._events()
        self.programs = [*self._pass_programs, *self._wall_programs]
        if passes.scalars is not None:
            self.programs.append(PassProgram(passes.scalars, (), 0))
        states = max(fields * self.array + len(pde.scalars), results[0] * self.array + results[1])
        self.block = -(-states // 16) * 16

    def _coordinates(self, axis: int, start: int, count: int, half: float) -> int:
        """Where positions along an axis of the driver begin among the numbers; beyond a period they repeat."""
        place, real, places = len(self._numbers), axis - self._first, np.arange(start, start + count)
        low, h = (0.0, 0.0) if real < 0 else (self._low[real], self.spacing[real])
        if real in self.pde.periodic:
            places = places % self.cells[axis]
        self._numbers += [low + (k + 0.5 - half) * h for k in places.tolist()]
        return place

    def _walls(self) -> None:
        """Conditions with values: their programs, and where the values are kept, in rows along each wall."""
        self._wall_rows: list[list[Any]] = []
        self._wall_programs: list[PassProgram] = []
        self._slots: dict[tuple[sp.Expr, int, int], int] = {}
        self._static, self._length = True, 8
        for axis, side in ((a, s) for a in range(len(self.shape)) for s in range(2) if a not in self.pde.periodic):
            here = [(t, row[axis][side].value) for t, row in self.pde.conditions.items() if row[axis][side].value != 0]
            here += [(w, e) for (w, a, s), e in self.passes.wall_values.items() if (a, s) == (axis, side) and e != 0]
            if not here:
                continue
            program = lower(f"wall_{axis}_{side}", self.passes.blocks(()), [e for _, e in here], [str(t) for t, _ in here])
            self._static &= not {self.pde.time, *self.pde.scalars} & set().union(*(e.free_symbols for _, e in here))
            inner, fixed = axis + self._first, len(self._numbers)
            self._numbers.append(self._low[axis] + side * self.spacing[axis] * self.shape[axis])
            across, along = (a for a in range(3) if a != inner)
            # those across the first axes begin in the ghost cells of the axes after them, which are filled before
            begin = -self._ghosts[1] if across == 1 else 0
            rows = self.cells[across] - 2 * begin
            start, count = (-at.PAD, self.stride) if along == 2 else (0, rounded(self.cells[1]))
            places = self._coordinates(across, begin, rows, 0.0), self._coordinates(along, start, count, 0.0)
            self._wall_programs.append(PassProgram(program, (), 0, (inner, across, along)))
            self._wall_rows.append([program.name, len(here), len(self._slots), fixed, *places, rows, count, count])
            self._length = max(self._length, rows * count)
            for target, _ in here:
                self._slots[target, axis, side] = len(self._slots)

    def _passes(self) -> None:
        """Boxes, reads and results of the passes."""
        self._pass_rows: list[list[Any]] = []
        self._pass_programs: list[PassProgram] = []
        self._ins: list[int] = []
        self._outs: list[int] = []
        self._weights: list[float] = []
        self._stepping = False
        self._sweeps: list[Sweep] = [*(w for kind, w in self.passes.schedule if kind == "pass"), self.passes.last]
        reach = rounded(self.cells[2] + self.passes.ghosts)
        for s in self._sweeps:
            where = s.location + self._first if s.location != CELL else CELL
            spans = [(-g, n + 2 * g) if s.extended else (0, n + (where == a))
                     for a, (n, g) in enumerate(zip(self.cells[:2], self._ghosts[:2], strict=True))]  # fmt: skip
            spans.append((-at.PAD, at.PAD + reach) if s.extended else (0, rounded(self.cells[2] + (where == 2))))
            uses = {axis + self._first for axis in s.uses}
            places = [self._coordinates(a, *spans[a], 0.5 * (where == a)) if a in uses else -1 for a in range(3)]
            one = self._program(s)
            arrays = [*dict.fromkeys(r.array for r in s.reads)]
            if s is self.passes.last and self.results[0] == len(self.pde.fields) and not is_long(s.program):
                arrays += [k for k in range(self.results[0]) if k not in arrays]
                one = replace(one, arrays=len(arrays), fields=tuple(arrays.index(k) for k in range(self.results[0])))
                self._stepping = True
            self._pass_programs.append(one)
            step = f"{s.program.name}_step" if one.fields is not None else ""
            head = [s.program.name, step, len(self._ins), one.arrays, len(self._outs), len(s.outputs)]
            self._pass_rows.append([*head, *(x for span in spans for x in span), *places, len(self._weights)])
            self._ins += [self._place[i] for i in arrays]
            self._outs += [self._place[i] for i in s.outputs]
            self._weights += self._own_weights

    def _program(self, s: Sweep) -> PassProgram:
        """The program of a pass, whose weights are then in `_own_weights`: one for what differs in its sign and side alone."""
        arrays = [*dict.fromkeys(r.array for r in s.reads)]
        own: list[float] = []
        known: dict[tuple[Any, ...], list[int]] = {}
        inputs = []
        for r in s.reads:
            moved = [(*(0,) * self._first, *o) for o in r.offsets]
            offsets, groups = [(a, b, c) for a, b, c in moved], _groups(r)
            key = tuple(offsets), r.coefficients
            if key not in known:
                known[key] = [*range(len(own), len(own) + len(groups))]
                own += [abs(r.coefficients[g[0]]) for g in groups]
            made = [(w, tuple((offsets[k], 1 if r.coefficients[k] > 0 else -1) for k in g))
                    for w, g in zip(known[key], groups, strict=True)]  # fmt: skip
            if r.coefficients == (1.0,):
                made = [(-1, ((offsets[0], 1),))]
            inputs.append(WeightedSum(arrays.index(r.array), tuple(made)))
        self._own_weights = own
        return PassProgram(s.program, tuple(inputs), len(arrays))

    def _events(self) -> None:
        """The schedule, with ghost fills, whose weights come with the values of the parameters, and sums."""
        self._fill_rows: list[list[int]] = []
        self._sum_rows: list[list[int]] = []
        self._fills: list[tuple[int, int, int, int]] = []
        self._closings: list[tuple[int, int, int]] = []
        self._close_rows: list[list[int]] = []
        self._width, done = 0, 0
        self._schedule = [[at.WALL, k] for k in range(len(self._wall_rows))]
        for kind, what in self.passes.schedule:
            if kind == "pass":
                self._schedule.append([at.PASS, done])
                done += 1
            elif kind == "fill":
                self._fill(what)
            elif kind == "close":
                self._close(what)
            else:
                array, factor = self.passes.means[what]
                position = len(self.pde.parameters) + len(self.pde.scalars) + what
                self._schedule.append([at.SUM, len(self._sum_rows)])
                self._sum_rows.append([self._place[array], position, len(self._numbers)])
                self._numbers.append(factor)
        self._schedule.append([at.PASS, done])
        if self.passes.scalars is not None:
            self._schedule.append([at.ODE, 0])

    def _fill(self, place: int) -> None:
        """Ghosts of one array: along the last axis first, so that those along the others have the corners."""
        array, g = self.passes.arrays[place], self.passes.ghosts
        axes = range(len(self.shape)) if array.location == CELL else (array.location,)
        for axis in reversed(axes):
            periodic = axis in self.pde.periodic
            last = self.shape[axis] - (array.location == CELL)
            row = [self._place[place], axis + self._first, int(periodic), g, last, 0, 0, -1, 0, -1]
            for side in range(0 if periodic else 2):
                slot = -1 if array.target is None else self._slots.get((self.passes.conditioned(array.target), axis, side), -1)
                row[6 + 2 * side], row[7 + 2 * side] = self._width, slot
                self._fills.append((self._width, place, axis, side))
                points = g if (axis, side) in self.passes.mirror else 1 if array.limited else self.order
                points += array.location != CELL
                row[5] |= points << 16 * side
                self._width += g * (points + 1)
            self._schedule.append([at.FILL, len(self._fill_rows)])
            self._fill_rows.append(row)

    def _close(self, k: int) -> None:
        """Derivatives next to walls, whose weights follow those of ghosts."""
        made = self.passes.closures[k]
        reach = max(differences(self.order).cell(1).offsets)
        row = [self._place[made.source], self._place[made.target], made.axis + self._first]
        for side, rows in enumerate(made.rows):
            slot = self._slots.get((self.passes.conditioned(made.expr), made.axis, side), -1)
            row += [rows, rows + reach, self._width, slot]
            self._closings.append((self._width, k, side))
            self._width += rows * (rows + reach + 1)
        self._schedule.append([at.CLOSE, len(self._close_rows)])
        self._close_rows.append(row)

    def assemble(self, address: Callable[[str], int], rates: int) -> tuple[np.ndarray, np.ndarray]:
        """Both tables, with the addresses of programs; the weights of ghost values are missing still."""
        pde, numbers = self.pde, len(self._numbers)
        steps = [(address(r[0]), address(r[1]) if r[1] else 0, *r[2:-1], numbers + r[-1]) for r in self._pass_rows]
        lists: dict[int, list[Any]] = {
            at.SCHEDULE: self._schedule, at.PASSES: steps, at.INS: self._ins, at.OUTS: self._outs, at.FILLS: self._fill_rows,
            at.WALLS: [[address(r[0]), *r[1:]] for r in self._wall_rows], at.SUMS: self._sum_rows,
            at.CLOSURES: self._close_rows,
        }  # fmt: skip
        most = max([*(r[3] + r[5] for r in self._pass_rows), *(r[1] for r in self._wall_rows), self.results[1]])
        count = len(pde.parameters) + len(pde.scalars) + len(self.passes.means)
        self._weights_at = numbers + len(self._weights)
        parameters = rounded(at.FRAME + at.WORDS + most)
        results = parameters + rounded(count)
        partial = at.VALUES + rounded(len(self._slots) * self._length)
        rows = self.cells[0] * self.cells[1]
        aux = partial + rounded(rows)
        busiest = max(1, *(r[3] + r[5] for r in self._pass_rows))
        tile = max(1, CACHED // (8 * self.stride * busiest * (2 * self.passes.ghosts + 1)))
        head = {
            at.N0: self.cells[0], at.N1: self.cells[1], at.N2: self.cells[2], at.G0: self._ghosts[0], at.G1: self._ghosts[1],
            at.S0: self.plane, at.S: self.stride, at.SIZE: self.array, at.NF: len(pde.fields), at.NS: len(pde.scalars),
            at.NP: count, at.NPAR: len(pde.parameters), at.LENGTH: self._length, at.EVENTS: len(self._schedule),
            at.WEIGHTS: self._weights_at, at.SCALARS: address("scalars") if self.passes.scalars else 0,
            at.STATIC: int(self._static), at.NR: self.results[0], at.NSR: self.results[1], at.RATES: rates,
            at.STEPPING: int(self._stepping), at.PARAMETERS: parameters, at.RESULTS: results, at.PARTIAL: partial, at.AUX: aux,
            at.TILE: tile if self.cells[0] > 1 else rows, at.RINGS: results + 8 * self.results[1], **self._at_once(),
        }  # fmt: skip
        table = [0] * at.HEADER
        for key, part in lists.items():
            head[key] = len(table)
            table += np.ravel(np.array(part, dtype=np.int64)).tolist()
        for key, x in head.items():
            table[key] = x
        between = max(0, head[at.LEVELS] - 1) * len(pde.fields) * head[at.RING]
        self.private = head[at.RINGS] + between * (self.plane if self.cells[0] > 1 else self.stride)
        self.shared = aux + (len(self.passes.arrays) - len(pde.fields)) * self.array + 64
        return np.array(table, dtype=np.int64), np.array([*self._numbers, *self._weights, *[0.0] * (self._width + 8)])

    def _at_once(self) -> dict[int, int]:
        """How lines make steps together (`symdyn_kernels.stencils.sweeps`): in passes alone where a step is more than one."""
        outer = 0 if self.cells[0] > 1 else 1
        n, g, line = self.cells[outer], self._ghosts[outer], self.plane if outer == 0 else self.stride
        rows = [row[5] for row in self._fill_rows if row[1] == outer and not row[2]]
        points = max([1, *(max(packed & 0xFFFF, packed >> 16) for packed in rows)])
        lag, batch = max(1, g, points - 1), 1 if outer == 0 else BATCH
        ring = batch + lag + 2 * g
        if rows:  # cells next to a wall and beyond it have to follow each other
            ring = next(r for r in range(ring, ring + n + 2 * g) if (n - points + g) % r + points + g <= r)
        one = self._stepping and self._static and n > 1 and all(kind in (at.WALL, at.FILL) for kind, _ in self._schedule[:-1])
        fields, levels = 8 * len(self.pde.fields), int(one)
        if one and 2 * fields * self.array > KEPT:
            levels = min(LEVELS, max(LEAST, KEPT // (fields * ring * line) - 1))
        return {at.LEVELS: levels, at.LAG: lag, at.BATCH: batch, at.RING: ring,
                at.WRAPPED: int(outer - self._first in self.pde.periodic)}  # fmt: skip

    def weigh(self, numbers: np.ndarray, walls: Mapping[sp.Expr, Any], slopes: Sequence[Any]) -> np.ndarray:
        """A copy of the numbers with the weights of ghost values, for conditions as `GridModel` gives them."""
        found, g = numbers.copy(), self.passes.ghosts
        for start, place, axis, side in self._fills:
            array, odd, c = self.passes.arrays[place], (axis, side) in self.passes.mirror, np.zeros(g)
            if array.location != CELL:
                w = extrapolation(self.order, g, odd=odd)
            elif odd:
                w = mirror(g)
            else:
                assert array.target is not None
                condition, h = walls[self.passes.conditioned(array.target)][axis][side], self.spacing[axis]
                w, c = wall_ghosts(g, condition, h) if array.limited else ghost_weights(self.order, g, condition, h)
            part = np.concatenate([w.ravel(), c])
            found[self._weights_at + start : self._weights_at + start + part.size] = part
        for start, k, side in self._closings:
            made = self.passes.closures[k]
            D, c = closure(self.order, slopes[k][side], self.spacing[made.axis], made.rows[side])
            part = np.concatenate([D.ravel(), c]) * (1 - 2 * side)
            found[self._weights_at + start : self._weights_at + start + part.size] = part
        return found


def _groups(r: Read) -> list[list[int]]:
    """Entries of a read whose weights have one size, as mirror images have on every grid; one with a plus sign first."""
    images: dict[tuple[int, ...], list[int]] = {}
    for k, offset in enumerate(r.offsets):
        images.setdefault(tuple(map(abs, offset)), []).append(k)
    found = []
    for entries in images.values():
        same = len({abs(r.coefficients[k]) for k in entries}) == 1
        for group in [entries] if same else [[k] for k in entries]:
            found.append(sorted(group, key=lambda k: r.coefficients[k] < 0))
    return found
