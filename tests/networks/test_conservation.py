"""Conservation laws, and species that follow from others."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.models.events import Event
from symdyn.networks._integers import left_null_space, rank, semiflows
from symdyn.networks.conservation import conservation_laws, eliminate

MICHAELIS_MENTEN = "S + E <-> ES, k1, k2; ES -> E + P, k3"


def laws(text, **options):
    return [str(law.expression) for law in conservation_laws(sd.ReactionNetwork.from_text(text, **options))]


def test_michaelis_menten():
    net = sd.ReactionNetwork.from_text(MICHAELIS_MENTEN, initial={"S": 301, "E": 120, "ES": 0, "P": 0})
    found = conservation_laws(net)
    assert [(str(law.expression), law.total) for law in found] == [("E + ES", 120), ("ES + P + S", 301)]
    assert all(law.nonnegative for law in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 -> X, a; X -> 0, b", []),
        ("2 A <-> B, a, b", ["A + 2*B"]),
        ("S + I -> 2 I, a; I -> R, b", ["I + R + S"]),
        ("0 -> A + B, a", ["A - B"]),
        ("Goff <-> Gon, a, b; Gon -> Gon + M, c; M -> 0, d", ["Goff + Gon"]),
        # the burst may be of any size, so that not even P - Q is kept
        ("G -> G + Q + geometric(b) P, c", ["G"]),
        ("A <-> B, a, b; when A > 3, A = 0", []),
    ],
)
def test_laws_of_small_networks(text, expected):
    assert laws(text) == expected


def test_a_total_needs_every_initial_number():
    net = sd.ReactionNetwork.from_text("A <-> B, a, b; A(0) = 3")
    (law,) = conservation_laws(net)
    assert str(law) == "A + B = constant"
    assert pickle.loads(pickle.dumps(law)) == law


def test_one_site_cycle():
    # the futile cycle: both enzymes and the substrate in all its forms are kept
    text = "S0 + E <-> C, a1, a2; C -> S1 + E, a3; S1 + F <-> D, b1, b2; D -> S0 + F, b3"
    assert sorted(laws(text)) == ["C + D + S0 + S1", "C + E", "D + F"]


def test_semiflows_span_more_than_a_basis():
    # A + B -> C + D: four extreme laws of two species each, only three of them independent
    matrix = [[-1], [-1], [1], [1]]
    assert sorted(semiflows(matrix)) == [[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]]
    assert len(conservation_laws(sd.ReactionNetwork.from_text("A + B -> C + D, k"))) == 3


def test_null_spaces_of_random_matrices():
    generator = np.random.default_rng(5)
    for _ in range(20):
        matrix = generator.integers(-2, 3, size=(7, 4)) @ generator.integers(-1, 2, size=(4, 6))
        basis = left_null_space(matrix.tolist())
        assert rank(matrix.tolist()) == np.linalg.matrix_rank(matrix)
        assert len(basis) == 7 - np.linalg.matrix_rank(matrix)
        assert not np.any(np.array(basis) @ matrix)
        for y in semiflows(matrix.tolist()) or []:
            assert min(y) >= 0
            assert not np.any(np.array(y) @ matrix)


def test_too_many_semiflows_leave_a_basis():
    # 80 x 80 pairs in the first column alone
    text = " + ".join(f"A{i}" for i in range(80)) + " -> " + " + ".join(f"B{i}" for i in range(80)) + ", k"
    assert semiflows([[-1]] * 80 + [[1]] * 80) is None
    assert len(laws(text)) == 159


@pytest.mark.parametrize("combinatoric", [False, True])
def test_elimination_keeps_propensities(combinatoric):
    net = sd.ReactionNetwork.from_text(
        "2 A <-> B, k1, k2; A + 2 B -> 3 A + B, k3; 2 A => B, k4*B/(1 + A)", volume="V", combinatoric=combinatoric
    )
    A, B, T = sp.symbols("A B T")
    reduced = eliminate(net, "B", total="T")
    assert reduced.states == (A,)
    assert reduced.changes.tolist() == [[-2, 2, 2, -2]]
    for before, after in zip(net.propensities, reduced.propensities, strict=True):
        assert sp.simplify(before.subs(B, (T - A) / 2) - after) == 0
    assert dict(reduced.observables) == {B: (T - A) / 2}
    assert T in reduced.parameters


def test_elimination_of_a_gene():
    net = sd.ReactionNetwork.from_text(
        "Goff <-> Gon, a, b; Gon -> Gon + P, c; P -> 0, d; Goff(0) = 1; Gon(0) = 0; P(0) = 0", binary=("Gon", "Goff")
    )
    reduced = eliminate(net, "Goff")
    Gon, a = sp.symbols("Gon a")
    assert reduced.propensities[0] == a * (1 - Gon)
    assert reduced.binary == (Gon,)
    assert {str(s): v for s, v in reduced.initial.items()} == {"Gon": 0, "P": 0}
    assert reduced.provenance[-1] == "Goff eliminated by Goff + Gon = 1"


def test_a_total_that_is_a_parameter_keeps_its_value():
    net = sd.ReactionNetwork.from_text("2 A <-> B, a, b; A(0) = 10; B(0) = 5")
    assert eliminate(net, "B", total="T").defaults[sp.Symbol("T")] == 20


def test_elimination_carries_events():
    net = sd.ReactionNetwork.from_text("A <-> B, a, b; 0 -> X, c; when B > 3, X = B")
    A, X = sp.symbols("A X")
    assert eliminate(net, "B", total=5).events == (Event(5 - A > 3, {X: 5 - A}),)


def test_what_cannot_be_eliminated():
    net = sd.ReactionNetwork.from_text("A <-> B, a, b; 0 -> X, c; A(0) = 1")
    with pytest.raises(DeclarationError, match="X is in no conservation law"):
        eliminate(net, "X")
    with pytest.raises(DeclarationError, match="initial values of B"):
        eliminate(net, "A")
    with pytest.raises(DeclarationError, match="only species"):
        eliminate(sd.ReactionNetwork.from_text("G -> G, a"), "G", total=1)
