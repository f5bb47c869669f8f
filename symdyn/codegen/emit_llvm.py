"""Printer: straight-line program -> LLVM IR of a lane function, the fast path on the CPU.

The function is ``void f(double *lane, double *y, double *p, double *out)``; element `i` of lane `l` is at
``[i*W + l]``.  For W >= 8 lanes it works on vectors of eight doubles; for W = 1 on scalars, and stores are packed in
eights so that the vector loads of the driver are forwarded from them, unless the program says that there are none.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from symdyn.codegen.program import CALLS, Program

__all__ = ["VECTOR", "ScalarPrinter", "emit_llvm", "ir_source", "module_text"]

VECTOR = 8
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
PREDICATES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
#: Calls that are instructions or short sequences; all others go to the math library, one lane at a time.
NATIVE = {"sqrt": "sqrt", "fabs": "fabs", "floor": "floor", "ceil": "ceil", "fmin": "minnum", "fmax": "maxnum"}
LIBRARY_NAMES = {"gamma": "tgamma"}
BLOCKS = 3
PAIR = 2


class _Printer:
    """Lines of the body of one function, and the declarations they need."""

    def __init__(self, program: Program, lanes: int, width: int | None = None) -> None:
        self.program, self.lanes = program, lanes
        self.width = width or (VECTOR if lanes > 1 else 1)
        self.type = f"<{self.width} x double>" if self.width > 1 else "double"
        self.bool = f"<{self.width} x i1>" if self.width > 1 else "i1"
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.wrappers: set[str] = set()
        self.names: list[str] = []

    def body(self) -> list[str]:
        for k in range(len(self.program.operations)):
            self.names.append(self._operation(k))
        self._stores()
        return self.lines

    def _emit(self, name: str, text: str) -> str:
        self.lines.append(f"  {name} = {text}")
        return name

    def _pointer(self, block: int, index: int, name: str) -> str:
        return self._emit(name, f"getelementptr double, ptr %b{block}, i64 {index * self.lanes}")

    def _operation(self, k: int) -> str:
        op, args, value = self.program.operations[k]
        t, name = self.type, f"%v{k}"
        if op == "const":
            bits = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
            return bits if self.width == 1 else "<" + ", ".join([f"double {bits}"] * self.width) + ">"
        if op == "input":
            pointer = self._pointer(args[0], args[1], f"%a{k}")
            return self._emit(name, f"load {t}, ptr {pointer}, align 8")
        x = [self.names[a] for a in args]
        if op in ARITHMETIC:
            return self._emit(name, f"{ARITHMETIC[op]} contract {t} {x[0]}, {x[1]}")
        if op == "neg":
            return self._emit(name, f"fneg {t} {x[0]}")
        if op in PREDICATES:
            return self._emit(name, f"fcmp {PREDICATES[op]} {t} {x[0]}, {x[1]}")
        if op in ("and", "or"):
            return self._emit(name, f"{op} {self.bool} {x[0]}, {x[1]}")
        if op == "not":
            ones = "true" if self.width == 1 else "<" + ", ".join(["i1 true"] * self.width) + ">"
            return self._emit(name, f"xor {self.bool} {x[0]}, {ones}")
        if op == "select":
            return self._emit(name, f"select {self.bool} {x[0]}, {t} {x[1]}, {t} {x[2]}")
        return self._emit(name, f"call {t} {self._callee(op)}({', '.join(f'{t} {v}' for v in x)})")

    def _callee(self, op: str) -> str:
        arity = CALLS[op]
        if op in NATIVE:
            name = f"@llvm.{NATIVE[op]}.{f'v{self.width}f64' if self.width > 1 else 'f64'}"
            self.declarations.add(f"declare {self.type} {name}({', '.join([self.type] * arity)})")
            return name
        library = f"@{LIBRARY_NAMES.get(op, op)}"
        self.declarations.add(f"declare double {library}({', '.join(['double'] * arity)})")
        if self.width == 1:
            return library
        self.wrappers.add(_wrapper(op, library, arity) if self.width == VECTOR else _paired(op, library, arity))
        return f"@{'lanes' if self.width == VECTOR else 'pair'}.{op}"

    def _stores(self) -> None:
        values = [self.names[k] for k in self.program.outputs]
        if self.width > 1:
            for i, v in enumerate(values):
                self.lines.append(f"  store {self.type} {v}, ptr {self._pointer(BLOCKS, i, f'%o{i}')}, align 8")
            return
        if not self.program.packed:
            for i, v in enumerate(values):
                self.lines.append(f"  store double {v}, ptr {self._pointer(BLOCKS, i, f'%o{i}')}, align 8")
            return
        for i in range(0, len(values), VECTOR):
            packed = "zeroinitializer"
            for q, v in enumerate(values[i : i + VECTOR]):
                packed = self._emit(f"%s{i + q}", f"insertelement <{VECTOR} x double> {packed}, double {v}, i32 {q}")
            self.lines.append(f"  store <{VECTOR} x double> {packed}, ptr {self._pointer(BLOCKS, i, f'%o{i}')}, align 8")


class ScalarPrinter(_Printer):
    """The body for one lane whose outputs go to given places of a block: 3 is `out`, 0 to 2 are the inputs."""

    def __init__(self, program: Program, places: Sequence[int], block: int) -> None:
        super().__init__(program, 1)
        self.places, self.block = places, block

    def _stores(self) -> None:
        for i, (k, place) in enumerate(zip(self.program.outputs, self.places, strict=True)):
            self.lines.append(f"  store double {self.names[k]}, ptr {self._pointer(self.block, place, f'%o{i}')}, align 8")


class _RunPrinter(_Printer):
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


def _paired(op: str, library: str, arity: int) -> str:
    """A function of pairs that calls the scalar library function once."""
    lines = [f"define internal <2 x double> @pair.{op}({', '.join(f'<2 x double> %x{a}' for a in range(arity))}) nounwind {{"]
    lines += [f"  %e{a} = extractelement <2 x double> %x{a}, i32 0" for a in range(arity)]
    lines.append(f"  %c = call double {library}({', '.join(f'double %e{a}' for a in range(arity))})")
    lines.append("  %h = insertelement <2 x double> undef, double %c, i32 0")
    lines.append("  %r = shufflevector <2 x double> %h, <2 x double> undef, <2 x i32> zeroinitializer")
    return "\n".join([*lines, "  ret <2 x double> %r", "}"])


def _emit_run(program: Program) -> tuple[str, set[str], set[str]]:
    """The function ``<name>_run`` for one lane: events in a row until the watched output exceeds a limit.

    The first block holds the limit, the number of events, and then a record for each.  At the end the second block holds
    the values before the last event, `out` its results, and the first number of the first block how many there were.
    """
    printer = _RunPrinter(program)
    n, size = len(program.blocks[1][1]), len(program.blocks[0][1])
    for k in range(len(program.operations)):
        printer.names.append(printer._operation(k))
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
{chr(10).join([*loads, *printer.before])}
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
  %quiet = fcmp ole double %watched, %limit
  %left = icmp ult i64 %next, %most
  %more = and i1 %quiet, %left
  br i1 %more, label %loop, label %done
done:
{chr(10).join([*back, *printer.lines])}
  %made = sitofp i64 %next to double
  store double %made, ptr %p0, align 8
  ret void
}}"""
    return text, printer.declarations, printer.wrappers


