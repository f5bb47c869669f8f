"""Writes ``symdyn/attached.pyi``, which gives editors and type checkers the signatures of the methods in `symdyn.verbs`.

``python -m tests.house.attached_stub`` writes the file; `test_verbs.py` compares it with the table.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

from symdyn import attached
from symdyn.verbs import VERBS, Attached, AttachedMaker, AttachedProperty

STUB = Path(attached.__file__).with_suffix(".pyi")
HEAD = '"""Generated from the table of `symdyn.verbs` by ``python -m tests.house.attached_stub``; changes are lost."""\n\n'


@cache
def module_tree(module: str) -> ast.Module:
    """The parsed source of a module."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def function_of(verb: Attached) -> tuple[ast.FunctionDef, str]:
    """The definition of the function and the module that holds it; the table may name one that imports it from there."""
    module = verb.module
    while True:
        tree = module_tree(module)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == verb.name:
                return node, module
        found = [n.module for n in tree.body if isinstance(n, ast.ImportFrom) and verb.name in {a.name for a in n.names}]
        if not found or found[0] is None:
            raise LookupError(f"{verb.module} does not define {verb.name}")
        module = found[0]


def origin_of(name: str, module: str) -> str | None:
    """The import statement that brings a name of `module` into the stub; None for builtins.

    >>> origin_of("Any", "symdyn.derive.moments")
    'from typing import Any'
    """
    if hasattr(builtins, name):
        return None
    for node in ast.walk(module_tree(module)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"from {node.module} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        elif isinstance(node, ast.ClassDef) and node.name == name:
            return f"from {module} import {name}"
    raise LookupError(f"{module} annotates with {name}, which it neither imports nor defines as a class")


def annotation_imports(node: ast.FunctionDef, module: str, first: int = 1) -> set[str]:
    """Imports for all names in the annotations of a function but those of its arguments before the one numbered `first`."""
    arguments = [*node.args.posonlyargs, *node.args.args][first:] + node.args.kwonlyargs
    arguments += [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
    parts = [a.annotation for a in arguments] + [node.returns]
    if any(p is None for p in parts):
        raise LookupError(f"{module}.{node.name} lacks annotations")
    names = {n.id for p in parts if p is not None for n in ast.walk(p) if isinstance(n, ast.Name)}
    return {found for name in names if (found := origin_of(name, module)) is not None}


def method_text(name: str, verb: Attached) -> str:
    """The method as a stub: the function without its first argument, with the first line of its docstring."""
    node, _ = function_of(verb)
    given = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(given, ast.FunctionDef)
    if not isinstance(verb, AttachedMaker):
        first = [*given.args.posonlyargs, *given.args.args][0]
        first.arg, first.annotation = "self", None
    given.args.kw_defaults = [
        d if d is None or isinstance(d, ast.Constant) else ast.Constant(...) for d in given.args.kw_defaults
    ]
    given.args.defaults = [d if isinstance(d, ast.Constant) else ast.Constant(...) for d in given.args.defaults]
    given.name, given.decorator_list = name, []
    if isinstance(verb, (AttachedMaker, AttachedProperty)):
        given.decorator_list = [ast.Name("property" if isinstance(verb, AttachedProperty) else "staticmethod")]
    summary = (ast.get_docstring(node) or "").splitlines()[0]
    given.body = [ast.Expr(ast.Constant(summary))]
    return ast.unparse(ast.fix_missing_locations(given))


def stub_text() -> str:
    """The whole stub, formatted."""
    imports: set[str] = set()
    classes = []
    for base, verbs in VERBS.items():
        for verb in verbs.values():
            imports |= annotation_imports(*function_of(verb), first=0 if isinstance(verb, AttachedMaker) else 1)
        body = "\n".join(method_text(name, verb) for name, verb in verbs.items())
        classes.append(f"class {base.__name__}:\n" + "\n".join(f"    {line}" for line in body.splitlines()))
    text = HEAD + "\n".join(sorted(imports)) + "\n\n" + "\n\n".join(classes) + "\n"
    for command in (["check", "--quiet", "--fix", "--select", "I"], ["format"]):
        run = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "stub.pyi", "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    STUB.write_text(stub_text(), encoding="utf-8")
