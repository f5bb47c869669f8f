"""The text of a PySB model, read as a tree of Python's grammar of which nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io.rules.expansion import Rule
from symdyn.io.rules.model import Initial, Observed, RuleModel
from symdyn.io.rules.pysb_values import ELSE, TREE, Home, PysbValues, Sides, shown

__all__ = ["PysbReader"]

#: Packages that bring no components with them.
PACKAGES = ("pysb", "math", "numpy", "sympy")


class PysbReader(PysbValues):
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
        super().__init__()
        self.model = RuleModel(monomers=self.monomers)
        self.names: set[str] = set()
        try:
            tree = ast.parse(text, TREE)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DeclarationError(f"it is no Python text: {' '.join(str(error).split())[:200]}") from None
        for node in tree.body:
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom(names=names) if any(a.name in ("*", "model") for a in names) and not _known(node):
                raise self.wrong(node, f"{shown(node)} may bring components, which are not read{ELSE}")
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                return
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]), orelse=[]):
                return
            case ast.Expr(value=ast.Call() as call):
                self.component(call)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.known[name] = self.component(value) if self.constructor(value) else self.value(value, 0)
            case _:
                raise self.wrong(node, f"{shown(node)} is no component of a model{ELSE}")

    def constructor(self, node: ast.expr) -> str:
        """The name of the constructor that is called, '' for all else."""
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if hasattr(self, f"add_{name.lower()}"):
                return name
        return ""

    def component(self, node: ast.expr) -> Any:
        """Declare what a constructor makes."""
        if not (name := self.constructor(node)):
            raise self.wrong(node, f"{shown(node)} is no component of a model{ELSE}")
        call: ast.Call = node  # type: ignore[assignment]
        words = {}
        for k in call.keywords:
            if k.arg is None:
                raise self.wrong(node, f"{shown(node)} has arguments that are not written out{ELSE}")
            words[k.arg] = k.value
        return getattr(self, f"add_{name.lower()}")(node, list(call.args), words)

    def arguments(self, node: ast.AST, given: list[ast.expr], words: Mapping[str, ast.expr], names: str) -> dict[str, ast.expr]:
        """Arguments by their names."""
        order = names.split()
        if len(given) > len(order):
            raise self.wrong(node, f"{shown(node)} has {len(given)} arguments; expected {', '.join(order)}")
        found = dict(zip(order, given, strict=False))
        if twice := found.keys() & words.keys():
            raise self.wrong(node, f"{shown(node)} has the argument {min(twice)!r} twice")
        found |= words
        if odd := found.keys() - set(order) - {"_export"}:
            raise self.wrong(node, f"{shown(node)} has the argument {min(odd)!r}, which is not read; known: {', '.join(order)}")
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
        raise self.wrong(node, f"{shown(node)}: its name is no identifier in quotes")

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
        self.monomers[name] = {s: tuple(states.get(s, ())) for s in sites}
        self.known[name] = name
        return name

    def add_compartment(self, node: ast.expr, given: list[ast.expr], words: Mapping[str, ast.expr]) -> str:
        found = self.arguments(node, given, words, "name parent dimension size")
        name = self.name(node, found)
        size = self.value(found["size"], 0) if "size" in found else []
        if size != [] and not isinstance(size, sp.Symbol):
            raise self.wrong(node, f"the size of the compartment {name} is no parameter")
        self.model.compartments[name] = size or None
        self.known[name] = Home(name)
        dimension = self.value(found["dimension"], 0) if "dimension" in found else sp.Integer(3)
        outer = self.value(found["parent"], 0) if "parent" in found else []
        if dimension not in (2, 3) or not (outer == [] or isinstance(outer, Home)):
            raise self.wrong(node, f"the compartment {name} needs a compartment or None as parent, and dimension 2 or 3")
        if dimension == 2:
            self.model.surfaces.add(name)
        if isinstance(outer, Home) and len({outer.name, name} & self.model.surfaces) == 1:
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
            raise self.wrong(node, f"{shown(node)} is no complex and its value, a parameter or expression")
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
        if not isinstance(sides, Sides):
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


def _known(node: ast.ImportFrom) -> bool:
    package, _, rest = (node.module or "").partition(".")
    return package in PACKAGES and not node.level and not rest.startswith("examples")
