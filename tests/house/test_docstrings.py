"""Every public name teaches its use: parameters, what comes back, and an example, which the doctests run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest


def beside(name):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


public_names, raised = beside("public_names"), beside("raised").raised
#: Classes that other callables make.
MADE = (
    "symdyn.Archive",
    "symdyn.Kernel",
    "symdyn.MomentSystem",
    "symdyn.PetabProblem",
    "symdyn.automata.AutomatonKernel",
    "symdyn.cells.AsymptoticExchange",
    "symdyn.reduction.DelayMap",
    "symdyn.reduction.HavokSystem",
    "symdyn.studies.SearchedSampler",
    "symdyn.transport.SchroedingerBridge",
)
#: Errors that the source of what is called has, and that no argument of the public callable brings about.
CANNOT_RAISE = {
    "symdyn.Automaton.map_expressions": "replaces attributes that it has",
    "symdyn.Automaton.mean_field": "the equations are its own",
    "symdyn.automata.FreeFermions.energies": "a ring that there is has sites",
    "symdyn.automata.StepOperator.density": "asks for the cells that there are",
    **dict.fromkeys(MADE, "made by other callables, which name the errors"),
}
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


@pytest.mark.parametrize("thing", [pytest.param(t, id=t.name) for t in OBJECTS if t.kind != "property"])
def test_it_names_its_errors(thing):
    """What its arguments can bring about, by its own statements and two levels of what it calls by name."""
    errors = raised(thing.value, thing.owner) if thing.parameters and thing.name not in CANNOT_RAISE else ()
    assert not errors or section(thing.docstring, "Raises"), f"no section Raises, but it raises {', '.join(sorted(errors))}"


def test_no_section_is_there_twice():
    heads = {t.name: re.findall(r"^([A-Z][A-Za-z ]+)\n-{3,}$", t.docstring, re.MULTILINE) for t in OBJECTS}
    assert {name: found for name, found in heads.items() if len(set(found)) < len(found)} == {}


def test_nothing_is_excepted_that_is_not_there():
    assert set(CANNOT_RAISE) <= {t.name for t in OBJECTS}


def test_errors_are_found_in_what_is_called():
    found = {
        t.name: raised(t.value, t.owner) for t in OBJECTS if t.name in ("symdyn.dose", "symdyn.plot", "symdyn.Box.contains")
    }
    assert found["symdyn.dose"] == {"DeclarationError"}  # in itself
    assert found["symdyn.Box.contains"] == {"DeclarationError"}  # in a method of self


def test_most_callables_name_their_errors():
    """All that raise something for their arguments, and some whose errors come from methods of what they are given."""
    callables = [t for t in OBJECTS if t.kind in ("function", "method") and t.parameters]
    named = [t for t in callables if section(t.docstring, "Raises")]
    assert len(named) > 0.8 * len(callables), f"{len(named)} of {len(callables)}"


def test_the_walk_finds_what_users_meet():
    names = {t.name for t in OBJECTS}
    assert {"symdyn.simulate", "symdyn.ReactionNetwork.langevin", "symdyn.MatrixModel.growth_factor"} <= names
    assert not [n for n in names if "._" in n]
    assert len(names) > 400
