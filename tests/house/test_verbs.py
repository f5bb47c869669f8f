"""What systems can tell: found by completion and by help, typed, and not imported before it is used."""

from __future__ import annotations

import importlib.util
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import symdyn as sd
from symdyn.verbs import VERBS, AttachedProperty

stub = importlib.util.spec_from_file_location("attached_stub", Path(__file__).with_name("attached_stub.py"))
attached_stub = importlib.util.module_from_spec(stub)
stub.loader.exec_module(attached_stub)

ALL = [pytest.param(base, name, id=f"{base.__name__}.{name}") for base, verbs in VERBS.items() for name in verbs]


def test_the_stub_says_what_the_table_says():
    assert attached_stub.STUB.read_text(encoding="utf-8") == attached_stub.stub_text(), "python -m tests.house.attached_stub"


@pytest.mark.parametrize(("base", "name"), ALL)
def test_every_verb_is_a_documented_function_of_its_object(base, name):
    verb = VERBS[base][name]
    function = verb.function
    assert inspect.isfunction(inspect.unwrap(function))
    assert inspect.getdoc(function), f"{verb.module}.{verb.name} has no docstring"
    if isinstance(verb, AttachedProperty):
        needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        assert len(needed) == 1
        assert getattr(base, name).__doc__ == function.__doc__


def test_methods_complete_and_show_the_docstring_of_their_function():
    from symdyn.derive.moments import moments

    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    assert {"moments", "langevin", "master_equation", "deficiency", "to_sbml"} <= set(dir(net))
    assert inspect.getdoc(net.moments) == inspect.getdoc(moments)
    assert list(inspect.signature(net.moments).parameters) == ["order", "closure", "central", "taylor_order"]
    assert "Highest order of the moments that are retained." in pydoc.render_doc(net.moments, renderer=pydoc.plaintext)
    page = pydoc.render_doc(sd.ReactionNetwork, renderer=pydoc.plaintext)
    assert "The deficiency of a network" in page
    assert "Equations of the moments up to an order, closed." in page


def test_a_property_cannot_be_set():
    model = sd.leslie.from_matrix([[0, 2], [1, 1]])
    assert model.growth_factor == 2
    with pytest.raises(AttributeError, match=r"frozen|follows from"):
        model.growth_factor = 3


def test_verbs_are_not_imported_before_they_are_used():
    script = (
        "import sys, symdyn as sd\n"
        "from symdyn.verbs import VERBS\n"
        "named = {v.module for verbs in VERBS.values() for v in verbs.values()}\n"
        "early = sorted(named & set(sys.modules))\n"
        "assert not early, early\n"
        "sd.ReactionNetwork.from_text('0 -> X, k').langevin()\n"
        "assert 'symdyn.derive.langevin' in sys.modules and 'symdyn.derive.moments' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(sd.__file__).parents[1])
