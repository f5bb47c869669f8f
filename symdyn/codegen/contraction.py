"""Contraction of a product and a sum to a fused multiply-add: decided here, so that all printers and optimisers round alike.

Left to the code generator, the choice depends on the width of the vectors and on the level of optimisation.
"""

from __future__ import annotations

from symdyn.codegen.program import Program

__all__ = ["contractions"]


def contractions(program: Program) -> dict[int, int]:
    """For each sum and difference that becomes ``fma(a, b, c)``: the position of the product among its two operands.

    It is the first operand that is a product and that nothing else uses.

    >>> from symdyn.codegen.program import Operation
    >>> x, y = Operation("input", (1, 0)), Operation("input", (1, 1))
    >>> contractions(Program("f", (), (x, y, Operation("mul", (0, 1)), Operation("sub", (0, 2))), (3,), ("d",)))
    {3: 1}
    """
    uses, operations = program.uses(), program.operations
    found = {}
    for k, (op, args, _) in enumerate(operations):
        if op in ("add", "sub"):
            products = [q for q, a in enumerate(args) if operations[a].op == "mul" and uses[a] == 1]
            if products:
                found[k] = products[0]
    return found
