"""The reference: a page for each public package, with its functions, and one for each public class, with its methods.

What is public is what the tests of the docstrings walk through.  Signatures and texts come from `inspect` and numpydoc;
modules in which a thing is defined are private to the library and not shown.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from types import ModuleType
from typing import Any

from numpydoc.docscrape_sphinx import SphinxDocString
from sphinx.util.inspect import stringify_signature

from symdyn.verbs import AttachedProperty
from tests.house.public_names import public_packages

#: In the order of the table of contents.
TITLES = {
    "symdyn": "declare, simulate, fit, recover",
    "symdyn.models": "kinds of systems",
    "symdyn.models.zoo": "named models of the literature",
    "symdyn.methods": "numerical methods and their options",
    "symdyn.analysis": "steady states, cycles, bifurcations, chaos",
    "symdyn.derive": "systems from systems",
    "symdyn.reduction": "fewer states",
    "symdyn.networks": "structure of reaction networks",
    "symdyn.projection": "the master equation",
    "symdyn.studies": "whole investigations",
    "symdyn.discover": "options of a recovery",
    "symdyn.leslie": "structured populations",
    "symdyn.leslie.gallery": "published matrix models",
    "symdyn.automata": "automata as Markov chains and as quantum systems",
    "symdyn.grids": "fields on grids",
    "symdyn.cells": "cells in a bulk",
    "symdyn.transport": "from noise to data: densities, marginals, nodes of samplers",
    "symdyn.io": "files",
    "symdyn.extend": "registries and base classes",
}


def packages() -> list[ModuleType]:
    """The public packages in the order of the table of contents, further ones at the end."""
    order = list(TITLES)
    return sorted(public_packages(), key=lambda p: order.index(p.__name__) if p.__name__ in order else len(order))


def documented() -> dict[int, str]:
    """The name under which each public object is described, by its identity: the first of the table of contents."""
    names: dict[int, str] = {}
    for package in packages():
        for name in package.__all__:
            value = getattr(package, name)
            if not inspect.ismodule(value):
                names.setdefault(id(value), f"{package.__name__}.{name}")
    return names


def members(cls: type) -> list[tuple[str, str, Any]]:
    """Names of public methods and properties of a class, what they are, and the objects with their docstrings."""
    found = []
    for name in dir(cls):
        owner = next((c for c in cls.__mro__ if name in vars(c)), object)
        if name.startswith("_") or not owner.__module__.startswith("symdyn"):
            continue
        raw = vars(owner)[name]
        if isinstance(raw, property | cached_property | AttachedProperty):
            found.append((name, "property", raw))
        elif isinstance(raw, classmethod):
            found.append((name, "classmethod", getattr(cls, name)))
        elif isinstance(raw, staticmethod):
            found.append((name, "staticmethod", raw.__func__))
        elif inspect.isfunction(value := getattr(cls, name)) and value.__module__.startswith("symdyn"):
            found.append((name, "method", value))
    return found


def signature(value: Any, *, bound: bool = False) -> str:
    """Arguments of a call without annotations, which the docstring has in words."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "()"
    first = list(found.parameters.values())[int(bound) :]
    return stringify_signature(found.replace(parameters=first), show_annotation=False, show_return_annotation=False)


def described(value: Any) -> str:
    """A docstring as reStructuredText."""
    text = inspect.getdoc(value) or ""
    return str(SphinxDocString(text, config={"show_class_members": False, "use_blockquotes": False}))


def summary(value: Any) -> str:
    """The first sentence of a docstring."""
    lines = (inspect.getdoc(value) or "").split("\n\n")[0].splitlines()
    return " ".join(lines).replace("|", r"\|")


def directive(kind: str, name: str, call: str, text: str, indent: int = 0, options: str = "") -> list[str]:
    """A directive of the domain of Python with its content."""
    lines = [f".. py:{kind}:: {name}{call}", *([f"   {options}"] if options else []), ""]
    lines += [f"   {line}" if line.strip() else "" for line in text.splitlines()]
    return [" " * indent + line if line else "" for line in [*lines, ""]]


