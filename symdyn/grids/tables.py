"""The two tables of a system on a grid for the driver: what is read, computed, filled and summed, and with which numbers.

In one dimension the axis of the system is the last of two of the driver, whose first has one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.stencils import layout as at

from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.grids.closures import closure
from symdyn.grids.lowering import Passes
from symdyn.grids.passes import CELL, Sweep
from symdyn.grids.stencils import differences
from symdyn.grids.upwind import wall_ghosts
from symdyn.grids.walls import extrapolation, ghost_weights, mirror
from symdyn.models.pde import PDESystem

__all__ = ["Tables", "rounded"]

#: Cells in a block.
LANES = (64, 32, 16, 8)


def rounded(n: int) -> int:
    """The next multiple of eight."""
    return -(-n // 8) * 8


class Tables:
    """Tables of one system on one grid, and the programs that they call.

    Attributes
    ----------
    programs : list of Program
    lanes : int
    block, work : int
        Numbers that padded states or results take, and what the passes need besides.
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
        self._one = len(shape) == 1
        self._shift = int(self._one)
        self.rows, self.columns = (1, shape[0]) if self._one else shape
        ghosts = passes.ghosts
        self._row_ghosts = 0 if self._one else ghosts
        self.stride = 2 * at.PAD + rounded(self.columns + ghosts)
        self.array = (self.rows + 2 * self._row_ghosts) * self.stride
        self.lanes = next(w for w in LANES if w <= rounded(self.columns))
        self._along = rounded(max(self.rows, self.lanes))
        fields, first = len(pde.fields), len(passes.arrays)
        # the driver counts fields, then results, then what is computed on the way
        self._place = {i: i if i < fields else i + results[0] for i in range(first)}
        self._place |= {first + k: fields + k for k in range(results[0])}
        self._numbers: list[float] = []
        self._walls()
        self._passes()
        self._events()
        self.programs: list[Program] = [*(s.program for s in self._sweeps), *self._wall_programs]
        self.programs += [passes.scalars] if passes.scalars else []
        states = max(fields * self.array + len(pde.scalars), results[0] * self.array + results[1])
        self.block = -(-states // 16) * 16

    def _coordinates(self, axis: int, start: int, count: int, half: float) -> int:
        """Where positions along an axis of the driver begin among the numbers."""
        place, real = len(self._numbers), axis - self._shift
        low, h = (0.0, 0.0) if real < 0 else (self._low[real], self.spacing[real])
        self._numbers += [low + (start + k + 0.5 - half) * h for k in range(count)]
        return place

    def _walls(self) -> None:
        """Conditions with values: their programs, and where the values are kept."""
        self._wall_rows: list[list[Any]] = []
        self._wall_programs: list[Program] = []
        self._slots: dict[tuple[sp.Expr, int, int], int] = {}
        self._static = True
        for axis, side in ((a, s) for a in range(len(self.shape)) for s in range(2) if a not in self.pde.periodic):
            here = [(t, row[axis][side].value) for t, row in self.pde.conditions.items() if row[axis][side].value != 0]
            here += [(w, e) for (w, a, s), e in self.passes.wall_values.items() if (a, s) == (axis, side) and e != 0]
            if not here:
                continue
            program = lower(f"wall_{axis}_{side}", self.passes.blocks(()), [e for _, e in here], [str(t) for t, _ in here])
            self._static &= not {self.pde.time, *self.pde.scalars} & set().union(*(e.free_symbols for _, e in here))
            inner, fixed = axis + self._shift, len(self._numbers)
            self._numbers.append(self._low[axis] + side * self.spacing[axis] * self.shape[axis])
            start, count = (-at.PAD, self.stride) if inner == 0 else (0, self._along)
            other = self._coordinates(1 - inner, start, count, 0.0)
            self._wall_programs.append(program)
            self._wall_rows.append([program.name, inner, len(here), len(self._slots), fixed, other, count])
            for target, _ in here:
                self._slots[target, axis, side] = len(self._slots)

    def _passes(self) -> None:
        """Rectangles, reads and results of the passes."""
        self._pass_rows: list[list[Any]] = []
        self._ins: list[list[Any]] = []
        self._offsets: list[int] = []
        self._coefficients: list[float] = []
        self._outs: list[int] = []
        self._sweeps: list[Sweep] = [*(w for kind, w in self.passes.schedule if kind == "pass"), self.passes.last]
        g0, reach = self._row_ghosts, rounded(self.columns + self.passes.ghosts)
        for s in self._sweeps:
            where = s.location + self._shift if s.location != CELL else CELL
            row0, count = (-g0, self.rows + 2 * g0) if s.extended else (0, self.rows + (where == 0))
            col0, columns = (-at.PAD, at.PAD + reach) if s.extended else (0, rounded(self.columns + (where == 1)))
            uses = {axis + self._shift for axis in s.uses}
            slow = self._coordinates(0, row0, count, 0.5 * (where == 0)) if 0 in uses else -1
            fast = self._coordinates(1, col0, columns, 0.5 * (where == 1)) if 1 in uses else -1
            head = [s.program.name, len(self._ins), len(s.reads), len(self._outs), len(s.outputs)]
            self._pass_rows.append([*head, row0, count, col0, columns, slow, fast, 0])
            for r in s.reads:
                self._ins.append([self._place[r.array], len(self._offsets), len(r.offsets)])
                self._offsets += [k[0] if self._one else k[0] * self.stride + k[1] for k in r.offsets]
                self._coefficients += r.coefficients
            self._outs += [self._place[i] for i in s.outputs]

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
        """Ghosts of one array: along the last axis first, so that those along the first have the corners."""
        array, g = self.passes.arrays[place], self.passes.ghosts
        axes = range(len(self.shape)) if array.location == CELL else (array.location,)
        for axis in reversed(axes):
            periodic = axis in self.pde.periodic
            last = self.shape[axis] - (array.location == CELL)
            row = [self._place[place], axis + self._shift, int(periodic), g, last, 0, 0, -1, 0, -1]
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
        row = [self._place[made.source], self._place[made.target], made.axis + self._shift]
        for side, rows in enumerate(made.rows):
            slot = self._slots.get((self.passes.conditioned(made.expr), made.axis, side), -1)
            row += [rows, rows + reach, self._width, slot]
            self._closings.append((self._width, k, side))
            self._width += rows * (rows + reach + 1)
        self._schedule.append([at.CLOSE, len(self._close_rows)])
        self._close_rows.append(row)

    def assemble(self, address: Callable[[str], int], rates: int) -> tuple[np.ndarray, np.ndarray]:
        """Both tables, with the addresses of programs; the weights of ghost values are missing still."""
        pde = self.pde
        lists: dict[int, list[Any]] = {
            at.SCHEDULE: self._schedule, at.PASSES: [[address(r[0]), *r[1:]] for r in self._pass_rows], at.INS: self._ins,
            at.ENTRIES: self._offsets, at.OUTS: self._outs, at.FILLS: self._fill_rows,
            at.WALLS: [[address(r[0]), *r[1:]] for r in self._wall_rows], at.SUMS: self._sum_rows,
            at.CLOSURES: self._close_rows,
        }  # fmt: skip
        inputs = max(len(s.reads) for s in self._sweeps)
        outputs = max([*(len(s.outputs) for s in self._sweeps), *(r[2] for r in self._wall_rows), self.results[1]])
        count = len(pde.parameters) + len(pde.scalars) + len(self.passes.means)
        self._weights_at = len(self._numbers) + len(self._coefficients)
        head = {
            at.N0: self.rows, at.N1: self.columns, at.G0: self._row_ghosts, at.S: self.stride, at.SIZE: self.array,
            at.W: self.lanes, at.NF: len(pde.fields), at.NS: len(pde.scalars), at.NP: count, at.NPAR: len(pde.parameters),
            at.INPUTS: inputs, at.OUTPUTS: outputs, at.SLOTS: len(self._slots), at.LENGTH: max(self.stride, self._along),
            at.EVENTS: len(self._schedule), at.COEFFICIENTS: len(self._numbers), at.WEIGHTS: self._weights_at,
            at.SCALARS: address("scalars") if self.passes.scalars else 0, at.STATIC: int(self._static),
            at.NR: self.results[0], at.NSR: self.results[1], at.RATES: rates,
        }  # fmt: skip
        table = [0] * at.HEADER
        for key, part in lists.items():
            head[key] = len(table)
            table += np.ravel(np.array(part, dtype=np.int64)).tolist()
        for key, x in head.items():
            table[key] = x
        aux = len(self.passes.arrays) - len(pde.fields)
        self.work = (3 + inputs + outputs + count) * self.lanes + len(self._slots) * head[at.LENGTH] + aux * self.array + 64
        return np.array(table, dtype=np.int64), np.array([*self._numbers, *self._coefficients, *[0.0] * (self._width + 1)])

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
