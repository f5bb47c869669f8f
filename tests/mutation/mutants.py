"""Small changes of a module that a test should notice, made in its syntax tree.

Left alone is what no test can or should tell apart: docstrings, texts, annotations, `__all__`, decorators, what is raised,
logged or warned of, and options without an effect on results.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Mutant", "mutants", "mutated", "sample"]

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS = ["min max", "minimum maximum", "argmin argmax", "any all", "floor ceil", "sin cos", "sinh cosh", "least greatest"]
_PAIRS += ["Min Max", "append extend", "nanmin nanmax", "rows cols", "real imag", "union intersection", "startswith endswith"]
_PAIRS += ["zeros ones", "zeros_like ones_like", "logical_and logical_or", "sum prod", "log exp", "mean median", "lower upper"]
_NAMES = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}
#: Calls whose arguments are words for people, and of `vector`, which does nothing on a processor.
_WORDS = {"vector", "warn", "warning", "info", "debug", "error", "note", "print", "getLogger", "cast", "TypeVar", "lazy"}
#: Keywords that say what may not happen, how much is kept, or how an object is named.
_IDLE = {"strict", "maxsize", "stacklevel", "slots", "frozen", "repr", "progress", "dtype", "cse", "copy", "check_finite"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Parameters
    ----------
    path : str
        Path of the module, relative to the repository.
    line : int
    function : str
        Qualified name of the outermost function with the change in its body; empty where the module or a class has it.
    number : int
        Number of the change in the module.
    before, after : str
        The expression or statement in both forms.
    """

    path: str
    line: int
    function: str
    number: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """The same for as long as the function has this expression only once, also where lines are added above it."""
        return f"{self.path}::{self.function}: {self.before} -> {self.after}"


