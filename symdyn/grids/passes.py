"""A system on a grid as data: arrays, weighted sums over neighbours in them, and passes."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from symdyn.codegen.program import Program

__all__ = ["CELL", "Array", "Read", "Slope", "Sweep"]

Index = tuple[int, ...]
#: Where a value is taken: in the cells, or on the faces across an axis.
CELL = -1


@dataclass(frozen=True)
class Read:
    """A weighted sum over neighbours in an array: offsets along all axes, and coefficients."""

    array: int
    offsets: tuple[Index, ...]
    coefficients: tuple[float, ...]


@dataclass
class Array:
    """Values of an expression, in cells (location -1) or on the faces across an axis.

    `target` is the field or operand whose conditions give its ghost values; `extended` arrays are computed in ghost cells too.
    Ghost values of `limited` arrays lie between those next to the wall and at it.
    """

    expr: sp.Expr
    location: int
    level: int
    target: sp.Expr | None = None
    extended: bool = False
    limited: bool = False


@dataclass
class Sweep:
    """One pass: a program, what it reads and which arrays it writes."""

    location: int
    extended: bool
    program: Program
    reads: list[Read]
    outputs: list[int]
    uses: frozenset[int] = field(default_factory=frozenset)  # axes whose positions it needs


@dataclass(frozen=True)
class Slope:
    """Derivatives of an array along an axis, in an array of their own, and what is known of `expr` at the walls.

    `speed` is the coefficient that the derivative has in the rate of its own field, if it is made of parameters.  A side is
    None where the conditions of `expr` stand, else the coefficients of the condition that follows for it.  `rows` counts the
    cells next to each wall with rows of their own.
    """

    source: int
    target: int
    axis: int
    expr: sp.Expr
    speed: sp.Expr | None
    sides: tuple[tuple[float, ...] | None, tuple[float, ...] | None]
    rows: tuple[int, int]
