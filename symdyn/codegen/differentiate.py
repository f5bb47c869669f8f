r"""Partial derivatives of values of a program, as further operations of the same program: forward, sparse, on the graph.

Every value has its derivatives by those inputs on which it depends, :math:`\mathrm{d}(ab) = b\,\mathrm{d}a +
a\,\mathrm{d}b` and so on; zeros are not stored, and a value that occurs several times is differentiated once.
The convention at jumps is that of `symdyn.declaration.derivative`: ``|x|`` has ``sign(x)``, a jump has zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdyn.codegen.lower import Lowering
from symdyn.codegen.partials import STEPS, Partials
from symdyn.codegen.program import DENSE

__all__ = ["derivatives"]

#: Derivatives of one value: from the number of an input to the number of the value of the derivative.
Row = dict[int, int]


def derivatives(lowering: Lowering, values: Sequence[int], inputs: Iterable[int]) -> list[Row]:
    """For each value its derivatives by those inputs by which they are not identically zero.

    Raises
    ------
    CompileError
        For functions whose derivative has no code.

    Examples
    --------
    >>> import sympy as sp
    >>> x, y = sp.symbols("x y")
    >>> build = Lowering([("lane", []), ("y", [x, y]), ("p", [])])
    >>> numbers = [build.value(s) for s in (x, y)]
    >>> [row] = derivatives(build, [build.value(x * y)], numbers)
    >>> row == {numbers[0]: numbers[1], numbers[1]: numbers[0]}
    True
    """
    return _Differentiation(lowering, values, inputs).rows(values)


class _Differentiation:
    """Rows of all values that the wanted ones are made of."""

    def __init__(self, lowering: Lowering, values: Sequence[int], inputs: Iterable[int]) -> None:
        self.lowering, self.rules = lowering, Partials(lowering)
        self.one, self.wanted = lowering.constant(1), set(inputs)
        self.needed = lowering.needed(values)
        operations = lowering.operations
        readers: dict[int, int] = dict.fromkeys(values, 2)
        for k in self.needed:
            if operations[k].op != "input":
                for a in operations[k].args:
                    readers[a] = readers.get(a, 0) + 1
        #: values with one reader: the reader reuses their row instead of copying it, so that long sums take linear time
        self.single = {k for k, count in readers.items() if count == 1}

    def rows(self, values: Sequence[int]) -> list[Row]:
        found: dict[int, Row] = {}
        for k in self.needed:
            found[k] = self._row(k, found)
        return [found[k] for k in values]

    # ---- arithmetic without zeros and ones -------------------------------------------------------

    def _op(self, op: str, *args: int) -> int:
        return self.lowering.op(op, *args)

    def _times(self, a: int, b: int) -> int:
        return b if a == self.one else a if b == self.one else self._op("mul", a, b)

    def _scaled(self, row: Row, factor: int) -> Row:
        return {s: self._times(factor, d) for s, d in row.items()}

    def _joined(self, op: str, found: dict[int, Row], a: int, b: int) -> Row:
        """Rows of a + b and a - b."""
        left, right = found[a], found[b]
        row = left if a in self.single else dict(left)
        for s, d in right.items():
            row[s] = self._op(op, row[s], d) if s in row else d if op == "add" else self.lowering.negative(d)
        return row

    # ---- rules -----------------------------------------------------------------------------------

    def _row(self, k: int, found: dict[int, Row]) -> Row:
        op, args, _ = self.lowering.operations[k]
        if op == "input":
            return {k: self.one} if k in self.wanted else {}
        if op in DENSE:
            return {s: self.one for a in args for s in found[a]}  # only which inputs there are; parts have the factors
        if op in STEPS or not any(found[a] for a in args):
            return {}
        if op == "part":
            by = self.rules.part(k, lambda a: bool(found[a]))
            return self._sum([self._scaled(found[a], factor) for a, factor in by])
        if op in ("add", "sub"):
            return self._joined(op, found, *args)
        if op == "neg":
            return {s: self.lowering.negative(d) for s, d in found[args[0]].items()}
        if op == "mul":
            return self._product(found, *args)
        if op == "div":
            return self._quotient(k, found, *args)
        if op in ("select", "fmin", "fmax"):
            condition = args[0] if op == "select" else self._op("le" if op == "fmin" else "ge", *args)
            return self._chosen(condition, *(found[a] for a in args[-2:]))
        if op in ("pow", "atan2"):
            factors = self.rules.power(k, *args, exponent=bool(found[args[1]])) if op == "pow" else self.rules.angle(*args)
            return self._sum([self._scaled(found[a], f) for a, f in zip(args, factors, strict=True) if found[a]])
        return self._scaled(found[args[0]], self.rules.outer(op, k, args[0]))

    def _sum(self, rows: Sequence[Row]) -> Row:
        total = dict(rows[0])
        for row in rows[1:]:
            for s, d in row.items():
                total[s] = self._op("add", total[s], d) if s in total else d
        return total

    def _product(self, found: dict[int, Row], a: int, b: int) -> Row:
        if a == b:
            return self._scaled(found[a], self._op("mul", self.lowering.constant(2), a))
        return self._sum([self._scaled(found[x], other) for x, other in ((a, b), (b, a)) if found[x]])

    def _quotient(self, k: int, found: dict[int, Row], a: int, b: int) -> Row:
        """(da - (a/b) db) / b; one division for all where there are several inputs."""
        changes = dict(found[a])
        for s, d in found[b].items():
            part = self._times(k, d)
            changes[s] = self._op("sub", changes[s], part) if s in changes else self.lowering.negative(part)
        if len(changes) == 1:
            return {s: self._op("div", d, b) for s, d in changes.items()}
        return self._scaled(changes, self._op("div", self.one, b))

    def _chosen(self, condition: int, yes: Row, no: Row) -> Row:
        zero = self.lowering.constant(0)
        symbols = dict.fromkeys((*yes, *no))
        return {s: self._op("select", condition, yes.get(s, zero), no.get(s, zero)) for s in symbols}
