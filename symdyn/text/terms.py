"""Sums, products, powers and calls of a parsed model as sympy nodes, bounded before anything large is built.

Every constant carries a double beside its exact form.  The double is computed first, by `math`, so a number that is
too large, too small or not real is refused before sympy would build it; exact numbers have a limited count of bits.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import sympy as sp

from symdyn.errors import ParseError
from symdyn.text.functions import FUNCTIONS
from symdyn.text.rate_laws import RATE_LAWS

__all__ = ["ENDLESS", "MAX_EXPONENT", "MAX_MAGNITUDE", "MAX_WORK", "Node", "TermBuilder"]

#: Limits on constants and exponents, on exact numbers (bits) and on the work of one text (about 5 us a unit), which a text
#: longer than most may exceed by its length.
MAX_MAGNITUDE = 1e300
MAX_EXPONENT = 1000
MAX_BITS = 2000
MAX_WORK, WORK_OF_CHARACTER = 120_000, 1.2
MAX_TOWER = 8
#: Nodes within nodes: sympy prints, hashes and differentiates by recursion.
MAX_HEIGHT = 100

# sympy's own rewriting of nested calls takes time exponential in their depth (tanh); deeper calls are kept as written
_EVALUATED_DEPTH = 4
_MAX_SURDS = 30
# stands for a number that underflowed: refused by its size
_TINY = 0.1 / MAX_MAGNITUDE
#: Constants by their text which files declare, and which observables may be, but nothing that is computed with.
ENDLESS = {"oo": sp.oo, "-oo": sp.S.NegativeInfinity, "nan": sp.nan}
_INFINITE = (sp.zoo, sp.oo, sp.S.NegativeInfinity, sp.nan, sp.I)
_RELATIONS = {
    "<": (sp.Lt, operator.lt),
    "<=": (sp.Le, operator.le),
    ">": (sp.Gt, operator.gt),
    ">=": (sp.Ge, operator.ge),
    "==": (sp.Eq, operator.eq),
    "!=": (sp.Ne, operator.ne),
}


class Node(NamedTuple):
    """A parsed part: its expression, its value if constant, its place and its depth.

    `calls`, `towers` and `height` count calls, powers in exponents and nodes of any kind within one another.
    """

    expr: sp.Basic
    value: float | None
    start: int
    calls: int = 0
    towers: int = 0
    height: int = 0
    condition: bool = False


def _bits(number: sp.Basic) -> int:
    return number.p.bit_length() + number.q.bit_length() if isinstance(number, sp.Rational) else 0


def _head(expr: sp.Basic) -> sp.Basic:
    """The numeric coefficient of a product, in constant time."""
    return expr.args[0] if isinstance(expr, sp.Mul) else expr


class _Operand:
    """A node in a formula of Python; its operators build nodes, with all their limits."""

    def __init__(self, terms: TermBuilder, node: Node, place: int) -> None:
        self.terms, self.node, self.place = terms, node, place

    def _made(self, build: Callable[..., Node], other: _Operand, *more: list[int]) -> _Operand:
        return _Operand(self.terms, build([self.node, other.node], *more), self.place)

    def __add__(self, other: _Operand) -> _Operand:
        return self._made(self.terms.add, other, [1, 1], [self.place] * 2)

    def __mul__(self, other: _Operand) -> _Operand:
        return self._made(self.terms.multiply, other, [1, 1], [self.place] * 2)

    def __truediv__(self, other: _Operand) -> _Operand:
        return self._made(self.terms.multiply, other, [1, -1], [self.place] * 2)

    def __pow__(self, other: _Operand) -> _Operand:
        return _Operand(self.terms, self.terms.power(self.node, other.node, self.place), self.place)


class TermBuilder:
    """Builds the nodes of one text; errors point into it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.work, self.most = 0, max(MAX_WORK, int(WORK_OF_CHARACTER * len(text)))

    def fail(self, message: str, position: int) -> NoReturn:
        """Raise the error at `position`."""
        raise ParseError(message, self.text, position)

    def spend(self, units: int, position: int) -> None:
        """Count work; a text that would keep sympy busy for seconds is refused."""
        self.work += units
        if self.work > self.most:
            self.fail("the text takes too long to build; split the model or simplify it", position)

    def real(self, value: float | None, position: int) -> float | None:
        """`value`, if it can be a number of a model."""
        if value is None:
            return None
        if isinstance(value, complex) or math.isnan(value):
            self.fail("this is not a real number", position)
        if abs(value) > MAX_MAGNITUDE or 0 < abs(value) < 1 / MAX_MAGNITUDE:
            size = "large" if abs(value) > 1 else "small"
            limits = f"{1 / MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}"
            self.fail(f"this number is too {size}; magnitudes run from {limits}", position)
        return value

    def node(self, expr: sp.Basic, value: float | None, position: int, parts: list[Node]) -> Node:
        """A finished node, checked for what must not leave the parser: infinities, complex numbers, endless digits."""
        for term in (expr, *expr.args):
            if term in _INFINITE:
                self.fail("this is not a real number (infinite, undefined or complex)", position)
        for term in sp.Add.make_args(expr):
            if _head(term).is_Number:
                if _bits(_head(term)) > MAX_BITS:
                    self.fail("this exact number has too many digits; write it as a decimal", position)
                self.real(self.double(_head(term)), position)
        if expr.is_Number:
            value = self.double(expr)
        elif value is None and expr.is_number:
            self.fail(f"the names cancel and leave the constant {expr}; write the constant", position)
        built = self.join(expr, value, min(part.start for part in parts), parts)
        if isinstance(expr, (sp.Add, sp.Mul, sp.Pow)):
            # sympy looks through all that is below a new node
            self.spend(16 * (built.height // 4) ** 2, position)
        return built

    def join(self, expr: sp.Basic, value: float | None, start: int, parts: list[Node]) -> Node:
        """A node over `parts`, whose depth is limited."""
        height = 0
        if not expr.is_Atom:
            # a sum within a sum is one sum
            flat = {sp.Add, sp.Mul} & {expr.func}
            height = max(part.height + (part.expr.func not in flat) for part in parts)
        if height > MAX_HEIGHT:
            self.fail(f"expressions are nested more than {MAX_HEIGHT} deep; name a part", start)
        return Node(expr, value, start, max(part.calls for part in parts), max(part.towers for part in parts), height)

    @staticmethod
    def double(number: sp.Basic) -> float:
        """A sympy number as a double, infinite if it has none."""
        try:
            return float(number)
        except OverflowError:
            return math.inf

    def number(self, literal: str, start: int) -> Node:
        """An integer exactly, anything else as a double."""
        value = float(literal)
        if value == 0 and any(c in "123456789" for c in literal.lower().partition("e")[0]):
            value = _TINY
        self.real(value, start)
        return Node(sp.Integer(literal) if literal.isdigit() else sp.Float(literal, 15), value, start)

    def add(self, parts: list[Node], signs: list[int], places: list[int]) -> Node:
        """Plus or minus each part, as one `Add`."""
        constant: sp.Expr = sp.S.Zero
        terms, budget = [], 0
        for part, sign, place in zip(parts, signs, places, strict=True):
            expr = part.expr
            budget += _bits(_head(expr))
            self.spend(len(sp.Add.make_args(expr)) * (25 if sign < 0 and expr.is_Add else 1), place)
            if expr.is_Number:
                constant = constant + expr if sign > 0 else constant - expr
                self._check_digits(constant, place)
            else:
                terms.append(expr if sign > 0 else -expr)
            if budget > 10 * MAX_BITS:
                self.fail("the fractions of this sum have too many digits; write decimals", place)
        value = None
        if all(part.value is not None for part in parts):
            value = math.fsum(s * v for s, p in zip(signs, parts, strict=True) if (v := p.value) is not None)
        place = parts[0].start if len(places) < 2 else places[1]
        return self.node(sp.Add(constant, *terms), self.real(value, place), place, parts)

    def _check_digits(self, constant: sp.Basic, place: int) -> None:
        if _bits(constant) > MAX_BITS:
            self.fail("this exact number has too many digits; write it as a decimal", place)
        self.real(self.double(constant), place)

    def multiply(self, parts: list[Node], signs: list[int], places: list[int]) -> Node:
        """Times (sign 1) or divided by (sign -1) each part, as one `Mul`."""
        constant: sp.Expr = sp.S.One
        factors, value, surds, budget = [], 1.0, 0, 0
        known = all(part.value is not None for part in parts)
        for part, sign, place in zip(parts, signs, places, strict=True):
            expr = part.expr
            if sign < 0 and part.value == 0:
                self.fail("division by zero", part.start)
            budget += _bits(_head(expr))
            pieces = sp.Mul.make_args(expr)
            surds += sum(1 for f in pieces if f.is_Pow and f.args[0].is_Number)
            self.spend(len(pieces) + 25 * (len(sp.Add.make_args(expr)) - 1) + 3 * (sign < 0), place)
            if surds > _MAX_SURDS or budget > 10 * MAX_BITS:
                self.fail("this product has too many roots or fractions; write decimals", place)
            if expr.is_Number:
                constant = constant * expr if sign > 0 else constant / expr
                self._check_digits(constant, place)
            else:
                factors.append(expr if sign > 0 else sp.Pow(expr, -1))
            if known and part.value is not None:
                value = value * part.value if sign > 0 else value / part.value
                self.real(value, place)
        place = parts[0].start if len(places) < 2 else places[1]
        return self.node(sp.Mul(constant, *factors), value if known else None, place, parts)

    def negative(self, part: Node, place: int) -> Node:
        """Minus `part`; the minus sign belongs to the node."""
        negated = self.add([part], [-1], [place])
        return negated._replace(start=place)

    def power(self, base: Node, exponent: Node, place: int) -> Node:
        """`base` to the power of `exponent`."""
        b, e = base.expr, exponent.expr
        self.spend(10 + len(sp.Mul.make_args(b)), place)
        if not e.is_Atom:
            self.spend(100 + 5 * len(sp.Add.make_args(e)) * len(sp.Mul.make_args(e)), place)
        value = None
        if base.value == 0 and exponent.value is not None and exponent.value < 0:
            self.fail("division by zero: zero to a negative power", place)
        if base.value is not None and exponent.value is not None:
            try:
                value = base.value**exponent.value
            except OverflowError:
                value = math.inf
            if value == 0 and base.value != 0:
                value = _TINY
            self.real(value, place)
        if b is sp.E:
            return self.call("exp", [exponent], base.start)
        digits = _bits(_head(b)) if isinstance(e, sp.Rational) else 0
        if digits * abs(exponent.value or 0) > 2 * MAX_BITS or (digits > 256 and not e.is_Integer):
            self.fail("this power has too many digits; write it as a decimal", place)
        rational = isinstance(b, sp.Rational)
        self.spend(50 * (rational and not e.is_Integer), place)
        if e.is_Integer and not rational and abs(int(e)) > MAX_EXPONENT:
            self.fail(f"the exponent {e} is too large; exponents run to {MAX_EXPONENT}", place)
        if any(p.is_Pow and isinstance(p.args[0], sp.log) for p in e.atoms(sp.Pow)) and any(
            abs(n) > MAX_EXPONENT for n in e.atoms(sp.Rational)
        ):
            self.fail("this exponent is too large", place)
        towers = exponent.towers + (not e.is_Number)
        if towers > MAX_TOWER:
            self.fail(f"more than {MAX_TOWER} powers in one another's exponents; name a part", place)
        built = self.node(sp.Pow(b, e), value, place, [base, exponent])
        for factor in sp.Mul.make_args(built.expr):
            if factor.is_Pow and factor.args[1].is_Integer and abs(int(factor.args[1])) > MAX_EXPONENT:
                self.fail(f"the exponent {factor.args[1]} is too large; exponents run to {MAX_EXPONENT}", place)
        return built._replace(towers=max(towers, base.towers))

    def compare(self, left: Node, symbol: str, right: Node, place: int) -> Node:
        """A relation; constants are compared by value."""
        relation, by_value = _RELATIONS[symbol]
        self.spend(20 + 3 * (len(sp.Add.make_args(left.expr)) + len(sp.Add.make_args(right.expr))), place)
        if left.expr.has(sp.Piecewise) or right.expr.has(sp.Piecewise):
            self.fail("a piecewise cannot be compared; compare in the conditions of one piecewise", place)
        if left.value is not None and right.value is not None:
            expr = sp.true if by_value(left.value, right.value) else sp.false
        elif left.expr == right.expr:
            expr = sp.true if by_value(0, 0) else sp.false
        else:
            expr = relation(left.expr, right.expr, evaluate=False)
        return self.join(expr, None, place, [left, right])._replace(condition=True)

    def logic(self, kind: str, parts: list[Node], place: int) -> Node:
        """``and``, ``or`` and ``not`` of conditions."""
        self.spend(20 * len(parts), place)
        build = {"and": sp.And, "or": sp.Or, "not": sp.Not}[kind]
        return self.join(build(*(p.expr for p in parts)), None, place, parts)._replace(condition=True)

    def call(self, name: str, parts: list[Node], place: int) -> Node:
        """A function of the whitelist."""
        function = FUNCTIONS[name]
        if not function.fewest <= len(parts) <= function.most:
            few, many = function.fewest, function.most
            expected = f"{few}" if few == many else f"{few} to {many}"
            self.fail(f"{name} takes {expected} argument{'s' * (expected != '1')}, got {len(parts)}", place)
        self.spend(20 + 5 * sum(len(sp.Add.make_args(p.expr)) for p in parts), place)
        value = None
        constants = [part.value for part in parts if part.value is not None]
        if len(constants) == len(parts):
            try:
                value = function.value(*constants)
            except OverflowError:
                value = math.inf
            except (ValueError, ZeroDivisionError):
                self.fail(f"{name}({', '.join(f'{c:g}' for c in constants)}) is not a real number", place)
            if name == "exp" and value == 0:
                value = _TINY
            self.real(value, place)
            self.spend(100, place)
        if name == "exp":
            self._check_exponential(parts[0].expr, place)
        calls = 1 + max(part.calls for part in parts)
        arguments = [p.expr for p in parts]
        if value is not None and function.choose is not None and not all(a.is_Number for a in arguments):
            expr = function.choose(arguments, constants)
        else:
            evaluate = value is not None or calls <= _EVALUATED_DEPTH
            if function.most > 2 and value is None:
                # sympy compares every pair, in milliseconds each: in long texts max and min stay as written
                evaluate = calls == 1 and self.work < MAX_WORK // 4
                self.spend(200 * evaluate * (len(parts) - 1) ** 2, place)
            expr = function.build(*arguments, evaluate=evaluate)
        return self.node(expr, value, place, parts)._replace(start=place, calls=calls)

    def rate_law(self, name: str, parts: list[Node], place: int) -> Node:
        """A rate law that has a name, from its formula."""
        law = RATE_LAWS[name]
        if len(parts) != len(law.arguments):
            self.fail(f"{name} takes {len(law.arguments)} arguments, {law.signature(name)}; got {len(parts)}", place)
        built = law.formula(*(_Operand(self, part, place) for part in parts)).node
        return built._replace(start=place, calls=max(built.calls, 1 + max(part.calls for part in parts)))

    def _check_exponential(self, exponent: sp.Basic, place: int) -> None:
        """exp(n*log(x)) becomes x**n in sympy: the exponent is limited as in a power."""
        for term in sp.Add.make_args(exponent):
            logs = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.log)]
            count = abs(_head(term)) if _head(term).is_Number else 1
            if logs and (count > MAX_EXPONENT or any(_bits(f.args[0]) * count > 2 * MAX_BITS for f in logs)):
                self.fail("the exponent is too large: exp(n*log(x)) is x^n", place)

    def piecewise(self, parts: list[Node], place: int) -> Node:
        """``piecewise(value, condition, ..., otherwise)``."""
        if len(parts) < 3 or len(parts) % 2 == 0:
            expected = "value, condition, ..., otherwise: an odd number of arguments"
            self.fail(f"piecewise takes {expected}, got {len(parts)}", place)
        self.spend(20 * len(parts), place)
        pairs = []
        for i in range(0, len(parts) - 1, 2):
            if not parts[i + 1].condition:
                message = "expected a condition such as x > 1 here; write value, condition, ..., otherwise"
                self.fail(message, parts[i + 1].start)
            if parts[i + 1].expr is not sp.false:
                pairs.append((parts[i].expr, parts[i + 1].expr))
            if parts[i + 1].expr is sp.true:
                break
        else:
            pairs.append((parts[-1].expr, sp.true))
        calls = 1 + max(part.calls for part in parts)
        if pairs[0][1] is sp.true:
            chosen = next(p for p in parts if p.expr is pairs[0][0])
            return chosen._replace(start=place)
        # unevaluated: sympy would solve inequalities to tidy the conditions
        return self.join(sp.Piecewise(*pairs, evaluate=False), None, place, parts)._replace(calls=calls)

    def unknown(self, name: str, parts: list[Node], place: int) -> Node:
        """An application of an undefined function: a term to be recovered."""
        if len(parts) > 8:
            self.fail(f"the unknown term {name} has {len(parts)} arguments; use at most 8", place)
        self.spend(10 + len(parts), place)
        expr = sp.Function(name)(*(p.expr for p in parts))
        return self.join(expr, None, place, parts)._replace(calls=1 + max(part.calls for part in parts))