def heading(text: str, mark: str = "=") -> list[str]:
    """A title with its line below."""
    return [text, mark * len(text), ""]


def class_page(full: str, cls: type) -> str:
    """The page of a class."""
    kind = "exception" if issubclass(cls, Exception) else "class"
    package = full.rpartition(".")[0]
    # an orphan: the tables of packages lead here, and the table of contents of all pages stays short
    lines = [":orphan:", "", *heading(full.removeprefix("symdyn.")), f".. py:currentmodule:: {package}", ""]
    lines += [f"A part of :py:mod:`{package}`.", ""]
    lines += directive(kind, full.rpartition(".")[2], signature(cls), described(cls))
    found = members(cls)
    for title, kinds in (("Methods", ("method", "classmethod", "staticmethod")), ("Properties", ("property",))):
        chosen = [m for m in found if m[1] in kinds]
        if chosen:
            lines += heading(title, "-")
        for name, what, value in chosen:
            call = "" if what == "property" else signature(value, bound=what == "method")
            option = f":{what}:" if what in ("classmethod", "staticmethod") else ""
            role = "property" if what == "property" else "method"
            lines += directive(role, f"{cls.__name__}.{name}", call, described(value), options=option)
    return "\n".join(lines)


def package_page(package: ModuleType, names: dict[int, str]) -> str:
    """The page of a package: its text, a table of all names, its functions."""
    prefix = package.__name__
    lines = [*heading(prefix), f".. py:module:: {prefix}", "", *(inspect.getdoc(package) or "").splitlines(), ""]
    values = {name: getattr(package, name) for name in package.__all__}
    functions = [n for n, v in values.items() if inspect.isroutine(v) and names[id(v)] == f"{prefix}.{n}"]
    lines += [*heading("Names", "-"), ".. list-table::", "   :widths: 30 70", ""]
    for name, value in sorted(values.items(), key=lambda pair: pair[0].lower()):
        if inspect.ismodule(value):
            link = f":py:mod:`{value.__name__}`" if value.__name__ in TITLES else f"``{name}``"
            text = summary(value)
        elif inspect.isclass(value) or inspect.isroutine(value):
            full = names[id(value)]
            link, text = f":py:obj:`{name} <{full}>`", summary(value)
        else:
            link, text = f"``{name}``", f"``{value!r}``" if len(repr(value)) < 600 else "A table; print its keys."
        lines += [f"   * - {link}", f"     - {text}"]
    lines.append("")
    if functions:
        lines += heading("Functions", "-")
    for name in functions:
        lines += directive("function", name, signature(values[name]), described(values[name]))
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """All pages of the reference by file name."""
    names, made = documented(), {}
    index = [
        *heading("Reference"),
        "Every public name, with its parameters, what it returns, what it raises, and examples that the tests run.",
        "``help(symdyn.simulate)`` shows the same.",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "",
    ]
    for package in packages():
        title = TITLES.get(package.__name__, summary(package))
        index.append(f"   {package.__name__} -- {title} <{package.__name__}>")
        made[f"{package.__name__}.rst"] = package_page(package, names)
        for name in package.__all__:
            value = getattr(package, name)
            full = f"{package.__name__}.{name}"
            if inspect.isclass(value) and names[id(value)] == full:
                made[f"{full}.rst"] = class_page(full, value)
    made["index.rst"] = "\n".join([*index, ""])
    return made


def targets() -> set[str]:
    """Full names of all things that have a description."""
    names = documented()
    values = [getattr(package, name) for package in packages() for name in package.__all__]
    found = {names[id(value)] for value in values if inspect.isroutine(value) or inspect.isclass(value)}
    found |= {p.__name__ for p in packages()}
    for value in filter(inspect.isclass, values):
        found |= {f"{names[id(value)]}.{name}" for name, _, _ in members(value)}
    return found
