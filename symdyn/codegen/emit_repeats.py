"""Printer: loops over trees of one form -> LLVM IR of the body of a lane function."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from symdyn.codegen.ir_printer import Printer
from symdyn.codegen.repeats import SCRATCH, Loop, Repeats

__all__ = ["RepeatsPrinter"]

#: Lines of a basic block of trees that are no loops.
BASIC_BLOCK = 200


class RepeatsPrinter(Printer):
    """Prints loops one after the other; where each turn reads and stores is computed from its number, or is in a table.

    Attributes
    ----------
    last : str
        The label of the last basic block.
    constants : list of str
        Tables, to stand before the function.
    """

    program: Repeats

    def __init__(self, program: Repeats, lanes: int) -> None:
        super().__init__(program, lanes)
        self.contractions = dict(program.fused or {})
        self.inside = {program.operations[k].args[q] for k, q in self.contractions.items()}
        self.last = "loop"
        self.constants: list[str] = []
        self._loop: Loop = Loop(0, 0, (), (), ())
        self._tables: dict[str, list[list[str]]] = {}
        if program.kept:
            self.entry.append(f"  %b{SCRATCH} = alloca [{program.kept} x {self.type}], align 64")

    def body(self) -> list[str]:
        since = 0
        for number, loop in enumerate(self.program.loops):
            self._loop, self._tables, turns = loop, {"double": [], "i32": []}, loop.turns
            label, before, k = f"trees{number}", self.last, f"%k{number}"
            if turns > 1 or len(self.lines) - since > BASIC_BLOCK:
                self.lines += [f"  br label %{label}", f"{label}:"]
                self.last, since = label, len(self.lines)
            if turns > 1:
                self._emit(k, f"phi i64 [ 0, %{before} ], [ {k}.next, %{label} ]")
            first = len(self.lines)
            for step in range(loop.begin, loop.end):
                op, args, _ = self.program.operations[step]
                self.names[step] = self._leaf(number, args[0]) if op == "input" else self._operation(step)
            for q, (value, targets) in enumerate(zip(loop.values, loop.targets, strict=True)):
                at = self._place(number, f"out{q}", targets)
                self.lines.append(f"  store {self.type} {self.names[value]}, ptr {at}, align 8")
            self.lines[first:first] = self._rows(number)
            if turns > 1:
                self._emit(f"{k}.next", f"add i64 {k}, 1")
                self._emit(f"{k}.more", f"icmp ult i64 {k}.next, {turns}")
                self.last = f"trees{number}.done"
                self.lines += [f"  br i1 {k}.more, label %{label}, label %{self.last}", f"{self.last}:"]
                since = len(self.lines)
        return self.lines

    def _leaf(self, number: int, leaf: int) -> str:
        """What the trees of a turn read; numbers that are the same in all turns are part of the code."""
        found = self._loop.leaves[leaf]
        if places := [one for one in found if isinstance(one, tuple)]:
            at = self._place(number, str(leaf), places)
            return self._emit(f"%x{number}.{leaf}", f"load {self.type}, ptr {at}, align 8")
        return self._number(number, leaf, [_bits(one) for one in found if isinstance(one, float)])

    def _number(self, number: int, leaf: int, values: Sequence[str]) -> str:
        name = f"%x{number}.{leaf}"
        if len(set(values)) == 1:
            return values[0] if self.width == 1 else "<" + ", ".join([f"double {values[0]}"] * self.width) + ">"
        entry = self._entry(number, "double", values)
        one = self._emit(f"{name}.one" if self.width > 1 else name, f"load double, ptr {entry}, align 8")
        return one if self.width == 1 else self._splat(name, one, self.width)

    def _place(self, number: int, what: str, places: Sequence[tuple[int, int]]) -> str:
        """Where the turn with the number of the loop reads or stores."""
        block, name = places[0][0], f"%a{number}.{what}"
        stride = self.width if block == SCRATCH else self.lanes
        offsets = [index * stride for _, index in places]
        step = offsets[1] - offsets[0] if len(offsets) > 1 else 0
        if all(offset == offsets[0] + k * step for k, offset in enumerate(offsets)):
            at: str | int = offsets[0]
            if step:
                moved = self._emit(f"{name}.moved", f"mul i64 %k{number}, {step}")
                at = self._emit(f"{name}.at", f"add i64 {moved}, {at}")
        else:
            entry = self._entry(number, "i32", list(map(str, offsets)))
            one = self._emit(f"{name}.one", f"load i32, ptr {entry}, align 4")
            at = self._emit(f"{name}.at", f"sext i32 {one} to i64")
        return self._emit(name, f"getelementptr double, ptr %b{block}, i64 {at}")

    def _entry(self, number: int, kind: str, values: Sequence[str]) -> str:
        """Where the row of a table that belongs to a turn has an entry."""
        rows = self._tables[kind]
        rows.append(list(values))
        row = f"%r{number}.{kind}"
        return self._emit(f"{row}.{len(rows)}", f"getelementptr {kind}, ptr {row}, i64 {len(rows) - 1}")

    def _rows(self, number: int) -> list[str]:
        """Lines that find the row of each table; the tables of a loop, turn by turn, become constants."""
        found = []
        for kind, columns in self._tables.items():
            if columns:
                table = f"@{self.program.name}.{number}.{kind}"
                entries = ", ".join(f"{kind} {value}" for turn in zip(*columns, strict=True) for value in turn)
                size = self._loop.turns * len(columns)
                self.constants.append(f"{table} = internal constant [{size} x {kind}] [{entries}], align 64")
                found += [
                    f"  %r{number}.{kind}.first = mul i64 %k{number}, {len(columns)}",
                    f"  %r{number}.{kind} = getelementptr {kind}, ptr {table}, i64 %r{number}.{kind}.first",
                ]
        return found


def _bits(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
