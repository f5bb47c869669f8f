"""What people write who come from other programs, and what they are told."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError, ParseError


def read(text, **options):
    return sd.ReactionNetwork.from_text(text, **options)


def test_a_volume_that_is_set_but_not_declared():
    with pytest.raises(DeclarationError, match=r"V = 50 is set, but nothing depends on V; .* volume='V'"):
        read("2 X -> 0, k; k = 1; V = 50")
    assert read("2 X -> 0, k; k = 1; V = 50", volume="V").defaults
    # values of observables and events are used
    assert len(read("X -> 0, k; a = 2; y := a*X").parameters) == 2
    assert len(read("X -> 0, k; a = 2; when X > a, X = 0").parameters) == 2


@pytest.mark.parametrize("volume", ["2*W", "10", "", -2, 0])
def test_what_is_no_volume(volume):
    with pytest.raises(DeclarationError, match=r"the volume is .*; expected a symbol, its name or a positive number"):
        read("2 X -> 0, k", volume=volume)


@pytest.mark.parametrize(("volume", "what"), [("X", "a species"), ("t", "time")])
def test_a_volume_is_a_parameter(volume, what):
    with pytest.raises(DeclarationError, match=f"the volume is {volume}, which is {what}"):
        read("2 X -> 0, k", volume=volume)


@pytest.mark.parametrize("text", ["X --> 0, k", "A + B --> C, k"])
def test_longer_arrows(text):
    with pytest.raises(ParseError, match="the arrow of a reaction is ->, =>"):
        read(text)


def test_text_belongs_to_from_text():
    with pytest.raises(DeclarationError, match=r"the text 'X -> 0, k' .* ReactionNetwork\.from_text"):
        sd.ReactionNetwork("X -> 0, k")


X, Y, k = sp.symbols("X Y k")


@pytest.mark.parametrize(
    "sides", [([X], {}), ({}, [X]), (None, {X: 1}), ({X: 1}, {X: k}), ({X: "a"}, {}), ({X: 0.5}, {}), ({}, {X: -1})]
)
def test_sides_are_numbers_by_species(sides):
    with pytest.raises(DeclarationError, match=r"expected a (mapping from species to numbers|whole number)"):
        sd.Reaction(*sides, k)


def test_numbers_of_other_libraries_are_numbers():
    assert sd.Reaction({X: np.int64(2)}, {Y: sp.Integer(1)}, k) == sd.Reaction({X: 2}, {Y: 1}, k)


def test_decimals_are_written_as_they_are_read():
    text = "X -> 0, 0.1\n0 -> geometric(0.5) X, 1e-07"
    assert str(read(text)) == text
    assert read(str(read(text))) == read(text)


def test_what_changes_results_is_shown():
    net = read("2 X -> 0, k; when X > 5, X = 0; G -> G + X, b", volume="V", combinatoric=True, binary=["G"])
    shown = repr(net)
    for line in (
        "    when X > 5, X = 0",
        "  volume: V",
        "  combinatoric: each set of equal reactants counts once",
        "  binary: G",
    ):
        assert line in shown.split("\n")
    assert "combinatoric" not in repr(read("2 X -> 0, k"))


def test_structure_and_laws_are_readable():
    net = read("S + E <-> C, k1, k2; C -> E + P, k3; S(0) = 10; E(0) = 2; C(0) = 0; P(0) = 0")
    assert repr(net.conservation_laws()) == "(ConservationLaw(C + E = 2), ConservationLaw(C + P + S = 10))"
    assert repr(net.structure()).split("\n") == [
        "Structure: 3 complexes, 1 linkage class, rank 2, deficiency 0",
        "    S + E -> C",
        "    C -> S + E",
        "    C -> E + P",
    ]


def test_a_network_with_another_declaration_is_checked():
    net = read("2 X -> 0, c; when X > 5, X = 0; c = 3; X(0) = 4", volume="V", parameters={"V": 10})
    other = net.replace(volume=2, events=(), combinatoric=True)
    assert other == read("2 X -> 0, c; c = 3; X(0) = 4", volume=2, combinatoric=True)
    assert [p.name for p in other.parameters] == ["c"]
    assert net.replace(events=()).reactions == net.reactions
    with pytest.raises(DeclarationError, match="the network has no reaction"):
        net.replace(reactions=())


def test_one_binary_species():
    assert read("GG -> 0, k", binary="GG").binary == (sp.Symbol("GG"),)
