"""Printer: straight-line program -> LLVM IR of a pass over rows of cells, with weighted sums over neighbours as inputs.

The function is ``void f(ptr frame)``.  The frame holds words of eight bytes, at the places named below, then the addresses of
the arrays that are read and of those that are written, at the first cell.  Cells of a row are contiguous and are computed in
vectors of eight; rows are `STRIDE` apart.  What is read of a row at several places is loaded once, and shifted in registers.
Weights are numbers in memory, so that one function serves grids of all sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.codegen.emit_llvm import ATTRIBUTES, in_blocks, is_long
from symdyn.codegen.ir_printer import VECTOR, Printer
from symdyn.codegen.program import Program

__all__ = ["FRAME", "PassProgram", "WeightedSum", "emit_pass"]

Offset = tuple[int, int, int]
#: How many planes or rows away a neighbour may be.
REACH = 8
#: Words of a frame: rows, cells in a row, then the addresses of the time and the position that all cells share, of positions
#: from row to row and along a row, of parameters and weights; bytes between rows; a step; and bytes to the planes and to the
#: rows beside those of the cells, which lie anywhere.
ROWS, CELLS, SHARED, ACROSS, ALONG, PARAMETERS, WEIGHTS, STRIDE, STEP = range(9)
PLANES, LINES, FRAME = 9 + REACH, 10 + 3 * REACH, 11 + 4 * REACH
_T = f"<{VECTOR} x double>"


@dataclass(frozen=True)
class WeightedSum:
    """An input: neighbours in one of the arrays that a pass reads, and the weights of what is the same but for signs.

    Attributes
    ----------
    array : int
        Its number among the arrays that are read.
    groups : tuple of (weight, tuple of (offset, sign))
        `weight` is the place of a number, or -1 for 1.
    """

    array: int
    groups: tuple[tuple[int, tuple[tuple[Offset, int], ...]], ...]


@dataclass(frozen=True)
class PassProgram:
    """A program whose second block is given by weighted sums.

    Attributes
    ----------
    program : Program
    inputs : tuple of WeightedSum
    arrays : int
        How many are read; the addresses of outputs follow theirs.
    axes : tuple of int
        Which axis all cells of a call have the same position along, which one is that of rows, and which that of cells.
    fields : tuple of int or None
        Where a function of steps is made too: for each output the array to which it is added, times the step.
    """

    program: Program
    inputs: tuple[WeightedSum, ...]
    arrays: int
    axes: tuple[int, int, int] = (0, 1, 2)
    fields: tuple[int, ...] | None = None


class _PassPrinter(Printer):
    """The values of one vector of cells; its inputs have names before."""

    def __init__(self, one: PassProgram, step: bool) -> None:
        super().__init__(one.program, VECTOR)
        self.one, self.step = one, step
        #: Lines before all rows, and before the cells of each.
        self.first: list[str] = []
        self.before: list[str] = []
        self._known: dict[str, str] = {}
        self._rows: dict[tuple[int, int, int], str] = {}
        self.shifted = {
            (s.array, *offset[:2]) for s in one.inputs for _, entries in s.groups for offset, _ in entries if offset[2]
        }

    def word(self, place: int, name: str, kind: str = "i64") -> str:
        """A word of the frame."""
        if name not in self._known:
            self._known[name] = name
            self.first.append(f"  {name}.at = getelementptr i64, ptr %frame, i64 {place}")
            self.first.append(f"  {name} = load {kind}, ptr {name}.at, align 8, !invariant.load !0")
        return name

    def number(self, base: str, place: int, name: str) -> str:
        """A number of an array, in all lanes."""
        if name not in self._known:
            self._known[name] = name
            self.first.append(f"  {name}.at = getelementptr double, ptr {base}, i64 {place}")
            self.first.append(f"  {name}.one = load double, ptr {name}.at, align 8, !invariant.load !0")
            self.first += _everywhere(name, f"{name}.one")
        return name

    def _operation(self, k: int) -> str:
        op, args, _ = self.program.operations[k]
        return self._input(*args) if op == "input" else super()._operation(k)

    def _input(self, block: int, index: int) -> str:
        if block == 2:
            return self.number(self.word(PARAMETERS, "%parameters", "ptr"), index, f"%par{index}")
        if block == 1:
            return self._sum(index)
        constant, across, _ = self.one.axes
        if index == 0 or index - 1 == constant:
            return self.number(self.word(SHARED, "%shared", "ptr"), int(index > 0), f"%same{int(index > 0)}")
        if index - 1 == across:
            base = self.word(ACROSS, "%across", "ptr")
            if "%row.position" not in self._known:
                self._known["%row.position"] = base
                self.before.append(f"  %row.position.at = getelementptr double, ptr {base}, i64 %row")
                self.before.append("  %row.position.one = load double, ptr %row.position.at, align 8")
                self.before += _everywhere("%row.position", "%row.position.one")
            return "%row.position"
        base = self.word(ALONG, "%along", "ptr")
        at = self._emit(f"%along.at{index}", f"getelementptr double, ptr {base}, i64 %l")
        return self._emit(f"%along{index}", f"load {_T}, ptr {at}, align 8")

    def value(self, array: int, offset: Offset) -> str:
        """The neighbours of a vector of cells."""
        key = array, offset[0], offset[1]
        if key not in self._rows:
            self._rows[key] = self._row(*key)
        row, shift = self._rows[key], offset[2]
        if not shift:
            return f"{row}.here"
        name = f"{row}.{'p' if shift > 0 else 'm'}{abs(shift)}"
        if name not in self._known:
            self._known[name] = name
            a, b = (f"{row}.here", f"{row}.after") if shift > 0 else (f"{row}.behind", f"{row}.here")
            picks = ", ".join(f"i32 {k + (shift if shift > 0 else VECTOR + shift)}" for k in range(VECTOR))
            self._emit(name, f"shufflevector {_T} {a}, {_T} {b}, <{VECTOR} x i32> <{picks}>")
        return name

    def _row(self, array: int, plane: int, line: int) -> str:
        """Load what is needed of a row; returns the beginning of the names."""
        row = f"%a{array}.{_name(plane)}.{_name(line)}"
        base = self.word(FRAME + array, f"%array{array}", "ptr")
        moved = base
        for step, kind, places in ((plane, "plane", PLANES), (line, "line", LINES)):
            if step:
                by = self.word(places + step, f"%{kind}.{_name(step)}")
                self.first.append(f"  {row}.{kind} = getelementptr i8, ptr {moved}, i64 {by}")
                moved = f"{row}.{kind}"
        self.before.append(f"  {row}.begin = getelementptr i8, ptr {moved}, i64 %row.bytes")
        at = self._emit(f"{row}.at", f"getelementptr double, ptr {row}.begin, i64 %l")
        if (array, plane, line) not in self.shifted:
            self._emit(f"{row}.here", f"load {_T}, ptr {at}, align 64")
            return row
        self.before.append(f"  {row}.left = getelementptr double, ptr {row}.begin, i64 -{VECTOR}")
        self.before.append(f"  {row}.before = load {_T}, ptr {row}.left, align 64")
        self.before.append(f"  {row}.first = load {_T}, ptr {row}.begin, align 64")
        ahead = self._emit(f"{row}.ahead", f"getelementptr double, ptr {at}, i64 {VECTOR}")
        self._emit(f"{row}.after", f"load {_T}, ptr {ahead}, align 64")
        return row

    def phis(self, last: str) -> list[str]:
        """Vectors of rows that go from one vector of cells to the next."""
        found = []
        for row in (self._rows[key] for key in self._rows if key in self.shifted):
            found.append(f"  {row}.behind = phi {_T} [ {row}.before, %line ], [ {row}.here, %{last} ]")
            found.append(f"  {row}.here = phi {_T} [ {row}.first, %line ], [ {row}.after, %{last} ]")
        return found

    def _sum(self, index: int) -> str:
        one, total = self.one.inputs[index], ""
        for g, (weight, entries) in enumerate(one.groups):
            part = ""
            for e, (offset, sign) in enumerate(entries):
                x = self.value(one.array, offset)
                if not part:
                    part = x if sign > 0 else self._emit(f"%g{index}.{g}.{e}", f"fneg {_T} {x}")
                else:
                    part = self._emit(f"%g{index}.{g}.{e}", f"{'fadd' if sign > 0 else 'fsub'} {_T} {part}, {x}")
            if weight < 0:
                total = part
                continue
            w = self.number(self.word(WEIGHTS, "%weights", "ptr"), weight, f"%w{weight}")
            total = self._fused(f"%s{index}.{g}", w, part, total) if total else self._emit(
                f"%s{index}.{g}", f"fmul {_T} {w}, {part}"
            )  # fmt: skip
        return total

    def _fused(self, name: str, a: str, b: str, c: str) -> str:
        self.declarations.add(f"declare {_T} @llvm.fmuladd.v{VECTOR}f64({_T}, {_T}, {_T})")
        return self._emit(name, f"call {_T} @llvm.fmuladd.v{VECTOR}f64({_T} {a}, {_T} {b}, {_T} {c})")

    def _stores(self) -> None:
        step = ""
        if self.step:
            self.word(STEP, "%step", "double")
            self.first += _everywhere("%steps", "%step")
            step = "%steps"
        for i, k in enumerate(self.program.outputs):
            value = self.names[k]
            if step:
                assert self.one.fields is not None
                value = self._fused(f"%new{i}", value, step, self.value(self.one.fields[i], (0, 0, 0)))
            base = self.word(FRAME + self.one.arrays + i, f"%out{i}", "ptr")
            self.before.append(f"  %out{i}.begin = getelementptr i8, ptr {base}, i64 %row.bytes")
            at = self._emit(f"%out{i}.to", f"getelementptr double, ptr %out{i}.begin, i64 %l")
            self.lines.append(f"  store {_T} {value}, ptr {at}, align 64")


def _name(k: int) -> str:
    return f"m{-k}" if k < 0 else str(k)


def _everywhere(name: str, one: str) -> list[str]:
    """Lines that put a number into all lanes."""
    return [
        f"  {name}.half = insertelement {_T} undef, double {one}, i32 0",
        f"  {name} = shufflevector {_T} {name}.half, {_T} undef, <{VECTOR} x i32> zeroinitializer",
    ]


def _function(one: PassProgram, name: str, *, step: bool) -> tuple[str, set[str]]:
    printer = _PassPrinter(one, step)
    for op in one.program.operations:  # what is read comes first, so that rows are known
        if op.op == "input" and op.args[0] == 1:
            for _, entries in one.inputs[op.args[1]].groups:
                for offset, _ in entries:
                    printer.value(one.inputs[op.args[1]].array, offset)
    lines, last = printer.body(), "loop"
    if is_long(one.program):
        lines, last = in_blocks(lines, last)
    stride, rows, cells = printer.word(STRIDE, "%stride"), printer.word(ROWS, "%rows"), printer.word(CELLS, "%cells")
    text = f"""define void @{name}(ptr noalias nocapture readonly %frame) nounwind {ATTRIBUTES} {{
entry:
{chr(10).join([*printer.entry, *printer.first])}
  br label %line
line:
  %row = phi i64 [ 0, %entry ], [ %row.next, %line.end ]
  %row.bytes = mul i64 %row, {stride}
{chr(10).join(printer.before)}
  br label %loop
loop:
  %l = phi i64 [ 0, %line ], [ %l.next, %{last} ]
{chr(10).join([*printer.phis(last), *lines])}
  %l.next = add i64 %l, {VECTOR}
  %l.more = icmp slt i64 %l.next, {cells}
  br i1 %l.more, label %loop, label %line.end
line.end:
  %row.next = add i64 %row, 1
  %row.more = icmp slt i64 %row.next, {rows}
  br i1 %row.more, label %line, label %done
done:
  ret void
}}"""
    return text, printer.declarations


def emit_pass(one: PassProgram) -> list[tuple[str, set[str]]]:
    """The function of a pass, and that of a step, as IR text with the declarations they need."""
    found = [_function(one, one.program.name, step=False)]
    if one.fields is not None:
        found.append(_function(one, f"{one.program.name}_step", step=True))
    return found
