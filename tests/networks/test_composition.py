"""Networks from networks."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.models.events import Event
from symdyn.networks.composition import compose, renamed, with_reactions


def network(text, **options):
    return sd.ReactionNetwork.from_text(text, **options)


def test_parts_make_the_whole():
    one = network("0 -> X, k; X(0) = 4; k = 2; double := 2*X", volume="V", binary=())
    two = network("X -> Y, m; Y -> 0, n; Y(0) = 1; n = 3; when X > 5, Y = 0", volume="V")
    whole = network(
        "0 -> X, k; X -> Y, m; Y -> 0, n; X(0) = 4; Y(0) = 1; k = 2; n = 3; double := 2*X; when X > 5, Y = 0", volume="V"
    )
    assert compose(one, two) == whole
    assert compose(one, two).events == whole.events
    assert compose(one, two).provenance[-1] == "joined with a network: declared as ReactionNetwork"


def test_a_free_name_may_be_a_species_of_the_other():
    joined = compose(network("0 => M, k/(1 + P)"), network("M -> M + P, p; P -> 0, d"))
    assert joined.names == ("M", "P")
    assert sp.Symbol("P") not in joined.parameters


@pytest.mark.parametrize(
    ("one", "two", "options", "message"),
    [
        ("0 -> X, k; k = 1", "X -> 0, k; k = 2", {}, r"parameter k: 1\.0 and 2\.0"),
        ("0 -> X, k; X(0) = 1", "X -> 0, g; X(0) = 2", {}, "initial number of X"),
        ("0 -> X, k; y := X", "X -> 0, g; y := 2*X", {}, "observable y"),
        ("0 -> X, k; Y = 2; X -> 0, Y", "0 -> Y, g", {}, "Y is a species of one network"),
        ("0 -> X, k", "X -> 0, g", {"volume": "V"}, "differ in volume, 1 and V"),
        ("0 -> X, k", "X -> 0, g", {"combinatoric": True}, "differ in combinatoric"),
    ],
)
def test_disagreement_is_named(one, two, options, message):
    with pytest.raises(DeclarationError, match=message):
        compose(network(one), network(two, **options))


def test_only_networks_join():
    with pytest.raises(DeclarationError, match="joined with int"):
        compose(network("0 -> X, k"), 3)


def test_renaming_reaches_everything():
    net = network(
        "G -> G + geometric(b) P, k; P => 0, g*P/(K + P); total := G + P; G(0) = 1; k = 3; when P > b, P = G",
        binary=("G",),
        volume="V",
    )
    other = renamed(net, {"P": "Q", "b": "c", "total": "everything", "V": "W", sp.Symbol("G"): sp.Symbol("D")})
    expected = network(
        "D -> D + geometric(c) Q, k; Q => 0, g*Q/(K + Q); everything := D + Q; D(0) = 1; k = 3; when Q > c, Q = D",
        binary=("D",),
        volume="W",
    )
    assert other == expected
    D, Q, c = sp.symbols("D Q c")
    assert other.events == (Event(sp.Gt(Q, c), {Q: D}),)
    assert renamed(other, {"Q": "P", "c": "b", "everything": "total", "W": "V", "D": "G"}) == net


def test_names_can_be_exchanged_but_not_merged():
    net = network("A -> B, k")
    assert str(renamed(net, {"A": "B", "B": "A"})) == "B -> A, k"
    with pytest.raises(DeclarationError, match="two names would become B"):
        renamed(net, {"A": "B"})
    with pytest.raises(DeclarationError, match="'C' is not a name"):
        renamed(net, {"C": "D"})


def test_copies_of_a_module_make_a_chain():
    module = network("A -> B, k")
    chain = compose(renamed(module, {"A": "X0", "B": "X1", "k": "k0"}), renamed(module, {"A": "X1", "B": "X2", "k": "k1"}))
    assert str(chain) == "X0 -> X1, k0\nX1 -> X2, k1"


def test_more_reactions_in_text_and_as_tuples():
    X, g, k, V = sp.symbols("X g k V")
    net = network("0 -> X, k; Y -> 0, q", volume="V", combinatoric=True)
    by_text = with_reactions(net, "2 X -> 0, g; X => 0, k*Y", {"g": 2})
    assert by_text.names == ("X", "Y")
    assert by_text.propensities[2] == g * X * (X - 1) / (2 * V)
    assert by_text.defaults[g] == 2
    by_tuple = with_reactions(net, [({X: 2}, {}, g), ({X: 1}, {}, k * sp.Symbol("Y"), False)], {"g": 2})
    assert by_tuple == by_text


def test_an_input_remains_one():
    X, Y, g, u = *sp.symbols("X Y g"), sd.Path("u", [0, 1], [0, 1])
    net = sd.ReactionNetwork([({X: 1}, {Y: 1}, u), ({Y: 1}, {X: 1}, g)], {g: 1}, initial={X: 3, Y: 2})
    extended = with_reactions(net, "X -> 0, b", {"b": 1})
    for made in (renamed(net, {"X": "Z"}), extended, net + net, net.eliminate("Y"), net.replace(volume=2)):
        assert made.inputs == (u,)
        assert made.defaults[g] == 1
    with pytest.raises(DeclarationError, match="u is an input over time"):
        renamed(net, {"u": "w"})
