"""Parameter-only parts of expressions, computed once for a trajectory instead of at every event or step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program

__all__ = ["Hoisting"]


class Hoisting:
    """Replaces subexpressions of parameters alone by symbols, and provides the program that computes them.

    Parameters
    ----------
    parameters : sequence of Symbol
    varying : iterable of Symbol
        States and time: what depends on none of them is constant along a trajectory.

    Examples
    --------
    >>> x, k, v = sp.symbols("x k v")
    >>> h = Hoisting([k, v], [x])
    >>> print(h.expression(k * x * (x - 1) / v**2), h.expression(x + k))
    k/v**2*x*(x - 1) k + x
    """

    def __init__(self, parameters: Sequence[sp.Symbol], varying: Iterable[sp.Symbol]) -> None:
        self.parameters = tuple(parameters)
        self.varying = frozenset(varying)
        self._slots: dict[sp.Expr, sp.Symbol] = {}
        self._taken = {s.name for s in (*self.parameters, *self.varying)}

    def slot(self, e: sp.Expr) -> sp.Expr:
        """A symbol for an expression of parameters alone; numbers and symbols stay as they are."""
        return e if not e.free_symbols or e.is_Symbol else self.named(e)

    def named(self, e: sp.Expr) -> sp.Symbol:
        """A symbol for an expression of parameters alone, also for a number."""
        if e not in self._slots:
            name = str(e)
            while name in self._taken:
                name += "'"
            self._taken.add(name)
            self._slots[e] = sp.Symbol(name)
        return self._slots[e]

    def expression(self, e: sp.Basic) -> sp.Basic:
        """`e` with symbols for its parts that depend on parameters alone."""
        if not e.free_symbols & self.varying:
            return self.slot(e) if isinstance(e, sp.Expr) else e.func(*map(self.expression, e.args)) if e.args else e
        if not e.args:
            return e
        if e.is_Mul or e.is_Add:
            alone = [a for a in e.args if not a.free_symbols & self.varying]
            rest = [self.expression(a) for a in e.args if a.free_symbols & self.varying]
            return e.func(*rest, self.slot(e.func(*alone))) if alone else e.func(*rest)
        return e.func(*map(self.expression, e.args))

    def rows(self, expressions: Iterable[sp.Basic]) -> tuple[sp.Symbol, ...]:
        """The parameters and slots that occur in hoisted expressions, in a fixed order, without those that vary."""
        used = set().union(*(e.free_symbols for e in expressions))
        return tuple(s for s in (*self.parameters, *self._slots.values()) if s in used and s not in self.varying)

    def setup(self, rows: Sequence[sp.Symbol], more: Sequence[sp.Expr] = ()) -> Program:
        """The program from parameters to `rows`, and to further expressions of parameters after them."""
        meaning = {symbol: e for e, symbol in self._slots.items()}
        values = [*(meaning.get(s, s) for s in rows), *more]
        blocks: list[tuple[str, Sequence[sp.Symbol]]] = [("lane", ()), ("y", ()), ("p", self.parameters)]
        return lower("setup", blocks, values, [*(s.name for s in rows), *map(str, more)])