class _Walk:
    """Visits all places of a tree that change, in a fixed order; `change` is called with each and the ways to change it."""

    def __init__(self, change: Callable[[ast.AST, str, list[ast.AST]], ast.AST | None]) -> None:
        self.change = change

    def module(self, tree: ast.Module) -> None:
        self.statements(tree.body, "", inside=False)

    def statements(self, body: list[ast.stmt], function: str, *, inside: bool) -> None:
        for k, statement in enumerate(body):
            if k == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            name = function if inside else ""
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                for default in [*statement.args.defaults, *statement.args.kw_defaults]:
                    if isinstance(default, ast.Constant) and isinstance(default.value, bool | int | float):
                        self.constant(default, name)
                own = function if inside else ".".join(filter(None, (function, statement.name)))
                self.statements(statement.body, own, inside=True)
            elif isinstance(statement, ast.ClassDef):
                own = function if inside else ".".join(filter(None, (function, statement.name)))
                self.statements(statement.body, own, inside=inside)
            else:
                body[k] = self.statement(statement, function, name, inside=inside)

    def statement(self, statement: ast.stmt, function: str, name: str, *, inside: bool) -> ast.stmt:
        if isinstance(statement, ast.Raise | ast.Import | ast.ImportFrom | ast.Assert | ast.Global | ast.Nonlocal):
            return statement
        if isinstance(statement, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets):
            return statement
        ways: list[ast.AST] = []
        if isinstance(statement, ast.Return) and statement.value is not None:
            ways = [ast.Return(ast.Constant(None))]
            if isinstance(statement.value, ast.Constant) and statement.value.value is None:
                ways = [ast.Return(ast.Constant(0))]
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            if _called(statement.value) in _WORDS:
                return statement
            ways = [ast.Pass()]
        elif isinstance(statement, ast.AugAssign) and type(statement.op) in _OPERATORS:
            ways = [ast.AugAssign(statement.target, _OPERATORS[type(statement.op)](), statement.value)]
        elif isinstance(statement, ast.Continue):
            ways = [ast.Break()]
        elif isinstance(statement, ast.Break):
            ways = [ast.Pass()]
        if ways and (new := self.change(statement, name, ways)) is not None:
            return new  # type: ignore[return-value]
        if isinstance(statement, ast.If | ast.While) and not _switches(statement.test):
            statement.test = self.condition(statement.test, name)
        for field, value in ast.iter_fields(statement):
            if field == "annotation" or (isinstance(statement, ast.If) and _type_checking(statement)):
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self.statements(value, function, inside=inside)
            elif isinstance(value, list):
                value[:] = [self.visit(v, name, function, inside) for v in value]
            elif isinstance(value, ast.expr):
                setattr(statement, field, self.expression(value, name))
        return statement

    def visit(self, node: ast.AST, name: str, function: str, inside: bool) -> ast.AST:
        if isinstance(node, ast.expr):
            return self.expression(node, name)
        for field in ("body", "guard", "context_expr"):  # of handlers, cases and contexts
            value = getattr(node, field, None)
            if isinstance(value, list):
                self.statements(value, function, inside=inside)
            elif isinstance(value, ast.expr):
                setattr(node, field, self.expression(value, name))
        return node

    def condition(self, test: ast.expr, name: str) -> ast.expr:
        """A condition that is a value becomes its opposite."""
        if isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
            return test
        return self.change(test, name, [ast.UnaryOp(ast.Not(), test)]) or test  # type: ignore[return-value]

    def constant(self, node: ast.Constant, name: str) -> ast.expr:
        value = node.value
        new: list[object] = []
        if isinstance(value, bool):
            new = [not value]
        elif isinstance(value, int):
            new = [value + 1, value - 1]
        elif isinstance(value, float):
            new = [value * 1.01 if value else 1.0]
        if new and (changed := self.change(node, name, [ast.Constant(n) for n in new])) is not None:
            node.value = changed.value  # type: ignore[attr-defined]  (in place: a default stays where it is)
        return node

    def expression(self, node: ast.expr, name: str) -> ast.expr:
        if isinstance(node, ast.JoinedStr):
            return node
        if isinstance(node, ast.Constant):
            return self.constant(node, name)
        if isinstance(node, ast.Call) and _called(node) in _WORDS:
            return node
        ways: list[ast.AST] = []
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS and not _textual(node):
            ways = [ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)]
        elif isinstance(node, ast.Compare):
            for k, op in enumerate(node.ops):
                for other in _COMPARISONS[type(op)]:
                    ways.append(ast.Compare(node.left, [*node.ops[:k], other(), *node.ops[k + 1 :]], node.comparators))
        elif isinstance(node, ast.BoolOp):
            ways = [ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            ways = [node.operand]
        elif isinstance(node, ast.Name) and node.id in _NAMES and isinstance(node.ctx, ast.Load):
            ways = [ast.Name(_NAMES[node.id], node.ctx)]
        elif isinstance(node, ast.Attribute) and node.attr in _NAMES and isinstance(node.ctx, ast.Load):
            ways = [ast.Attribute(node.value, _NAMES[node.attr], node.ctx)]
        elif isinstance(node, ast.IfExp):
            ways = [node.body, node.orelse]
        if ways and (new := self.change(node, name, ways)) is not None:
            return new  # type: ignore[return-value]
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, field, self.expression(value, name))
            elif isinstance(value, list):
                value[:] = [self.item(v, name) for v in value]
        return node

    def item(self, value: object, name: str) -> object:
        if isinstance(value, ast.keyword):
            if value.arg not in _IDLE:
                value.value = self.expression(value.value, name)
        elif isinstance(value, ast.comprehension):
            value.iter = self.expression(value.iter, name)
            value.ifs = [self.expression(self.condition(test, name), name) for test in value.ifs]
        elif isinstance(value, ast.expr):
            return self.expression(value, name)
        return value


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _textual(node: ast.BinOp) -> bool:
    """Whether text is joined, or a type is a union."""
    sides = (node.left, node.right)
    return any(isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides) or (
        isinstance(node.op, ast.BitOr)
        and any(
            (isinstance(s, ast.Constant) and s.value is None) or (isinstance(s, ast.Name) and s.id in _TYPES) for s in sides
        )
    )


_TYPES = {"str", "int", "float", "list", "tuple", "dict", "Mapping", "Sequence", "bytes"}


def _switches(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _type_checking(node: ast.If) -> bool:
    return _switches(node.test)


def mutants(path: str, source: str) -> list[Mutant]:
    """All changes of a module, in the order of its text."""
    found: list[Mutant] = []

    def note(node: ast.AST, function: str, ways: list[ast.AST]) -> None:
        for way in ways:
            before, after = ast.unparse(node), ast.unparse(way)
            found.append(Mutant(path, getattr(node, "lineno", 0), function, len(found), before, after))

    _Walk(note).module(ast.parse(source))
    return found


def mutated(source: str, number: int) -> ast.Module:
    """The tree of a module with one of its changes."""
    tree, count = ast.parse(source), -1

    def one(node: ast.AST, function: str, ways: list[ast.AST]) -> ast.AST | None:
        nonlocal count
        for way in ways:
            count += 1
            if count == number:
                return ast.copy_location(copy.deepcopy(way), node)
        return None

    _Walk(one).module(tree)
    return ast.fix_missing_locations(tree)


def sample(every: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """Mutants on that many lines, one on each; the same ones where other lines of the modules change."""

    def place(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.name}".encode()).hexdigest()

    lines: dict[tuple[str, int], list[Mutant]] = {}
    for mutant in every:
        lines.setdefault((mutant.path, mutant.line), []).append(mutant)
    first = [min(found, key=place) for found in lines.values()]
    return sorted(first, key=lambda m: place(m)[::-1])[:count]
