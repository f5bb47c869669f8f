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


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda m: sd.simulate(m, 10), r"output times are 10; expected a sequence, such as"),
    (lambda m: sd.simulate(m, [[0, 1], [2, 3]]), r"an array of shape \(2, 2\)"),
    (lambda m: sd.simulate(m, [0, 2, 1]), r"output times are 2, then 1; expected"),
    (lambda m: sd.simulate(m, [0, 1, 1]), r"output times are 1, then 1; expected"),
    (lambda m: sd.simulate(m, [0, float("nan"), 1]), r"output times are nan; expected finite"),
    (lambda m: sd.simulate(sd.ODESystem, [0, 1]), "got the class ODESystem; declare one"),
    (lambda m: sd.simulate(m, [0, 1], parameters={"k": None}), "parameter k has the value nan; expected finite numbers"),
    (lambda m: sd.simulate(m, [0, 1], parameters={"k": 10**400}), "k has a value beyond the largest floating-point number"),
    (lambda m: sd.simulate(m, [0, 1], parameters={"k": [1, float("inf")]}), "parameter k has the value inf"),
    (lambda m: sd.simulate(m, [0, 1], method="Radau"), "unknown method 'Radau': stiff equations are solved by 'rodas5p'"),
    (lambda m: sd.simulate(m, [0, 1], method="tau_leaping"), "leaps are 'tau'"),
    (lambda m: sd.compile(m, target="gpu"), "A card is 'cuda'"),
    (lambda m: sd.Path("u", [0, 0, 1], [1, 2, 3]), "the input u has the times 0, then 0; expected"),
    (lambda m: sd.Path("u", [0], [1]), "the input u has 1 finite values; expected two"),
    (lambda m: sd.ODESystem({"x": sp.Symbol("x")}, events="x < 1"), r"an event is 'x < 1'; expected Event\("),
    (lambda m: sd.dx(sp.Symbol("u"), ordr=2), r"dx got ordr=2; expected dx\(u, order=2\)"),
    (lambda m: sd.fit(m, {"t": [0, 1], "x": [1, 2]}, initial=[{"x": 1}, {"x": 2}]), r"stands in conditions=\{'first'"),
    (lambda m: sd.simulate(m, [0, 1], reduce=["mean"]), "without chance has one at each point; leave it out"),
    (lambda m: sd.simulate(m, [0, 1], parameters={"k": [1, 2]}, reduce=["std"]), r"of a sweep reduce the result"),
    (lambda m: sd.analysis.stability(m, {}), r"no value for the state x; give one for every state, \{'x': \.\.\.\}"),
])  # fmt: skip
def test_messages_name_what_was_given_and_what_to_do(wrong, words):
    with pytest.raises(sd.SymdynError, match=words):
        wrong(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))


def test_doubtful_rates_of_a_network_have_one_warning():
    with pytest.warns(UserWarning, match="and so do 2 further reactions") as said:
        sd.ReactionNetwork.from_text("X -> 0, k*X; X -> Y, k*X; Y + X -> 0, X*Y; A -> 0, 1")
    assert len(said) == 1


def test_a_name_that_is_not_there_says_which_is_near():
    with pytest.raises(AttributeError, match=r"no attribute 'discretise'; did you mean 'discretize'"):
        sd.derive.discretise  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        sd.derive.nonsense  # noqa: B018
    assert not hasattr(sd.derive, "__wrapped__")
