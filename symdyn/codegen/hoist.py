"""What depends on parameters alone, computed once for a trajectory instead of at every event, step or stage.

`Hoisting` takes it out of expressions, where what is made from them knows the further parameters (networks); `hoisted` takes it
out of finished programs, whose further parameters come last, also what derivatives have of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.lane_calls import lane_values
from symdyn.codegen.lower import lower
from symdyn.codegen.program import COMPARISONS, DENSE, Made, Operation, Program

__all__ = ["Hoisting", "hoisted", "hoisting", "with_constants"]

#: The block of parameters, and those without entries.
PARAMETERS, NOTHING = 2, np.empty((1, 0))
#: What stays where it is: layers are tables of their program.
UNTAKEN = {"part", *DENSE}


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
        self._made: dict[sp.Basic, sp.Basic] = {}
        self._moving: dict[sp.Basic, bool] = {}
        self._taken = {s.name for s in (*self.parameters, *self.varying)}

    def slot(self, e: sp.Expr) -> sp.Expr:
        """A symbol for an expression of parameters alone; numbers and symbols stay as they are."""
        return e if e.is_Symbol or not dag.free_symbols([e]) else self.named(e)

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
        if e not in self._made:
            self._made[e] = self._expression(e)
        return self._made[e]

    def _expression(self, e: sp.Basic) -> sp.Basic:
        if not self._varies(e):
            return self.slot(e) if isinstance(e, sp.Expr) else e.func(*map(self.expression, e.args)) if e.args else e
        if not e.args:
            return e
        if e.is_Mul or e.is_Add:
            alone = [a for a in e.args if not self._varies(a)]
            rest = [self.expression(a) for a in e.args if self._varies(a)]
            return e.func(*rest, self.slot(e.func(*alone))) if alone else e.func(*rest)
        return e.func(*map(self.expression, e.args))

    def _varies(self, e: sp.Basic) -> bool:
        """Whether an expression depends on states or time."""
        if e not in self._moving:
            whole = not e.args or isinstance(e, dag.BINDING)
            self._moving[e] = bool(e.free_symbols & self.varying) if whole else any(map(self._varies, e.args))
        return self._moving[e]

    def rows(self, expressions: Iterable[sp.Basic]) -> tuple[sp.Symbol, ...]:
        """The parameters and slots that occur in hoisted expressions, in a fixed order, without those that vary."""
        used = dag.free_symbols(expressions)
        return tuple(s for s in (*self.parameters, *self._slots.values()) if s in used and s not in self.varying)

    def setup(self, rows: Sequence[sp.Symbol], more: Sequence[sp.Expr] = ()) -> Program:
        """The program from parameters to `rows`, and to further expressions of parameters after them."""
        meaning = {symbol: e for e, symbol in self._slots.items()}
        values = [*(meaning.get(s, s) for s in rows), *more]
        blocks: list[tuple[str, Sequence[sp.Symbol]]] = [("lane", ()), ("y", ()), ("p", self.parameters)]
        return lower("setup", blocks, values, [*(s.name for s in rows), *map(str, more)])


def hoisted(programs: Sequence[Program], names: Sequence[str], steady: int) -> tuple[list[Program], Program | None]:
    """Programs that take what depends on the first `steady` parameters alone as further parameters, and what computes these.

    Parameters
    ----------
    programs : sequence of Program
        All with the same parameters, in their last block.
    names : sequence of str
        The programs that are called often.
    steady : int
        Further parameters may change along a trajectory.

    Returns
    -------
    list of Program
        Those in `names` with further parameters, called ``constant 0`` and so on; the others as they are.
    Program or None
        ``constants``, from the parameters to the further ones; None if there are none.

    Examples
    --------
    >>> x, a, b = sp.symbols("x a b")
    >>> program = lower("rhs", [("lane", []), ("y", [x]), ("p", [a, b])], [x * sp.exp(a / b)], ["dx/dt"])
    >>> (rhs,), constants = hoisted([program], ["rhs"], 2)
    >>> [o.op for o in rhs.operations], [o.op for o in constants.operations]
    (['input', 'input', 'mul'], ['input', 'input', 'div', 'exp'])
    """
    found = _Constants()
    new = [found.without(p, steady) if p.name in names else p for p in programs]
    if not found.outputs:
        return list(programs), None
    blocks = next(p.blocks for p in programs if p.name in names)
    (name, given), labels = blocks[PARAMETERS], [f"constant {k}" for k in range(len(found.outputs))]
    own = (("lane", ()), ("y", ()), (name, given[:steady]))
    constants = Program("constants", own, tuple(found.operations), tuple(found.outputs), tuple(labels))
    wider = (name, (*given, *labels))
    return [replace(p, blocks=(*p.blocks[:PARAMETERS], wider)) if p.name in names else p for p in new], constants


def hoisting(made: Made, names: Sequence[str], steady: int) -> Made:
    """The same with constants hoisted: ``constants`` is the last program, the fact of this name how many there are."""
    programs, constants = hoisted(made.programs, names, steady)
    facts = {**made.facts, "constants": 0 if constants is None else len(constants.outputs)}
    return replace(made, programs=(*programs, *(() if constants is None else (constants,))), facts=facts)


class _Constants:
    """The operations of ``constants``, with those of several programs; equal ones are one."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.outputs: dict[int, int] = {}
        self._numbers: dict[Operation, int] = {}

    def without(self, program: Program, steady: int) -> Program:
        """The program that reads them after all its parameters."""
        parameters, given = len(program.blocks[PARAMETERS][1]), program.operations
        alone, taken = _alone(given, steady)
        wanted, inside = set(program.outputs), set[int]()  # values of the new program, and of `constants`
        for k in range(len(given) - 1, -1, -1):
            if k in wanted and k in taken:
                inside.add(k)
            elif (k in wanted or k not in alone) and given[k].op != "input":
                wanted.update(given[k].args)
            if k in inside and given[k].op != "input":
                inside.update(given[k].args)
        same, number, operations, places = dict[int, int](), dict[int, int](), list[Operation](), dict[int, int]()
        for k, o in enumerate(given):
            if k in inside:
                same[k] = self._number(o if o.op == "input" else Operation(o.op, tuple([same[a] for a in o.args]), o.value))
            if k in wanted and k in taken:
                row = self.outputs.setdefault(same[k], len(self.outputs))
                number[k] = places.setdefault(row, len(operations))
                if number[k] == len(operations):
                    operations.append(Operation("input", (PARAMETERS, parameters + row)))
            elif k in wanted or k not in alone:
                number[k] = len(operations)
                operations.append(o if o.op == "input" else Operation(o.op, tuple([number[a] for a in o.args]), o.value))
        return replace(program, operations=tuple(operations), outputs=tuple([number[k] for k in program.outputs]))

    def _number(self, operation: Operation) -> int:
        """The number of an operation in ``constants``."""
        number = self._numbers.setdefault(operation, len(self.operations))
        if number == len(self.operations):
            self.operations.append(operation)
        return number


