"""Values of a straight-line program as lines of LLVM IR: what every function that is printed from one shares."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from symdyn.codegen.call_groups import call_groups
from symdyn.codegen.contraction import contractions
from symdyn.codegen.emit_dense import DenseFunction, dense_function
from symdyn.codegen.program import CALLS, DENSE, Program
from symdyn.codegen.vector_math import declaration

__all__ = ["BLOCKS", "PAIR", "VECTOR", "Printer", "ScalarPrinter"]

VECTOR = 8
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
PREDICATES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
#: Calls that are instructions or short sequences; all others are functions of `symdyn.codegen.vector_math`.
NATIVE = {"sqrt": "sqrt", "fabs": "fabs", "floor": "floor", "ceil": "ceil"}
EXTREMES = {"fmin": "lt", "fmax": "gt"}
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
        #: Lines that come once, before any loop.
        self.entry: list[str] = []
        self._dense_functions: dict[int, DenseFunction] = {}
        self.names = [""] * len(program.operations)
        self.contractions = contractions(program)
        self.inside = {program.operations[k].args[q] for k, q in self.contractions.items()}

    def body(self) -> list[str]:
        self._values()
        self._stores()
        return self.lines

    def _values(self) -> None:
        """All operations; calls that one lane makes as one are placed where the first of them is."""
        count = len(self.program.operations)
        order, groups = call_groups(self.program) if self.width < VECTOR else (range(count), {})
        grouped = {k for group in groups.values() for k in group}
        for k in order:
            if k in groups:
                self._together(groups[k])
            elif k not in grouped:
                self.names[k] = self._operation(k)

    def _together(self, group: Sequence[int]) -> None:
        """Calls of one function as one call: of a pair, or of a vector whose last lanes repeat the first."""
        op, width = self.program.operations[group[0]].op, PAIR if len(group) == PAIR else VECTOR
        name, line = declaration(op, width)
        self.declarations.add(line)
        t, packed = f"<{width} x double>", []
        for q in range(CALLS[op]):
            first, *others = (self._scalar(self.names[self.program.operations[k].args[q]], f"%g{k}.{q}") for k in group)
            vector = self._splat(f"%p{group[0]}.{q}", first, width)
            for i, x in enumerate(others, 1):
                vector = self._emit(f"%p{group[i]}.{q}", f"insertelement {t} {vector}, double {x}, i32 {i}")
            packed.append(f"{t} {vector}")
        result = self._emit(f"%r{group[0]}", f"call {t} {name}({', '.join(packed)})")
        for i, k in enumerate(group):
            x = self._emit(f"%v{k}.one" if self.width > 1 else f"%v{k}", f"extractelement {t} {result}, i32 {i}")
            self.names[k] = self._splat(f"%v{k}", x, self.width) if self.width > 1 else x

    def _scalar(self, value: str, name: str) -> str:
        """The number of which a value consists."""
        return value if self.width == 1 else self._emit(name, f"extractelement {self.type} {value}, i32 0")

    def _splat(self, name: str, x: str, width: int) -> str:
        """A vector of equal numbers."""
        t = f"<{width} x double>"
        half = self._emit(f"{name}.half", f"insertelement {t} undef, double {x}, i32 0")
        return self._emit(name, f"shufflevector {t} {half}, {t} undef, <{width} x i32> zeroinitializer")

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
        if k in self.inside:
            return ""  # it is part of a sum
        if k in self.contractions:
            return self._contracted(k)
        x = [self.names[a] for a in args]
        if op in DENSE:
            return self._dense(k, x)
        if op == "part":
            return self._part(k, args[0], int(value))
        if op in ARITHMETIC:
            return self._emit(name, f"{ARITHMETIC[op]} {t} {x[0]}, {x[1]}")
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
        if op in EXTREMES:
            return self._extreme(k)
        return self._emit(name, f"call {t} {self._callee(op)}({', '.join(f'{t} {v}' for v in x)})")

    def _dense(self, k: int, x: Sequence[str]) -> str:
        """A call of dense layers, whose arguments and results are in memory; returns where the results are."""
        op, _, number = self.program.operations[k]
        vectors = self.width == VECTOR
        function = self._dense_functions[k] = dense_function(op, self.program.tables[int(number)], VECTOR if vectors else 1)
        self.declarations |= function.definitions
        t = function.element
        for name, size in ((f"%in{k}", len(x)), (f"%list{k}", function.size)):
            self.entry.append(f"  {name} = alloca [{size} x {t}], align 64")
        for i, value in enumerate(x):
            at = self._emit(f"%in{k}.{i}", f"getelementptr {t}, ptr %in{k}, i64 {i}")
            one = value if vectors else self._scalar(value, f"%in{k}.{i}.one")
            self.lines.append(f"  store {t} {one}, ptr {at}, align 8")
        self.lines.append(f"  call void {function.name}(ptr %in{k}, ptr %list{k})")
        return f"%list{k}"

    def _part(self, k: int, source: int, part: int) -> str:
        """One of the results of dense layers."""
        function = self._dense_functions[source]
        at = self._emit(f"%a{k}", f"getelementptr {function.element}, ptr %list{source}, i64 {function.place(part)}")
        if self.width in (1, VECTOR):
            return self._emit(f"%v{k}", f"load {function.element}, ptr {at}, align 8")
        return self._splat(f"%v{k}", self._emit(f"%v{k}.one", f"load double, ptr {at}, align 8"), self.width)

    def _extreme(self, k: int) -> str:
        """The least or greatest value, not a number if one is not: a comparison alone would give the second one then."""
        op, args, _ = self.program.operations[k]
        a, b = sorted(args, key=lambda i: self.program.operations[i].op != "const")
        x, y, t = self.names[a], self.names[b], self.type
        less = self._emit(f"%c{k}", f"fcmp {PREDICATES[EXTREMES[op]]} {t} {x}, {y}")
        if self.program.operations[a].op == "const":
            return self._emit(f"%v{k}", f"select {self.bool} {less}, {t} {x}, {t} {y}")
        found = self._emit(f"%m{k}", f"select {self.bool} {less}, {t} {x}, {t} {y}")
        undefined = self._emit(f"%u{k}", f"fcmp uno {t} {x}, {x}")
        return self._emit(f"%v{k}", f"select {self.bool} {undefined}, {t} {x}, {t} {found}")

    def _contracted(self, k: int) -> str:
        """A sum with a product inside, rounded once where the processor can."""
        (op, args, _), q, t = self.program.operations[k], self.contractions[k], self.type
        a, b = (self.names[factor] for factor in self.program.operations[args[q]].args)
        rest = self.names[args[1 - q]]
        if op == "sub" and q == 0:
            rest = self._emit(f"%n{k}", f"fneg {t} {rest}")
        elif op == "sub":
            a = self._emit(f"%n{k}", f"fneg {t} {a}")
        fused = f"@llvm.fmuladd.{f'v{self.width}f64' if self.width > 1 else 'f64'}"
        self.declarations.add(f"declare {t} {fused}({t}, {t}, {t})")
        return self._emit(f"%v{k}", f"call {t} {fused}({t} {a}, {t} {b}, {t} {rest})")

    def _callee(self, op: str) -> str:
        """The name of the function for a call; notes the line that declares it."""
        if op in NATIVE:
            name = f"@llvm.{NATIVE[op]}.{f'v{self.width}f64' if self.width > 1 else 'f64'}"
            self.declarations.add(f"declare {self.type} {name}({', '.join([self.type] * CALLS[op])})")
            return name
        name, line = declaration(op, self.width)
        self.declarations.add(line)
        return name

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
