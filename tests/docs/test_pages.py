"""Every page of the site says what is true: its code runs, and prints what the page shows."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from symdyn import extend
from symdyn.registry import Registry
from tests import blocks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "generated" not in p.parts)
#: Optional packages that the code of a page needs.
NEEDS = {
    "large_runs": "zarr",
    "cluster": "zarr",
    "read_sbml": "libsbml",
    "sbml_and_antimony": "antimony",
    "petab": "libsbml",
    "combine_archive": "libsbml",
    "tellurium_and_copasi": "libsbml",
    "cuda": "numba_cuda",
    "global_sensitivities": "SALib",
    "pysr": "pyoperon",
    "explore": "anywidget",
    "learn_a_score": "jax",
}


@contextmanager
def own_extensions():
    """What a page registers is there for this page alone."""
    registries = [found for name in extend.__all__ if isinstance(found := getattr(extend, name), Registry)]
    before = [dict(registry) for registry in registries]  # which fills them
    try:
        yield
    finally:
        for registry, known in zip(registries, before, strict=True):
            for name in registry.keys() - known.keys():
                del registry._entries[name]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).with_suffix("").as_posix())
def test_the_page_runs(path, tmp_path, monkeypatch):
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    text = path.read_text()
    with warnings.catch_warnings(), own_extensions() if "extend" in text else nullcontext():
        warnings.simplefilter("ignore", FutureWarning)
        blocks.run(text, str(path.relative_to(ROOT)))


@pytest.mark.parametrize("path", sorted((DOCS / "howto").glob("*.md")), ids=lambda p: p.stem)
def test_a_recipe_is_short_and_leads_on(path):
    if path.stem == "index":
        return
    text = path.read_text()
    code = "".join(blocks.python_blocks(text))
    assert 3 <= len([line for line in code.splitlines() if line.strip()]) <= 30
    assert text.rstrip().split("\n\n")[-1].startswith("Where to go on: "), "the last paragraph says where to go on"
    assert not text.split("\n\n")[1].startswith("```"), "the first paragraph says what it solves"
    assert len(text) < 4000


def test_recipes_are_in_the_index():
    for folder in ("howto", "coming_from", "explanation"):
        index = (DOCS / folder / "index.md").read_text()
        for path in (DOCS / folder).glob("*.md"):
            assert path.stem == "index" or re.search(rf"^{path.stem}$|\({path.stem}\.md\)", index, flags=re.M), path.stem


def test_nobody_is_sent_to_another_project():
    """The name symdyn of the package index belongs to somebody else."""
    for path in [*PAGES, ROOT / "README.md"]:
        assert not re.search(r"pip install (-\S+ )*['\"]?symdyn(?!-)", path.read_text()), path
