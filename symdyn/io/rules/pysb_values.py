"""Values in the text of a PySB model: numbers, formulas, patterns and sides of rules, from Python's grammar."""

from __future__ import annotations

import ast
import math
from collections import Counter
from contextlib import suppress
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io.rules.patterns import Agent, Bond, MatchedOnce, Pattern

__all__ = ["ELSE", "TREE", "Home", "PysbValues", "Sides", "shown"]

FUNCTIONS = {
    "exp": sp.exp, "log": sp.log, "ln": sp.log, "sqrt": sp.sqrt, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh,
    "cosh": sp.cosh, "tanh": sp.tanh, "Abs": sp.Abs, "Max": sp.Max, "Min": sp.Min, "floor": sp.floor, "ceiling": sp.ceiling,
}  # fmt: skip
NUMBERS = {"pi": sp.pi, "E": sp.E, "e": sp.E}
#: What names stand for that nothing declares.
USUAL = {**NUMBERS, "time": sp.Symbol("time")}
#: Bonds that a pattern leaves open.
OPEN = {"ANY": Bond.BOUND, "WILD": Bond.EITHER}
#: Levels of parentheses and operators.
DEEPEST = 200
#: Exponents of formulas, bits of numbers that powers make, and arguments of Max and Min.
GREATEST, MOST_BITS, MOST_COMPARED = 1000, 4096, 50
#: The name under which Python's parser makes trees of texts, of which none becomes code.
TREE = "<tree of a model>"
ELSE = "; execute the file yourself and pass its model, sd.read_pysb(model)"


class Sides:
    """The two sides of a rule, each a list of patterns, and whether it goes both ways."""

    def __init__(self, reactants: list[Pattern], products: list[Pattern], both: bool) -> None:
        self.reactants, self.products, self.both = reactants, products, both


