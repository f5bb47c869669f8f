"""Every public name teaches its use: parameters, what comes back, and an example, which the doctests run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("public_names", Path(__file__).with_name("public_names.py"))
public_names = importlib.util.module_from_spec(spec)
spec.loader.exec_module(public_names)

OBJECTS = list(public_names.public_objects())


def section(docstring: str, name: str) -> str:
    """The text of a numpydoc section, or the empty string."""
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


@pytest.mark.parametrize("thing", [pytest.param(t, id=t.name) for t in OBJECTS])
def test_it_has_the_sections_of_numpydoc(thing):
    assert thing.docstring, "no docstring"
    assert thing.docstring.splitlines()[0].endswith("."), "the first line is a sentence"
    if thing.kind == "property":
        return
    assert ">>>" in thing.docstring, "no example"
    if thing.kind == "class":
        described = section(thing.docstring, "Parameters") + section(thing.docstring, "Attributes")
        protocol = thing.parameters == ("args", "kwargs")
        assert described or protocol or not thing.parameters, "it does not say what it is made of"
        return
    described = section(thing.docstring, "Parameters")
    for name in thing.parameters:
        assert re.search(rf"^[^\n]*\b{re.escape(name)}\b[^\n]*", described, re.MULTILINE), f"{name} is not described"
    if thing.returns:
        assert section(thing.docstring, "Returns"), "it does not say what is returned"


def test_the_walk_finds_what_users_meet():
    names = {t.name for t in OBJECTS}
    assert {"symdyn.simulate", "symdyn.ReactionNetwork.langevin", "symdyn.MatrixModel.growth_factor"} <= names
    assert not [n for n in names if "._" in n]
    assert len(names) > 400
