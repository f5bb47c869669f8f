"""The text of a PySB model, read as a tree of Python's grammar of which nothing is executed."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io.rules.expansion import Rule
from symdyn.io.rules.model import Initial, Observed, RuleModel
from symdyn.io.rules.patterns import Agent, Bond, MatchedOnce, Pattern

__all__ = ["PysbReader"]

FUNCTIONS = {
    "exp": sp.exp, "log": sp.log, "ln": sp.log, "sqrt": sp.sqrt, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh,
    "cosh": sp.cosh, "tanh": sp.tanh, "Abs": sp.Abs, "Max": sp.Max, "Min": sp.Min, "floor": sp.floor, "ceiling": sp.ceiling,
}  # fmt: skip
NUMBERS = {"pi": sp.pi, "E": sp.E, "e": sp.E}
#: Bonds that a pattern leaves open.
OPEN = {"ANY": Bond.BOUND, "WILD": Bond.EITHER}
#: Levels of parentheses and operators.
DEEPEST = 200
#: Exponents of formulas, bits of numbers that powers make, and arguments of Max and Min.
GREATEST, MOST_BITS, MOST_COMPARED = 1000, 4096, 50
#: Packages that bring no components with them.
PACKAGES = ("pysb", "math", "numpy", "sympy")
ELSE = "; execute the file yourself and pass its model, sd.read_pysb(model)"


class _Rates:
    """The two sides of a rule, each a list of patterns, and whether it goes both ways."""

    def __init__(self, reactants: list[Pattern], products: list[Pattern], both: bool) -> None:
        self.reactants, self.products, self.both = reactants, products, both


class PysbReader:
    """Reads components one after the other.

    Parameters
    ----------
    text : str
        Calls of the constructors of PySB, also behind ``name =``; numbers may have names.

    Attributes
    ----------
    model : RuleModel
    names : set of str
        Of all components.

    Raises
    ------
    DeclarationError
        For whatever else Python has, such as loops and macros; naming the line.
    """

    def __init__(self, text: str) -> None:
        self.model = RuleModel()
        self.known: dict[str, Any] = {}
        self.names: set[str] = set()
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DeclarationError(f"it is no Python text: {' '.join(str(error).split())[:200]}") from None
        for node in tree.body:
            self.statement(node)

    def pattern(self, text: str) -> Pattern:
        """A single pattern from a text, in the terms of the model.

        Raises
        ------
        DeclarationError
            If it is none.
        """
        try:
            node = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DeclarationError(f"{text!r} is no pattern: {error}") from None
        found = self.side(node, node)
        if len(found) != 1:
            raise self.wrong(node, f"{_shown(node)} is no single complex")
        return found[0]

    def wrong(self, node: ast.AST, what: str) -> DeclarationError:
        return DeclarationError(f"line {getattr(node, 'lineno', '?')}: {what}")

    # ---- statements -----------------------------------------------------------------------------------

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom(names=names) if any(a.name in ("*", "model") for a in names) and not _known(node):
                raise self.wrong(node, f"{_shown(node)} may bring components, which are not read{ELSE}")
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                return
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]), orelse=[]):
                return
            case ast.Expr(value=ast.Call() as call):
                self.component(call)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.known[name] = self.component(value) if self.constructor(value) else self.value(value, 0)
            case _:
                raise self.wrong(node, f"{_shown(node)} is no component of a model{ELSE}")

    def constructor(self, node: ast.expr) -> str:
        """The name of the constructor that is called, '' for all else."""
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if hasattr(self, f"add_{name.lower()}"):
                return name
        return ""

    def component(self, node: ast.expr) -> Any:
        """Declare what a constructor makes."""
        if not (name := self.constructor(node)):
            raise self.wrong(node, f"{_shown(node)} is no component of a model{ELSE}")
        call: ast.Call = node  # type: ignore[assignment]
        words = {}
        for k in call.keywords:
            if k.arg is None:
                raise self.wrong(node, f"{_shown(node)} has arguments that are not written out{ELSE}")
            words[k.arg] = k.value
        return getattr(self, f"add_{name.lower()}")(node, list(call.args), words)

    def arguments(self, node: ast.AST, given: list[ast.expr], words: Mapping[str, ast.expr], names: str) -> dict[str, ast.expr]:
        """Arguments by their names."""
        order = names.split()
        if len(given) > len(order):
            raise self.wrong(node, f"{_shown(node)} has {len(given)} arguments; expected {', '.join(order)}")
        found = dict(zip(order, given, strict=False))
        if twice := found.keys() & words.keys():
            raise self.wrong(node, f"{_shown(node)} has the argument {min(twice)!r} twice")
        found |= words
        if odd := found.keys() - set(order) - {"_export"}:
            raise self.wrong(
                node, f"{_shown(node)} has the argument {min(odd)!r}, which is not read; known: {', '.join(order)}"
            )
        return found

    def name(self, node: ast.AST, found: Mapping[str, ast.expr]) -> str:
        match found.get("name"):
            case ast.Constant(value=str() as name) if name.isidentifier():
                if name in self.names:
                    raise self.wrong(node, f"there are two components {name}")
                if name == "time":
                    raise self.wrong(node, "no component can be called time, which is that of the model")
                self.names.add(name)
                return name
        raise self.wrong(node, f"{_shown(node)}: its name is no identifier in quotes")

    def add_model(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> None:
        found = self.arguments(node, given, words, "name base")
        if "base" in found:
            raise self.wrong(node, f"the model extends another one{ELSE}")
        self.model.name = self.name(node, found) if "name" in found else ""
        self.names.discard(self.model.name)

    def add_monomer(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> str:
        found = self.arguments(node, given, words, "name sites site_states")
        name = self.name(node, found)
        sites = self.literal(found.get("sites"), []) or []
        states = self.literal(found.get("site_states"), {}) or {}
        if not isinstance(sites, list) or not isinstance(states, dict):
            raise self.wrong(node, f"the monomer {name} has sites {sites!r}; expected a list, and site_states={{...}}")
        texts = [*sites, *states, *(s for own in states.values() for s in (own if isinstance(own, list) else [None]))]
        if not all(isinstance(s, str) for s in texts):
            raise self.wrong(node, f"the monomer {name}: its sites and lists of their states are to be texts")
        if len(set(sites)) < len(sites):
            raise self.wrong(node, f"the monomer {name} has two sites of one name, which is not read")
        if odd := states.keys() - set(sites):
            raise self.wrong(node, f"the monomer {name} has states of {min(odd)!r}, which is none of its sites")
        self.model.monomers[name] = {s: tuple(states.get(s, ())) for s in sites}
        self.known[name] = name
        return name

    def add_compartment(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> str:
        found = self.arguments(node, given, words, "name parent dimension size")
        name = self.name(node, found)
        size = self.value(found["size"], 0) if "size" in found else []
        if size != [] and not isinstance(size, sp.Symbol):
            raise self.wrong(node, f"the size of the compartment {name} is no parameter")
        self.model.compartments[name] = size or None
        self.known[name] = _Home(name)
        dimension = self.value(found["dimension"], 0) if "dimension" in found else sp.Integer(3)
        outer = self.value(found["parent"], 0) if "parent" in found else []
        if dimension not in (2, 3) or not (outer == [] or isinstance(outer, _Home)):
            raise self.wrong(node, f"the compartment {name} needs a compartment or None as parent, and dimension 2 or 3")
        if dimension == 2:
            self.model.surfaces.add(name)
        if isinstance(outer, _Home) and len({outer.name, name} & self.model.surfaces) == 1:
            self.model.touching.append({outer.name, name})
        return name

    def add_parameter(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> sp.Symbol:
        found = self.arguments(node, given, words, "name value nonnegative integer")
        name = self.name(node, found)
        number = self.value(found["value"], 0) if "value" in found else sp.S.Zero
        if not isinstance(number, sp.Expr) or not number.is_number:
            raise self.wrong(node, f"the value of the parameter {name} is no number")
        return self.declare(name, self.model.parameters, float(number))

    def add_expression(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> sp.Symbol:
        found = self.arguments(node, given, words, "name expr")
        name, e = self.name(node, found), self.value(found["expr"], 0) if "expr" in found else None
        if not isinstance(e, sp.Expr):
            raise self.wrong(node, f"the expression {name} is no formula of parameters, observables and expressions")
        return self.declare(name, self.model.formulas, e)

    def add_observable(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> sp.Symbol:
        found = self.arguments(node, given, words, "name reaction_pattern match")
        name = self.name(node, found)
        match = self.literal(found.get("match"), "molecules")
        if match not in ("molecules", "species"):
            raise self.wrong(node, f"the observable {name} matches {match!r}; expected 'molecules' or 'species'")
        observed = Observed(tuple(self.side(node, found.get("reaction_pattern"))), match == "species")
        return self.declare(name, self.model.observables, observed)

    def add_initial(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> None:
        found = self.arguments(node, given, words, "pattern value fixed")
        patterns = self.side(node, found.get("pattern"))
        value = self.value(found["value"], 0) if "value" in found else None
        if len(patterns) != 1 or not isinstance(value, sp.Expr):
            raise self.wrong(node, f"{_shown(node)} is no complex and its value, a parameter or expression")
        self.model.initials.append(Initial(patterns[0], value, bool(self.literal(found.get("fixed"), False))))

    def add_rule(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> None:
        names = "name rule_expression rate_forward rate_reverse delete_molecules move_connected energy total_rate"
        found = self.arguments(node, given, words, names)
        name = self.name(node, found)
        for option in ("move_connected", "energy", "total_rate"):
            if self.literal(found.get(option), False):
                raise self.wrong(node, f"the rule {name} has {option}=True, which is not read")
        keep = bool(self.literal(found.get("delete_molecules"), False))
        sides = self.value(found["rule_expression"], 0) if "rule_expression" in found else None
        if not isinstance(sides, _Rates):
            raise self.wrong(node, f"the rule {name} has no sides; expected patterns joined by >> or |")
        rates = [self.value(found[r], 0) if r in found else None for r in ("rate_forward", "rate_reverse")]
        if sides.both != (rates[1] is not None) or not all(isinstance(r, sp.Expr) for r in rates[: 1 + sides.both]):
            raise self.wrong(
                node, f"the rule {name} needs {'two rates' if sides.both else 'one rate'}, parameters or expressions"
            )
        left, right = (tuple(self.paired(node, side)) for side in (sides.reactants, sides.products))
        self.model.rules.append(Rule(name, left, right, rates[0], keep))
        if sides.both:
            self.model.rules.append(Rule(f"{name}_back", right, left, rates[1], keep))

    def declare(self, name: str, home: dict[sp.Symbol, Any], what: Any) -> sp.Symbol:
        s = sp.Symbol(name)
        home[s] = what
        self.known[name] = s
        return s

    # ---- values ---------------------------------------------------------------------------------------

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
        raise self.wrong(node, f"{_shown(node)} is no text, and no list of texts{ELSE}")

    def side(self, node: ast.AST, given: ast.expr | None) -> list[Pattern]:
        found = None if given is None else self.value(given, 0)
        if found is None:
            return []
        if not (isinstance(found, list) and found and all(isinstance(p, tuple) for p in found)):
            raise self.wrong(node, f"{_shown(node)}: expected patterns of monomers, such as A(b=None)")
        return self.paired(node, found)

    def paired(self, node: ast.AST, patterns: list[Pattern]) -> list[Pattern]:
        """Patterns in which every bond has two ends."""
        for pattern in patterns:
            ends = Counter(b for a in pattern for _, b in a.sites.values() if isinstance(b, int))
            if odd := [b for b, n in ends.items() if n != 2]:
                raise self.wrong(
                    node, f"{_shown(node)}: the bond {odd[0]} has {ends[odd[0]]} ends; expected two in one complex"
                )
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
                if name not in self.known and name not in NUMBERS:
                    raise self.wrong(node, f"{name} is not declared before it is used")
                found = self.known.get(name, NUMBERS.get(name))
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
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in self.model.monomers:
                return [(self.agent(node, name),)]
            case ast.Call(func=ast.Name(id="MatchOnce") | ast.Attribute(attr="MatchOnce"), args=[a], keywords=[]):
                return [MatchedOnce(p) for p in self.side(node, a)]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given, keywords=[]) if name in FUNCTIONS:
                if name in ("Max", "Min") and len(given) > MOST_COMPARED:
                    raise self.wrong(node, f"{_shown(node)} has more than {MOST_COMPARED} arguments")
                with suppress(TypeError):
                    return self.finite(node, FUNCTIONS[name](*(self.formula(a, depth) for a in given)))
                raise self.wrong(node, f"{_shown(node)} has {len(given)} arguments, which {name} does not take")
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="float64" | "int64"), args=[a], keywords=[]
            ):
                return self.formula(a, depth)  # as numbers of NumPy are printed
        raise self.wrong(node, f"{_shown(node)} is not read{ELSE}")

    def formula(self, node: ast.expr, depth: int) -> sp.Expr:
        found = self.value(node, depth + 1)
        if not isinstance(found, sp.Expr):
            raise self.wrong(node, f"{_shown(node)} is no formula")
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
            raise self.wrong(node, f"{_shown(node)} is no finite number")
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
                    raise self.wrong(node, f"{_shown(node)} has an exponent beyond {GREATEST}")
                case ast.Pow() if not (a.is_number and b.is_number):
                    found = a**b
                    if all(r.p.bit_length() + r.q.bit_length() < MOST_BITS for r in found.atoms(sp.Rational)):
                        return found
                case ast.Pow():
                    with suppress(ArithmeticError, TypeError):
                        return self.finite(node, sp.Float(float(a) ** float(b)))
        match op, a, b:
            case ast.Pow(), [*patterns], _Home(name=home) if len(patterns) == 1:
                return [tuple(Agent(x.monomer, x.sites, home) for x in patterns[0])]
            case ast.Mod(), [first], [second]:
                return [(*first, *second)]
            case ast.Add(), [*left], [*right]:
                return [*left, *right]
            case ((ast.RShift() | ast.BitOr()), [*left], [*right]):
                return _Rates(left, right, isinstance(op, ast.BitOr))
        raise self.wrong(node, f"{_shown(node)} joins what cannot be joined")

    def agent(self, node: ast.Call, monomer: str) -> Agent:
        """A monomer with conditions on its sites."""
        given: dict[str, Any] = {}
        for part in node.args:
            if not isinstance(part, ast.Dict) or not all(isinstance(k, ast.Constant) for k in part.keys):
                raise self.wrong(node, f"{_shown(node)}: sites are given by their names")
            given |= {str(k.value): v for k, v in zip(part.keys, part.values, strict=True)}  # type: ignore[union-attr]
        for word in node.keywords:
            if word.arg is None:
                raise self.wrong(node, f"{_shown(node)} has sites that are not written out{ELSE}")
            given[word.arg] = word.value
        sites = self.model.monomers[monomer]
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
                    node, f"{monomer}({site}={_shown(given)}) is not read; a site has a state, a bond, or both in a tuple"
                )
        if state not in self.model.monomers[monomer][site]:
            states = ", ".join(map(repr, self.model.monomers[monomer][site])) or "none"
            raise self.wrong(node, f"the site {site} of {monomer} has no state {state!r}; its states: {states}")
        return found


class _Home:
    """A compartment, behind ``**``."""

    __match_args__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _known(node: ast.ImportFrom) -> bool:
    package, _, rest = (node.module or "").partition(".")
    return package in PACKAGES and not node.level and not rest.startswith("examples")


def _shown(node: ast.AST) -> str:
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        return "it"
    return text if len(text) < 80 else f"{text[:77]}..."
