"""What a wheel holds, what an import brings in, and which layer knows which."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

import symdyn as sd
from symdyn.io.environment import REQUIRED
from symdyn.optional import OPTIONAL

ROOT = Path(__file__).parents[1]
SOURCES = {"symdyn": ROOT / "symdyn", "symdyn_kernels": ROOT / "kernels" / "symdyn_kernels"}


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    """setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def names(text: str) -> list[str]:
    """Names of requirements, one a line."""
    return [re.split(r"[\s\[<>=!~;]", line.strip())[0] for line in text.splitlines() if line.strip()]


def environment() -> dict[str, str]:
    """The environment with the repository in front."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}


def modules() -> list[Path]:
    """Every module of both packages."""
    return [p for folder in SOURCES.values() for p in sorted(folder.rglob("*.py")) if "__pycache__" not in p.parts]


def test_every_folder_with_modules_is_listed_as_a_package(config):
    found = set()
    for name, folder in SOURCES.items():
        for path in folder.rglob("*.py"):
            if "__pycache__" not in path.parts:
                found.add(".".join((name, *path.parent.relative_to(folder).parts)))
    assert set(config["options"]["packages"].split()) == found


def test_wheel_would_hold_every_module(config):
    setuptools = pytest.importorskip("setuptools")
    from setuptools.command.build_py import build_py

    mapping = dict(line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines())
    options = {
        "packages": config["options"]["packages"].split(),
        "package_dir": mapping,
        "src_root": str(ROOT),
        "script_name": "setup.py",
    }
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        command = build_py(setuptools.Distribution(options))
        command.finalize_options()
        held = {Path(file).resolve() for _, _, file in command.find_all_modules()}
    finally:
        os.chdir(before)
    assert held == {p.resolve() for p in modules()}


def test_package_data_are_there(config):
    for package, files in config["options.package_data"].items():
        for file in [f for f in files.split() if "*" not in f]:  # those with a star are there after `make wheel`
            assert (SOURCES[package] / file).is_file(), f"setup.cfg lists {package}/{file}"
    page = SOURCES["symdyn"] / "explorer" / "page"
    listed = {SOURCES["symdyn"] / file for file in config["options.package_data"]["symdyn"].split()}
    assert set(page.iterdir()) <= listed, "the page of the explorer is not complete in a wheel"


def test_extras_and_requirements_are_those_that_info_shows(config):
    extras = config["options.extras_require"]
    assert names(config["options"]["install_requires"]) == list(REQUIRED)
    for distribution, extra in OPTIONAL.values():
        assert distribution in names(extras.get(extra, raw=True)), f"{distribution} is no part of the extra {extra}"
    shown = {distribution for distribution, _ in OPTIONAL.values()}
    collections = ("test", "all", "bench", "bench-numbalsoda", "docs", "fuzz")
    kept = [n for e in extras if e not in collections for n in names(extras.get(e, raw=True)) if not n.startswith("%")]
    assert set(kept) - set(REQUIRED) == shown


def test_constraints_and_licences_have_every_dependency(config):
    pinned = dict(line.lower().split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    licences = (ROOT / "docs" / "licences.md").read_text()
    extras = config["options.extras_require"]
    asked = [
        line for e in ("discover", "cuda", "sbml", "distributed", "notebook") for line in extras.get(e, raw=True).split("\n")
    ]
    for line in filter(None, [*config["options"]["install_requires"].split("\n"), *asked]):
        name, low = re.fullmatch(r"([\w-]+)(?:\[\w+\])? ?>=([\d.]+)", line.strip()).groups()
        assert Version(pinned[name.lower()]) >= Version(low), line
        assert re.search(rf"\b{name}\b", licences), f"{name} has no line in docs/licences.md"


def test_import_is_light():
    heavy = ("jax", "numba", "llvmlite", "matplotlib", "pyoperon", "sklearn", "pysr")
    program = f"import sys, symdyn; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == "[]\n"


def test_public_names_survive_an_import_of_the_module_behind_them():
    program = "import symdyn.simulation.run, symdyn; print(callable(symdyn.simulate))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == "True\n"


def test_layers_know_only_what_lies_below():
    program = shutil.which("lint-imports", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.skip("import-linter is not installed (extra 'test')")
    done = subprocess.run(
        [program, "--no-cache"],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def texts() -> list[Path]:
    """Files of the project that are read by people."""
    found = [p for s in ("*.py", "*.md", "*.ipynb", "*.cfg", "*.toml", "*.yaml") for p in ROOT.rglob(s)]
    others = {"build", "dist", "out", "shared"}
    found = [p for p in found if p != Path(__file__) and not others & set(p.relative_to(ROOT).parts)]
    found = [p for p in found if not p.relative_to(ROOT).parts[0].startswith(".venv")]
    assert len(found) > 50
    return found


def test_no_text_sends_anybody_to_the_distribution_of_somebody_else():
    wrong = re.compile(r"pip3? install (?:-\S+ )*['\"]?symdyn(?!-modeling)\b")
    assert wrong.search("pip install -U symdyn")
    assert not wrong.search("pip install symdyn-modeling")
    assert [str(p) for p in texts() if wrong.search(p.read_text(encoding="utf-8"))] == []


def test_no_text_holds_both_sides_of_a_merge():
    marks = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    assert marks.search("a\n<<<<<<< HEAD\nb\n")
    assert [str(p) for p in texts() if marks.search(p.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_module_says_what_it_does(path):
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree), f"{path} has no docstring"


@pytest.mark.parametrize("name", sd.__all__)
def test_public_name_says_what_it_does(name):
    public = getattr(sd, name)
    own = vars(public).get("__doc__") if isinstance(public, type) else public.__doc__
    assert own, f"symdyn.{name} has no docstring"
