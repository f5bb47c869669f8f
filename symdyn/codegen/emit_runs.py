"""Printer: straight-line program -> LLVM IR of a run of it, several events of one trajectory in a row.

A single trajectory waits for the result of each event before the next; in a run it does not wait for memory as well.
"""

from __future__ import annotations

from symdyn.codegen.ir_printer import PAIR, Printer
from symdyn.codegen.program import Program

__all__ = ["emit_run"]


class RunPrinter(Printer):
    """The body of a loop that applies a program several times; the values of its second block stay in registers.

    Every value is a pair of equal numbers: choices between scalars become branches on x86, those between vectors do not.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program, 1, PAIR)
        self.before: list[str] = []

    def _operation(self, k: int) -> str:
        op, args, _ = self.program.operations[k]
        if op != "input":
            return super()._operation(k)
        if args[0] == 1:
            return f"%y{args[1]}"
        lines = self.lines if args[0] == 0 else self.before
        lines += _load_pair(f"%v{k}", f"%{'b' if args[0] == 0 else 'p'}{args[0]}", args[1])
        return f"%v{k}"

    def _stores(self) -> None:
        for i, k in enumerate(self.program.outputs):
            self.lines += _store_first(f"%o{i}", self.names[k], "%p3", i)


def _load_pair(name: str, base: str, index: int) -> list[str]:
    """A number of memory as a pair."""
    place, one = f"{name}.place", f"{name}.one"
    return [
        f"  {place} = getelementptr double, ptr {base}, i64 {index}",
        f"  {one} = load double, ptr {place}, align 8",
        f"  {name}.half = insertelement <2 x double> undef, double {one}, i32 0",
        f"  {name} = shufflevector <2 x double> {name}.half, <2 x double> undef, <2 x i32> zeroinitializer",
    ]


def _store_first(name: str, pair: str, base: str, index: int) -> list[str]:
    return [
        f"  {name} = extractelement <2 x double> {pair}, i32 0",
        f"  {name}.place = getelementptr double, ptr {base}, i64 {index}",
        f"  store double {name}, ptr {name}.place, align 8",
    ]


def emit_run(program: Program) -> tuple[str, set[str]]:
    """The function ``<name>_run`` for one lane: consecutive events until the monitored output exceeds a limit.

    The first block holds the limit, the number of events, and then a record for each.  At the end the second block holds
    the values before the last event, `out` its results, and the first number of the first block how many there were.
    """
    printer = RunPrinter(program)
    n, size = len(program.blocks[1][1]), len(program.blocks[0][1])
    printer._values()
    body, following = list(printer.lines), [printer.names[k] for k in program.outputs]
    printer.lines = []
    printer._stores()
    loads = [line for i in range(n) for line in _load_pair(f"%s{i}", "%p1", i)]
    phis = [f"  %y{i} = phi <2 x double> [ %s{i}, %entry ], [ {following[i]}, %loop ]" for i in range(n)]
    back = [line for i in range(n) for line in _store_first(f"%q{i}", f"%y{i}", "%p1", i)]
    text = f"""define void @{program.name}_run(ptr noalias %p0, ptr noalias %p1, ptr noalias %p2, ptr noalias %p3) nounwind {{
entry:
  %limit = load double, ptr %p0, align 8
  %pm = getelementptr double, ptr %p0, i64 1
  %xm = load double, ptr %pm, align 8
  %most = fptosi double %xm to i64
{chr(10).join([*printer.entry, *loads, *printer.before])}
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
{chr(10).join(phis)}
  %skip = mul i64 %k, {size}
  %place = add i64 %skip, 2
  %b0 = getelementptr double, ptr %p0, i64 %place
{chr(10).join(body)}
  %next = add i64 %k, 1
  %watched = extractelement <2 x double> {following[program.watched]}, i32 0
  %below = fcmp ole double %watched, %limit
  %left = icmp ult i64 %next, %most
  %more = and i1 %below, %left
  br i1 %more, label %loop, label %done
done:
{chr(10).join([*back, *printer.lines])}
  %made = sitofp i64 %next to double
  store double %made, ptr %p0, align 8
  ret void
}}"""
    return text, printer.declarations
