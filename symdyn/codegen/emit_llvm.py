"""Printer: straight-line program -> LLVM IR of a lane function, the fast path on the CPU.

The function is ``void f(double *lane, double *y, double *p, double *out)``; element `i` of lane `l` is at
``[i*W + l]``.  For W >= 8 lanes it works on vectors of eight doubles; for W = 1 on scalars, and stores are packed in
eights so that the vector loads of the driver are forwarded from them, unless the program says that there are none.

Long functions go into a module of their own, which is compiled without optimisation and whose time is linear: scheduling
and register allocation of so many operations in a row take ten times as long and more than that.  What that gains depends
on how much the operations wait for each other: right-hand sides lose at most a third without it, the event of a network
half, a substitution three fourths.  For the same reason long functions are cut into short basic blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from symdyn.codegen.convolved import ConvolvedPrinter, ConvolvedProgram, Loops
from symdyn.codegen.emit_repeats import RepeatsPrinter
from symdyn.codegen.emit_runs import emit_run
from symdyn.codegen.emit_tables import FUNCTIONS, emit_tables
from symdyn.codegen.ir_printer import BLOCKS, VECTOR, Printer
from symdyn.codegen.program import Made, Program
from symdyn.codegen.repeats import Repeats, repeats

__all__ = [
    "ATTRIBUTES",
    "VECTOR",
    "Module",
    "emit_llvm",
    "in_blocks",
    "ir_source",
    "is_long",
    "joined",
    "module_text",
    "modules",
]

#: Operations above which a function is compiled without optimisation, for the programs whose rows are independent and others.
LONG, LONG_OTHERS, LONG_REPEATS = 500, 2000, 16_000
ROWS = ("rhs", "matrix", "factor")
#: Vectors of eight; and no scheduling for the very processor, which takes a tenth of the time and gains nothing.
ATTRIBUTES = '"min-legal-vector-width"="512" "prefer-vector-width"="512" "tune-cpu"="generic"'
#: Lines of its basic blocks.
BASIC_BLOCK = 200


class Module(NamedTuple):
    """Text of LLVM IR, the functions in it that a driver calls, and whether it is compiled without optimisation."""

    text: str
    names: tuple[str, ...]
    quick: bool


def emit_llvm(program: Program, lanes: int) -> tuple[str, set[str]]:
    """One function as IR text, with the declarations it needs."""
    printer, loops = Printer(program, lanes), Loops([], [], "loop")
    tables: list[str] = []
    if isinstance(program, ConvolvedProgram):
        printer = ConvolvedPrinter(program, lanes)
        loops = printer.loops()
    if isinstance(program, Repeats):
        repeated = RepeatsPrinter(program, lanes)
        lines, last, tables, printer = repeated.body(), repeated.last, repeated.constants, repeated
    else:
        lines, last = printer.body(), loops.label
        if is_long(program):
            lines, last = in_blocks(lines, last)
    entry, body = "\n".join([*loops.entry, *printer.entry, "  br label %loop"]), "\n".join([*loops.lines, *lines])
    arguments = ", ".join(f"ptr noalias nocapture %p{b}" for b in range(BLOCKS + 1))
    bases = "\n".join(f"  %b{b} = getelementptr double, ptr %p{b}, i64 %l" for b in range(BLOCKS + 1))
    text = f"""define void @{program.name}({arguments}) nounwind {ATTRIBUTES} {{
entry:
{entry}
loop:
  %l = phi i64 [ 0, %entry ], [ %next, %{last} ]
{bases}
{body}
  %next = add i64 %l, {printer.width}
  %more = icmp ult i64 %next, {lanes}
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
    return "\n".join([*tables, text]), printer.declarations


def module_text(programs: Sequence[Program], lanes: int, triple: str, further: Sequence[str] = ()) -> str:
    """A module with one function for each program, and further declarations and definitions."""
    parts = []
    for program in programs:
        parts.append(emit_llvm(program, lanes))
        if program.watched >= 0 and lanes == 1:
            parts.append(emit_run(program))
    return joined(parts, triple, further)


def joined(functions: Iterable[tuple[str, set[str]]], triple: str, further: Sequence[str] = ()) -> str:
    """A module of functions, each with the declarations that it needs."""
    texts, declarations = [], set()
    for text, lines in functions:
        texts.append(text)
        declarations |= lines
    return "\n".join([f'target triple = "{triple}"', *sorted(declarations), *further, *texts, ""])


def modules(made: Made, lanes: int, triple: str) -> list[Module]:
    """What is compiled for a model: a module of short functions and one of long ones, as far as there are any."""
    found = []
    if made.ir:
        found.append(Module(made.ir, made.names, True))
        lanes = 1
    shortened = [repeats(p) if is_long(p) else p for p in made.programs]
    for quick in (False, True):
        programs = [p for p in shortened if is_long(p) == quick]
        tables = made.elimination if any(p.name == "matrix" for p in programs) else None
        text = module_text(programs, lanes, triple, emit_tables(tables, lanes) if tables is not None else ())
        names = [p.name for p in programs] + [f"{p.name}_run" for p in programs if p.watched >= 0 and lanes == 1]
        if programs:
            found.append(Module(text, (*names, *(FUNCTIONS if tables is not None else ())), quick))
    return found


def is_long(program: Program) -> bool:
    """Whether a function is compiled without optimisation, in short basic blocks."""
    if isinstance(program, Repeats):
        return len(program.operations) > LONG_REPEATS
    return len(program.operations) > (LONG if program.name in ROWS else LONG_OTHERS)


def in_blocks(lines: list[str], label: str) -> tuple[list[str], str]:
    """The lines with a label before every so many of them, and the last label; `label` is there before them."""
    cut = []
    for begin in range(0, len(lines), BASIC_BLOCK):
        if begin:
            label = f"block{begin // BASIC_BLOCK}"
            cut += [f"  br label %{label}", f"{label}:"]
        cut += lines[begin : begin + BASIC_BLOCK]
    return cut, label


def ir_source(title: str, text: str) -> str:
    """A module of IR for readers: with its title as a comment."""
    return "\n".join([*(f"; {line}" for line in title.splitlines()), "", text])
