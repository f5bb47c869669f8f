"""A straight-line program some of whose inputs are sums of products of lower coefficients, and how these are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from symdyn.codegen.ir_printer import Printer
from symdyn.codegen.program import Program

__all__ = ["ConvolvedPrinter", "ConvolvedProgram", "Loops", "sum_statements"]

#: Sums in one loop: they and their common operands stay in registers.
PER_LOOP = 12


@dataclass(frozen=True)
class ConvolvedProgram(Program):
    """A program whose last inputs of block 0 are not read there: they are sums over lower orders of series.

    That of the pair (a, b) is ``sum_{j=1}^{k-1} u_j v_{k-j}``, where u_j is row a of order j and v_j is row b.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Of rows, in the order of the inputs.
    rows : int
        In an order; block 1 holds those of order k - 1 and, from there on, of order k; lower orders are before it.
    origin : int
        The place in block 2 where the rows of order 0 begin, which those of higher orders follow.
    order : int
        The input of block 0 that is k.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    rows: int = 0
    origin: int = 0
    order: int = 0

    @property
    def read(self) -> int:
        """How many inputs of block 0 are read."""
        return len(self.blocks[0][1]) - len(self.pairs)

    def sides(self) -> list[tuple[int, int, int]]:
        """(number, u, v) of each sum; neighbours share u, which is the row of the pair that occurs more often."""
        often = Counter(row for pair in self.pairs for row in pair)
        turned = (sorted(pair, key=lambda row: (-often[row], row)) for pair in self.pairs)
        return sorted(((r, u, v) for r, (u, v) in enumerate(turned)), key=lambda side: (-often[side[1]], *side[1:]))


class Loops(NamedTuple):
    """Lines of IR before a body: in the entry of the function, in the loop over lanes, and the label where the body begins."""

    entry: list[str]
    lines: list[str]
    label: str


class ConvolvedPrinter(Printer):
    """Prints the sums as loops over j, before the body, in which they have names."""

    program: ConvolvedProgram

    def _operation(self, k: int) -> str:
        op, args, _ = self.program.operations[k]
        if op == "input" and args[0] == 0 and args[1] >= self.program.read:
            return f"%sum{args[1] - self.program.read}"
        return super()._operation(k)

    def loops(self) -> Loops:
        """The loops of all sums, several sums in each loop."""
        program, lanes = self.program, self.lanes
        sides, label = program.sides(), "loop"
        if not sides:
            return Loops([], [], label)
        entry = [
            f"  %order.at = getelementptr double, ptr %p0, i64 {program.order * lanes}",
            "  %order = load double, ptr %order.at, align 8",
            "  %k = fptosi double %order to i64",
            "  %any = icmp ugt i64 %k, 1",
        ]
        lines = [f"  %low = getelementptr double, ptr %b2, i64 {(program.origin + program.rows) * lanes}"]
        for g, begin in enumerate(range(0, len(sides), PER_LOOP)):
            lines += self._loop(g, sides[begin : begin + PER_LOOP], label)
            label = f"sums{g}"
        return Loops(entry, lines, label)

    def _loop(self, g: int, part: Sequence[tuple[int, int, int]], before: str) -> list[str]:
        """A loop that begins where the block `before` ends; ``%sum<r>`` is there from the label ``sums<g>`` on."""
        t, lanes = self.type, self.lanes
        suffix = f"v{self.width}f64" if self.width > 1 else "f64"
        zero = "zeroinitializer" if self.width > 1 else "0.0"
        stride = self.program.rows * lanes
        self.declarations.add(f"declare {t} @llvm.fmuladd.{suffix}({t}, {t}, {t})")
        lines = [
            f"  br i1 %any, label %gather{g}, label %sums{g}",
            f"gather{g}:",
            f"  %j{g} = phi i64 [ 1, %{before} ], [ %j{g}.next, %gather{g} ]",
            f"  %low{g} = phi ptr [ %low, %{before} ], [ %low{g}.next, %gather{g} ]",
            f"  %high{g} = phi ptr [ %b1, %{before} ], [ %high{g}.next, %gather{g} ]",
        ]
        lines += [f"  %part{r} = phi {t} [ {zero}, %{before} ], [ %part{r}.next, %gather{g} ]" for r, *_ in part]
        loaded = dict.fromkeys([("low", u) for _, u, _ in part] + [("high", v) for *_, v in part])
        for side, row in loaded:
            lines.append(f"  %{side}{g}.at{row} = getelementptr double, ptr %{side}{g}, i64 {row * lanes}")
            lines.append(f"  %{side}{g}.{row} = load {t}, ptr %{side}{g}.at{row}, align 8")
        for r, u, v in part:
            lines.append(f"  %part{r}.next = call {t} @llvm.fmuladd.{suffix}({t} %low{g}.{u}, {t} %high{g}.{v}, {t} %part{r})")
        lines += [
            f"  %j{g}.next = add i64 %j{g}, 1",
            f"  %low{g}.next = getelementptr double, ptr %low{g}, i64 {stride}",
            f"  %high{g}.next = getelementptr double, ptr %high{g}, i64 {-stride}",
            f"  %more{g} = icmp ult i64 %j{g}.next, %k",
            f"  br i1 %more{g}, label %gather{g}, label %sums{g}",
            f"sums{g}:",
        ]
        return lines + [f"  %sum{r} = phi {t} [ {zero}, %{before} ], [ %part{r}.next, %gather{g} ]" for r, *_ in part]


def sum_statements(program: ConvolvedProgram, names: Sequence[str]) -> list[str]:
    """Statements of numba source that put the sums of lane `l` into the variables that stand for them."""
    if not program.pairs:
        return []
    sums = [(names[program.read + r], u, v) for r, u, v in program.sides()]
    lines = [f"k = int(lane[{program.order} * W])", *(f"{name} = 0.0" for name, _, _ in sums), "for j in range(1, k):"]
    for name, u, v in sums:
        low = f"p[({program.origin + u} + {program.rows} * j) * W + l]"
        lines.append(f"    {name} = fma({low}, y[({program.rows + v} - {program.rows} * j) * W + l], {name})")
    return lines
