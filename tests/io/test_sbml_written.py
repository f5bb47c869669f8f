"""What is written as SBML is read back, and what it cannot represent is named."""

from __future__ import annotations

import importlib
import math as numbers
from xml.etree import ElementTree

import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.sbml import read_sbml, to_sbml
from symdyn.models.reaction import Burst, Reaction

pytest.importorskip("libsbml")


def math_value(node, values):
    """The value of a MathML element, by its own small reading of the standard."""
    tag = node.tag.rpartition("}")[2]
    if tag == "ci":
        return values[node.text.strip()]
    if tag == "csymbol":
        return values["time"]
    if tag == "cn":
        parts = [float(t) for t in node.itertext()]
        return parts[0] * 10 ** parts[1] if node.get("type") == "e-notation" else parts[0]
    name = node[0].tag.rpartition("}")[2]
    args = [math_value(child, values) for child in node[1:]]
    known = {"plus": sum, "times": numbers.prod, "divide": lambda v: v[0] / v[1], "power": lambda v: v[0] ** v[1]}
    known["minus"] = lambda v: -v[0] if len(v) == 1 else v[0] - v[1]
    return known[name](args) if name in known else getattr(numbers, name)(*args)


def test_ode_systems_have_a_rate_rule_for_each_state(tmp_path):
    x, y, a, t = sp.symbols("x y a t")
    rates = {x: a * x - x * y / (1 + x) ** 2, y: sp.exp(-x) * y - sp.Rational(1, 3) * t + 2.5e-9}
    system = sd.ODESystem(rates, {a: 1.5}, initial={x: 1, y: 2}, observables={"z": x + y})
    text = system.to_sbml(tmp_path / "m.xml")
    assert (tmp_path / "m.xml").read_text() == text
    libsbml = importlib.import_module("libsbml")
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    root = ElementTree.fromstring(text)
    space = "{http://www.sbml.org/sbml/level3/version1/core}"
    rules = {r.get("variable"): r[0][0] for r in root.iter(f"{space}rateRule")}
    values = {"x": 0.7, "y": 1.3, "a": 1.5, "time": 2.0}
    for s, rate in rates.items():
        expected = float(rate.subs({x: 0.7, y: 1.3, a: 1.5, t: 2.0}))
        assert math_value(rules[s.name], values) == pytest.approx(expected, rel=1e-14)
    starts = {p.get("id"): p.get("value") for p in root.iter(f"{space}parameter")}
    assert starts == {"x": "1", "y": "2", "a": "1.5", "z": None}
    with pytest.raises(DeclarationError, match="the system has unknown terms"):
        sd.ODESystem({x: sp.Function("f")(x)}).to_sbml()


def test_what_sbml_cannot_hold():
    X, k = sp.symbols("X k")
    f = sp.Function("f")
    with pytest.raises(DeclarationError, match="burst"):
        to_sbml(sd.ReactionNetwork([Reaction({}, {X: Burst("geometric", k)}, k)]))
    with pytest.raises(DeclarationError, match="unknown terms"):
        to_sbml(sd.ReactionNetwork([Reaction({X: 1}, {}, f(X), mass_action=False)]))
    with pytest.raises(DeclarationError, match="no erf"):
        to_sbml(sd.ReactionNetwork([Reaction({X: 1}, {}, sp.erf(X), mass_action=False)]))
    with pytest.raises(DeclarationError, match="the input u, a function of time"):
        to_sbml(sd.ReactionNetwork([Reaction({X: 1}, {}, sd.Path("u", [0, 1], [0, 1]))]))


def test_what_is_written_from_an_ode_system_is_read_back():
    system = sd.ODESystem.from_text(
        "x' = a*x - x*y/(1 + x); y' = sin(t)*y - b*y; s := x + y; a = 1; b = 0.5; x(0) = 2*a; y(0) = 1"
    )
    back = read_sbml(system.to_sbml(), as_="ode")
    assert back.states == system.states
    assert all(sp.simplify(f - g) == 0 for f, g in zip(back.drift, system.drift, strict=True))
    assert (back.defaults, back.initial, back.observables) == (system.defaults, system.initial, system.observables)


def test_maxima_are_written_as_pieces_which_version_1_has():
    x, y, k = sp.symbols("x y k")
    system = sd.ODESystem({x: sp.Max(x, y, k), y: sp.Min(x, y, 0)}, {k: 2})
    back = read_sbml(system.to_sbml(), as_="ode")
    for values in ({x: 1, y: 3, k: 2}, {x: 3, y: -1, k: 2}, {x: -5, y: -5, k: 7}):
        assert [f.subs(values) for f in back.drift] == [f.subs(values) for f in system.drift]


def test_algebraic_equations_are_written_and_read_back():
    x, z, k = sp.symbols("x z k")
    system = sd.ODESystem({x: -k * z}, {k: 2}, algebraic={z: z**3 + z - x}, initial={x: 2, z: 1})
    assert read_sbml(system.to_sbml(), as_="ode") == system


def test_events_are_written_and_read_back_and_inputs_are_refused():
    text = (
        "v' = I - v; n' = 0; I = 1.5; v(0) = 0; n(0) = 0; when v >= 1, v = 0, n = n + 1; when n > 2 delay 1 priority 2, n = 0"
    )
    system = sd.ODESystem.from_text(text)
    back = read_sbml(system.to_sbml(), as_="ode")
    assert back.events == system.events
    v, u = sp.Symbol("v"), sd.Path("u", [0, 1], [0, 1])
    with pytest.raises(DeclarationError, match="input u, a function of time"):
        sd.ODESystem({v: u - v}).to_sbml()
