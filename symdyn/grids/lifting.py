r"""Functions that meet conditions at walls which change in time, so that what is implicit acts between walls at rest.

With a condition :math:`\sum_k a_k \partial_n^k u = \gamma(t)` the stages of implicit and exponential methods meet the wall at
times of their own, and lose orders.  A function w of position and time that meets the same condition leaves
:math:`v = u - w` with :math:`\gamma = 0`, and :math:`\dot v = L v + N` with :math:`N = f(v + w, t) - L v - \dot w`, in which
nothing grows as the cells shrink.  Along an axis w is a parabola, which the differences next to the walls treat exactly.  The
parabolas of one axis are corrected by those of the next ones for what they do at their walls.

References
----------
Alonso-Mallo, Cano & Reguera, IMA Journal of Numerical Analysis 38 (2018) 1294-1323.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.grids.walls import MIRROR
from symdyn.models.boundary import Condition
from symdyn.models.pde import PDESystem

__all__ = ["WallLift", "moving_walls"]

#: What may jump or have a corner: there nothing is lifted, as a jump of w would be one of u everywhere.
JUMPS = (
    sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs, sp.Min, sp.Max, sp.Mod, sp.DiracDelta,
    sp.core.function.AppliedUndef,
)  # fmt: skip
#: Degree of the function along an axis.
DEGREE = 2


def moving_walls(pde: PDESystem, field: sp.Symbol) -> dict[tuple[int, int], sp.Expr]:
    """The values of the conditions of a field that change smoothly, with time or with scalars, by axis and side.

    Examples
    --------
    >>> from symdyn.models.boundary import Dirichlet
    >>> sides = {"left": Dirichlet("sin(t)"), "right": Dirichlet(2)}
    >>> pde = PDESystem.from_text("u' = laplacian(u)", domain=(0, 1), boundary=sides)
    >>> moving_walls(pde, pde.fields[0])
    {(0, 0): sin(t)}
    """
    changing = {pde.time, *pde.scalars}
    return {
        (axis, side): c.value
        for axis, pair in enumerate(pde.conditions[field]) if pair != "periodic"
        for side, c in enumerate(pair) if c.value.free_symbols & changing and not c.value.has(*JUMPS)
    }  # fmt: skip


class WallLift:
    """The functions w of the fields of a system on a grid, see `symdyn.integration.problem.Lift`.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
    walls : mapping
        As `GridModel.walls` gives them.
    p : (k,) array
        Values of the parameters.
    fields : tuple of Symbol
        Those with moving walls that have a linear part.
    """

    def __init__(
        self, pde: PDESystem, shape: tuple[int, ...], walls: Mapping[sp.Expr, Any], p: np.ndarray, fields: tuple[sp.Symbol, ...]
    ) -> None:
        self.shape, self.cells = shape, int(np.prod(shape))
        self.slices = [slice(k * self.cells, (k + 1) * self.cells) for k in map(pde.fields.index, fields)]
        self.scalars = slice(len(pde.fields) * self.cells, len(pde.fields) * self.cells + len(pde.scalars))
        self.value, self.rate, names = lifting_programs(pde, fields)
        low, high = pde.domain.box
        axes = [a + (np.arange(n) + 0.5) * (b - a) / n for a, b, n in zip(low, high, shape, strict=True)]
        self.positions = [
            x.reshape([-1 if i == j else 1 for j in range(len(axes))]) for i, x in enumerate(axes)
        ]  # fmt: skip
        coefficients = {
            key: _parabolas(walls[fields[key[0]]][key[1]], float(high[key[1]] - low[key[1]]))[:, key[2]] for key in names
        }
        self.known = [np.asarray(x) for x in (*p.tolist(), *(c for key in names for c in coefficients[key]))]

    def _evaluated(self, program: Program, y: np.ndarray, rates: np.ndarray, t: float) -> list[np.ndarray]:
        moving = [np.asarray(x) for x in (*y[self.scalars].tolist(), *rates[self.scalars].tolist())]
        return evaluate(program, [np.asarray(t), *self.positions], [], [*self.known, *moving])

    def _change(self, target: np.ndarray, program: Program, y: np.ndarray, rates: np.ndarray, t: float, sign: int) -> None:
        for part, w in zip(self.slices, self._evaluated(program, y, rates, t), strict=True):
            view = target[part].reshape(self.shape)
            np.add(view, w, out=view) if sign > 0 else np.subtract(view, w, out=view)

    def add(self, y: np.ndarray, t: float) -> None:
        """Add w to the fields of y (size,)."""
        self._change(y, self.value, y, y, t, 1)

    def remove(self, y: np.ndarray, t: float) -> None:
        """Subtract w from the fields of y (size,)."""
        self._change(y, self.value, y, y, t, -1)

    def remove_rate(self, rates: np.ndarray, y: np.ndarray, t: float) -> None:
        r"""Subtract :math:`\dot w` from the rates (size,) of y (size,)."""
        self._change(rates, self.rate, y, rates, t, -1)


def _parabolas(pair: tuple[Any, Any], width: float) -> np.ndarray:
    r"""Coefficients (3, 2) in :math:`\xi = (x - x_0)/d` of functions that are 1 in one condition and 0 in the other."""
    rows = np.zeros((2, DEGREE + 1))
    for side, condition in enumerate(pair):
        for k, a in enumerate((0.0, 1.0) if condition == MIRROR else condition):
            for m in range(k, (k if side == 0 else DEGREE) + 1):
                rows[side, m] += a * (-1 if side == 0 else 1) ** k * math.perm(m, k) / width**k
    return np.linalg.pinv(rows)


@lru_cache(maxsize=64)
def lifting_programs(
    pde: PDESystem, fields: tuple[sp.Symbol, ...]
) -> tuple[Program, Program, tuple[tuple[int, int, int], ...]]:
    """Programs of w and its rate for each field, and the parabolas that they need: field, axis and side."""
    speeds = {s: sp.Dummy(f"d{s}") for s in pde.scalars}
    shapes: dict[tuple[int, int, int], tuple[sp.Dummy, ...]] = {}
    values = []
    for k, field in enumerate(fields):
        moving = moving_walls(pde, field)

        def parabola(axis: int, side: int, k: int = k) -> sp.Expr:
            known = shapes.setdefault((k, axis, side), tuple(sp.Dummy(f"c{m}") for m in range(DEGREE + 1)))
            low, high = (sp.Float(float(x[axis])) for x in pde.domain.box)
            place = (pde.space[axis] - low) / (high - low)
            return sp.Add(*(c * place**m for m, c in enumerate(known)))

        total = sp.S.Zero
        for axis, pair in enumerate(pde.conditions[field]):
            walls = enumerate(pair if pair != "periodic" else ())
            missing = {side: moving.get((axis, side), sp.S.Zero) - _at_wall(pde, c, axis, side, total) for side, c in walls}
            total += sp.Add(*(parabola(axis, side) * value for side, value in missing.items() if value != 0))
        values.append(total)
    rates = [sp.diff(w, pde.time) + sp.Add(*(sp.diff(w, s) * d for s, d in speeds.items())) for w in values]
    names = tuple(shapes)
    known = [*pde.parameters, *(c for key in names for c in shapes[key]), *pde.scalars, *speeds.values()]
    blocks = [("lane", [pde.time, *pde.space]), ("y", []), ("p", known)]
    labels = [str(f) for f in fields]
    return lower("lift", blocks, values, labels), lower("lift_rate", blocks, rates, labels), names


def _at_wall(pde: PDESystem, condition: Condition, axis: int, side: int, w: sp.Expr) -> sp.Expr:
    """What a function does in a condition."""
    x, place = pde.space[axis], sp.Float(float(pde.domain.box[side][axis]))
    terms = (a * (-1 if side == 0 else 1) ** k * sp.diff(w, x, k) for k, a in enumerate(condition.coefficients))
    return sp.Add(*terms).xreplace({x: place}).doit()
