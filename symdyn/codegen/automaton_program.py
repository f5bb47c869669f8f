"""The step of an automaton as LLVM IR: logical operations on eight words of 64 cells, and the comparison of random bits.

For each rule the cells are divided into those whose next value is 1 or 0 for certain and *classes*, one for each different
probability.  The words of a class, a function of the words of the neighbours, are made by Shannon's expansion, in which equal
parts are made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import sympy as sp
from llvmlite import ir

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.models.automaton import Automaton

__all__ = ["EACH", "HEAD", "Logic", "class_tables", "classes", "step_ir", "word_parts"]

_WORD, _LANES = ir.IntType(64), 8
_VECTOR = ir.VectorType(_WORD, _LANES)
#: Words of a table before those of the classes: words of a name; then for each class its probability, whether it is 1, whether
#: it is neither 0 nor 1, and for each rule the lowest bit of its probabilities that is not 0.
HEAD, EACH = 1, 3


def classes(table: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
    """The different probabilities of a table that are not known to be 0 or 1, in the order of their first use.

    >>> p = sp.Symbol("p")
    >>> classes([sp.S.Zero, p, p, sp.S.One])
    (p,)
    """
    return tuple(dict.fromkeys(e for e in table if e not in (0, 1)))


class Logic(Protocol):
    """Operations on words, whatever writes them down."""

    zeros: Any
    ones: Any

    def both(self, a: Any, b: Any) -> Any: ...

    def without(self, a: Any, b: Any) -> Any:
        """Where b is 1 and a is not."""

    def chosen(self, a: Any, zero: Any, one: Any) -> Any:
        """The one where a is 1, and the other where it is 0."""


def word_parts(table: Sequence[sp.Expr], words: Sequence[Any], logic: Logic) -> list[Any]:
    """The words where the next value is 1 for certain, then those of each class, by Shannon's expansion.

    `table` has the probability for all values of the cells of `words`, of which the first changes slowest.
    """
    known: dict[tuple[bool, ...], Any] = {}

    def where(bits: tuple[bool, ...], words: Sequence[Any]) -> Any:
        if not any(bits):
            return logic.zeros
        if all(bits):
            return logic.ones
        if bits not in known:
            x, rest, half = words[0], words[1:], len(bits) // 2
            low, high = bits[:half], bits[half:]
            if low == high:
                known[bits] = where(low, rest)
            elif not any(low):
                known[bits] = x if all(high) else logic.both(x, where(high, rest))
            elif not any(high):
                known[bits] = logic.without(x, where(low, rest))
            else:
                known[bits] = logic.chosen(x, where(low, rest), where(high, rest))
        return known[bits]

    return [where(tuple(e == value for e in table), words) for value in (1, *classes(table))]


def class_tables(system: Automaton, parameters: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
    """The words that the step takes for each trajectory, and its probabilities.

    Parameters
    ----------
    system : Automaton
    parameters : (N, k) float64
    words : int
        Of a name, in the lattice.

    Returns
    -------
    (N, c) int64
    (N, m) float64
        Of all classes of all rules; not checked.
    """
    found = [classes(table) for table in system.tables]
    listed = [e for part in found for e in part]
    program = lower("classes", [("p", system.parameters)], listed, [str(e) for e in listed])
    count = len(parameters)
    columns = evaluate(program, list(parameters.T)) if listed else []
    chances = np.array([np.broadcast_to(c, count) for c in columns], dtype=float).reshape(len(listed), count).T
    rows = np.zeros((count, HEAD + EACH * len(listed) + len(found)), np.uint64)
    rows[:, 0] = words
    with np.errstate(invalid="ignore"):
        inside = (chances > 0) & (chances < 1)
        levels = np.where(inside, chances, 0.0) * 2.0**64
    whole = np.minimum(levels, 2.0**64 - 2048).astype(np.uint64)  # the largest double below 2^64
    whole += (inside & (whole == 0)).astype(np.uint64)
    body = rows[:, HEAD : HEAD + EACH * len(listed)].reshape(count, len(listed), EACH)
    body[..., 0], body[..., 1] = whole, np.where(chances >= 1, 2**64 - 1, 0).astype(np.uint64)
    body[..., 2] = np.where(inside, 2**64 - 1, 0).astype(np.uint64)
    rows[:, HEAD : HEAD + EACH * len(listed)] = body.reshape(count, -1)
    place = 0
    for i, part in enumerate(found):
        bits = np.bitwise_or.reduce(whole[:, place : place + len(part)], axis=1) if part else np.zeros(count, np.uint64)
        lowest = np.log2((bits & (~bits + np.uint64(1))).astype(float), out=np.full(count, 64.0), where=bits > 0)
        rows[:, HEAD + EACH * len(listed) + i] = lowest.astype(np.uint64)
        place += len(part)
    return rows.view(np.int64), chances


def step_ir(system: Automaton, triple: str) -> str:
    """The function ``step`` of `symdyn_kernels.drivers.automaton` for an automaton.

    >>> s, p = sp.IndexedBase("s"), sp.Symbol("p")
    >>> text = step_ir(Automaton(p * s[-1], sites=9), "x86_64-unknown-linux-gnu")
    >>> "define void @" in text
    True
    """
    module = ir.Module(name="automaton")
    module.triple = triple
    pointer = _WORD.as_pointer()
    step = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer] * 4), name="step")
    build = _Step(system, module, step)
    first = 0
    for i, table in enumerate(system.tables):
        build.rule(i, table, first, sum(len(classes(t)) for t in system.tables))
        first += len(classes(table))
    build.builder.ret_void()
    return str(module)


class _Step:
    """The function while it is written."""

    def __init__(self, system: Automaton, module: ir.Module, step: ir.Function) -> None:
        self.system, self.step = system, step
        self.random, self.present, self.table, self.next = step.args
        self.builder = ir.IRBuilder(step.append_basic_block("begin"))
        self.stride = self.builder.add(self.builder.load(self.table), ir.Constant(_WORD, 2))
        self.cells: dict[tuple[int, int], Any] = {}
        self.any_bit = ir.Function(module, ir.FunctionType(_WORD, [_VECTOR]), "llvm.vector.reduce.or.v8i64")

    def _vector(self, base: Any, name: int, offset: int) -> Any:
        """The address of eight words of a name."""
        b = self.builder
        index = b.add(b.mul(self.stride, ir.Constant(_WORD, name)), ir.Constant(_WORD, offset))
        return b.bitcast(b.gep(base, [index]), _VECTOR.as_pointer())

    def cell(self, name: int, distance: int) -> Any:
        """The words in which bit i is the cell at this distance from cell i."""
        if (name, distance) not in self.cells:
            b, k = self.builder, abs(distance)
            word = b.load(self._vector(self.present, name, 0), align=8)
            if distance:
                beside = b.load(self._vector(self.present, name, 1 if distance > 0 else -1), align=8)
                near, far = (b.lshr, b.shl) if distance > 0 else (b.shl, b.lshr)
                word = b.or_(near(word, _words(k)), far(beside, _words(64 - k)))
            self.cells[name, distance] = word
        return self.cells[name, distance]

    def rule(self, number: int, table: Sequence[sp.Expr], first: int, total: int) -> None:
        """Store the next words of a name; `first` is the number of its first class."""
        b = self.builder
        words = [self.cell(f, d) for f, d in self.system.neighbours[number]]
        found, *parts = word_parts(table, words, _Instructions(self.builder))
        if parts:
            found = self._drawn(found, parts, first, ir.Constant(_WORD, HEAD + EACH * total + number))
            b = self.builder
        b.store(found, self._vector(self.next, number, 0), align=8)

    def _drawn(self, certain: Any, parts: Sequence[Any], first: int, last: Any) -> Any:
        """The next words: certain cells, and of each class those whose random number is below its probability."""
        from symdyn_kernels.rng import advanced  # imports numba, which a step that is loaded does without

        b = self.builder
        lowest = b.load(b.gep(self.table, [last]))
        columns = [[self._number(HEAD + EACH * (first + c) + k) for k in range(EACH)] for c in range(len(parts))]
        sure, open_ = certain, _words(0)
        for part, (_, one, inside) in zip(parts, columns, strict=True):
            sure = b.or_(sure, b.and_(part, self._spread(one)))
            open_ = b.or_(open_, b.and_(part, self._spread(inside)))
        places = [self._state(i) for i in range(4)]
        states = [b.load(p, align=8) for p in places]
        begin = b.block
        loop, after = (self.step.append_basic_block(f"{name}{first}") for name in ("draw", "drawn"))
        b.cbranch(self._some(open_, ir.Constant(_WORD, 63), lowest), loop, after)
        b.position_at_end(loop)
        bit, result, left, *present = (b.phi(kind) for kind in (_WORD, *[_VECTOR] * 6))
        drawn, now = advanced(b, *present)
        drawn = b.bitcast(drawn, _VECTOR)
        level = _words(0)
        for part, (chance, _, _) in zip(parts, columns, strict=True):
            mask = b.neg(b.and_(b.lshr(chance, bit), ir.Constant(_WORD, 1)))
            level = b.or_(level, b.and_(part, self._spread(mask)))
        grown = b.or_(result, b.and_(left, b.and_(b.not_(drawn), level)))
        rest = b.and_(left, b.not_(b.xor(drawn, level)))
        following = b.sub(bit, ir.Constant(_WORD, 1))
        for phi, old, new in zip(
            (bit, result, left, *present), (ir.Constant(_WORD, 63), sure, open_, *states), (following, grown, rest, *now),
            strict=True,
        ):  # fmt: skip
            phi.add_incoming(old, begin)
            phi.add_incoming(new, b.block)
        b.cbranch(self._some(rest, following, lowest), loop, after)
        ended = b.block
        b.position_at_end(after)
        merged = [b.phi(_VECTOR) for _ in range(5)]
        for phi, old, new in zip(merged, (sure, *states), (grown, *now), strict=True):
            phi.add_incoming(old, begin)
            phi.add_incoming(new, ended)
        for value, place in zip(merged[1:], places, strict=True):
            b.store(value, place, align=8)
        return merged[0]

    def _some(self, words: Any, bit: Any, lowest: Any) -> Any:
        """Whether cells are undecided, and the probabilities have further bits."""
        b = self.builder
        undecided = b.icmp_unsigned("!=", b.call(self.any_bit, [words]), ir.Constant(_WORD, 0))
        return b.and_(undecided, b.icmp_signed(">=", bit, lowest))

    def _number(self, index: int) -> Any:
        return self.builder.load(self.builder.gep(self.table, [ir.Constant(_WORD, index)]))

    def _spread(self, word: Any) -> Any:
        """Eight times the same word."""
        b = self.builder
        one = b.insert_element(ir.Constant(_VECTOR, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
        return b.shuffle_vector(
            one, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
        )

    def _state(self, i: int) -> Any:
        return self.builder.bitcast(self.builder.gep(self.random, [ir.Constant(_WORD, _LANES * i)]), _VECTOR.as_pointer())


class _Instructions:
    """Operations on eight words as instructions of LLVM."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder, self.zeros, self.ones = builder, _words(0), _words(2**64 - 1)

    def both(self, a: Any, b: Any) -> Any:
        return self.builder.and_(a, b)

    def without(self, a: Any, b: Any) -> Any:
        return self.builder.and_(self.builder.not_(a), b)

    def chosen(self, a: Any, zero: Any, one: Any) -> Any:
        b = self.builder
        return b.xor(zero, b.and_(a, b.xor(zero, one)))


def _words(k: int) -> Any:
    return ir.Constant(_VECTOR, [k] * _LANES)
