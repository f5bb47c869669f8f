"""Errors: one base class, and places in texts."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd
from symdyn import errors
from symdyn.errors import ParseError, SimulationError, SymdynError


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_can_be_caught_as_one(name):
    assert issubclass(getattr(errors, name), SymdynError)


@pytest.mark.parametrize(("name", "builtin"), [("DeclarationError", ValueError), ("ParseError", ValueError)])
def test_errors_of_input_are_value_errors(name, builtin):
    assert issubclass(getattr(errors, name), builtin)


@pytest.mark.parametrize(
    ("text", "position", "line", "column"),
    [
        ("abc", 0, 1, 1),
        ("abc", 3, 1, 4),
        ("ab\ncd", 2, 1, 3),
        ("ab\ncd", 3, 2, 1),
        ("ab\n\ncd\n", 5, 3, 2),
        ("ab\ncd", 99, 2, 3),
        ("ab\ncd", -1, 1, 1),
        ("ab\n", 3, 2, 1),
    ],
)
def test_place_of_a_parse_error(text, position, line, column):
    error = ParseError("wrong", text, position)
    assert (error.line, error.column, error.reason) == (line, column, "wrong")
    assert str(error).startswith(f"line {line}, column {column}: wrong\n")


@pytest.mark.parametrize("before", [0, 5, 59, 60, 61, 500])
def test_pointer_stands_under_the_character_however_long_the_line(before):
    text = "first\n" + "-" * before + "?" + "-" * 200
    _, shown, pointer = str(ParseError("wrong", text, 6 + before)).splitlines()
    assert shown[pointer.index("^")] == "?"
    assert len(shown) <= 104


def test_control_characters_do_not_reach_the_terminal():
    shown = str(ParseError("wrong", "x\x1b[31m' = 1", 0))
    assert "\x1b" not in shown
    assert "x?[31m' = 1" in shown


def test_parse_error_without_a_text_is_its_message():
    assert str(ParseError("nothing there")) == "nothing there"


def test_simulation_error_keeps_what_was_computed():
    data = object()
    assert SimulationError("failed", data).dataset is data
    assert SimulationError("failed").dataset is None


def test_first_guesses_are_answered_with_what_to_do():
    """Attempts of newcomers whose answer lies elsewhere: the message says where."""
    u, D, z = sp.symbols("u D z")
    rod = sd.PDESystem({u: D * sd.laplacian(u)}, domain=(0, 1))
    for system, words in (
        (rod, r"give system.discretize\(60\)"),
        (rod.discretize(16), r"xarray.Dataset with the dims time, x"),
    ):
        with pytest.raises(sd.RecoveryError, match=words):
            sd.fit(system, {"t": [0, 1], "u": [1, 0]})
    with pytest.raises(sd.ParseError, match=r"events change states alone: in equations k' = 0 with k\(0\) = "):
        sd.ODESystem.from_text("x' = k - x; k = 10; at 5, k = 2*k")
    with pytest.raises(sd.DeclarationError, match="write real and imaginary parts as two states"):
        sd.ODESystem({z: sp.I * z})
    switch = sd.ODESystem.from_text("x' = r + 3*x - x**3; r = 0")  # rests at sqrt(3)
    with pytest.raises(sd.DeclarationError, match=r"start=\{'x': 1.73205\}, or from one that steady_states finds"):
        sd.analysis.continuation(switch, "r", (-4, 4), start={"x": 1.4})
