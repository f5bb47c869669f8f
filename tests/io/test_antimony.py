"""Antimony: its core, by example."""

from __future__ import annotations

import pytest
import sympy as sp

from symdyn.errors import DeclarationError, ParseError
from symdyn.io.antimony import read_antimony
from symdyn.io.models import read_model
from symdyn.models.reactions import ReactionNetwork

MODEL = """
// the model of an enzyme
model *enzyme()
  compartment cell = 1;
  species S in cell, E in cell, $Waste in cell;
  S = 301; E = 120; ES = 0; P = 0   # numbers
  bind:   S + E -> ES; k1*S*E - k2*ES;
  turn:   ES => E + P; k3*ES
  spill:  P => $Waste; k4*P
  total := S + ES + P
  k1 = 0.00166; k2 = 1e-4; /* of
  two lines */ k3 = 10*k2
end
"""


def test_a_whole_model():
    expected = ReactionNetwork.from_text(
        "S + E <-> ES, k1, k2; ES -> E + P, k3; P -> 0, k4; total := S + ES + P; S(0) = 301; E(0) = 120; ES(0) = 0; P(0) = 0;"
        "k1 = 0.00166; k2 = 1e-4; k3 = 1e-3"
    )
    assert read_antimony(MODEL) == expected


def test_concentrations_and_amounts():
    text = "compartment cell = 4; species A in cell; substanceOnly species B in cell; A = 2.5; B = 3\n"
    net = read_antimony(text + "2 A => B; cell*k*A^2\nB => ; q*B*cell; k = 1")
    A, B, k, q, cell = sp.symbols("A B k q cell")
    assert net.propensities == (k * A**2 / cell, q * B * cell)
    assert net.initial == {A: 10, B: 3}
    assert net.volume == cell
    assert net.defaults[cell] == 4


def test_a_file(tmp_path):
    path = tmp_path / "enzyme.ant"
    path.write_text(MODEL)
    assert read_antimony(path) == read_antimony(str(path)) == read_antimony(MODEL)
    path.write_text("A -> B;\n")
    with pytest.raises(ParseError, match=r"enzyme\.ant: this reaction has no rate law"):
        read_antimony(path)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("A -> B; k*A; at (time > 5): A = 0;", ParseError, "an event, 'at ...', is not read"),
        ("A -> B; k*A; A' = 3;", ParseError, "changes by reactions alone"),
        ("A -> B; k*A; k = k2; k2 = k;", DeclarationError, "circle: k -> k2 -> k"),
        ("A -> B; x*A; x := y; y := x;", DeclarationError, "the rule of x is defined by itself"),
        ("A -> B; k*A; k = m;", DeclarationError, "need m, which has none"),
        ("A -> B; f(A);", ParseError, r"f\(\.\.\.\) is no function"),
        ("1.5 A -> B; k*A;", ParseError, "coefficient must be a whole number"),
        ("A -> B; k*A - q;", DeclarationError, "reversible reaction in line 1"),
        ("species A, B;", ParseError, "no reaction"),
        ("A -> B; k*A; k = 1; k = 2;", ParseError, "two values"),
        ("A B -> C; k;", ParseError, r"expected \+"),
        ("A -> B; k*A; nonsense", ParseError, "not understood"),
        ("A -> B; k*A; import 'x'", ParseError, "'import' begins"),
        ("A -> B; k*A*{;", ParseError, "braces"),
    ],
)
def test_what_is_not_understood(text, error, message):
    with pytest.raises(error, match=message):
        read_antimony(text)


def test_errors_point_into_the_text_with_its_labels():
    with pytest.raises(ParseError) as caught:
        read_antimony("ok: A -> B; k*A;\nbad: B -> ; k**;\n")
    assert (caught.value.line, caught.value.column) == (2, 16)


def test_time():
    assert read_antimony("=> X; k*(1 + sin(time));").time_dependent


def test_read_model_knows_the_ending(tmp_path):
    path = tmp_path / "enzyme.ant"
    path.write_text(MODEL)
    assert read_model(path) == read_model(path, kind="jump") == read_antimony(MODEL)
    with pytest.raises(DeclarationError, match="holds a reaction network"):
        read_model(path, kind="ode")


def test_rate_laws_that_have_names_are_no_functions_of_antimony():
    with pytest.raises(ParseError, match=r"hill\(\.\.\.\) is no function that is known"):
        read_antimony("species S; S => ; hill(S, 1, 2, 3)")
