"""Independent calls of one elementary function: a single lane makes them as one call of a vector.

The bits are those of separate calls; a vector of eight costs about as much as two or three numbers.
"""

from __future__ import annotations

from collections import defaultdict

from symdyn.codegen.program import Program
from symdyn.codegen.vector_math import FUNCTIONS

__all__ = ["call_groups"]

#: Calls in one vector.
MOST = 8


def call_groups(program: Program) -> tuple[list[int], dict[int, list[int]]]:
    """The operations in an order in which each follows its operands, and the groups of calls made at the place of the first.

    >>> from symdyn.codegen.program import Operation
    >>> x, y = Operation("input", (1, 0)), Operation("input", (1, 1))
    >>> calls = (Operation("exp", (0,)), Operation("exp", (2,)), Operation("exp", (1,)), Operation("add", (3, 4)))
    >>> call_groups(Program("f", (), (x, y, *calls), (5,), ("exp(exp(x)) + exp(y)",)))
    ([0, 1, 2, 4, 3, 5], {2: [2, 4]})
    """
    operations = program.operations
    calls = [o.op in FUNCTIONS for o in operations]
    depth: list[int] = []  # calls on the longest way to a value
    for op, args, _ in operations:
        depth.append(0 if op == "input" else max((depth[a] + calls[a] for a in args), default=0))
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for k, o in enumerate(operations):
        if calls[k]:
            alike[depth[k], o.op].append(k)
    parts = [found[begin : begin + MOST] for found in alike.values() for begin in range(0, len(found), MOST)]
    groups = {part[0]: part for part in parts if len(part) > 1}
    if not groups:
        return list(range(len(operations))), {}
    order = sorted(range(len(operations)), key=lambda k: (depth[k], operations[k].op if calls[k] else "", k))
    return order, groups
