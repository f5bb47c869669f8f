"""Lowering: sympy expressions -> a straight-line program, by value numbering.

The same operation on the same operands is one value, so common subexpressions cost nothing to find.  Products start
with the states in their order: ``a*x*y`` and ``b*x*y`` then share ``x*y``.  Time is linear in the size of the
expressions; nothing is ever simplified.

What is chosen by a value that is not a number is not a number: the least and greatest value, signs and steps, and pieces.
States, time and parameters that conditions compare are taken to be numbers, as drivers end trajectories where they are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.program import CALLS, DENSE, Operation, Program
from symdyn.dense import DenseLayers, DenseOutput, DenseSlope
from symdyn.errors import CompileError
from symdyn.neural_terms import NetworkTerm
from symdyn.paths import Path, PathSlope
from symdyn.text.mixtures import logsumexp, nonlinear, softmax

__all__ = ["Lowering", "lower"]

FUNCTIONS = {
    sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.asin: "asin", sp.acos: "acos",
    sp.atan: "atan", sp.atan2: "atan2", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh", sp.asinh: "asinh",
    sp.acosh: "acosh", sp.atanh: "atanh", sp.Abs: "fabs", sp.floor: "floor", sp.ceiling: "ceil", sp.erf: "erf",
    sp.erfc: "erfc", sp.gamma: "gamma", sp.loggamma: "lgamma",
}  # fmt: skip
RELATIONS = {sp.Lt: "lt", sp.Le: "le", sp.Gt: "gt", sp.Ge: "ge", sp.Eq: "eq", sp.Ne: "ne"}
#: The block of the states; and terms from which a sum has its multiples of states in their order.
STATES, MANY = 1, 12
#: Functions that jump.
JUMPING = (sp.floor, sp.ceiling, sp.sign, sp.Heaviside, sp.Mod)
RECIPROCAL = {sp.cot: sp.tan, sp.sec: sp.cos, sp.csc: sp.sin, sp.coth: sp.tanh, sp.sech: sp.cosh, sp.csch: sp.sinh}


class Lowering:
    """Builds one program; expressions are added by `value`, operations by `op`.

    Parameters
    ----------
    blocks : sequence of (str, sequence of Symbol)
        Argument blocks; every free symbol of the expressions must be in one of them.
    steady : iterable of Symbol
        Those that are constant along a trajectory.  What a product has of them is one value, by which the rest is multiplied,
        so that `symdyn.codegen.hoist` can take it out; where an expression jumps follows from it as it is written.
    """

    def __init__(self, blocks: Sequence[tuple[str, Sequence[sp.Symbol]]], steady: Iterable[sp.Symbol] = ()) -> None:
        self.blocks = tuple((name, tuple(symbols)) for name, symbols in blocks)
        self._names = tuple((name, tuple(s.name for s in symbols)) for name, symbols in self.blocks)
        self.operations: list[Operation] = []
        self.tables: list[DenseLayers] = []
        self._numbers: dict[tuple[str, tuple[int, ...], float], int] = {}
        self._values: dict[sp.Basic, int] = {}
        numbered = ((s, (b, i)) for b, (_, symbols) in enumerate(self.blocks) for i, s in enumerate(symbols))
        self._inputs = {s: place for s, place in numbered if not isinstance(s, Path)}
        # products begin with states (block 1), then time (block 0), then parameters
        self._rank = {s: ((1, 0, 2, 3)[b], i) for s, (b, i) in self._inputs.items()}
        self._steady_inputs = {self._inputs[s] for s in steady if s in self._inputs}
        self._steady: list[bool] = []
        self._grouped = bool(self._steady_inputs)
        self._as_written: dict[sp.Basic, int] = {}

    def op(self, op: str, *args: int, value: float = 0.0) -> int:
        """The number of the value of an operation, an existing one if the same was made before."""
        key = (op, args, value)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.operations)
            self.operations.append(Operation(op, args, value))
            self._steady.append(args in self._steady_inputs if op == "input" else all(self._steady[a] for a in args))
        return number

    def constant(self, value: float) -> int:
        return self.op("const", value=float(value))

    def alone(self, op: str, *args: int) -> int:
        """The number of a new operation, though the same may have been made before."""
        self.operations.append(Operation(op, args))
        self._steady.append(all(self._steady[a] for a in args))
        return len(self.operations) - 1

    def dense(self, op: str, layers: DenseLayers, arguments: Sequence[int], part: int) -> int:
        """The number of one of the values of dense layers, or of their partial derivatives."""
        if layers not in self.tables:
            self.tables.append(layers)
        return self.op("part", self.op(op, *arguments, value=float(self.tables.index(layers))), value=float(part))

    def bind(self, symbol: sp.Symbol, number: int) -> None:
        """Let a symbol that is no input stand for a value already there."""
        self._values[symbol] = self._as_written[symbol] = number

    def condition(self, e: sp.Basic) -> int:
        """The number of the truth of a comparison, or of comparisons joined by and, or, not."""
        return self._condition(e)

    def negative(self, k: int) -> int:
        """The number of minus a value."""
        operation = self.operations[k]
        return operation.args[0] if operation.op == "neg" else self.op("neg", k)

    def sign(self, x: int) -> int:
        """The number of -1, 0 or 1, or of no number."""
        zero = self.constant(0)
        down = self.op("select", self.op("lt", x, zero), self.constant(-1), self.op("mul", zero, x))
        return self.op("select", self.op("gt", x, zero), self.constant(1), down)

    def needed(self, values: Iterable[int]) -> list[int]:
        """Numbers of all values that these are made of, increasing."""
        waiting = list(values)
        found = set(waiting)
        while waiting:
            operation = self.operations[waiting.pop()]
            if operation.op != "input":
                for a in operation.args:
                    if a not in found:
                        found.add(a)
                        waiting.append(a)
        return sorted(found)

    def program(self, name: str, outputs: Iterable[int], labels: Iterable[str]) -> Program:
        """The finished program, without operations that no output needs."""
        outputs = tuple(outputs)
        kept = self.needed(outputs)
        number = {k: i for i, k in enumerate(kept)}
        operations = tuple(
            o if o.op == "input" else Operation(o.op, tuple([number[a] for a in o.args]), o.value)
            for o in (self.operations[k] for k in kept)
        )
        tables = tuple(self.tables) if any(o.op in DENSE for o in operations) else ()
        return Program(name, self._names, operations, tuple(number[k] for k in outputs), tuple(labels), tables=tables)

    # ---- expressions ---------------------------------------------------------------------------

    def value(self, e: sp.Basic) -> int:
        """The number of the value of a sympy expression."""
        if e.is_Float:  # sympy computes the hash of a number anew each time
            return self.constant(float(e))
        if e not in self._values:
            self._values[e] = self._lower(e)
        return self._values[e]

    def written(self, e: sp.Basic) -> int:
        """The number of the value of an expression with its products as they are written: what depends on it may jump."""
        if not self._grouped:
            return self.value(e)
        grouped, self._values, self._grouped = self._values, self._as_written, False
        try:
            return self.value(e)
        finally:
            self._values, self._grouped = grouped, True

    def _lower(self, e: sp.Basic) -> int:
        if e in self._inputs:
            return self.op("input", *self._inputs[e])
        if e.is_Number or e.is_NumberSymbol:
            return self.constant(float(e))
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(e.base, e.exp)
        if isinstance(e, AppliedUndef):
            raise CompileError(f"{e} is an unknown term; give it an expression with with_terms, or recover it from data")
        if isinstance(e, (Path, PathSlope)):
            raise CompileError(f"{e} is an input over time, which adaptive methods for ordinary differential equations follow")
        if isinstance(e, sp.Symbol):
            raise CompileError(f"the symbol {e} has no value here")
        if isinstance(e, sp.Piecewise):
            return self._piecewise(e)
        if isinstance(e, DenseOutput):
            return self.dense("dense", e.layers, [self.value(a) for a in e.arguments], e.index)
        if isinstance(e, DenseSlope):
            return self.dense("slopes", e.layers, [self.value(a) for a in e.arguments], e.place)
        if isinstance(e, NetworkTerm):
            return self.value(e.written())
        return self._function(e)

    def _function(self, e: sp.Basic) -> int:
        function = e.func
        if function in JUMPING and self._grouped:
            return self.written(e)
        if function in FUNCTIONS:
            return self.op(FUNCTIONS[function], *map(self.value, e.args))
        if function in (sp.Min, sp.Max):
            name = "fmin" if function is sp.Min else "fmax"
            first, *rest = map(self.value, sorted(e.args, key=self._order))
            for other in rest:
                first = self.op(name, first, other)
            return first
        if function in RECIPROCAL:
            return self.op("div", self.constant(1), self.value(RECIPROCAL[function](*e.args)))
        if function is sp.sign:
            return self.sign(self.value(e.args[0]))
        if function is sp.Heaviside:
            x, zero = self.value(e.args[0]), self.constant(0)
            there = self.op("add", self.value(e.args[1]), self.op("mul", zero, x))
            above = self.op("select", self.op("gt", x, zero), self.constant(1), there)
            return self.op("select", self.op("lt", x, zero), zero, above)
        if function is sp.factorial:
            return self.value(sp.gamma(e.args[0] + 1, evaluate=False))
        if function is sp.Mod:
            return self._modulo(*map(self.value, e.args))
        if function is nonlinear:
            return self.value(e.args[0])
        if function is logsumexp:
            top, _, total = self._exponentials(e.args)
            return self.op("add", top, self.op("log", total))
        if function is softmax:
            one, *rest = e.args
            top, found, total = self._exponentials(rest)
            k = found.get(self.value(one))
            part = self.op("exp", self.op("sub", self.value(one), top)) if k is None else k
            return self.op("mul", part, self.op("div", self.constant(1), total))  # one division for all shares
        raise CompileError(f"no code can be generated for {function.__name__} in {e}; known: {', '.join(CALLS)}")

    def _modulo(self, a: int, b: int) -> int:
        """a - b floor(a/b), which has the sign of b: where a/b was rounded up to the next integer, b is added."""
        rest = self.op("sub", a, self.op("mul", b, self.op("floor", self.op("div", a, b))))
        beyond = self.op("lt", self.op("mul", rest, b), self.constant(0))
        return self.op("select", beyond, self.op("add", rest, b), rest)

    def _exponentials(self, exponents: Iterable[sp.Basic]) -> tuple[int, dict[int, int], int]:
        """The greatest exponent, exponentials of all without it by the numbers of exponents, and their sum."""
        numbers = [self.value(q) for q in exponents]
        top = reduce(lambda a, b: self.op("select", self.op("gt", a, b), a, b), numbers)  # the sum is no number if one is none
        found = {q: self.op("exp", self.op("sub", q, top)) for q in numbers}
        return top, found, reduce(lambda a, b: self.op("add", a, b), [found[q] for q in numbers])

    def _order(self, e: sp.Basic) -> tuple:
        base = e.base if e.is_Pow else e
        return (0, self._rank[base]) if base in self._rank else (1, (len(self._rank), 0))

    def _sum(self, e: sp.Add) -> int:
        plus, minus, multiples = [], [], []
        split = [term.as_coeff_Mul() for term in e.args]
        states = [self._inputs.get(rest, (0, 0))[0] == STATES for _, rest in split]
        # where all are added or subtracted as they are there is no row of numbers, and products would be more work
        rows = len(split) >= MANY and any(state and abs(q) != 1 for state, (q, _) in zip(states, split, strict=True))
        for term, state, (coefficient, rest) in zip(e.args, states, split, strict=True):
            if rows and state:
                multiples.append((self._rank[rest], rest, coefficient))
            elif coefficient.is_negative:
                minus.append(self.value(-term))
            else:
                plus.append(self.value(term))
        # sympy has them in the order of the coefficients: in that of the states, all added, rows of a matrix have one form
        for _, state, coefficient in sorted(multiples, key=lambda m: m[0]):
            plus.append(self.alone("mul", self.value(state), self.constant(float(coefficient))))
        total = plus[0] if plus else self.op("neg", minus.pop(0))
        for k in plus[1:]:
            total = self.op("add", total, k)
        for k in minus:
            total = self.op("sub", total, k)
        return total

    def _product(self, e: sp.Mul) -> int:
        coefficient, _ = e.as_coeff_Mul()
        if coefficient == -1:
            return self.op("neg", self.value(-e))
        over, under = [], []
        for factor in sorted(e.args, key=self._order):  # stable, so the order of sympy decides among equals
            if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
                under.append(1 / factor)
            else:
                over.append(factor)
        if self._grouped:
            top, bottom = ([f for f in part if self._steady[self.value(f)]] for part in (over, under))
            count = len(top) + len(bottom)
            if count < len(over) + len(under) and (count > 1 or bottom):
                scale = self._quotient(top, bottom)
                over, under = [f for f in over if f not in top], [f for f in under if f not in bottom]
                return self._quotient(over, under, scale)
        return self._quotient(over, under)

    def _quotient(self, over: Sequence[sp.Expr], under: Sequence[sp.Expr], scale: int | None = None) -> int:
        """The number of a product over another, where the first has a further factor `scale`."""
        top = self._multiply([f for f in over if not f.is_Number])
        numbers = [f for f in over if f.is_Number]
        if numbers:
            number = self.constant(float(sp.Mul(*numbers)))
            top = number if top is None else self.op("mul", top, number)
        if scale is not None:
            top = scale if top is None else self.op("mul", top, scale)
        bottom = self._multiply(under)
        if bottom is None:
            assert top is not None
            return top
        return self.op("div", self.constant(1) if top is None else top, bottom)

    def _multiply(self, factors: Sequence[sp.Expr]) -> int | None:
        product = None
        for factor in factors:
            k = self.value(factor)
            product = k if product is None else self.op("mul", product, k)
        return product

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> int:
        if base == sp.E:
            return self.op("exp", self.value(exponent))
        if exponent.is_Rational and exponent.is_negative:
            return self.op("div", self.constant(1), self.value(sp.Pow(base, -exponent)))
        if exponent.is_Float and float(exponent).is_integer() and 0 < float(exponent) < 64:
            exponent = sp.Integer(int(exponent))
        b = self.value(base)
        if exponent.is_Integer:
            return self._integer_power(b, int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            root = self.op("sqrt", b)
            half = int(exponent.p) // 2
            return root if half == 0 else self.op("mul", self._integer_power(b, half), root)
        return self.op("pow", b, self.value(exponent))

    def _integer_power(self, b: int, n: int) -> int:
        if n == 1:
            return b
        half = self._integer_power(b, n // 2)
        square = self.op("mul", half, half)
        return self.op("mul", square, b) if n % 2 else square

    def _piecewise(self, e: sp.Piecewise) -> int:
        if e.args[-1].cond is not sp.true:
            raise CompileError(f"{e} has no value outside its conditions; end it with (value, True)")
        result = self.constant(float("nan"))
        for value, condition in reversed(e.args):
            k = self.value(value)
            result = k if condition is sp.true else self.op("select", self._condition(condition), k, result)
        undefined = self.undefined(pair.cond for pair in e.args)
        return result if undefined is None else self.op("select", undefined, self.constant(float("nan")), result)

    def undefined(self, conditions: Iterable[sp.Basic], states: Sequence[int] = ()) -> int | None:
        """The number of whether a value that the conditions compare is not a number.

        None if they compare inputs and values in `states` alone, which drivers look at.
        """
        sides = {self.written(s): None for c in conditions for r in sorted(c.atoms(sp.Rel), key=str) for s in (r.lhs, r.rhs)}
        tests = [self.op("ne", k, k) for k in sides if k not in states and self.operations[k].op not in ("input", "const")]
        return reduce(lambda a, b: self.op("or", a, b), tests) if tests else None

    def _condition(self, e: sp.Basic) -> int:
        for relation, name in RELATIONS.items():
            if isinstance(e, relation):
                return self.op(name, self.written(e.lhs), self.written(e.rhs))
        if isinstance(e, sp.Not):
            return self.op("not", self._condition(e.args[0]))
        if isinstance(e, (sp.And, sp.Or)):
            first, *rest = map(self._condition, sorted(e.args, key=str))
            for other in rest:
                first = self.op("and" if isinstance(e, sp.And) else "or", first, other)
            return first
        if isinstance(e, sp.ITE):  # which sympy makes of comparisons with piecewise values
            condition, then, otherwise = e.args
            return self._condition(sp.Or(sp.And(condition, then), sp.And(sp.Not(condition), otherwise)))
        raise CompileError(f"the condition {e} is not a comparison of numbers")


def lower(
    name: str,
    blocks: Sequence[tuple[str, Sequence[sp.Symbol]]],
    expressions: Sequence[sp.Expr],
    labels: Sequence[str],
) -> Program:
    """Lower several expressions into one program.

    Parameters
    ----------
    name : str
        Name of the function.
    blocks : sequence of (str, sequence of Symbol)
        Argument blocks.
    expressions, labels : sequences of equal length
        What to compute, and what each result is called.

    Raises
    ------
    CompileError
        For unknown terms and functions that have no numerical counterpart.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> program = lower("f", [("lane", []), ("y", [x]), ("p", [a])], [a * x**2], ["dx"])
    >>> [o.op for o in program.operations]
    ['input', 'mul', 'input', 'mul']
    """
    lowering = Lowering(blocks)
    outputs = [lowering.value(e) for e in expressions]
    return lowering.program(name, outputs, labels)
