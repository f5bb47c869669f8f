"""Unrolling: a template, written as loops over the sizes of a model, becomes straight-line code for one model.

Registers cannot be indexed, and numba cannot build tuples in loops.  Where a template has names of constants,

    for k in range(SPECIES): ...               is repeated for each k
    tuple(x[k] for k in range(SPECIES))        becomes (x[0], x[1], ...), and sum(...) becomes x[0] + x[1] + ...
    max(y, *(x[k] for k in range(SPECIES)))    becomes max(y, x[0], x[1], ...)
    z = [0.0] * SPECIES; z[0] = 1.0            becomes z_0 = 0.0; z_1 = 0.0; ...; z_0 = 1.0
    vector(x, SPECIES); x[1] = 2.0; return x   becomes x_0 = x[0]; x_1 = x[1]; ...; x_1 = 2.0; return (x_0, x_1, ...)
    if TIMED: ... else: ...                    keeps the branch that is taken, as do ``a if TIMED else b``, and, or
    PTR[k], network.ptr[k], len(PTR)           become numbers

and arithmetic of numbers is done.  Templates are Python that would run as it is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import reduce
from typing import Any

__all__ = ["unrolled"]

ARITHMETIC: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Not: operator.not_, ast.USub: operator.neg,
}  # fmt: skip
#: Entries of a tuple, or arguments, in one expression: for more, Python emits other bytecode, which numba does not support.
FEW = 24


def unrolled(source: str, constants: Mapping[str, Any]) -> str:
    r"""The source of a template for constants: numbers, and tuples of numbers.

    Examples
    --------
    >>> print(unrolled("for k in range(N):\n    out[k] = x[k] + 1 if FIRST[k] else x[k]", {"N": 2, "FIRST": (True, False)}))
    out[0] = x[0] + 1
    out[1] = x[1]
    """
    return ast.unparse(ast.fix_missing_locations(_Unroller(constants).visit(ast.parse(source))))


class _Unroller(ast.NodeTransformer):
    """Replaces what is known."""

    def __init__(self, constants: Mapping[str, Any], vectors: dict[str, int] | None = None) -> None:
        self.known = dict(constants)
        self.vectors: dict[str, int] = {} if vectors is None else vectors  # lengths of the lists of the present function

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.vectors = {}
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """A list of known length becomes as many scalars."""
        value, target = node.value, node.targets[0]
        if not (isinstance(value, ast.BinOp) and isinstance(value.left, ast.List) and isinstance(target, ast.Name)):
            self.generic_visit(node)
            return node
        self.vectors[target.id] = _value(self.visit(value.right))
        return [ast.Assign([entry], deepcopy(value.left.elts[0])) for entry in self._entries(target.id, ast.Store())]

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        """Entries of a tuple that a function changes become scalars."""
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "vector"):
            self.generic_visit(node)
            return node
        whole = call.args[0]
        assert isinstance(whole, ast.Name)
        self.vectors[whole.id] = _value(self.visit(call.args[1]))
        entries = enumerate(self._entries(whole.id, ast.Store()))
        return [ast.Assign([entry], ast.Subscript(whole, ast.Constant(k), ast.Load())) for k, entry in entries]

    def _entries(self, name: str, context: ast.expr_context) -> list[ast.expr]:
        return [ast.Name(f"{name}_{k}", context) for k in range(self.vectors[name])]

    # ---- what is known -------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.vectors:
            return _tuple(self._entries(node.id, node.ctx))
        known = isinstance(node.ctx, ast.Load) and node.id in self.known
        return ast.Constant(self.known[node.id]) if known else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = ast.unparse(node)
        if name in self.known:
            return ast.Constant(self.known[name])
        self.generic_visit(node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._folded(node, node.op, node.left, node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return self._folded(node, node.op, node.operand)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return self._folded(node, node.ops[0], node.left, node.comparators[0]) if len(node.ops) == 1 else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """A known operand decides or is left out."""
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        rest = []
        for value in node.values:
            if not isinstance(value, ast.Constant):
                rest.append(value)
            elif bool(value.value) == decides:
                rest.append(ast.Constant(decides))
                break
        if not rest or isinstance(rest[0], ast.Constant):
            return ast.Constant(decides if rest else not decides)
        return rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        place, whole = self.visit(node.slice), node.value
        if isinstance(place, ast.Constant) and isinstance(whole, ast.Name) and whole.id in self.vectors:
            return ast.Name(f"{whole.id}_{_value(place)}", node.ctx)
        whole = self.visit(whole)
        if isinstance(place, ast.Constant) and isinstance(whole, ast.Constant):
            return ast.Constant(_value(whole)[_value(place)])
        return ast.Subscript(whole, place, node.ctx)

    @staticmethod
    def _folded(node: ast.expr, op: ast.AST, *operands: ast.expr) -> ast.expr:
        if type(op) in ARITHMETIC and all(isinstance(x, ast.Constant) for x in operands):
            return ast.Constant(ARITHMETIC[type(op)](*map(_value, operands)))
        return node

    # ---- choices -------------------------------------------------------------------------------

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self.visit(node.body if test.value else node.orelse)
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self._block(node.body if test.value else node.orelse, empty=True)
        return ast.If(test, self._block(node.body), self._block(node.orelse, empty=True))

    # ---- loops ---------------------------------------------------------------------------------

    def visit_For(self, node: ast.For) -> ast.stmt | list[ast.stmt]:
        bounds = self._range(node.iter)
        if bounds is None:
            return ast.For(node.target, self.visit(node.iter), self._block(node.body), [])
        assert isinstance(node.target, ast.Name)
        return [s for i in bounds for s in self._with(node.target.id, i)._block(node.body, empty=True)]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name, arguments = node.func.id if isinstance(node.func, ast.Name) else "", node.args
        terms = self._terms(arguments[0]) if name in ("tuple", "sum") else None
        if terms is not None and name == "tuple":
            return _tuple(terms)
        if terms is not None:
            return _added([*(self.visit(a) for a in arguments[1:]), *terms] or [ast.Constant(0.0)])
        given = [t for a in arguments for t in self._given(a)]
        if name == "len" and isinstance(given[0], ast.Constant):
            return ast.Constant(len(_value(given[0])))
        if name in ("min", "max"):
            while len(given) > FEW:
                given = [ast.Call(node.func, given[:FEW], []), *given[FEW:]]
            if len(given) == 1:
                return given[0]
        return ast.Call(self.visit(node.func), given, [])

    def _given(self, node: ast.expr) -> list[ast.expr]:
        """The arguments that an argument stands for: those of ``*(e(k) for k in range(SPECIES))`` are written out."""
        terms = self._terms(node.value) if isinstance(node, ast.Starred) else None
        return [self.visit(node)] if terms is None else terms

    def _terms(self, node: ast.expr) -> list[ast.expr] | None:
        """What a generator gives, if constants tell how often."""
        if not isinstance(node, ast.GeneratorExp):
            return None
        inner: list[_Unroller] = [self]
        for loop in node.generators:
            assert isinstance(loop.target, ast.Name)
            ranges = [u._range(loop.iter) for u in inner]
            if None in ranges:
                return None
            inner = [u._with(loop.target.id, k) for u, r in zip(inner, ranges, strict=True) for k in r or ()]
            for condition in loop.ifs:
                inner = [u for u in inner if _value(u.visit(deepcopy(condition)))]
        return [u.visit(deepcopy(node.elt)) for u in inner]

    def _range(self, node: ast.expr) -> range | None:
        """The numbers that a loop runs over, if constants tell them: other loops of fixed length stay loops."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"):
            return None
        names = (n for a in node.args for n in ast.walk(a) if isinstance(n, (ast.Name, ast.Attribute)))
        if not any(ast.unparse(n) in self.known for n in names):
            return None
        bounds = [self.visit(deepcopy(a)) for a in node.args]
        return range(*(b.value for b in bounds)) if all(isinstance(b, ast.Constant) for b in bounds) else None

    def _with(self, name: str, value: int) -> _Unroller:
        return _Unroller({**self.known, name: value}, self.vectors)

    def _block(self, body: Sequence[ast.stmt], *, empty: bool = False) -> list[ast.stmt]:
        """A copy of some statements; never without any, unless that is allowed."""
        found: list[ast.stmt] = []
        for statement in body:
            new = self.visit(deepcopy(statement))
            found += new if isinstance(new, list) else [new]
        return found or ([] if empty else [ast.Pass()])


def _added(terms: Sequence[ast.expr]) -> ast.expr:
    """The sum of some terms from left to right."""
    return reduce(lambda left, right: ast.BinOp(left, ast.Add(), right), terms)


def _tuple(terms: list[ast.expr]) -> ast.expr:
    """A tuple, as a sum of tuples of few entries each."""
    return _added([ast.Tuple(terms[k : k + FEW], ast.Load()) for k in range(0, max(1, len(terms)), FEW)])


def _value(node: ast.expr) -> Any:
    """The value of what must be known."""
    if not isinstance(node, ast.Constant):
        raise ValueError(f"{ast.unparse(node)} is not known when the template is unrolled")
    return node.value
