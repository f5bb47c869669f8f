"""Formulas of SBML: nodes of libsbml to sympy through a whitelist; nothing is evaluated as text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import libsbml as sbml
import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

from symdyn.dag import refuse_growth
from symdyn.errors import DeclarationError
from symdyn.given_values import value_of
from symdyn.io.exchange.model import Delayed, RateOf
from symdyn.registry import suggest

__all__ = ["MAX_DEPTH", "Formula", "Functions", "endless", "real"]

#: Limits against malicious files: depth of a formula, nodes of all formulas of a small file, exponents, bits of whole numbers.
MAX_DEPTH = 150
MAX_NODES = 200_000
MAX_EXPONENT = 1_000
MAX_BITS = 10_000
#: Nodes above which they are not counted on: functions of functions grow faster than any number can be written.
TOO_MANY = 10**12
#: The largest whole number whose factorial is a float.
MAX_FACTORIAL = 170

_NUMBERS: dict[int, sp.Expr] = {
    sbml.AST_CONSTANT_E: sp.E,
    sbml.AST_CONSTANT_PI: sp.pi,
    sbml.AST_NAME_AVOGADRO: sp.Integer(602214179 * 10**15),
}
_UNARY: dict[int, Callable[..., sp.Expr]] = {
    sbml.AST_FUNCTION_EXP: sp.exp,
    sbml.AST_FUNCTION_LN: sp.log,
    sbml.AST_FUNCTION_SIN: sp.sin,
    sbml.AST_FUNCTION_COS: sp.cos,
    sbml.AST_FUNCTION_TAN: sp.tan,
    sbml.AST_FUNCTION_ARCSIN: sp.asin,
    sbml.AST_FUNCTION_ARCCOS: sp.acos,
    sbml.AST_FUNCTION_ARCTAN: sp.atan,
    sbml.AST_FUNCTION_SINH: sp.sinh,
    sbml.AST_FUNCTION_COSH: sp.cosh,
    sbml.AST_FUNCTION_TANH: sp.tanh,
    sbml.AST_FUNCTION_SEC: lambda x: 1 / sp.cos(x),
    sbml.AST_FUNCTION_CSC: lambda x: 1 / sp.sin(x),
    sbml.AST_FUNCTION_COT: lambda x: sp.cos(x) / sp.sin(x),
    sbml.AST_FUNCTION_SECH: lambda x: 1 / sp.cosh(x),
    sbml.AST_FUNCTION_CSCH: lambda x: 1 / sp.sinh(x),
    sbml.AST_FUNCTION_COTH: lambda x: sp.cosh(x) / sp.sinh(x),
    sbml.AST_FUNCTION_ARCSEC: lambda x: sp.acos(1 / x),
    sbml.AST_FUNCTION_ARCCSC: lambda x: sp.asin(1 / x),
    sbml.AST_FUNCTION_ARCCOT: lambda x: sp.atan(1 / x),
    sbml.AST_FUNCTION_ARCSINH: sp.asinh,
    sbml.AST_FUNCTION_ARCCOSH: sp.acosh,
    sbml.AST_FUNCTION_ARCTANH: sp.atanh,
    sbml.AST_FUNCTION_ARCSECH: lambda x: sp.acosh(1 / x),
    sbml.AST_FUNCTION_ARCCSCH: lambda x: sp.asinh(1 / x),
    sbml.AST_FUNCTION_ARCCOTH: lambda x: sp.atanh(1 / x),
    sbml.AST_FUNCTION_FACTORIAL: lambda x: sp.gamma(x + 1),
    sbml.AST_FUNCTION_ABS: lambda x: abs(x) if x.is_Number else sp.Abs(x, evaluate=False),
    sbml.AST_FUNCTION_FLOOR: sp.floor,
    sbml.AST_FUNCTION_CEILING: sp.ceiling,
}
_RELATIONS: dict[int, Callable[..., Any]] = {
    sbml.AST_RELATIONAL_EQ: sp.Eq,
    sbml.AST_RELATIONAL_NEQ: sp.Ne,
    sbml.AST_RELATIONAL_LT: sp.Lt,
    sbml.AST_RELATIONAL_LEQ: sp.Le,
    sbml.AST_RELATIONAL_GT: sp.Gt,
    sbml.AST_RELATIONAL_GEQ: sp.Ge,
}
_LOGIC = {sbml.AST_LOGICAL_AND: sp.And, sbml.AST_LOGICAL_OR: sp.Or, sbml.AST_LOGICAL_NOT: sp.Not}
_JOINED = {
    sbml.AST_LOGICAL_XOR: lambda *c: reduce(lambda a, b: sp.And(sp.Or(a, b), sp.Not(sp.And(a, b))), c, sp.false),
    sbml.AST_LOGICAL_IMPLIES: lambda a, b: sp.Or(sp.Not(a), b),
}
#: Least and most arguments where their number is fixed.
_ARITIES = {
    sbml.AST_MINUS: (1, 2),
    sbml.AST_DIVIDE: (2, 2),
    sbml.AST_POWER: (2, 2),
    sbml.AST_FUNCTION_POWER: (2, 2),
    sbml.AST_FUNCTION_ROOT: (1, 2),
    sbml.AST_FUNCTION_LOG: (1, 2),
    **dict.fromkeys(_UNARY, (1, 1)),
    sbml.AST_LOGICAL_NOT: (1, 1),
    sbml.AST_LOGICAL_IMPLIES: (2, 2),
    sbml.AST_FUNCTION_DELAY: (2, 2),
    sbml.AST_FUNCTION_RATE_OF: (1, 1),
    sbml.AST_FUNCTION_QUOTIENT: (2, 2),
    sbml.AST_FUNCTION_REM: (2, 2),
}
#: Arguments and body of each function definition.
Functions = Mapping[str, tuple[list[str], Any]]


class Formula:
    """Reads the formulas of one file.

    Parameters
    ----------
    functions : mapping
        From the name of a function definition to its arguments and the node of its body.
    time : Symbol
        What the time of SBML becomes.
    characters : int
        Of the file, which has as many nodes with its functions written out at most, or `MAX_NODES`.
    exact : mapping of str to float, optional
        From numbers of 15 digits to those that they stand for.
    """

    def __init__(
        self, functions: Functions, time: sp.Symbol, characters: int = 0, exact: Mapping[str, float] | None = None
    ) -> None:
        self._functions = functions
        self._time = time
        self._exact = exact or {}
        self._left = max(characters, MAX_NODES)
        self._sizes: dict[str, tuple[int, dict[str, int]]] = {}  # of functions, without their arguments, and uses of these

    def read(self, node: Any, names: Mapping[str, sp.Expr], where: str) -> sp.Expr:
        """The expression of `node`; `names` maps identifiers to symbols, `where` names what is read, for messages.

        Raises
        ------
        DeclarationError
            For anything that is not on the list: delays, distributions, matrices and the like.
        """
        return _number(self._started(node, names, where))

    def condition(self, node: Any, names: Mapping[str, sp.Expr], where: str) -> Boolean:
        """The condition of `node`; a number is true unless it is 0."""
        return _truth(self._started(node, names, where))

    def _started(self, node: Any, names: Mapping[str, sp.Expr], where: str) -> Any:
        if node is None:
            raise DeclarationError(f"{where} has no formula")
        nodes, _ = self._size(node, (), where, 0)
        refuse_growth(nodes, where)
        self._left -= nodes
        if self._left < 0:
            raise DeclarationError(
                f"{where} is too long to read: with its functions written out, the file has too many formulas"
            )
        return self._read(node, names, where, 0)

    def _size(self, node: Any, arguments: Sequence[str], where: str, depth: int) -> tuple[int, dict[str, int]]:
        """Nodes with functions written out, without the arguments of a function, and how often each of these is used."""
        if depth > MAX_DEPTH:
            raise DeclarationError(f"{where} is nested too deeply to read")
        if node.getType() == sbml.AST_NAME and node.getName() in arguments:
            return 0, {node.getName(): 1}
        parts = [self._size(node.getChild(i), arguments, where, depth + 1) for i in range(node.getNumChildren())]
        total, weights = 1, [1] * len(parts)
        if node.getType() == sbml.AST_FUNCTION and node.getName() in self._functions:
            name = node.getName()
            names, body = self._functions[name]
            if name not in self._sizes:
                self._sizes[name] = self._size(body, names, f"the function {name}", depth + 1)
            own, uses = self._sizes[name]
            total += own  # one more than there are, so that empty functions count
            weights = [max(uses.get(n, 0), 1) for n in names][: len(parts)] + [1] * (len(parts) - len(names))
        found: Counter[str] = Counter()
        for (nodes, uses), weight in zip(parts, weights, strict=True):
            total = min(total + weight * nodes, TOO_MANY)
            found.update({n: min(weight * count, TOO_MANY) for n, count in uses.items()})
        return total, found

    def _read(self, node: Any, names: Mapping[str, sp.Expr], where: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise DeclarationError(f"{where} is nested too deeply to read")
        kind = node.getType()
        if kind == sbml.AST_INTEGER:
            return sp.Integer(node.getInteger())
        if kind == sbml.AST_REAL:
            return real(node.getReal(), where, self._exact)
        if kind == sbml.AST_REAL_E:  # the number that is nearest to the digits, which its own product is not
            return real(float(f"{node.getMantissa()!r}e{node.getExponent()}"), where, self._exact)
        if kind == sbml.AST_RATIONAL:
            return sp.Rational(node.getNumerator(), node.getDenominator())
        if kind == sbml.AST_NAME_TIME:
            return self._time
        if kind in _NUMBERS:
            return _NUMBERS[kind]
        if kind in (sbml.AST_CONSTANT_TRUE, sbml.AST_CONSTANT_FALSE):
            return sp.true if kind == sbml.AST_CONSTANT_TRUE else sp.false
        if kind == sbml.AST_NAME:
            name = node.getName()
            if name not in names:
                raise DeclarationError(f"{where} uses {name!r}, which the model does not declare.{suggest(name, names)}")
            return names[name]
        parts = [self._read(node.getChild(i), names, where, depth + 1) for i in range(node.getNumChildren())]
        if kind == sbml.AST_FUNCTION:
            return self._call(node.getName(), parts, where, depth)
        return _finite(_apply(kind, parts, node, where), node, where)

    def _call(self, name: str, parts: list[Any], where: str, depth: int) -> Any:
        if name not in self._functions:
            raise DeclarationError(f"{where} calls {name!r}, which the model does not define.{suggest(name, self._functions)}")
        arguments, body = self._functions[name]
        if len(parts) != len(arguments):
            raise DeclarationError(f"{where} calls {name} with {len(parts)} arguments; it takes {len(arguments)}")
        return self._read(body, dict(zip(arguments, parts, strict=True)), where, depth + 1)


def real(value: float, where: str, exact: Mapping[str, float]) -> sp.Expr:
    """A number of the file, or the one that its 15 digits stand for; whole numbers exactly.

    >>> real(2.0, "k", {}), float(real(-1.5, "k", {"1.5": 1.5000000000000002}))
    (2, -1.5000000000000002)
    """
    if not abs(value) < float("inf"):
        raise DeclarationError(f"{where} holds the number {value}; expected finite numbers")
    if exact:
        value = math.copysign(exact.get(f"{abs(value):.15g}", abs(value)), value)
    return sp.Integer(int(value)) if value == int(value) and abs(value) < 2**53 else sp.Float(value)


def endless(node: Any) -> float | None:
    """The value of a formula that is INF, -INF or NaN and nothing else, or None."""
    if node.getType() == sbml.AST_MINUS and node.getNumChildren() == 1:
        inner = endless(node.getChild(0))
        return None if inner is None else -inner
    found = node.getReal() if node.getType() in (sbml.AST_REAL, sbml.AST_REAL_E) else 0.0
    return None if math.isfinite(found) else found


def _finite(value: Any, node: Any, where: str) -> Any:
    """The value of a node, before sympy compares numbers that are not real, or builds on those that no float holds."""
    if _is_condition(value):
        return value
    factor = value.as_coeff_Mul()[0]
    if factor is sp.S.One and value.is_Mul and sp.zoo not in value.args and not value.is_number:
        return value
    long = factor.is_Rational and max(factor.p.bit_length(), factor.q.bit_length()) > MAX_BITS
    if long or sp.zoo in value.args or not all(math.isfinite(value_of(e, {})) for e in (factor, value) if e.is_number):
        raise DeclarationError(f"{where} holds {sbml.formulaToL3String(node)}, which is no finite real number")
    return value


def _is_condition(value: Any) -> bool:
    return isinstance(value, Boolean) and not isinstance(value, sp.Symbol)  # which sympy takes for either


def _number(value: Any) -> sp.Expr:
    """A condition as the number 1 or 0."""
    if isinstance(value, BooleanAtom):
        return sp.Integer(int(bool(value)))
    return sp.Piecewise((1, value), (0, True), evaluate=False) if _is_condition(value) else value


def _truth(value: Any) -> Any:
    """A number as a condition."""
    return value if _is_condition(value) else sp.Ne(value, 0)


def _apply(kind: int, parts: list[Any], node: Any, where: str) -> Any:
    """An operator or function of the whitelist."""
    least, most = _ARITIES.get(kind, (0, len(parts)))
    if not least <= len(parts) <= most:
        raise DeclarationError(f"{where} holds {sbml.formulaToL3String(node)!r} of {len(parts)} arguments; it takes {most}")
    if kind in _LOGIC:
        return _LOGIC[kind](*map(_truth, parts))
    if kind in _JOINED:
        return _JOINED[kind](*map(_truth, parts))
    if kind == sbml.AST_FUNCTION_PIECEWISE:
        return _piecewise(parts, where)
    parts = [_number(p) for p in parts]
    if kind in _RELATIONS:
        return sp.And(*(_RELATIONS[kind](a, b) for a, b in pairwise(parts)))
    if kind == sbml.AST_PLUS:
        return sp.Add(*parts)
    if kind == sbml.AST_TIMES:
        return sp.Mul(*parts)
    if kind == sbml.AST_MINUS:
        return -parts[0] if len(parts) == 1 else parts[0] - parts[1]
    if kind == sbml.AST_DIVIDE:
        return parts[0] / parts[1]
    if kind in (sbml.AST_POWER, sbml.AST_FUNCTION_POWER):
        return _power(parts[0], parts[1], where)
    if kind == sbml.AST_FUNCTION_ROOT:
        degree, inner = parts if len(parts) == 2 else (sp.Integer(2), parts[0])
        return _power(inner, 1 / degree, where)
    if kind == sbml.AST_FUNCTION_LOG:
        base, inner = parts if len(parts) == 2 else (sp.Integer(10), parts[0])
        return sp.log(inner) / sp.log(base)
    if kind == sbml.AST_FUNCTION_FACTORIAL and parts[0].is_number and value_of(parts[0], {}) > MAX_FACTORIAL:
        raise DeclarationError(f"{where} holds a factorial above that of {MAX_FACTORIAL}, which no float holds")
    if kind in _UNARY:
        return _UNARY[kind](parts[0])
    if kind in (sbml.AST_FUNCTION_MAX, sbml.AST_FUNCTION_MIN):
        return (sp.Max if kind == sbml.AST_FUNCTION_MAX else sp.Min)(*parts)
    if kind in (sbml.AST_FUNCTION_QUOTIENT, sbml.AST_FUNCTION_REM):  # towards 0, as SBML has it
        q = _finite(parts[0] / parts[1], node, where)
        whole = sp.sign(q) * sp.floor(sp.Abs(q))
        return whole if kind == sbml.AST_FUNCTION_QUOTIENT else parts[0] - parts[1] * whole
    if kind == sbml.AST_FUNCTION_DELAY:
        return Delayed(*parts)
    if kind == sbml.AST_FUNCTION_RATE_OF:
        return RateOf(parts[0])
    raise DeclarationError(f"{where} holds {sbml.formulaToL3String(node)!r}, which is not read")


def _piecewise(parts: list[Any], where: str) -> Any:
    pairs = [(value, _truth(condition)) for value, condition in zip(parts[0::2], parts[1::2], strict=False)]
    if len(parts) % 2 == 0 and sp.Or(*(c for _, c in pairs)) == sp.true:  # one of them holds at all times
        parts, pairs = parts[:-1], pairs[:-1]
    elif len(parts) % 2 == 0:
        raise DeclarationError(f"{where} has a piecewise without otherwise: it has no value where no condition holds")
    if not pairs:
        return parts[-1]
    values = [*(v for v, _ in pairs), parts[-1]]
    if all(map(_is_condition, values)):
        found = parts[-1]
        for value, condition in reversed(pairs):
            found = sp.Or(sp.And(condition, value), sp.And(sp.Not(condition), found))
        return found
    return _chosen(pairs, parts[-1])


def _chosen(pairs: list[tuple[Any, Any]], otherwise: Any) -> sp.Expr:
    # unevaluated: sympy would solve inequalities to tidy the conditions
    return sp.Piecewise(*((_number(v), c) for v, c in pairs), (_number(otherwise), sp.true), evaluate=False)


def _power(base: sp.Expr, exponent: sp.Expr, where: str) -> sp.Expr:
    if exponent.is_number and not abs(value_of(exponent, {})) <= MAX_EXPONENT:
        raise DeclarationError(f"{where} holds {base} to the power of {exponent}; exponents up to {MAX_EXPONENT} are read")
    return base**exponent
