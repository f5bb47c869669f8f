"""Printer: dense layers -> LLVM IR of a function that applies a table in loops, whose length does not depend on the widths.

``void f(ptr x, ptr out)`` takes vectors of eight doubles, one lane each; or, for a single lane, numbers, and then eight
neurons are a vector.  Each sum begins with the bias and goes through the inputs in their order, by fused multiply-adds, so that
a lane has the same bits in both.  The weights are a table of the module: of every eight neurons their biases, then
their weights, input by input.  Both read it; places of neurons that are not there are zeros.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from symdyn.codegen.emit_softmax import shares, turned
from symdyn.codegen.vector_math.activation import ACTIVATIONS, SLOPES
from symdyn.codegen.vector_math.draft import Draft, Value
from symdyn.dense import DenseLayers, Layer
from symdyn.errors import CompileError

__all__ = ["DenseFunction", "dense_function"]

EIGHT = 8
#: Bytes of the stack that one function may take, of the 8 MiB that threads have.
MOST_MEMORY = 4 << 20
VECTOR = "<8 x double>"
FUSED = f"declare {VECTOR} @llvm.fmuladd.v8f64({VECTOR}, {VECTOR}, {VECTOR})"


class DenseFunction:
    """The text of one function.

    Parameters
    ----------
    op : {'dense', 'slopes'}
        Outputs, or their partial derivatives.
    layers : DenseLayers
    width : {1, 8}
        For one lane, or for vectors of eight.

    Attributes
    ----------
    name : str
    definitions : set of str
        The function, its table and the declarations that they need.
    size : int
        Entries of `out`, vectors or numbers.
    memory : int
        Bytes of the stack that a call takes, with `out`.

    Raises
    ------
    CompileError
        If that is more than a thread has.
    """

    def __init__(self, op: str, layers: DenseLayers, width: int) -> None:
        self.layers, self.lanes, self.slopes = layers, width == EIGHT, op == "slopes"
        self.name, self.table = f"@{op}_{layers.digest[:16]}.v{width}", f"@table_{layers.digest[:16]}"
        self.element = VECTOR if self.lanes else "double"
        last = _padded(layers.outputs)
        self.size = last * layers.inputs if self.slopes else last
        self.declarations = {FUSED}
        self.rooms: dict[str, int] = {}
        self.lines: list[str] = []
        self.label = "entry"

        self._body()
        self.memory = (8 * EIGHT if self.lanes else 8) * (self.size + sum(self.rooms.values()))
        if self.memory > MOST_MEMORY:
            what = "the Jacobian" if self.slopes else "the values"
            hint = "; use a method without a Jacobian, such as 'dop853'" if self.slopes else ""
            raise CompileError(
                f"{what} of the network {layers.name} take {self.memory / 2**20:.0f} MiB of the stack of each thread, more "
                f"than {MOST_MEMORY >> 20}{hint}"
            )
        self.definitions = self._definitions()

    def _definitions(self) -> set[str]:
        numbers = _table(self.layers)
        entries = ", ".join(f"double 0x{q:016X}" for q in struct.unpack(f"<{len(numbers)}Q", numbers.tobytes()))
        attributes = 'nounwind "min-legal-vector-width"="512" "prefer-vector-width"="512"'
        head = f"define internal void {self.name}(ptr noalias %x, ptr noalias %out) {attributes} {{"
        allocated = (f"  {name} = alloca [{count} x {self.element}], align 64" for name, count in self.rooms.items())
        text = "\n".join([head, "entry:", *allocated, *self.lines, "  ret void", "}"])
        table = f"{self.table} = internal constant [{len(numbers)} x double] [{entries}], align 64"
        return {table, text, *self.declarations}

    def place(self, part: int) -> int:
        """Where in `out` a value is: of slopes, those by one argument follow each other."""
        if not self.slopes:
            return part
        row, by = divmod(part, self.layers.inputs)
        return by * _padded(self.layers.outputs) + row

    # ---- the body --------------------------------------------------------------------------------

    def emit(self, name: str, text: str) -> str:
        """A line that gives a name to a result."""
        self.lines.append(f"  {name} = {text}")
        return name

    def begin(self, label: str) -> None:
        """A basic block begins."""
        self.lines.append(f"{label}:")
        self.label = label

    def _room(self, name: str, count: int) -> str:
        self.rooms[name] = count
        return name

    def _body(self) -> None:
        n, source, first, tangents = self.layers.inputs, "%x", 0, ""
        for k, layer in enumerate(self.layers.layers):
            last, (m, size) = k == len(self.layers.layers) - 1, layer.weights.shape
            padded = _padded(m)
            target = "%out" if last and not self.slopes else self._room(f"%h{k}", padded)
            slope = self._room(f"%s{k}", padded) if self.slopes else ""
            self._blocks(f"l{k}", layer, first, source, target, self._activate(layer.function, target, slope))
            if layer.function == "softmax":
                shares(self, f"l{k}.share", target, m)
            if self.slopes:
                along = "%out" if last else self._room(f"%t{k}", padded * n)
                self._directions(k, layer, first, tangents, _padded(size), along, slope, target)
                tangents = along
            source, first = target, first + padded * (size + 1)

    def _directions(
        self, k: int, layer: Layer, first: int, source: str, stride: int, target: str, slope: str, values: str
    ) -> None:  # fmt: skip
        """A loop over the inputs by which is differentiated; of the first layer, sums are single weights."""
        name, before, padded = f"d{k}", self.label, _padded(len(layer.bias))
        self.lines.append(f"  br label %{name}")
        self.begin(name)
        place = len(self.lines)
        self.lines.append("")
        for side, room, step in (("from", source, stride), ("to", target, padded))[not source :]:
            self.emit(f"%{name}.{side}.skip", f"mul i64 %{name}.k, {step}")
            self.emit(f"%{name}.{side}", f"getelementptr {self.element}, ptr {room}, i64 %{name}.{side}.skip")

        def finish(tag: str, q: int, at: str, z: str) -> None:
            factor = self.load(f"%{tag}.f{q}", slope, at, VECTOR)
            self.store(f"%{tag}.r{q}", f"%{name}.to", at, self.emit(f"%{tag}.p{q}", f"fmul {VECTOR} {z}, {factor}"))

        self._blocks(f"{name}l", layer, first, f"%{name}.from", "", finish, bias=False, only="" if source else f"%{name}.k")
        if layer.function == "softmax":
            turned(self, f"{name}.share", values, f"%{name}.to", len(layer.bias))
        self.emit(f"%{name}.next", f"add i64 %{name}.k, 1")
        self.emit(f"%{name}.more", f"icmp ult i64 %{name}.next, {self.layers.inputs}")
        self.lines[place] = f"  %{name}.k = phi i64 [ 0, %{before} ], [ %{name}.next, %{self.label} ]"
        self.lines.append(f"  br i1 %{name}.more, label %{name}, label %{name}.end")
        self.begin(f"{name}.end")

    def _activate(self, function: str, target: str, slope: str) -> Callable[[str, int, str, str], None]:
        def finish(tag: str, q: int, at: str, z: str) -> None:
            value = z
            if function in ACTIVATIONS:
                value = self.inlined(f"{tag}.a{q}", lambda x: ACTIVATIONS[function](x[0]), z)
            self.store(f"%{tag}.y{q}", target, at, value)
            if slope:
                change = _constant(1.0)
                if function in SLOPES:
                    change = self.inlined(f"{tag}.b{q}", lambda x: SLOPES[function](*x), z, value)
                self.store(f"%{tag}.sl{q}", slope, at, change)

        return finish

    def inlined(self, prefix: str, function: Callable[[list[Value]], Value], *arguments: str) -> str:
        """An elementwise function, its lines in place: the code generator alone would call it."""
        draft = Draft(EIGHT)
        result = function([Value(draft, f"%!{i}", "double") for i in range(len(arguments))])
        self.declarations |= draft.declarations

        def named(text: str) -> str:
            text = re.sub(r"%t(\d+)\b", rf"%{prefix}.\1", text)
            return re.sub(r"%!(\d)", lambda found: arguments[int(found[1])], text)

        self.lines += map(named, draft.lines)
        return named(result.name)

    def load(self, name: str, room: str, at: str, kind: str) -> str:
        """What is in a room at a place."""
        pointer = self.emit(f"{name}.at", f"getelementptr {self.element}, ptr {room}, i64 {at}")
        return self.emit(name, f"load {kind}, ptr {pointer}, align 8")

    def store(self, name: str, room: str, at: str, value: str) -> None:
        """Put a vector into a room."""
        pointer = self.emit(name, f"getelementptr {self.element}, ptr {room}, i64 {at}")
        self.lines.append(f"  store {VECTOR} {value}, ptr {pointer}, align 8")

    # ---- sums ------------------------------------------------------------------------------------

    def _blocks(
        self, tag: str, layer: Layer, first: int, source: str, target: str,
        finish: Callable[[str, int, str, str], None], *, bias: bool = True, only: str = "",
    ) -> None:  # fmt: skip
        """Sums of all neurons of a layer, eight at a time, each handed to `finish` with its place; or weights of one input."""
        m, n = layer.weights.shape
        full, rest = (m // EIGHT, m % EIGHT) if self.lanes else (-(-m // EIGHT), 0)
        base = self.emit(f"%{tag}.w", f"getelementptr double, ptr {self.table}, i64 {first}")
        if full:
            before, label = self.label, f"{tag}.block"
            self.lines.append(f"  br label %{label}")
            self.begin(label)
            place = len(self.lines)
            self.lines.append("")
            skip = self.emit(f"%{tag}.skip", f"mul i64 %{tag}.b, {EIGHT * (n + 1)}")
            weights = self.emit(f"%{tag}.wb", f"getelementptr double, ptr {base}, i64 {skip}")
            at = self.emit(f"%{tag}.row", f"mul i64 %{tag}.b, {EIGHT}")
            self._sums(f"{tag}.f", weights, source, n, EIGHT if self.lanes else 1, at, finish, bias=bias, only=only)
            self.emit(f"%{tag}.bnext", f"add i64 %{tag}.b, 1")
            self.emit(f"%{tag}.bmore", f"icmp ult i64 %{tag}.bnext, {full}")
            self.lines[place] = f"  %{tag}.b = phi i64 [ 0, %{before} ], [ %{tag}.bnext, %{self.label} ]"
            self.lines.append(f"  br i1 %{tag}.bmore, label %{label}, label %{tag}.done")
            self.begin(f"{tag}.done")
        if rest:
            weights = self.emit(f"%{tag}.wr", f"getelementptr double, ptr {base}, i64 {full * EIGHT * (n + 1)}")
            self._sums(f"{tag}.r", weights, source, n, rest, str(full * EIGHT), finish, bias=bias, only=only)

    def _sums(
        self, tag: str, weights: str, source: str, n: int, count: int, row: str,
        finish: Callable[[str, int, str, str], None], *, bias: bool, only: str,
    ) -> None:  # fmt: skip
        """A loop over the inputs with `count` sums in registers."""
        first = self.emit(f"%{tag}.first", f"getelementptr double, ptr {weights}, i64 {EIGHT}")
        if only:
            skip = self.emit(f"%{tag}.skip", f"mul i64 {only}, {EIGHT}")
            at = self.emit(f"%{tag}.at", f"getelementptr double, ptr {first}, i64 {skip}")
            self._finish(tag, [self._weight(f"%{tag}.w{q}", at, str(q)) for q in range(count)], row, finish)
            return
        begun = [self._weight(f"%{tag}.c{q}", weights, str(q)) if bias else "zeroinitializer" for q in range(count)]
        before = self.label
        self.lines.append(f"  br label %{tag}")
        self.begin(tag)
        self.emit(f"%{tag}.j", f"phi i64 [ 0, %{before} ], [ %{tag}.jnext, %{tag} ]")
        for q, start in enumerate(begun):
            self.emit(f"%{tag}.z{q}", f"phi {VECTOR} [ {start}, %{before} ], [ %{tag}.n{q}, %{tag} ]")
        x = self.load(f"%{tag}.x", source, f"%{tag}.j", self.element)
        x = x if self.lanes else self.splat(f"%{tag}.xs", x)
        skip = self.emit(f"%{tag}.skip", f"mul i64 %{tag}.j, {EIGHT}")
        at = self.emit(f"%{tag}.at", f"getelementptr double, ptr {first}, i64 {skip}")
        for q in range(count):
            w = self._weight(f"%{tag}.w{q}", at, str(q))
            self.emit(f"%{tag}.n{q}", f"call {VECTOR} @llvm.fmuladd.v8f64({VECTOR} {x}, {VECTOR} {w}, {VECTOR} %{tag}.z{q})")
        self.emit(f"%{tag}.jnext", f"add i64 %{tag}.j, 1")
        self.emit(f"%{tag}.more", f"icmp ult i64 %{tag}.jnext, {n}")
        self.lines.append(f"  br i1 %{tag}.more, label %{tag}, label %{tag}.end")
        self.begin(f"{tag}.end")
        self._finish(tag, [f"%{tag}.n{q}" for q in range(count)], row, finish)

    def _finish(self, tag: str, sums: list[str], row: str, finish: Callable[[str, int, str, str], None]) -> None:
        for q, z in enumerate(sums):
            place = row if q == 0 else str(int(row) + q) if row.isdigit() else self.emit(f"%{tag}.i{q}", f"add i64 {row}, {q}")
            finish(tag, q, place, z)

    def _weight(self, name: str, weights: str, at: str) -> str:
        """A weight for all lanes, or those of eight neurons."""
        pointer = self.emit(f"{name}.at", f"getelementptr double, ptr {weights}, i64 {at}")
        if not self.lanes:
            return self.emit(name, f"load {VECTOR}, ptr {pointer}, align 8")
        return self.splat(name, self.emit(f"{name}.one", f"load double, ptr {pointer}, align 8"))

    def splat(self, name: str, x: str) -> str:
        """A vector of equal numbers."""
        half = self.emit(f"{name}.half", f"insertelement {VECTOR} undef, double {x}, i32 0")
        return self.emit(name, f"shufflevector {VECTOR} {half}, {VECTOR} undef, <8 x i32> zeroinitializer")


@lru_cache(maxsize=64)
def dense_function(op: str, layers: DenseLayers, width: int) -> DenseFunction:
    """The function of these layers, written once."""
    return DenseFunction(op, layers, width)


def _padded(count: int) -> int:
    return -(-count // EIGHT) * EIGHT


def _constant(value: float) -> str:
    return f"<{', '.join([f'double {value!r}'] * EIGHT)}>"


def _table(layers: DenseLayers) -> np.ndarray:
    """Of every eight neurons their biases, then their weights, input by input."""
    parts = []
    for weights, bias, _ in layers.layers:
        m, n = weights.shape
        table = np.zeros((_padded(m), n + 1))
        table[:m, 0], table[:m, 1:] = bias, weights
        parts.append(table.reshape(-1, EIGHT, n + 1).transpose(0, 2, 1).ravel())
    return np.concatenate(parts)
