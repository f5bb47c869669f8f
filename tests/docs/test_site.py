"""What is made from the code is complete: every public name, method, closure, example and result has its place on the site."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("numpydoc", reason="the site needs the extra 'docs'")
pytest.importorskip("latex2mathml", reason="the site needs the extra 'docs'")

import symdyn as sd
from docs.generate import gallery, mathml, notebooks, put, reference, registries, results
from symdyn import extend
from tests.docs.site_links import faults
from tests.house.public_names import public_objects

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def pages():
    return reference.pages()


def test_the_reference_has_every_public_name(pages):
    text = "\n".join(pages.values())
    described = set(re.findall(r"^ *\.\. py:(?:function|class|exception|method|property):: ([\w.]+)", text, flags=re.M))
    for thing in public_objects():
        parts = thing.name.split(".")
        last = ".".join(parts[-2:]) if thing.kind in ("method", "property") else parts[-1]
        assert last in described or parts[-1] in {d.rpartition(".")[2] for d in described}, thing.name
    assert len(described) > 700


def test_the_reference_shows_no_private_module(pages):
    public = {p.__name__ for p in reference.packages()}
    for name, text in pages.items():
        for module in re.findall(r"py:(?:module|currentmodule):: ([\w.]+)", text):
            assert module in public, f"{name}: {module}"


def test_links_of_names_lead_to_descriptions(pages):
    targets = reference.targets()
    for name, text in pages.items():
        for full in re.findall(r":py:obj:`\w+ <([\w.]+)>`", text):
            assert full in targets, f"{name}: {full}"


@pytest.mark.parametrize("registry", ["METHODS", "CLOSURES"])
def test_every_entry_is_explained_with_its_source(registry):
    text = "\n".join(registries.methods() if registry == "METHODS" else registries.closures())
    for name, entry in getattr(sd, registry).items():
        assert f"\n{name}\n---" in text, name
        assert entry.reference in text, name


def test_other_registries_are_explained():
    text = "\n".join([*registries.learners(), *registries.kinds(), *registries.noise()])
    for name in [*extend.SURROGATES, *extend.REGRESSORS, "negative binomial"]:
        assert f"\n{name}\n" in text, name


def test_examples_and_notebooks_have_pages():
    made, stories = gallery.pages(), notebooks.pages()
    for path in (ROOT / "examples").glob("*.py"):
        assert path.stem == "__init__" or f"{path.stem}.rst" in made
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert path.name in stories
        assert f"\n{path.stem}\n" in stories["index.md"]
    for target in re.findall(r"\]\(([^)]+\.(?:png|rst))\)", made["index.md"]):
        assert target in made, target


def test_pages_that_are_there_already_stay_untouched(tmp_path):
    put(tmp_path, {"a.md": "one", "b.png": b"two"})
    before = (tmp_path / "a.md").stat().st_mtime_ns
    put(tmp_path, {"a.md": "one", "c.md": "three"})
    assert (tmp_path / "a.md").stat().st_mtime_ns == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.md", "c.md"]


def test_goals_that_are_not_reached_are_listed():
    text = "\n".join(results.measured())
    first = text.split("\n## ")[0]
    for suite in ("ode", "ssa", "first"):
        contents = json.loads((results.RESULTS / f"{suite}.json").read_text())
        for ratio in contents["ratios"]:
            missed = ratio["goal"] is not None and ratio["median"] < ratio["goal"]
            assert (f"| {suite} | {ratio['name']} |" in first) == missed, ratio["name"]


def test_links_between_pages_lead_somewhere():
    made = {f"generated/{part.__name__.rpartition('.')[2]}" for part in (gallery, notebooks, reference, registries, results)}
    for path in DOCS.rglob("*.md"):
        if "generated" in path.parts:
            continue
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            full = (path.parent / target).resolve().relative_to(DOCS if "generated" in target else ROOT)
            if "generated" in target:
                assert str(full.parent) in made, f"{path.name}: {target}"  # the build looks at the page itself
            else:
                assert (ROOT / full).exists(), f"{path.name}: {target}"


def test_formulas_become_mathml():
    assert "<mfrac>" in mathml.mathml(r"\frac{a}{b}", block=False)
    rows = mathml.mathml(r"a &= b \\ c &= d", block=True)
    assert rows.count("<mtr>") == 2


def test_faults_of_a_built_site_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here"></a><a href="b.html#there"></a><a href="c.html"></a><a href="https://docs.xarray.dev"></a>'
        '<script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1><math></math>')
    links, found = faults(tmp_path)
    assert links == 3
    assert [f.partition(":")[2].split()[0] for f in found] == ["b.html#there", "c.html", "fetches", "a"]
