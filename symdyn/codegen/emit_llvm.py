"""Printer: straight-line program -> LLVM IR of a lane function, the fast path on the CPU.

The function is ``void f(double *lane, double *y, double *p, double *out)``; element `i` of lane `l` is at
``[i*W + l]``.  For W >= 8 lanes it works on vectors of eight doubles; for W = 1 on scalars, and stores are packed in
eights so that the vector loads of the driver are forwarded from them, unless the program says that there are none.
"""

from __future__ import annotations

from symdyn.codegen.emit_runs import emit_run
from symdyn.codegen.ir_printer import BLOCKS, VECTOR, Printer
from symdyn.codegen.program import Program

__all__ = ["VECTOR", "emit_llvm", "ir_source", "module_text"]


def emit_llvm(program: Program, lanes: int) -> tuple[str, set[str], set[str]]:
    """One function as IR text, with the declarations and helper functions it needs."""
    printer = Printer(program, lanes)
    body = "\n".join(printer.body())
    arguments = ", ".join(f"ptr noalias nocapture %p{b}" for b in range(BLOCKS + 1))
    bases = "\n".join(f"  %b{b} = getelementptr double, ptr %p{b}, i64 %l" for b in range(BLOCKS + 1))
    width = '"min-legal-vector-width"="512" "prefer-vector-width"="512"'
    text = f"""define void @{program.name}({arguments}) nounwind {width} {{
entry:
  br label %loop
loop:
  %l = phi i64 [ 0, %entry ], [ %next, %loop ]
{bases}
{body}
  %next = add i64 %l, {printer.width}
  %more = icmp ult i64 %next, {lanes}
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
    return text, printer.declarations, printer.wrappers


def module_text(programs: tuple[Program, ...], lanes: int, triple: str) -> str:
    """A whole module with one function for each program."""
    functions, declarations, wrappers = [], set(), set()
    for program in programs:
        text, d, w = emit_llvm(program, lanes)
        functions.append(text)
        declarations |= d
        wrappers |= w
        if program.watched >= 0 and lanes == 1:
            text, d, w = emit_run(program)
            functions.append(text)
            declarations |= d
            wrappers |= w
    return "\n".join([f'target triple = "{triple}"', *sorted(declarations), *sorted(wrappers), *functions, ""])


def ir_source(title: str, text: str) -> str:
    """A module of IR for readers: with its title as a comment."""
    return "\n".join([*(f"; {line}" for line in title.splitlines()), "", text])
