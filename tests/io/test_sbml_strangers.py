"""SBML of strangers: hostile texts end in an error, and models in other files are those of one folder."""

from __future__ import annotations

import pytest

pytest.importorskip("libsbml", reason="python-libsbml is not installed")

from symdyn.errors import DeclarationError
from symdyn.io import sbml
from symdyn.io.sbml import read_sbml
from tests.io.sbml_texts import assign

CORE = "http://www.sbml.org/sbml/level3/version1/core"


def with_rule(body: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="{CORE}" level="3" version="1">'
        '<model id="m"><listOfParameters><parameter id="k" constant="false"/></listOfParameters>'
        f"<listOfRules>{assign('k', body)}</listOfRules></model></sbml>"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_rule("<apply><sin/>" * 10_000 + "<cn>1</cn>" + "</apply>" * 10_000), "nested more than 500 deep"),
        (with_rule("<apply><sin/>" * 200 + "<cn>1</cn>" + "</apply>" * 200), "nested too deeply"),
        ("<sbml><notes>" + "<p>" * 100_000 + "</p>" * 100_000 + "</notes></sbml>", "nested more than 500 deep"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + with_rule("<cn>1</cn>"), "a document type is declared"),
        (with_rule("<apply><power/><cn>1</cn></apply>"), "of 1 arguments; it takes 2"),
        (with_rule("<apply><divide/></apply>"), "of 0 arguments; it takes 2"),
        (with_rule("<cn>1</cn>")[:-9], "line 1, column .*: (no element|unclosed)"),
    ],
    ids=["deep formula", "less deep formula", "deep notes", "entities", "power of one", "division of nothing", "cut off"],
)
def test_hostile_files_end_in_an_error(text, message):
    with pytest.raises(DeclarationError, match=message):
        sbml.read_sbml(text)


def test_rules_that_grow_are_bounded():
    body = "<apply><plus/><apply><times/><ci>{0}</ci><ci>{0}</ci></apply><ci>{0}</ci></apply>"
    first = with_rule("<cn>1</cn>").replace("<cn>1</cn>", body.format("k0"))
    chain = "".join(assign(f"k{i}", body.format(f"k{i + 1}")) for i in range(30))
    names = "".join(f'<parameter id="k{i}" constant="false"/>' for i in range(31))
    text = first.replace("</listOfRules>", f"{chain}</listOfRules>").replace("<listOfParameters>", f"<listOfParameters>{names}")
    with pytest.raises(DeclarationError, match=r"has \S+e\+05 symbols, numbers and operators .* more than 100000"):
        sbml.read_sbml(text)


def test_models_in_other_files_are_those_of_one_folder(tmp_path):
    """Also those that a file of that folder needs."""

    def hierarchy(name: str, source: str) -> str:
        comp = "http://www.sbml.org/sbml/level3/version1/comp/version1"
        return (
            f'<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1" xmlns:comp="{comp}" '
            f'comp:required="true"><model id="{name}"><comp:listOfSubmodels><comp:submodel comp:id="s" comp:modelRef="E"/>'
            '</comp:listOfSubmodels></model><comp:listOfExternalModelDefinitions><comp:externalModelDefinition comp:id="E" '
            f'comp:source="{source}" comp:modelRef="m"/></comp:listOfExternalModelDefinitions></sbml>'
        )

    inner = tmp_path / "inner"
    inner.mkdir()
    leaf = hierarchy("m", "").partition("<comp:listOfSub")[0] + (
        '<listOfParameters><parameter id="p" value="7" constant="false"/></listOfParameters><listOfRules>'
        '<rateRule variable="p"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>1</cn></math></rateRule></listOfRules></model></sbml>'
    )
    (inner / "a.xml").write_text(hierarchy("top", "b.xml"))
    (inner / "b.xml").write_text(hierarchy("m", "c.xml"))
    (inner / "c.xml").write_text(leaf)
    assert [float(v) for v in read_sbml(inner / "a.xml", as_="ode").initial.values()] == [7]
    (inner / "b.xml").write_text(hierarchy("m", "../c.xml"))
    (inner / "c.xml").rename(tmp_path / "c.xml")
    with pytest.raises(DeclarationError, match=r"needs the model of '\.\./c\.xml', which is no file in the folder"):
        read_sbml(inner / "a.xml", as_="ode")
