"""Functions of one lane that store values, call one another, and branch: the text of a module of LLVM IR, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm

from symdyn.codegen.ir_printer import ScalarPrinter
from symdyn.codegen.lower import Lowering

__all__ = ["IRFunctions"]

ARGUMENTS = "ptr %p0, ptr %p1, ptr %p2, ptr %p3"
BASES = [f"  %b{b} = getelementptr double, ptr %p{b}, i64 0" for b in range(4)]


class IRFunctions:
    """The text of a module under construction; all values are those of one lowering.

    Parameters
    ----------
    build : Lowering
        The argument blocks of every function are its blocks, then `out`.
    """

    def __init__(self, build: Lowering) -> None:
        self.build = build
        self._texts: list[str] = []
        self._declarations: set[str] = set()

    def add(
        self,
        name: str,
        values: Sequence[int],
        places: Sequence[int],
        block: int,
        then: Sequence[str] = (),
        *,
        only: bool = False,
    ) -> str:
        """A function that stores values at places of a block and then calls others; returns its name.

        With `only` it calls them where the first value, which must be 0 or 1, is 1.
        """
        printer = ScalarPrinter(self.build.program(name, values, ()), places, block)
        body = printer.body()
        lines = [*BASES, *printer.entry, *body]
        if only:
            first = printer.names[printer.program.outputs[0]]
            lines += [f"  %go = fcmp ogt double {first}, 5.0e-01", "  br i1 %go, label %yes, label %no", "yes:"]
        lines += [*(f"  call void @{f}({ARGUMENTS})" for f in then), *(["  br label %no", "no:"] if only else []), "  ret void"]
        self._declarations |= printer.declarations
        self._texts.append("\n".join([f"define internal void @{name}({ARGUMENTS}) nounwind {{", *lines, "}"]))
        return name

    def text(self, entry: str, numbered: Sequence[str], otherwise: Sequence[str]) -> str:
        """The module: `entry` calls the function whose number is ``lane[0]``, or, if that is negative, `initial` ones."""
        table = ", ".join(f"ptr @{name}" for name in numbered)
        calls = "\n".join(f"  call void @{name}({ARGUMENTS})" for name in otherwise)
        main = f"""@table = internal constant [{len(numbered)} x ptr] [{table}]
define void @{entry}({ARGUMENTS}) nounwind {{
  %x = load double, ptr %p0, align 8
  %k = fptosi double %x to i64
  %first = icmp slt i64 %k, 0
  br i1 %first, label %all, label %one
all:
{calls}
  ret void
one:
  %place = getelementptr [{len(numbered)} x ptr], ptr @table, i64 0, i64 %k
  %f = load ptr, ptr %place, align 8
  tail call void %f({ARGUMENTS})
  ret void
}}"""
        triple = f'target triple = "{llvm.get_process_triple()}"'
        return "\n".join([triple, *sorted(self._declarations), *self._texts, main, ""])