def _alone(operations: Sequence[Operation], steady: int) -> tuple[set[int], set[int]]:
    """The values that depend on the first parameters and numbers alone, and those of them that take more than reading."""
    alone, computed, taken = set[int](), set[int](), set[int]()
    for k, (op, args, _) in enumerate(operations):
        if op == "input":
            if args[0] == PARAMETERS and args[1] < steady:
                alone.add(k)
                computed.add(k)
        elif op not in UNTAKEN and all(a in alone for a in args):
            alone.add(k)
            if any(a in computed for a in args):
                computed.add(k)  # from parameters
                if op not in COMPARISONS and not (op == "neg" and operations[args[0]].op == "input"):
                    taken.add(k)
    return alone, taken


def with_constants(parameters: np.ndarray, address: int, rows: int, lanes: int) -> np.ndarray:
    """Parameters (N, k) followed by what ``constants`` computes, (N, k + rows); its bits do not depend on N and the lanes.

    Parameters
    ----------
    parameters : (N, k) float64
        Those of the system come first.
    address : int
        Of the compiled ``constants``.
    rows, lanes : int
        How many there are, and for how many trajectories a call computes them.
    """
    return np.concatenate([parameters, lane_values(address, lanes, (NOTHING, NOTHING, parameters), rows)], axis=1)
