"""The straight-line form between mathematics and code: inputs, numbered operations, outputs; no loops, no branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["BINARY", "CALLS", "COMPARISONS", "Operation", "Program"]

#: Arithmetic of two operands.
BINARY = ("add", "sub", "mul", "div")
#: Comparisons and logic; their values are used by `select` alone.
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
#: Functions of one or two operands, by the names that C's math library gives them.
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
    ``Operation("select", (condition, yes, no))`` chooses; all others act on earlier values.
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
    """

    name: str
    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    labels: tuple[str, ...]

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
