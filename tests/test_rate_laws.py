"""Names that modellers write: rate laws in Python and in text, and functions that are no unknown terms."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd
from symdyn.parsing import parse_expression
from symdyn.text.rate_laws import RATE_LAWS

X, Y, v, K, n = sp.symbols("X Y v K n")

#: As Catalyst.jl defines them (its documentation, "Rate laws that are predefined").
FORMULAS = {
    "mm(X, v, K)": v * X / (X + K),
    "mmr(X, v, K)": v * K / (X + K),
    "hill(X, v, K, n)": v * X**n / (X**n + K**n),
    "hillr(X, v, K, n)": v * K**n / (X**n + K**n),
    "hillar(X, Y, v, K, n)": v * X**n / (X**n + Y**n + K**n),
}


@pytest.mark.parametrize("call", FORMULAS)
def test_rate_laws_in_text_and_in_python(call):
    name, arguments = call.removesuffix(")").split("(")
    symbols = sp.symbols(arguments)
    assert parse_expression(call) == FORMULAS[call] == getattr(sd, name)(*symbols)
    assert parse_expression(RATE_LAWS[name].written) == FORMULAS[call]
    system = sd.ODESystem.from_text(f"X' = {call} - X; Y' = -Y")
    assert not system.unknowns
    assert sd.ODESystem.from_text(str(system)) == system


@pytest.mark.parametrize(
    ("text", "value"),
    [("mm(2, 3, 4)", 1), ("hill(1, 10, 2, 2)", 2), ("hillr(1, 10, 2, 2)", 8), ("hillar(1, 2, 3, 1, 3)", sp.Rational(3, 10))],
)
def test_values(text, value):
    assert parse_expression(text) == value
    assert sd.ODESystem.from_text(f"X' = a*X; a = {text}").defaults == {sp.Symbol("a"): float(value)}


def test_reactions_and_nested_laws():
    net = sd.ReactionNetwork.from_text("0 => X, hillr(Y, v, K, 2); X => 0, mm(X, 2*v, K + Y); 0 -> Y, 1; Y -> 0, 1")
    assert net.propensities[0] == v * K**2 / (K**2 + Y**2)
    assert net.propensities[1] == 2 * v * X / (X + K + Y)
    assert parse_expression("hill(mm(X, v, K), 1, 2, n)") == sd.hill(sd.mm(X, v, K), 1, 2, n)


def test_their_names_may_be_declared():
    system = sd.ODESystem.from_text("mm' = -hill*mm; hill = 2")
    assert [s.name for s in system.states] == ["mm"]
    with pytest.raises(sd.ParseError, match="hill is also used as a plain name"):
        sd.ODESystem.from_text("X' = hill(X, v, K, n) - hill*X")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hill(X, K, n)", r"hill takes 4 arguments, hill\(X, v, K, n\) = v\*X\^n/\(X\^n \+ K\^n\); got 3"),
        ("mm(X, v, K, 1)", r"mm takes 3 arguments, mm\(X, v, K\) = v\*X/\(X \+ K\); got 4"),
        ("Hill(X, v, K, n)", r"Hill is not a function; write hill\(X, v, K, n\)"),
        ("MM(X, K)", r"MM is not a function; write mm\(X, v, K\)"),
        ("michaelis_menten(X, K)", r"write mm\(X, v, K\)"),
        ("pulse(t, 1, 2)", r"pulse is not a function of the grammar; write piecewise\(1, t >= a and t < b, 0\)"),
        ("step(t)", r"step is not a function of the grammar; write heaviside\(t - a\)"),
        ("delay(X, 1)", r"delay is not a function; a state with a delay is written x\(t - 1\)"),
        ("mm(0, v, K)/mm(0, 1, 1)", "division by zero"),
        ("hill(X, v, K, 5000)", "exponents run to 1000"),
    ],
)
def test_refused_in_text(text, message):
    with pytest.raises(sd.ParseError, match=message):
        sd.ODESystem.from_text(f"X' = {text}")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("hill", (X, K, n), r"hill\(X, K, n\) is no unknown term; write symdyn\.hill\(X, v, K, n\) = "),
        ("MM", (X, K), r"write symdyn\.mm\(X, v, K\) = "),
        ("mod", (X, K), r"write the function of sympy, Mod\(x, y\)"),
        ("sqrt", (X,), r"write the function of sympy, sqrt\(x\)"),
        ("fmod", (X, K), r"fmod is a function of the field; write mod\(x, y\)"),
        ("step", (X,), r"write heaviside\(t - a\)"),
        ("piecewise", (X, K), r"write sympy\.Piecewise"),
        ("X", (K,), r"X\(K\) is a call of the state X"),
    ],
)
def test_refused_in_python(name, arguments, message):
    call = sp.Function(name)(*arguments)
    for declare in (
        lambda: sd.ODESystem({X: -X + call}),
        lambda: sd.DiscreteSystem({"X": call}),
        lambda: sd.SDESystem({X: call}, {X: 1}),
        lambda: sd.ReactionNetwork([({X: 1}, {}, call)]),
        lambda: sd.ODESystem({X: -X}, observables={"z": call}),
    ):
        with pytest.raises(sd.DeclarationError, match=message):
            declare()


def test_other_terms_are_unknown_still():
    f, t = sp.Function("f"), sp.Symbol("t")
    assert sd.ODESystem({X: f(X, t - 1)}).unknowns == (f(X, t - 1),)
    x = sp.Function("x")
    assert not sd.ODESystem({x(t): -x(t)}).unknowns
    assert not sd.ODESystem({x(t): -x(t - 1)}).unknowns
