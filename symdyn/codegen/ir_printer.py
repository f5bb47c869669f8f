"""Values of a straight-line program as lines of LLVM IR: what every function that is printed from one shares."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from symdyn.codegen.program import CALLS, Program

__all__ = ["BLOCKS", "PAIR", "VECTOR", "Printer", "ScalarPrinter"]

VECTOR = 8
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
PREDICATES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
#: Calls that are instructions or short sequences; all others go to the math library, one lane at a time.
NATIVE = {"sqrt": "sqrt", "fabs": "fabs", "floor": "floor", "ceil": "ceil", "fmin": "minnum", "fmax": "maxnum"}
LIBRARY_NAMES = {"gamma": "tgamma"}
BLOCKS = 3
PAIR = 2


class Printer:
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


class ScalarPrinter(Printer):
    """The body for one lane whose outputs go to given places of a block: 3 is `out`, 0 to 2 are the inputs."""

    def __init__(self, program: Program, places: Sequence[int], block: int) -> None:
        super().__init__(program, 1)
        self.places, self.block = places, block

    def _stores(self) -> None:
        for i, (k, place) in enumerate(zip(self.program.outputs, self.places, strict=True)):
            self.lines.append(f"  store double {self.names[k]}, ptr {self._pointer(self.block, place, f'%o{i}')}, align 8")


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


def _paired(op: str, library: str, arity: int) -> str:
    """A function of pairs that calls the scalar library function once."""
    lines = [f"define internal <2 x double> @pair.{op}({', '.join(f'<2 x double> %x{a}' for a in range(arity))}) nounwind {{"]
    lines += [f"  %e{a} = extractelement <2 x double> %x{a}, i32 0" for a in range(arity)]
    lines.append(f"  %c = call double {library}({', '.join(f'double %e{a}' for a in range(arity))})")
    lines.append("  %h = insertelement <2 x double> undef, double %c, i32 0")
    lines.append("  %r = shufflevector <2 x double> %h, <2 x double> undef, <2 x i32> zeroinitializer")
    return "\n".join([*lines, "  ret <2 x double> %r", "}"])
