"""The straight-line form between mathematics and code: inputs, numbered operations, outputs; no loops, no branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from symdyn.dense import DenseLayers

__all__ = ["BINARY", "CALLS", "COMPARISONS", "DENSE", "Elimination", "Made", "Operation", "Program"]

#: Arithmetic of two operands.
BINARY = ("add", "sub", "mul", "div")
#: Comparisons and logic; their values are used by `select` alone.
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
#: Operations whose value is a list of numbers, of which "part" takes one.
DENSE = ("dense", "slopes")
#: Functions of one or two operands, by the names that C's math library gives them; but fmin and fmax of what is not a number
#: and anything else are not a number.
CALLS = {
    **dict.fromkeys(
        (
            "sqrt", "fabs", "floor", "ceil", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
            "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma",
        ),
        1,
    ),
    **dict.fromkeys(("pow", "atan2", "fmin", "fmax"), 2),
}  # fmt: skip


class Operation(NamedTuple):
    """One value: an operator, the numbers of its operands, and the constant if it is one.

    ``Operation("input", (block, index))`` reads an argument; ``Operation("const", (), 2.5)`` is a number;
    ``Operation("select", (condition, yes, no))`` chooses; ``Operation("dense", arguments, k)`` applies table k of the program
    and ``Operation("slopes", arguments, k)`` gives its partial derivatives, row by row: of such a list of values,
    ``Operation("part", (list,), i)`` is one; all others act on earlier values.
    """

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0


@dataclass(frozen=True)
class Program:
    """A straight-line function of blocks of numbers.

    Attributes
    ----------
    name : str
        Of the function to be generated.
    blocks : tuple of (str, tuple of str)
        Argument blocks in order, each with the names of its entries.
    operations : tuple of Operation
        Value `k` is the result of ``operations[k]``, which uses earlier values only.
    outputs : tuple of int
        Numbers of the values that are returned, in order.
    labels : tuple of str
        What each output is, for the reader of the generated code.
    packed : bool
        Whether the driver reads what a single lane stores as vectors of eight.
    watched : int
        Of a program whose outputs begin with the next values of its second block: the output that ends a run of several
        in a row, once it exceeds a limit; for a single lane such a run is compiled too.  -1 for all other programs.
    tables : tuple of DenseLayers
        Those that operations apply.
    """

    name: str
    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    labels: tuple[str, ...]
    packed: bool = True
    watched: int = -1
    tables: tuple[DenseLayers, ...] = ()

    def as_json(self) -> list[Any]:
        """The program as values that JSON can hold."""
        tables = [[t.name, [[w.tolist(), b.tolist(), f] for w, b, f in t.layers]] for t in self.tables]
        return [self.name, self.blocks, self.operations, self.outputs, self.labels, self.packed, self.watched, tables]

    @classmethod
    def from_json(cls, parts: Sequence[Any]) -> Program:
        """The program that `as_json` wrote."""
        name, blocks, operations, outputs, labels, packed, watched, tables = parts
        return cls(
            name,
            tuple((block, tuple(names)) for block, names in blocks),
            tuple(Operation(op, tuple(args), value) for op, args, value in operations),
            tuple(outputs),
            tuple(labels),
            packed,
            watched,
            tuple(DenseLayers(called, layers) for called, layers in tables),
        )

    def uses(self) -> list[int]:
        """How often each value is used, outputs included."""
        count = [0] * len(self.operations)
        for o in self.operations:
            if o.op != "input":
                for a in o.args:
                    count[a] += 1
        for k in self.outputs:
            count[k] += 1
        return count


@dataclass(frozen=True)
class Elimination:
    """A sparse LU factorisation without interchanges as tables, for `symdyn_kernels.drivers.elimination`.

    Attributes
    ----------
    order : list of int
        The n rows in the order in which they are pivots.
    begin, diagonal, end : list of int
        Of each row: where its factors begin, where the reciprocal of its pivot is, and where they end.
    columns : list of int
        The column of each factor; in a row they come in the order of the pivots.
    entries : list of int, of length n + 1
        Where the entries of each row of the matrix begin among what the program ``matrix`` computes, and
    entry_columns : list of int
        their columns.
    """

    order: list[int]
    begin: list[int]
    diagonal: list[int]
    end: list[int]
    columns: list[int]
    entries: list[int]
    entry_columns: list[int]

    @property
    def matrix(self) -> int:
        """The row of the results at which the program ``matrix`` stores: after the factors and n rows of work."""
        return len(self.columns) + len(self.order)

    @property
    def factors(self) -> int:
        """Rows of results before the time derivatives."""
        return self.matrix + len(self.entry_columns)


@dataclass(frozen=True)
class Made:
    """Generated code of a model: programs, further facts for the driver, and text in other forms.

    Attributes
    ----------
    programs : tuple of Program
    facts : dict
        Values that JSON can hold; they are kept beside the object code and found again as ``ModelFunctions.facts``.
    ir, names : str and tuple of str
        A module of LLVM IR, and the functions in it that the driver calls, before those of the programs; all of a single lane.
    elimination : Elimination or None
        Tables from which ``factor`` and ``solve`` work, after the program ``matrix``.
    """

    programs: tuple[Program, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    ir: str = ""
    names: tuple[str, ...] = ()
    elimination: Elimination | None = None
