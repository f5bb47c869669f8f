"""What a public callable raises by itself or by functions of symdyn that it calls by name, found in the source.

Calls are followed through names of the module, names imported inside the function, and methods of ``self`` and ``cls``;
calls of methods of other objects are not. What is found is raised for some input; what is not found may still be.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import textwrap
from typing import Any

__all__ = ["raised"]

#: Errors that are no matter of the caller's input: they end iterations, or mark what a subclass must do.
INTERNAL = {"StopIteration", "NotImplementedError", "AssertionError", "AttributeError", "KeyboardInterrupt", "GeneratorExit"}


@functools.cache
def _tree(function: Any) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    return tree if isinstance(tree, ast.FunctionDef) else None


def _own(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").startswith("symdyn")


def _names(tree: ast.AST, module: Any) -> dict[str, Any]:
    """What names mean in a function: those of its module, and what is imported inside."""
    found = dict(vars(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("symdyn"):
            source = importlib.import_module(node.module)
            found |= {a.asname or a.name: getattr(source, a.name, None) for a in node.names}
    return found


def _called(node: ast.Call, names: dict[str, Any], owner: type | None) -> Any:
    function = node.func
    if isinstance(function, ast.Name):
        return names.get(function.id)
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.value.id in ("self", "cls") and owner is not None:
            return inspect.getattr_static(owner, function.attr, None)
        base = names.get(function.value.id)
        if inspect.ismodule(base) or inspect.isclass(base):
            return getattr(base, function.attr, None)
    return None


def raised(function: Any, owner: type | None = None, depth: int = 2) -> frozenset[str]:
    """Names of the errors that a function raises, down to a depth of calls.

    >>> import symdyn as sd
    >>> "DeclarationError" in raised(sd.dose)
    True
    """
    return _raised(_plain(function), owner, depth)


def _plain(value: Any) -> Any:
    value = getattr(value, "__func__", value)
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property):
        value = value.fget
    return inspect.unwrap(value) if callable(value) else value


@functools.cache
def _raised(function: Any, owner: type | None, depth: int) -> frozenset[str]:
    if not _own(function):
        return frozenset()
    if inspect.isclass(function):
        parts = [inspect.getattr_static(function, n, None) for n in ("__init__", "__post_init__", "__new__")]
        return frozenset().union(*(_raised(_plain(p), function, depth) for p in parts if inspect.isfunction(_plain(p))))
    tree = _tree(function) if inspect.isfunction(function) else None
    if tree is None:
        return frozenset()
    names = _names(tree, inspect.getmodule(function))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = error.id if isinstance(error, ast.Name) else getattr(error, "attr", "")
            if name.endswith(("Error", "Warning")) and name not in INTERNAL:
                found.add(name)
        elif isinstance(node, ast.Call) and depth:
            value = _plain(_called(node, names, owner))
            if _own(value):
                found |= _raised(value, owner, depth - 1)
    return frozenset(found)
