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
#: Steps of a tree from which trees are computed side by side; how many at most, with how many steps; where few values wait.
LONG_TREE, BESIDE, STEPS, SHALLOW = 24, 8, 16_000, 4
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
        Of each leaf what it is in every turn.
    values : tuple of int
        The operations that are the values of the trees of a turn.
    targets : tuple of tuple of (int, int)
        Of each value the block and the index where it goes in every turn.
    """

    begin: int
    end: int
    leaves: tuple[tuple[Leaf, ...], ...]
    values: tuple[int, ...]
    targets: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def turns(self) -> int:
        return len(self.targets[0])


@dataclass(frozen=True)
class Repeats(Program):
    """A program in this form: its operations are those of the forms, one after the other.

    Attributes
    ----------
    loops : tuple of Loop
        In an order in which what is read is there; one turn is no loop.
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
    """The program as loops; itself where its forms have more than a third of its operations, or where it has loops of its own.

    Examples
    --------
    >>> import sympy as sp
    >>> from symdyn.codegen.lower import lower
    >>> x = sp.symbols("x0:30")
    >>> ring = lower("rhs", [("lane", ()), ("y", x), ("p", ())], [x[k - 1] * (x[k] - 2) for k in range(30)], [""] * 30)
    >>> found = repeats(ring)
    >>> len(ring.operations), [(o.op, loop.turns) for loop in found.loops for o in found.operations if o.op == "mul"]
    (91, [('mul', 30)])
    """
    operations = program.operations
    if type(program) is not Program or program.watched >= 0 or any(o.op in (*DENSE, "part") for o in operations):
        return program
    for named in (True, False):
        trees = _Trees(program, named)
        if trees.kept > KEPT or trees.work > MOST * len(operations):
            return program
        found = _looped(program, trees)
        if found is not None:
            return found
    return program


def _looped(program: Program, trees: _Trees) -> Repeats | None:
    """The trees of a program as loops, if that leaves few enough operations."""
    groups: dict[tuple[int, tuple[tuple[str, int, int], ...], tuple[int, ...]], list[tuple[tuple[int, int], _Form]]] = {}
    for level, target, form in trees.found:
        kinds = tuple(leaf[0] if isinstance(leaf, tuple) else -1 for leaf in form.leaves)
        groups.setdefault((level, form.steps, (*kinds, target[0])), []).append((target, form))  # a loop stores in one block
    made = _Made()
    forms = 0
    for (_, steps, _), members in sorted(groups.items(), key=lambda item: item[0][0]):
        if len(members) < LEAST:
            forms += len(members) * len(steps)
            parts = [([member], 1) for member in members]
        else:
            forms += len(steps)
            beside = _beside(steps, len(members))
            even = len(members) - len(members) % beside
            parts = [(members[:even], beside), *((([m], 1)) for m in members[even:])]
        if forms > SHARE * len(program.operations):
            return None
        for part, beside in parts:
            made.loop(steps, part, beside)
    return Repeats(
        program.name, program.blocks, tuple(made.operations), (), program.labels, program.packed, program.watched, (),
        tuple(made.loops), trees.kept, made.fused,
    )  # fmt: skip


def _beside(steps: tuple[tuple[str, int, int], ...], count: int) -> int:
    """Trees that are computed in one turn: in a long sum each addition waits for the one before, those of others do not."""
    deepest = depth = 0
    for _, arity, _ in steps:
        depth += 1 - arity
        deepest = max(deepest, depth)
    most = min(BESIDE, count // 2, STEPS // len(steps))  # one turn alone would be no loop
    if len(steps) < LONG_TREE or deepest > SHALLOW or most < 2:
        return 1
    return min(range(most, most // 2, -1), key=lambda k: count % k)


class _Made:
    """Loops and their operations, as they are added."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.loops: list[Loop] = []
        self.fused: dict[int, int] = {}

    def loop(self, steps: tuple[tuple[str, int, int], ...], members: list[tuple[tuple[int, int], _Form]], beside: int) -> None:
        """Trees of one form, so many of them in a turn; what they read from the same places is one leaf."""
        begin, made = len(self.operations), self.operations
        rows = [members[q::beside] for q in range(beside)]
        columns = [list(zip(*(form.leaves for _, form in row), strict=True)) for row in rows]
        leaves: dict[tuple[Leaf, ...], int] = {}
        read: dict[int, int] = {}
        stacks: list[list[int]] = [[] for _ in rows]
        for op, arity, detail in steps:
            for stack, column in zip(stacks, columns, strict=True):
                if op == "input":
                    leaf = leaves.setdefault(column[detail], len(leaves))
                    if leaf not in read:
                        read[leaf] = len(made)
                        made.append(Operation("input", (leaf,)))
                    stack.append(read[leaf])
                    continue
                operands = tuple(stack[len(stack) - arity :])
                del stack[len(stack) - arity :]
                if detail >= 0:
                    self.fused[len(made)] = detail
                stack.append(len(made))
                made.append(Operation(op, operands))
        targets = tuple(tuple(target for target, _ in row) for row in rows)
        self.loops.append(Loop(begin, len(made), tuple(leaves), tuple(stack[0] for stack in stacks), targets))


class _Trees:
    """The trees of a program, each with its level: what it reads of others has a lower one.

    Parameters
    ----------
    program : Program
    named : bool
        Whether what a tree reads twice is one leaf; if not, rows of a matrix times the states times one of these are alike.
    """

    def __init__(self, program: Program, named: bool) -> None:
        self.named, self.operations, self.fused = named, program.operations, contractions(program)
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
            # equal numbers need not be equal in the next tree
            name = k if self.named and op != "const" else (k, len(steps))
            if name not in leaves:
                leaves[name] = len(read)
                read.append(leaf)
            steps.append(("input", 0, leaves[name]))
        self.found.append((level, target, _Form(tuple(steps), tuple(read))))
        if not again and steps[-1][0] != "input":
            self.place[root], self.level[root] = target, level
