"""One meaning a name: searching for a class finds one; the help of the package shows what is public."""

from __future__ import annotations

import ast
import inspect
import pydoc
from collections import defaultdict
from pathlib import Path

import symdyn as sd

ROOT = Path(__file__).parents[2]
#: Most keywords of the function that everybody calls.
KEYWORDS = 18


def classes():
    """Public classes at the top level of modules, with the files that define them."""
    found = defaultdict(list)
    for folder in (ROOT / "symdyn", ROOT / "kernels" / "symdyn_kernels"):
        for path in folder.rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_two_classes_have_one_name():
    twice = {name: files for name, files in classes().items() if len(files) > 1}
    assert not twice, "\n".join(f"{name}: {', '.join(files)}" for name, files in twice.items())


def test_no_module_hides_a_name_that_its_package_imports_when_it_is_used():
    """Importing a module makes it an attribute of its package, where a function of the same name is looked for."""
    hidden = []
    for path in (ROOT / "symdyn").rglob("__init__.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        for call in (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "lazy"):
            names = {name for some in ast.literal_eval(call.args[1]).values() for name in some}
            hidden += [
                f"{path.parent.name}.{n}" for n in names if (path.parent / f"{n}.py").exists() or (path.parent / n).is_dir()
            ]
    assert hidden == []


def test_help_of_the_package_shows_no_private_module():
    page = pydoc.render_doc(sd, renderer=pydoc.plaintext)
    contents = page.split("PACKAGE CONTENTS")[1].split("\n\n")[0]
    private = [line.strip() for line in contents.splitlines() if line.strip().startswith("_") and "__main__" not in line]
    assert not private
    assert "simulate" in page


def test_simulate_has_few_keywords_and_no_others():
    parameters = inspect.signature(sd.simulate).parameters.values()
    assert len([p for p in parameters if p.kind is p.KEYWORD_ONLY]) <= KEYWORDS
    assert not [p for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def test_packages_list_their_names():
    for name in sd.__all__:
        value = getattr(sd, name)
        if inspect.ismodule(value):
            assert value.__all__, f"symdyn.{name} has no __all__"
            for public in value.__all__:
                assert not public.startswith("_")
                assert getattr(value, public) is not None
