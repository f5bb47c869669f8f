"""Parts of a straight-line program that are alike but for what they read, as loops: large models repeat a few formulas.

Every output, and every value that is used more than once, is a tree of operations down to inputs, numbers and other such
values.  Trees of one form are a loop over tables of what each reads and where it puts its value; the code of a model grows with
its forms, no longer with its size.  Operations and their contractions are those of the program, and so are the bits of results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from symdyn.codegen.contraction import contractions
from symdyn.codegen.program import BINARY, COMPARISONS, DENSE, Operation, Program

__all__ = ["OUT", "SCRATCH", "Loop", "Repeats", "repeats"]

#: Blocks beyond the three of arguments: results, and values that are kept until the function ends.
OUT, SCRATCH = 3, 4
#: Trees of one form from which a loop is worth its tables, and the share of the operations that must remain at most.
LEAST, SHARE = 8, 1 / 3
#: Operations of a value that is computed wherever it is used, rather than kept; and most values that are kept, on the stack.
CHEAP, KEPT = 4, 20_000
#: Operations of all trees at most, as a multiple of those of the program: conditions are computed wherever they are used.
MOST = 2
FREE = {*BINARY[:3], "neg"}

#: An input (block, index), or a number.
Leaf = tuple[int, int] | float


class Loop(NamedTuple):
    """Trees of one form.

    Attributes
    ----------
    begin, end : int
        Its operations; an input has the arguments (k,): it is leaf k.
    leaves : tuple of tuple
        Of each leaf what it is in every tree.
    value : int
        The operation that is the value of the tree.
    targets : tuple of (int, int)
        Block and index where the values go.
    """

    begin: int
    end: int
    leaves: tuple[tuple[Leaf, ...], ...]
    value: int
    targets: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Repeats(Program):
    """A program in this form: its operations are those of the forms, one after the other.

    Attributes
    ----------
    loops : tuple of Loop
        In an order in which what is read is there; one tree is no loop.
    kept : int
        Values in the block `SCRATCH`.
    fused : dict
        See `symdyn.codegen.contraction.contractions`.
    """

    loops: tuple[Loop, ...] = ()
    kept: int = 0
    fused: dict[int, int] | None = None


class _Form(NamedTuple):
    """A tree: its operations after those of their operands, which leaves they are, and what these read."""

    steps: tuple[tuple[str, int, int], ...]
    leaves: tuple[Leaf, ...]


def repeats(program: Program) -> Program:
    """The program as loops; itself where that leaves more than a third of its operations, or where it has loops of its own.

    Examples
    --------
    >>> import sympy as sp
    >>> from symdyn.codegen.lower import lower
    >>> x = sp.symbols("x0:30")
    >>> ring = lower("rhs", [("lane", ()), ("y", x), ("p", ())], [x[k - 1] * (x[k] - 2) for k in range(30)], [""] * 30)
    >>> found = repeats(ring)
    >>> len(ring.operations), [(o.op, len(loop.targets)) for loop in found.loops for o in found.operations if o.op == "mul"]
    (91, [('mul', 30)])
    """
    operations = program.operations
    if type(program) is not Program or program.watched >= 0 or any(o.op in (*DENSE, "part") for o in operations):
        return program
    trees = _Trees(program)
    if trees.kept > KEPT or trees.work > MOST * len(operations):
        return program
    groups: dict[tuple[int, tuple[tuple[str, int, int], ...], tuple[int, ...]], list[tuple[tuple[int, int], _Form]]] = {}
    for level, target, form in trees.found:
        kinds = tuple(leaf[0] if isinstance(leaf, tuple) else -1 for leaf in form.leaves)
        groups.setdefault((level, form.steps, (*kinds, target[0])), []).append((target, form))  # a loop stores in one block
    made: list[Operation] = []
    loops: list[Loop] = []
    fused: dict[int, int] = {}
    for (_, steps, _), members in sorted(groups.items(), key=lambda item: item[0][0]):
        parts = [members] if len(members) >= LEAST else [[member] for member in members]
        for part in parts:
            begin = len(made)
            stack: list[int] = []
            for op, arity, detail in steps:
                at = len(made)
                if op == "input":
                    made.append(Operation("input", (detail,)))
                else:
                    operands = tuple(stack[len(stack) - arity :])
                    del stack[len(stack) - arity :]
                    made.append(Operation(op, operands))
                    if detail >= 0:
                        fused[at] = detail
                stack.append(at)
            leaves = tuple(zip(*(form.leaves for _, form in part), strict=True))
            loops.append(Loop(begin, len(made), leaves, stack[0], tuple(target for target, _ in part)))
        if len(made) > SHARE * len(operations):
            return program
    return Repeats(
        program.name, program.blocks, tuple(made), (), program.labels, program.packed, program.watched, (), tuple(loops),
        trees.kept, fused,
    )  # fmt: skip


class _Trees:
    """The trees of a program, each with its level: what it reads of others has a lower one."""

    def __init__(self, program: Program) -> None:
        self.operations, self.fused = program.operations, contractions(program)
        uses, self.kept, self.work = program.uses(), 0, 0
        for k in reversed(range(len(self.operations))):  # a condition of several reads its operands as often
            op, args, _ = self.operations[k]
            if op in COMPARISONS and uses[k] > 1:
                for a in args:
                    uses[a] += 1
        self.size = size = [0] * len(self.operations)
        cheap = [False] * len(self.operations)
        self.place: dict[int, tuple[int, int]] = {}
        self.level: dict[int, int] = {}
        self.found: list[tuple[int, tuple[int, int], _Form]] = []
        first = {k: i for i, k in reversed([*enumerate(program.outputs)])}
        for k, (op, args, _) in enumerate(self.operations):
            if op in ("input", "const"):
                cheap[k] = True
                continue
            size[k] = 1 + sum(size[a] for a in args)
            cheap[k] = op in FREE and all(cheap[a] for a in args) and size[k] <= CHEAP
            if uses[k] > 1 and not cheap[k] and op not in COMPARISONS:
                self._add(k, (OUT, first[k]) if k in first else self._scratch())
                size[k] = 0
        for i, k in enumerate(program.outputs):
            if self.place.get(k) != (OUT, i):
                self._add(k, (OUT, i), again=k in self.place)

    def _scratch(self) -> tuple[int, int]:
        self.kept += 1
        return SCRATCH, self.kept - 1

    def _add(self, root: int, target: tuple[int, int], *, again: bool = False) -> None:
        """A tree; its value is read from its place from then on unless it is the output of one tree alone."""
        self.work += 0 if again else self.size[root]
        if self.work > MOST * len(self.operations):
            return
        steps: list[tuple[str, int, int]] = []
        leaves: dict[object, int] = {}
        read: list[Leaf] = []
        level = 0
        stack: list[tuple[int, bool]] = [(root, False)]
        while stack:
            k, done = stack.pop()
            op, args, value = self.operations[k]
            if op in ("fmin", "fmax"):  # of equal zeros it is the operand that is no number, see `Printer`
                args = tuple(sorted(args, key=lambda a: self.operations[a].op != "const"))
            if done:
                steps.append((op, len(args), self.fused.get(k, -1)))
                continue
            stored = k in self.place and (again or k != root)
            if not stored and op not in ("input", "const"):
                stack += [(k, True), *((a, False) for a in reversed(args))]
                continue
            leaf: Leaf = self.place[k] if stored else value if op == "const" else (args[0], args[1])
            if stored:
                level = max(level, self.level[k] + 1)
            name = (k, len(steps)) if op == "const" else k  # equal numbers need not be equal in the next tree
            if name not in leaves:
                leaves[name] = len(read)
                read.append(leaf)
            steps.append(("input", 0, leaves[name]))
        self.found.append((level, target, _Form(tuple(steps), tuple(read))))
        if not again and steps[-1][0] != "input":
            self.place[root], self.level[root] = target, level
