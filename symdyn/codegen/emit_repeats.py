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
    """Prints loops one after the other; where each tree reads and stores is computed from its number, or is in a table.

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
        self._loop: Loop = Loop(0, 0, (), 0, ())
        self._read: dict[int, str] = {}
        if program.kept:
            self.entry.append(f"  %b{SCRATCH} = alloca [{program.kept} x {self.type}], align 64")

    def body(self) -> list[str]:
        since = 0
        for number, loop in enumerate(self.program.loops):
            self._loop, self._read, trees = loop, {}, len(loop.targets)
            label, before, k = f"trees{number}", self.last, f"%k{number}"
            if trees > 1 or len(self.lines) - since > BASIC_BLOCK:
                self.lines += [f"  br label %{label}", f"{label}:"]
                self.last, since = label, len(self.lines)
            if trees > 1:
                self._emit(k, f"phi i64 [ 0, %{before} ], [ {k}.next, %{label} ]")
            for step in range(loop.begin, loop.end):
                op, args, _ = self.program.operations[step]
                self.names[step] = self._leaf(number, args[0]) if op == "input" else self._operation(step)
            at = self._place(number, "out", loop.targets)
            self.lines.append(f"  store {self.type} {self.names[loop.value]}, ptr {at}, align 8")
            if trees > 1:
                self._emit(f"{k}.next", f"add i64 {k}, 1")
                self._emit(f"{k}.more", f"icmp ult i64 {k}.next, {trees}")
                self.last = f"trees{number}.done"
                self.lines += [f"  br i1 {k}.more, label %{label}, label %{self.last}", f"{self.last}:"]
                since = len(self.lines)
        return self.lines

    def _leaf(self, number: int, leaf: int) -> str:
        """What the trees read; numbers that are the same in all of them are part of the code."""
        if leaf not in self._read:
            found = self._loop.leaves[leaf]
            if places := [one for one in found if isinstance(one, tuple)]:
                at = self._place(number, str(leaf), places)
                self._read[leaf] = self._emit(f"%x{number}.{leaf}", f"load {self.type}, ptr {at}, align 8")
            else:
                self._read[leaf] = self._number(number, leaf, [_bits(one) for one in found if isinstance(one, float)])
        return self._read[leaf]

    def _number(self, number: int, leaf: int, values: Sequence[str]) -> str:
        name = f"%x{number}.{leaf}"
        if len(set(values)) == 1:
            return values[0] if self.width == 1 else "<" + ", ".join([f"double {values[0]}"] * self.width) + ">"
        entry = self._entry(number, str(leaf), "double", values)
        one = self._emit(f"{name}.one" if self.width > 1 else name, f"load double, ptr {entry}, align 8")
        return one if self.width == 1 else self._splat(name, one, self.width)

    def _place(self, number: int, what: str, places: Sequence[tuple[int, int]]) -> str:
        """Where the tree with the number of the loop reads or stores."""
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
            entry = self._entry(number, what, "i32", list(map(str, offsets)))
            one = self._emit(f"{name}.one", f"load i32, ptr {entry}, align 4")
            at = self._emit(f"{name}.at", f"sext i32 {one} to i64")
        return self._emit(name, f"getelementptr double, ptr %b{block}, i64 {at}")

    def _entry(self, number: int, what: str, kind: str, values: Sequence[str]) -> str:
        """Where the number of the loop finds its entry of a table."""
        table = f"@{self.program.name}.{number}.{what}"
        entries = ", ".join(f"{kind} {value}" for value in values)
        self.constants.append(f"{table} = internal constant [{len(values)} x {kind}] [{entries}]")
        return self._emit(f"%e{number}.{what}", f"getelementptr {kind}, ptr {table}, i64 %k{number}")


def _bits(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
