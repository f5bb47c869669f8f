"""The step of an automaton for cards: the function that `symdyn_kernels.devices.automaton` calls for each word."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.codegen.automaton_program import EACH, HEAD, classes, word_parts
from symdyn.codegen.cuda.join import Device, join_module
from symdyn.models.automaton import Automaton

__all__ = ["ARGUMENTS", "automaton_text"]

#: Types of the arguments of the kernel in numba's notation.
ARGUMENTS = (
    "int64, uint64[::1], uint64[:, ::1], float64[:, ::1], float64[::1], int64[::1], int64, int64, int64, int64, int64, "
    "float64[:, :, ::1]"
)
#: The end of a rule with random cells: numbers of bits from the highest on, until all cells of the word are decided.
DRAW = """    bit, drawn = i64(63), i64(0)
    while left != u64(0) and bit >= i64(tables[row, {lowest}]):
        word, s = next_word(s)
        level = {level}
        result |= left & u64(~word) & level
        left &= u64(~(word ^ level))
        bit -= 1
        drawn += 1
    return result, s, drawn
"""


def automaton_text(system: Automaton) -> str:
    """The source of the kernel of an automaton.

    >>> s, p = sp.IndexedBase("s"), sp.Symbol("p")
    >>> text = automaton_text(Automaton(p * s[-1], sites=9))
    >>> "def run_lattices(" in text
    True
    """
    total, first, rules = sum(len(classes(table)) for table in system.tables), 0, []
    for number, table in enumerate(system.tables):
        rules.append(_rule(number, table, system.neighbours[number], first, total))
        first += len(classes(table))
    calls = [f"    if name == {k}:\n        return rule_{k}(memory, at, stride, tables, row, s)" for k in range(len(rules) - 1)]
    last = f"    return rule_{len(rules) - 1}(memory, at, stride, tables, row, s)"
    choice = "\n".join(["def following(name, memory, at, stride, tables, row, s):", *calls, last])
    functions = "\n\n\n".join([f"NAMES = {len(rules)}", *rules, choice])
    return join_module(f"bit-parallel for\n\n{system}", Device(functions, "automaton"), "float64")


class _Statements:
    """Operations on words as statements, each of which gives its result a name."""

    zeros, ones = "u64(0)", "u64(0xFFFFFFFFFFFFFFFF)"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def named(self, value: str) -> str:
        self.lines.append(f"w{len(self.lines)} = {value}")
        return f"w{len(self.lines) - 1}"

    def both(self, a: str, b: str) -> str:
        return self.named(f"{a} & {b}")

    def without(self, a: str, b: str) -> str:
        return self.named(f"u64(~{a}) & {b}")

    def chosen(self, a: str, zero: str, one: str) -> str:
        return self.named(f"{zero} ^ ({a} & ({zero} ^ {one}))")

    def cell(self, name: int, distance: int) -> str:
        """The word in which bit i is the cell at this distance from cell i."""
        place = "at" if name == 0 else f"at + {name} * stride"
        if distance == 0:
            return self.named(f"u64(memory[{place}])")
        k, near, far, side = abs(distance), "<<", ">>", "- 1"
        if distance > 0:
            near, far, side = ">>", "<<", "+ 1"
        beside = f"u64(u64(memory[{place} {side}]) {far} u64({64 - k}))"
        return self.named(f"u64(u64(memory[{place}]) {near} u64({k})) | {beside}")


def _rule(number: int, table: Sequence[sp.Expr], neighbours: Sequence[tuple[int, int]], first: int, total: int) -> str:
    """The next word of a name; `first` is the number of its first class."""
    made = _Statements()
    certain, *parts = word_parts(table, [made.cell(f, d) for f, d in neighbours], made)
    head = [f"def rule_{number}(memory, at, stride, tables, row, s):", *(f"    {line}" for line in made.lines)]
    if not parts:
        return "\n".join([*head, f"    return {certain}, s, i64(0)"])
    places = [HEAD + EACH * (first + c) for c in range(len(parts))]
    sure = [f"({part} & u64(tables[row, {q + 1}]))" for part, q in zip(parts, places, strict=True)]
    undecided = [f"({part} & u64(tables[row, {q + 2}]))" for part, q in zip(parts, places, strict=True)]
    levels = [
        f"({part} & u64(u64(0) - ((u64(tables[row, {q}]) >> u64(bit)) & u64(1))))"
        for part, q in zip(parts, places, strict=True)
    ]
    begin = [f"    result = {' | '.join([certain, *sure])}", f"    left = {' | '.join(undecided)}"]
    return "\n".join([*head, *begin, DRAW.format(lowest=HEAD + EACH * total + number, level=" | ".join(levels)).rstrip()])
