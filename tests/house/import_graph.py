"""The imports of a source tree, read from its syntax: at top level, in functions, for type checkers, and in strings."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Import", "Tree", "circles", "layers_of", "outside_layers", "private", "quoted", "upward"]


@dataclass(frozen=True, order=True)
class Import:
    """One import: `importer` needs `imported` at a line.

    Attributes
    ----------
    importer, imported : str
        Dotted names of modules.
    line : int
    name : str
        The name that is imported from the module, or the empty string.
    quoted : bool
        Whether the module is named in a string.
    """

    importer: str
    imported: str
    line: int
    name: str = ""
    quoted: bool = False

    def __str__(self) -> str:
        how = "names in a string" if self.quoted else "imports"
        return f"{self.importer}:{self.line} {how} {self.imported}{f' ({self.name})' if self.name else ''}"


class Tree:
    """Modules and imports of source folders.

    Parameters
    ----------
    roots : mapping of str to Path
        Folders by the dotted name of the package that they are.
    own : iterable of str, optional
        Packages whose modules count as own; all roots by default.
    """

    def __init__(self, roots: Mapping[str, Path], own: Iterable[str] | None = None) -> None:
        self.files = {
            ".".join([root, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__"): path
            for root, folder in roots.items()
            for path in sorted(folder.rglob("*.py"))
        }
        own = set(roots if own is None else own)
        self.modules = {name for name in self.files if name.split(".")[0] in own}
        self.imports = [i for name, path in self.files.items() for i in self._imports(name, path)]

    def package(self, module: str) -> str:
        """The package that `module` belongs to; a package belongs to itself."""
        return module if self.files[module].name == "__init__.py" else module.rpartition(".")[0]

    def is_lazy(self, module: str) -> bool:
        """Whether `module` is a package whose names are imported when they are first used."""
        path = self.files[module]
        return path.name == "__init__.py" and "def __getattr__(" in path.read_text(encoding="utf-8")

    def _imports(self, module: str, path: Path) -> Iterator[Import]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.modules:
                        yield Import(module, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = self.package(module).split(".")
                    base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [node.module])])
                for alias in node.names:
                    if f"{base}.{alias.name}" in self.modules:
                        yield Import(module, f"{base}.{alias.name}", node.lineno)
                    elif base in self.modules:
                        yield Import(module, base, node.lineno, alias.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.rstrip(".")  # of f"package.{name}" the constant part is "package."
                if "." in text and text in self.modules:
                    yield Import(module, text, node.lineno, quoted=True)


def circles(tree: Tree) -> list[list[str]]:
    """Groups of modules each of which needs all others of its group (Tarjan, SIAM J. Comput. 1, 146 (1972))."""
    needs: dict[str, set[str]] = {name: set() for name in tree.files}
    for i in tree.imports:
        if i.imported != i.importer:
            needs[i.importer].add(i.imported)
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []
    for start in needs:
        if start in index:
            continue
        index[start] = lowest[start] = len(index)
        stack.append(start)
        path = [(start, iter(sorted(needs[start])))]
        while path:
            name, rest = path[-1]
            for other in rest:
                if other not in index:
                    index[other] = lowest[other] = len(index)
                    stack.append(other)
                    path.append((other, iter(sorted(needs[other]))))
                    break
                if other in stack:
                    lowest[name] = min(lowest[name], index[other])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[name])
                if lowest[name] == index[name]:
                    cut = stack.index(name)
                    if len(stack) - cut > 1:
                        found.append(sorted(stack[cut:]))
                    del stack[cut:]
    return sorted(found)


def layers_of(setup: Path) -> list[list[str]]:
    """Layers of the contract of import-linter in a setup.cfg, the highest first."""
    parser = configparser.RawConfigParser()
    parser.read(setup, encoding="utf-8")
    lines = parser["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip() for name in line.split("|")] for line in lines if line.strip()]


def _places(module: str, layers: list[list[str]]) -> list[tuple[int, str]]:
    return [(k, name) for k, row in enumerate(layers) for name in row if module == name or module.startswith(f"{name}.")]


def outside_layers(tree: Tree, layers: list[list[str]], facade: str) -> list[str]:
    """Modules of the package `facade`, but for itself, that are in no layer or in several, and layers without a module."""
    inside = {m: [name for _, name in _places(m, layers)] for m in tree.modules if m.startswith(f"{facade}.")}
    found = [f"{m} is in {len(names)} layers: {', '.join(names)}" for m, names in inside.items() if len(names) != 1]
    return sorted(found) + [f"{name} is a layer without a module" for row in layers for name in row if name not in tree.modules]


def upward(tree: Tree, layers: list[list[str]], facade: str, above: Iterable[str]) -> list[Import]:
    """Imports of a module that is in a layer above, or in another part of the same layer.

    The package `facade` itself may import everything, and is imported by the modules `above` alone.
    """
    found = set()
    for i in tree.imports:
        if i.importer == facade:
            continue
        if i.imported == facade and i.importer not in above:
            found.add(i)
        for here, mine in _places(i.importer, layers):
            if any(there < here or (there == here and other != mine) for there, other in _places(i.imported, layers)):
                found.add(i)
    return sorted(found)


def quoted(tree: Tree, allowed: Iterable[str]) -> list[Import]:
    """Modules named in strings, but in the modules `allowed` and by packages with lazy names that name their own modules."""
    return sorted(
        i
        for i in tree.imports
        if i.quoted
        and i.importer not in allowed
        and not (tree.is_lazy(i.importer) and f"{i.imported}.".startswith(f"{i.importer}."))
    )


def private(tree: Tree, friends: Callable[[str], Iterable[str]] = lambda package: ()) -> list[Import]:
    """Imports of underscore modules, or underscore names of modules, from outside the package that they belong to.

    Parameters
    ----------
    tree : Tree
    friends : callable, optional
        Gives further packages that may import what is private to a package, as its tests.
    """
    found = []
    for i in tree.imports:
        parts = [*i.imported.split("."), *filter(None, [i.name])]
        hidden = [k for k, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
        if not hidden:
            continue
        owner = ".".join(parts[: hidden[0]])
        if owner in tree.files:
            owner = tree.package(owner)
        if not any(f"{i.importer}.".startswith(f"{package}.") for package in (owner, *friends(owner))):
            found.append(i)
    return sorted(found)
