"""The imports of the package: no circles, downwards only, no own module in a string, nothing private from outside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house.import_graph import Tree, circles, layers_of, outside_layers, private, quoted, upward

ROOT = Path(__file__).parents[2]
SOURCES = {"symdyn": ROOT / "symdyn", "symdyn_kernels": ROOT / "kernels" / "symdyn_kernels"}
USERS = {name: ROOT / name for name in ("benchmarks", "examples", "tests")}
#: Modules that may import the package itself, and those that may name any module in a string.
ABOVE, NAMING = {"symdyn.__main__", "symdyn.doctor"}, {"symdyn", "symdyn.verbs"}
LAYERS = [*layers_of(ROOT / "setup.cfg"), ["symdyn_kernels"]]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(SOURCES)


def listed(title: str, found: Iterable[object]) -> str:
    return "\n    ".join([title, *map(str, found)])


def test_no_circle_of_imports(tree):
    found = circles(tree)
    shown = [str(i) for group in found for i in tree.imports if {i.importer, i.imported} <= set(group)]
    assert not found, listed("imports in circles, also within functions, for type checkers or by a string:", shown)


def test_imports_go_down_the_layers(tree):
    found = upward(tree, LAYERS, "symdyn", ABOVE)
    assert not found, listed("imports of a layer above or beside (setup.cfg, importlinter):", found)


def test_every_module_is_in_one_layer(tree):
    found = outside_layers(tree, LAYERS, "symdyn")
    assert not found, listed("give each module one layer in setup.cfg, importlinter:", found)


def test_no_own_module_is_named_in_a_string(tree):
    found = quoted(tree, NAMING)
    assert not found, listed("modules in strings outside symdyn/verbs.py and lazy packages that name their own modules:", found)


def folders_of_tests(package: str) -> tuple[str, ...]:
    """Folders of the tests of a package: ``tests/discover`` of `symdyn.discover` and of the packages in it."""
    own = ".".join(["tests", *package.split(".")[1:2]])
    return (own, "tests.cuda") if package == "symdyn.codegen.cuda" else (own,)


def test_nothing_private_is_imported_from_outside():
    found = private(Tree({**SOURCES, **USERS}, own=SOURCES), folders_of_tests)
    assert not found, listed("underscore modules or names imported from outside their package:", found)


# ---- the checks themselves ---------------------------------------------------------------------------


#: A package of two layers, `p.high` over `p.low`, that keeps all rules.
CLEAN = {
    "__init__.py": "",
    "high/__init__.py": "import importlib\n\ndef __getattr__(name):\n    return importlib.import_module(f'p.high.{name}')\n",
    "high/a.py": "from p.high._b import thing\n",
    "high/_b.py": "from p.low import c\n",
    "low/__init__.py": "",
    "low/c.py": "_hidden = 1\n",
}


def made(folder: Path, **changed: str) -> Tree:
    """That package with other texts of some modules, named as ``high_a`` for ``high/a.py``."""
    names = {name.removesuffix(".py").replace("/", "_"): name for name in CLEAN}
    for name, text in {**CLEAN, **{names[k]: v for k, v in changed.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Tree({"p": folder})


LOW_ABOVE = [["p.high"], ["p.low"]]


def test_the_checks_pass_a_clean_tree(tmp_path):
    tree = made(tmp_path)
    assert [str(i) for i in tree.imports] == [
        "p.high:4 names in a string p.high",
        "p.high._b:1 imports p.low.c",
        "p.high.a:1 imports p.high._b (thing)",
    ]
    assert circles(tree) == []
    assert upward(tree, LOW_ABOVE, "p", set()) == []
    assert outside_layers(tree, LOW_ABOVE, "p") == []
    assert quoted(tree, set()) == []
    assert private(tree) == []


@pytest.mark.parametrize(
    "text",
    [
        "from p.high import a\n",
        "from . import a\n",
        "def f():\n    import p.high.a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import thing\n",
        "import importlib\nimportlib.import_module('p.high.a')\n",
    ],
)
def test_a_circle_is_found_whatever_its_import_looks_like(tmp_path, text):
    assert circles(made(tmp_path, high__b=text)) == [["p.high._b", "p.high.a"]]


@pytest.mark.parametrize("text", ["import p.high.a\n", "def f():\n    return 'p.high.a'\n", "from ..high import a\n"])
def test_an_import_upward_is_found(tmp_path, text):
    (found,) = upward(made(tmp_path, low_c=text), LOW_ABOVE, "p", set())
    assert (found.importer, found.imported) == ("p.low.c", "p.high.a")


def test_an_import_beside_and_one_of_the_package_itself_are_found(tmp_path):
    beside = upward(made(tmp_path), [["p.high", "p.low"]], "p", set())
    assert [str(i) for i in beside] == ["p.high._b:1 imports p.low.c"]
    tree = made(tmp_path, low_c="import p\n")
    assert [str(i) for i in upward(tree, LOW_ABOVE, "p", set())] == ["p.low.c:1 imports p"]
    assert upward(tree, LOW_ABOVE, "p", {"p.low.c"}) == []


def test_modules_outside_the_layers_are_found(tmp_path):
    tree = made(tmp_path)
    assert outside_layers(tree, [["p.high"]], "p") == ["p.low is in 0 layers: ", "p.low.c is in 0 layers: "]
    assert outside_layers(tree, [*LOW_ABOVE, ["p.low.c"], ["p.no"]], "p") == [
        "p.low.c is in 2 layers: p.low, p.low.c",
        "p.no is a layer without a module",
    ]


def test_a_module_in_a_string_is_found(tmp_path):
    tree = made(tmp_path, high_a="NAME = 'p.low.c'\n", high___init__="def __getattr__(name):\n    return 'p.low.c'\n")
    assert [str(i) for i in quoted(tree, set())] == [
        "p.high:2 names in a string p.low.c",
        "p.high.a:1 names in a string p.low.c",
    ]
    assert [i.importer for i in quoted(tree, {"p.high.a"})] == ["p.high"]


@pytest.mark.parametrize("text", ["from p.high import _b\n", "import p.high._b\n", "from p.high._b import thing\n"])
def test_a_private_module_of_another_package_is_found(tmp_path, text):
    tree = made(tmp_path, low_c=text)
    assert [(i.importer, i.imported) for i in private(tree)] == [("p.low.c", "p.high._b")]
    assert private(tree, lambda package: [package.replace("high", "low")]) == []


def test_a_private_name_of_another_package_is_found(tmp_path):
    tree = made(tmp_path, high_a="from p.low.c import _hidden, __doc__\n")
    assert [str(i) for i in private(tree)] == ["p.high.a:1 imports p.low.c (_hidden)"]
