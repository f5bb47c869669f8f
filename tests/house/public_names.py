"""What users meet: the names of `symdyn` and its public packages, with the methods of public classes."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import symdyn
from symdyn.verbs import AttachedProperty

__all__ = ["Public", "public_objects", "public_packages"]


class Public(NamedTuple):
    """A public function, method, property or class."""

    name: str
    kind: str
    docstring: str
    #: Names of the parameters that a caller gives.
    parameters: tuple[str, ...]
    #: Whether a call gives something back.
    returns: bool
    #: The function, method or class itself, and the class that it was found on.
    value: Any = None
    owner: type | None = None


#: Packages of public names that `symdyn` itself does not name.
FURTHER = ("symdyn.leslie.gallery", "symdyn.models.zoo")


def public_packages() -> list[ModuleType]:
    """`symdyn`, the packages that it names, and those below them."""
    found = [symdyn]
    found += [value for name in symdyn.__all__ if inspect.ismodule(value := getattr(symdyn, name))]
    return found + [importlib.import_module(name) for name in FURTHER]


def public_objects() -> Iterator[Public]:
    """Everything public that has a docstring of its own, each once."""
    done: set[int] = set()
    for package in public_packages():
        for name in package.__all__:
            value = getattr(package, name)
            if id(value) in done or not getattr(value, "__module__", "").startswith("symdyn"):
                continue
            done.add(id(value))
            if inspect.isclass(value):
                yield _public(f"{package.__name__}.{name}", "class", value)
                yield from _members(f"{package.__name__}.{name}", value, done)
            elif inspect.isroutine(value):
                yield _public(f"{package.__name__}.{name}", "function", value)


def _members(prefix: str, cls: type, done: set[int]) -> Iterator[Public]:
    """Public methods and properties that a class of symdyn defines, or inherits from one that is not public by itself."""
    for name in dir(cls):
        if name.startswith("_"):
            continue
        owner = next(c for c in cls.__mro__ if name in vars(c))
        if not owner.__module__.startswith("symdyn"):
            continue
        raw = vars(owner)[name]
        if isinstance(raw, (classmethod, staticmethod)):
            raw = raw.__func__
        value = getattr(cls, name) if hasattr(raw, "function") else raw
        if id(value) in done:
            continue
        if isinstance(value, property | cached_property | AttachedProperty):
            done.add(id(value))
            yield Public(f"{prefix}.{name}", "property", inspect.getdoc(value) or "", (), True)
        elif inspect.isfunction(value):
            done.add(id(value))
            # bound, because a class method without a docstring inherits one only so
            yield _public(f"{prefix}.{name}", "method", getattr(cls, name), cls)


def _public(name: str, kind: str, value: Any, owner: type | None = None) -> Public:
    try:
        signature = inspect.signature(value)
    except ValueError:
        return Public(name, kind, inspect.getdoc(value) or "", (), False, value, owner)
    parameters = [p for p in signature.parameters if p not in ("self", "cls")]
    returns = signature.return_annotation not in (None, "None", inspect.Signature.empty) and kind != "class"
    return Public(name, kind, inspect.getdoc(value) or "", tuple(parameters), returns, value, owner)


if __name__ == "__main__":
    for thing in public_objects():
        lacking = [s for s in ("Parameters", "Returns", "Examples") if f"{s}\n---" not in thing.docstring]
        if thing.kind == "property":
            lacking = [] if thing.docstring else ["Docstring"]
        if not thing.parameters:
            lacking = [s for s in lacking if s != "Parameters"]
        if not thing.returns:
            lacking = [s for s in lacking if s != "Returns"]
        if lacking:
            print(thing.name, *lacking)