def _wrapper(op: str, library: str, arity: int) -> str:
    """A function of vectors that calls the scalar library function for each element."""
    vector = f"<{VECTOR} x double>"
    lines = [f"define internal {vector} @lanes.{op}({', '.join(f'{vector} %x{a}' for a in range(arity))}) nounwind {{"]
    result = "zeroinitializer"
    for i in range(VECTOR):
        for a in range(arity):
            lines.append(f"  %e{a}.{i} = extractelement {vector} %x{a}, i32 {i}")
        arguments = ", ".join(f"double %e{a}.{i}" for a in range(arity))
        lines.append(f"  %c{i} = call double {library}({arguments})")
        lines.append(f"  %r{i} = insertelement {vector} {result}, double %c{i}, i32 {i}")
        result = f"%r{i}"
    return "\n".join([*lines, f"  ret {vector} {result}", "}"])


def emit_llvm(program: Program, lanes: int) -> tuple[str, set[str], set[str]]:
    """One function as IR text, with the declarations and helper functions it needs."""
    printer = _Printer(program, lanes)
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
            text, d, w = _emit_run(program)
            functions.append(text)
            declarations |= d
            wrappers |= w
    return "\n".join([f'target triple = "{triple}"', *sorted(declarations), *sorted(wrappers), *functions, ""])


def ir_source(title: str, text: str) -> str:
    """A module of IR for readers: with its title as a comment."""
    return "\n".join([*(f"; {line}" for line in title.splitlines()), "", text])
