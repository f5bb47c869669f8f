"""Automata from text: the same rules as declared ones, and what is no rule."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd

S, p1, p2 = sp.IndexedBase("s"), *sp.symbols("p1 p2")


def test_a_text_is_the_automaton_of_domany_and_kinzel():
    """The mean time to extinction of four cells is that of the sheet of exact numbers."""
    text = """
        s[i] = piecewise(0, s[i] + s[i+1] == 0, p1, s[i] + s[i+1] == 1, p2)  # this cell and its right neighbour
        p1 = 0.6; p2 = 4/5
        s(0) = 1
    """
    read = sd.Automaton.from_text(text, sites=4)
    k = S[0] + S[1]
    declared = sd.Automaton(sp.Piecewise((0, sp.Eq(k, 0)), (p1, sp.Eq(k, 1)), (p2, True)), 4, {p1: 0.6, p2: 0.8})
    assert read.probabilities()[0].tolist() == declared.probabilities()[0].tolist()
    assert read.initial[sp.Symbol("s")] == 1
    assert read.step_operator().first_passage("0000")[-1] == pytest.approx(24.6313046369, abs=1e-9)
    assert sd.Automaton.from_text(text, {"p1": 0}, sites=4).defaults[p1] == 0


def test_several_names_of_cells_and_any_index_are_read():
    both = sd.Automaton.from_text("R[j] = R[j - 1]*(1 - L[j]) + L[j]*R[j]; L[j] = L[j+1]", sites=5, boundary=0)
    assert both.names == ("R", "L")
    assert both.neighbours == (((0, -1), (0, 0), (1, 0)), ((1, 1),))
    assert both.boundary == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s[i] = s[k]", r"expected a cell, such as s\[i\], s\[i-1\] or s\[i\+2\]"),
        ("s[i] = s[i-1.5]", "expected a cell"),
        ("s[i] = s[i*2]", "expected a cell"),
        ("s[i] = s[i+99999]", "expected a cell"),
        ("s[i] = s[i+70]", "is 70 sites away"),
        ("s[i] = s[", "is never closed"),
        ("s[i] =", "the rule has no right side"),
        ("s[i] = s[i]; s[i] = 1 - s[i]", "s has two rules"),
        ("s[i] = p*s[i]; p = 1; p = 2", "p has two values"),
        ("s[i] = s[i]; x' = x", "an automaton has rules"),
        ("s[i] = f(s[i])", "unknown term"),
        ("s[i] = 2*s[i]", "expected a probability, 0 to 1"),
        ("s[i] = q[i]", "no rule is given for q"),
        ("s[i] = s[i-1]*s; s(0) = 1", "contains s without a place"),
        ("p[i] = p*p[i]; p = 0.5", "contains p without a place"),
        ("p = 1", "has no rule"),
        ("s[i] = __import__('os')", "two underscores"),
    ],
)
def test_what_is_no_rule_is_refused(text, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.Automaton.from_text(text, sites=5)


def test_sites_are_needed():
    with pytest.raises(sd.DeclarationError, match="needs sites="):
        sd.Automaton.from_text("s[i] = s[i-1]")
    with pytest.raises(sd.DeclarationError, match=r"use Automaton\.from_text"):
        sd.Automaton.from_model(None, {})
