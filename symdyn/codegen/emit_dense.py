"""Printer: dense layers -> LLVM IR of a function that applies a table in loops, whose length does not depend on the widths.

``void f(ptr x, ptr out)`` takes vectors of eight doubles, one lane each; or, for a single lane, numbers, and then eight
neurons are a vector.  Each sum begins with the bias and goes through the inputs in their order, by fused multiply-adds, so that
a lane has the same bits in both.  The weights are a table of the module: of every eight neurons their biases, then
their weights, input by input.  Both read it; places of neurons that are not there are zeros.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np

from symdyn.codegen.emit_softmax import shares, turned
from symdyn.codegen.vector_math.activation import ACTIVATIONS, PAIRS, SLOPES
from symdyn.codegen.vector_math.draft import Draft, Value
from symdyn.dense import DenseLayers
from symdyn.dense_arrays import Layer
from symdyn.errors import CompileError

__all__ = ["DenseFunction", "dense_function"]

EIGHT = 8
#: Bytes of the stack that one function may take, of the 8 MiB that threads have.
MOST_MEMORY = 4 << 20
VECTOR = "<8 x double>"
#: Neurons whose sums are in registers at once: of fewer, multiply-adds would wait for each other.
BLOCK = 2 * EIGHT
#: What is done with a prefix of names, the number of a sum in its block, its place and the sum.
Finish = Callable[[str, int, str, str], None]
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
            slope = self._room(f"%s{k}", padded) if self.slopes and layer.function in SLOPES else ""
            self._blocks(f"l{k}", layer, first, source, partial(self._keep, target))
            self._activate(f"a{k}", layer.function, target, slope, m)
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
        name, padded = f"d{k}", _padded(len(layer.bias))

        def finish(tag: str, q: int, at: str, z: str) -> None:
            if slope:
                factor = self.load(f"%{tag}.f{q}", slope, at, VECTOR)
                z = self.emit(f"%{tag}.p{q}", f"fmul {VECTOR} {z}, {factor}")
            self._keep(f"%{name}.to", tag, q, at, z)

        with self.loop(name, 1, self.layers.inputs) as by:
            for side, room, step in (("from", source, stride), ("to", target, padded))[not source :]:
                self.emit(f"%{name}.{side}.skip", f"mul i64 {by}, {step}")
                self.emit(f"%{name}.{side}", f"getelementptr {self.element}, ptr {room}, i64 %{name}.{side}.skip")
            self._blocks(f"{name}l", layer, first, f"%{name}.from", finish, bias=False, only="" if source else by)
            if layer.function == "softmax":
                turned(self, f"{name}.share", values, f"%{name}.to", len(layer.bias))

    def _keep(self, room: str, tag: str, q: int, at: str, z: str) -> None:
        self.store(f"%{tag}.y{q}", room, at, z)

    def _activate(self, tag: str, function: str, target: str, slope: str, count: int) -> None:
        """The function of sums, in place, and its slopes: neurons with those eight further on, then what is left."""
        if function not in ACTIVATIONS:
            return
        step, size = (1, count) if self.lanes else (EIGHT, -(-count // EIGHT))
        apart = EIGHT // step
        pairs = size // (2 * apart) * apart + max(0, size % (2 * apart) - apart) if function in PAIRS else 0
        alone = size - 2 * pairs
        if pairs:
            with self.loop(f"{tag}.pair", 1, pairs) as k:
                group = self.emit(f"%{tag}.pair.group", f"and i64 {k}, {-apart}")
                first = self.emit(f"%{tag}.pair.first", f"add i64 {k}, {group}")
                self._values(f"{tag}.pair", PAIRS[function], function, target, slope, first, (0, apart), step)
        if alone:
            with self.loop(f"{tag}.one", 1, alone) as k:
                first = self.emit(f"%{tag}.one.first", f"add i64 {k}, {pairs + (pairs // apart) * apart}")
                self._values(f"{tag}.one", ACTIVATIONS[function], function, target, slope, first, (0,), step)

    def _values(
        self, tag: str, values: Any, function: str, target: str, slope: str, first: str, apart: Sequence[int], step: int
    ) -> None:
        places, sums = [], []
        for q, distance in enumerate(apart):
            entry = self.emit(f"%{tag}.e{q}", f"add i64 {first}, {distance}")
            places.append(self.emit(f"%{tag}.p{q}", f"mul i64 {entry}, {step}"))
            sums.append(self.load(f"%{tag}.z{q}", target, places[q], VECTOR))
        found = self.inlined(f"{tag}.a", lambda x: values(*x), *sums)
        for q, value in enumerate(found):
            self.store(f"%{tag}.y{q}", target, places[q], value)
            if slope:
                (change,) = self.inlined(f"{tag}.b{q}", lambda x: [SLOPES[function](*x)], sums[q], value)
                self.store(f"%{tag}.sl{q}", slope, places[q], change)

    @contextmanager
    def loop(self, tag: str, step: int, count: int) -> Iterator[str]:
        """A loop whose counter, which it gives, goes from 0 by steps to a count."""
        before = self.label
        self.lines.append(f"  br label %{tag}")
        self.begin(tag)
        place = len(self.lines)
        self.lines.append("")
        yield f"%{tag}.k"
        self.emit(f"%{tag}.next", f"add i64 %{tag}.k, {step}")
        self.emit(f"%{tag}.on", f"icmp ult i64 %{tag}.next, {count}")
        self.lines[place] = f"  %{tag}.k = phi i64 [ 0, %{before} ], [ %{tag}.next, %{self.label} ]"
        self.lines.append(f"  br i1 %{tag}.on, label %{tag}, label %{tag}.end")
        self.begin(f"{tag}.end")

    def inlined(self, prefix: str, function: Callable[[list[Value]], list[Value]], *arguments: str) -> list[str]:
        """Values of a function, its lines in place: the code generator alone would call it."""
        draft = Draft(EIGHT)
        results = function([Value(draft, f"%!{i}", "double") for i in range(len(arguments))])
        self.declarations |= draft.declarations

        def named(text: str) -> str:
            text = re.sub(r"%t(\d+)\b", rf"%{prefix}.\1", text)
            return re.sub(r"%!(\d)", lambda found: arguments[int(found[1])], text)

        self.lines += map(named, draft.lines)
        return [named(value.name) for value in results]

    def load(self, name: str, room: str, at: str, kind: str) -> str:
        """What is in a room at a place."""
        pointer = self.emit(f"{name}.at", f"getelementptr {self.element}, ptr {room}, i64 {at}")
        return self.emit(name, f"load {kind}, ptr {pointer}, align 8")

    def store(self, name: str, room: str, at: str, value: str) -> None:
        """Put a vector into a room."""
        pointer = self.emit(name, f"getelementptr {self.element}, ptr {room}, i64 {at}")
        self.lines.append(f"  store {VECTOR} {value}, ptr {pointer}, align 8")

    # ---- sums ------------------------------------------------------------------------------------

    def _units(self, neurons: int) -> int:
        """How many vectors there are of so many neurons."""
        return neurons if self.lanes else -(-neurons // EIGHT)

    def _blocks(
        self, tag: str, layer: Layer, first: int, source: str, finish: Finish, *, bias: bool = True, only: str = ""
    ) -> None:
        """Sums of all neurons of a layer, some at a time, each handed to `finish` with its place; or weights of one input."""
        m, n = layer.weights.shape
        full, rest = m // BLOCK, m % BLOCK
        base = self.emit(f"%{tag}.w", f"getelementptr double, ptr {self.table}, i64 {first}")
        if full:
            with self.loop(f"{tag}.block", 1, full) as k:
                skip = self.emit(f"%{tag}.skip", f"mul i64 {k}, {BLOCK * (n + 1)}")
                weights = self.emit(f"%{tag}.wb", f"getelementptr double, ptr {base}, i64 {skip}")
                at = self.emit(f"%{tag}.row", f"mul i64 {k}, {BLOCK}")
                self._sums(f"{tag}.f", weights, source, n, self._units(BLOCK), at, finish, bias=bias, only=only)
        if rest:
            weights = self.emit(f"%{tag}.wr", f"getelementptr double, ptr {base}, i64 {full * BLOCK * (n + 1)}")
            self._sums(f"{tag}.r", weights, source, n, self._units(rest), str(full * BLOCK), finish, bias=bias, only=only)

    def _sums(
        self, tag: str, weights: str, source: str, n: int, count: int, row: str, finish: Finish, *, bias: bool, only: str
    ) -> None:
        """A loop over the inputs with `count` sums in registers."""
        apart = [q // EIGHT * EIGHT * (n + 1) + q % EIGHT if self.lanes else q * EIGHT * (n + 1) for q in range(count)]
        first = self.emit(f"%{tag}.first", f"getelementptr double, ptr {weights}, i64 {EIGHT}")
        if only:
            skip = self.emit(f"%{tag}.skip", f"mul i64 {only}, {EIGHT}")
            at = self.emit(f"%{tag}.at", f"getelementptr double, ptr {first}, i64 {skip}")
            self._finish(tag, [self._weight(f"%{tag}.w{q}", at, place) for q, place in enumerate(apart)], row, finish)
            return
        begun = [self._weight(f"%{tag}.c{q}", weights, p) if bias else "zeroinitializer" for q, p in enumerate(apart)]
        before = self.label
        with self.loop(tag, 1, n) as j:
            for q, start in enumerate(begun):
                self.emit(f"%{tag}.z{q}", f"phi {VECTOR} [ {start}, %{before} ], [ %{tag}.n{q}, %{tag} ]")
            x = self.load(f"%{tag}.x", source, j, self.element)
            x = x if self.lanes else self.splat(f"%{tag}.xs", x)
            skip = self.emit(f"%{tag}.skip", f"mul i64 {j}, {EIGHT}")
            at = self.emit(f"%{tag}.at", f"getelementptr double, ptr {first}, i64 {skip}")
            for q, place in enumerate(apart):
                factors = f"{VECTOR} {x}, {VECTOR} {self._weight(f'%{tag}.w{q}', at, place)}"
                self.emit(f"%{tag}.n{q}", f"call {VECTOR} @llvm.fmuladd.v8f64({factors}, {VECTOR} %{tag}.z{q})")
        self._finish(tag, [f"%{tag}.n{q}" for q in range(count)], row, finish)

    def _finish(self, tag: str, sums: list[str], row: str, finish: Finish) -> None:
        step = 1 if self.lanes else EIGHT
        for q, z in enumerate(sums):
            further = q * step
            place = row if q == 0 else str(int(row) + further) if row.isdigit() else ""
            finish(tag, q, place or self.emit(f"%{tag}.i{q}", f"add i64 {row}, {further}"), z)

    def _weight(self, name: str, weights: str, at: int) -> str:
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