class Home:
    """A compartment, behind ``**``."""

    __match_args__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class PysbValues:
    """Reads values in the terms of what is declared.

    Attributes
    ----------
    monomers : dict of str to dict of str to tuple of str
        Sites, and the states of each.
    known : dict of str to object
        What names stand for.
    """

    def __init__(self) -> None:
        self.monomers: dict[str, dict[str, tuple[str, ...]]] = {}
        self.known: dict[str, Any] = {}

    def pattern(self, text: str) -> Pattern:
        """A single pattern from a text, in the terms of the model.

        Raises
        ------
        DeclarationError
            If it is none.
        """
        try:
            node = ast.parse(text, TREE, "eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DeclarationError(f"{text!r} is no pattern: {error}") from None
        found = self.side(node, node)
        if len(found) != 1:
            raise self.wrong(node, f"{shown(node)} is no single complex")
        return found[0]

    def wrong(self, node: ast.AST, what: str) -> DeclarationError:
        return DeclarationError(f"line {getattr(node, 'lineno', '?')}: {what}")

    def literal(self, node: ast.expr | None, default: Any) -> Any:
        """Texts, truth values, and lists and dicts of them."""
        match node:
            case None:
                return default
            case ast.Constant(value=str() | bool() | None as value):
                return value
            case ast.List(elts=parts) | ast.Tuple(elts=parts) if all(isinstance(p, ast.Constant) for p in parts):
                return [p.value for p in parts]  # type: ignore[attr-defined]
            case ast.Dict(keys=keys, values=values) if all(isinstance(k, ast.Constant) for k in keys):
                return {k.value: self.literal(v, None) for k, v in zip(keys, values, strict=True)}  # type: ignore[union-attr]
        raise self.wrong(node, f"{shown(node)} is no text, and no list of texts{ELSE}")

    def side(self, node: ast.AST, given: ast.expr | None) -> list[Pattern]:
        found = None if given is None else self.value(given, 0)
        if found is None:
            return []
        if not (isinstance(found, list) and found and all(isinstance(p, tuple) for p in found)):
            raise self.wrong(node, f"{shown(node)}: expected patterns of monomers, such as A(b=None)")
        return self.paired(node, found)

    def paired(self, node: ast.AST, patterns: list[Pattern]) -> list[Pattern]:
        """Patterns in which every bond has two ends."""
        for pattern in patterns:
            ends = Counter(b for a in pattern for _, b in a.sites.values() if isinstance(b, int))
            if odd := [b for b, n in ends.items() if n != 2]:
                raise self.wrong(node, f"{shown(node)}: the bond {odd[0]} has {ends[odd[0]]} ends; expected two in one complex")
        return patterns

    def value(self, node: ast.expr, depth: int) -> Any:
        """A number or formula, the patterns of a side, or the two sides of a rule."""
        if depth > DEEPEST:
            raise self.wrong(node, f"it is nested deeper than {DEEPEST} levels")
        match node:
            case ast.Constant(value=None):
                return []
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.finite(node, sp.Integer(number) if isinstance(number, int) else sp.Float(number))
            case ast.Name(id=name):
                if name not in self.known and name not in USUAL:
                    raise self.wrong(node, f"{name} is not declared before it is used")
                found = self.known.get(name, USUAL.get(name))
                if found is None:
                    raise self.wrong(node, f"{name} is neither a pattern nor a value")
                return [(Agent(found),)] if isinstance(found, str) else found
            case ast.Attribute(value=ast.Name(id="math" | "np" | "numpy" | "sympy"), attr=name) if name in NUMBERS:
                return NUMBERS[name]
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return -self.formula(a, depth)
            case ast.UnaryOp(op=ast.UAdd(), operand=a):
                return self.formula(a, depth)
            case ast.BinOp():  # long sums are deep on their left sides
                parts: list[ast.BinOp] = []
                first: ast.expr = node
                while isinstance(first, ast.BinOp):
                    parts.append(first)
                    first = first.left
                found = self.value(first, depth + 1)
                for part in reversed(parts):
                    found = self.joined(part, part.op, found, self.value(part.right, depth + 1))
                return found
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in self.monomers:
                return [(self.agent(node, name),)]
            case ast.Call(func=ast.Name(id="MatchOnce") | ast.Attribute(attr="MatchOnce"), args=[a], keywords=[]):
                return [MatchedOnce(p) for p in self.side(node, a)]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given, keywords=[]) if name in FUNCTIONS:
                if name in ("Max", "Min") and len(given) > MOST_COMPARED:
                    raise self.wrong(node, f"{shown(node)} has more than {MOST_COMPARED} arguments")
                with suppress(TypeError):
                    return self.finite(node, FUNCTIONS[name](*(self.formula(a, depth) for a in given)))
                raise self.wrong(node, f"{shown(node)} has {len(given)} arguments, which {name} does not take")
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="float64" | "int64"), args=[a], keywords=[]
            ):
                return self.formula(a, depth)  # as numbers of NumPy are printed
        raise self.wrong(node, f"{shown(node)} is not read{ELSE}")

    def formula(self, node: ast.expr, depth: int) -> sp.Expr:
        found = self.value(node, depth + 1)
        if not isinstance(found, sp.Expr):
            raise self.wrong(node, f"{shown(node)} is no formula")
        return found

    def finite(self, node: ast.AST, e: sp.Expr) -> sp.Expr:
        """A formula, or a number of moderate size, so that none takes long to compute."""
        if not e.is_number or (e.is_Rational and abs(e.p) + e.q < 2**64):
            return e
        try:
            number = float(e)
        except (TypeError, ValueError, OverflowError):
            number = math.inf
        if not math.isfinite(number):
            raise self.wrong(node, f"{shown(node)} is no finite number")
        return sp.Float(number)

    def joined(self, node: ast.BinOp, op: ast.operator, a: Any, b: Any) -> Any:
        """Two operands: of formulas, of patterns, or of the sides of a rule."""
        if isinstance(a, sp.Expr) and isinstance(b, sp.Expr):
            match op:
                case ast.Add():
                    return self.finite(node, a + b)
                case ast.Sub():
                    return self.finite(node, a - b)
                case ast.Mult():
                    return self.finite(node, a * b)
                case ast.Div() if b != 0:
                    return self.finite(node, a / b)
                case ast.Pow() if b.is_number and not a.is_number and abs(float(b)) > GREATEST:
                    raise self.wrong(node, f"{shown(node)} has an exponent beyond {GREATEST}")
                case ast.Pow() if not (a.is_number and b.is_number):
                    found = a**b
                    if all(r.p.bit_length() + r.q.bit_length() < MOST_BITS for r in found.atoms(sp.Rational)):
                        return found
                case ast.Pow():
                    with suppress(ArithmeticError, TypeError):
                        return self.finite(node, sp.Float(float(a) ** float(b)))
        match op, a, b:
            case ast.Pow(), [*patterns], Home(name=home) if len(patterns) == 1:
                return [tuple(Agent(x.monomer, x.sites, home) for x in patterns[0])]
            case ast.Mod(), [first], [second]:
                return [(*first, *second)]
            case ast.Add(), [*left], [*right]:
                return [*left, *right]
            case ((ast.RShift() | ast.BitOr()), [*left], [*right]):
                return Sides(left, right, isinstance(op, ast.BitOr))
        raise self.wrong(node, f"{shown(node)} joins what cannot be joined")

    def agent(self, node: ast.Call, monomer: str) -> Agent:
        """A monomer with conditions on its sites."""
        given: dict[str, Any] = {}
        for part in node.args:
            if not isinstance(part, ast.Dict) or not all(isinstance(k, ast.Constant) for k in part.keys):
                raise self.wrong(node, f"{shown(node)}: sites are given by their names")
            given |= {str(k.value): v for k, v in zip(part.keys, part.values, strict=True)}  # type: ignore[union-attr]
        for word in node.keywords:
            if word.arg is None:
                raise self.wrong(node, f"{shown(node)} has sites that are not written out{ELSE}")
            given[word.arg] = word.value
        sites = self.monomers[monomer]
        if odd := given.keys() - sites.keys():
            raise self.wrong(node, f"{monomer} has no site {min(odd)!r}; its sites: {', '.join(sites) or 'none'}")
        return Agent(monomer, {s: self.condition(node, monomer, s, given[s]) for s in sites if s in given})

    def condition(self, node: ast.AST, monomer: str, site: str, given: ast.expr) -> tuple[str, Bond | int]:
        match given:
            case ast.Constant(value=None):
                return "", Bond.FREE
            case ast.Constant(value=int() as bond) if not isinstance(bond, bool) and bond < 2**31:
                return "", bond
            case ast.Constant(value=str() as state):
                found: tuple[str, Bond | int] = state, Bond.FREE
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in OPEN:
                return "", OPEN[name]
            case ast.Tuple(elts=[ast.Constant(value=str() as state), bond]):
                found = state, self.condition(node, monomer, site, bond)[1]
            case ast.Name(id=name) if isinstance(self.known.get(name), sp.Integer):
                return "", int(self.known[name])
            case _:
                raise self.wrong(
                    node, f"{monomer}({site}={shown(given)}) is not read; a site has a state, a bond, or both in a tuple"
                )
        if state not in self.monomers[monomer][site]:
            states = ", ".join(map(repr, self.monomers[monomer][site])) or "none"
            raise self.wrong(node, f"the site {site} of {monomer} has no state {state!r}; its states: {states}")
        return found


def shown(node: ast.AST) -> str:
    """A tree as text, cut off where it is long."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        return "it"
    return text if len(text) < 80 else f"{text[:77]}..."
