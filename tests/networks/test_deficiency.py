"""Deficiencies of published networks."""

from __future__ import annotations

import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.networks.complexes import structure

#: text, complexes, linkage classes, rank, deficiency, weakly reversible
PUBLISHED = {
    # Edelstein's network, Feinberg, Chem. Eng. Sci. 42, 2229 (1987)
    "edelstein": ("A <-> 2 A, k1, k2; A + B <-> C, k3, k4; C <-> B, k5, k6", 5, 2, 2, 1, True),
    "michaelis_menten": ("S + E <-> ES, k1, k2; ES -> E + P, k3", 3, 1, 2, 0, False),
    "brusselator": ("0 <-> X, k0, k3; 2 X + Y -> 3 X, k1; X -> Y, k2", 5, 2, 2, 1, False),
    "schloegl": ("2 X <-> 3 X, k1, k2; 0 <-> X, k3, k4", 4, 2, 1, 1, True),
    "lotka_volterra": ("X -> 2 X, a; X + Y -> 2 Y, b; Y -> 0, c", 6, 3, 2, 1, False),
    # the triangle of Horn and Jackson, Arch. Rational Mech. Anal. 47, 81 (1972)
    "triangle": ("A -> B, a; B -> C, b; C -> A, c", 3, 1, 2, 0, True),
    # one-site phosphorylation
    "futile_cycle": (
        "S0 + E <-> C, a1, a2; C -> S1 + E, a3; S1 + F <-> D, b1, b2; D -> S0 + F, b3", 6, 2, 3, 1, False,
    ),
    # EnvZ-OmpR, Shinar, Feinberg, Science 327, 1389 (2010): deficiency one gives absolute concentration robustness
    "envz_ompr": (
        "XD <-> X, a1, a2; X <-> XT, a3, a4; XT -> Xp, a5; Xp + Y <-> XpY, b1, b2; XpY -> X + Yp, b3;"
        "XD + Yp <-> XDYp, c1, c2; XDYp -> XD + Y, c3",
        10, 3, 6, 1, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name):
    text, complexes, classes, rank, deficiency, weakly_reversible = PUBLISHED[name]
    found = structure(sd.ReactionNetwork.from_text(text))
    assert (len(found.complexes), len(found.linkage_classes), found.rank) == (complexes, classes, rank)
    assert found.deficiency == deficiency
    assert found.weakly_reversible == weakly_reversible


def test_classes_of_a_linkage_class():
    # A <-> B -> C <-> D -> E: one linkage class, three strong classes, of which E is terminal
    found = structure(sd.ReactionNetwork.from_text("A <-> B, a, b; B -> C, c; C <-> D, d, e; D -> E, f"))
    assert [[found.text(i) for i in c] for c in found.linkage_classes] == [["A", "B", "C", "D", "E"]]
    assert [[found.text(i) for i in c] for c in found.strong_classes] == [["A", "B"], ["C", "D"], ["E"]]
    assert [[found.text(i) for i in c] for c in found.terminal_classes] == [["E"]]
    assert not found.reversible


def test_a_complex_is_the_same_in_any_order():
    found = structure(sd.ReactionNetwork.from_text("A + B -> C, a; C -> B + A, b"))
    assert len(found.complexes) == 2
    assert found.reversible


def test_conclusions():
    def conclusion(text):
        return structure(sd.ReactionNetwork.from_text(text)).conclusion

    assert "product of Poisson" in conclusion(PUBLISHED["triangle"][0])
    assert "no positive equilibrium" in conclusion(PUBLISHED["michaelis_menten"][0])
    assert "does not apply" in conclusion(PUBLISHED["schloegl"][0])


def test_reactions_that_change_nothing_are_no_arrows():
    found = structure(sd.ReactionNetwork.from_text("G -> G, a; A -> B, b"))
    assert [found.text(i) for i in range(len(found.complexes))] == ["A", "B"]


def test_bursts_have_no_deficiency():
    with pytest.raises(DeclarationError, match="has a burst"):
        structure(sd.ReactionNetwork.from_text("G -> G + geometric(b) P, k"))


def test_a_long_chain():
    text = "\n".join(f"A{i} -> A{i + 1}, k" for i in range(300)) + "\nA300 -> A0, k"
    found = structure(sd.ReactionNetwork.from_text(text))
    assert found.weakly_reversible
    assert found.deficiency == 0
