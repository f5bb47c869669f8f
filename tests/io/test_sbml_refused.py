"""What SBML of differential equations is refused, and what of it has no value."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.sbml import read_sbml
from tests.io.sbml_texts import (
    RATE,
    TIME,
    apply,
    assign,
    ci,
    cn,
    document,
    event,
    math,
    parameter,
    rate,
    reaction,
    run,
    species,
)

pytest.importorskip("libsbml")


def test_what_cannot_be_read_is_named():
    unequal = apply("neq", ci("x"), cn(1))
    equal = document(Parameters=parameter("x", 0), Rules=rate("x", cn(1)), Events=event(unequal, {"x": cn(0)}))
    with pytest.raises(DeclarationError, match=r"trigger of the event .* contains Ne\(x, 1\), where x varies"):
        read_sbml(equal, as_="ode")
    with pytest.raises(DeclarationError, match="as_ is 'sde'"):
        read_sbml(equal, as_="sde")
    with pytest.raises(DeclarationError, match="laws= says"):
        read_sbml(equal, as_="ode", laws="propensities")
    with pytest.raises(DeclarationError, match=r"rate rule of x.* read it as_='ode' \(command line: --kind ode\)"):
        read_sbml(equal)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (apply("gt", ci("x"), apply("divide", cn(1), cn(0))), "trigger .* holds 1 / 0, which is no finite real number"),
        (apply("gt", ci("x"), apply("root", cn(-1))), "holds sqrt.-1., which is no finite real number"),
        (apply("max", ci("x"), apply("divide", ci("x"), cn(0))), "holds x / 0, which is no finite real number"),
        (apply("rem", ci("x"), cn(0)), "holds rem.x, 0., which is no finite real number"),
        (apply("arcsin", cn(2)), "holds asin.2., which is no finite real number"),
        (apply("max", ci("x"), apply("divide", cn(1), ci("k"))), "the rate of x compares numbers that are not real and finite"),
        (apply("power", apply("times", cn(2), ci("x")), cn(10**9)), "exponents up to 1000"),
        (apply("power", apply("power", apply("power", cn(2), cn(1000)), cn(1000)), cn(1000)), "no finite real number"),
        (apply("factorial", cn(10**8)), "factorial above that of 170"),
        (apply("floor", apply("exp", apply("exp", cn(100)))), "holds exp.exp.100.., which is no finite real number"),
    ],
    ids=["1/0", "root of -1", "x/0", "remainder", "arcsin", "rule", "power", "tower", "factorial", "floor"],
)
def test_formulas_without_a_value_are_refused(content, message):
    trigger = content.startswith("<apply><gt/>")
    text = document(
        version=2,
        Parameters=parameter("x", 1) + parameter("k"),
        Rules=rate("x", ci("x") if trigger else content) + f'<assignmentRule variable="k">{math(cn(0))}</assignmentRule>',
        **({"Events": event(content, {"x": cn(0)})} if trigger else {}),
    )
    with pytest.raises(DeclarationError, match=message):
        read_sbml(text, as_="ode")


def test_an_initial_value_without_a_value_is_refused():
    rules = rate("x", ci("j")) + f'<assignmentRule variable="k">{math(cn(-1))}</assignmentRule>'
    starts = f'<initialAssignment symbol="j">{math(apply("root", ci("k")))}</initialAssignment>'
    text = document(Parameters=parameter("x", 1) + parameter("k") + parameter("j"), Rules=rules, InitialAssignments=starts)
    with pytest.raises(DeclarationError, match="the initial value of j is I, which is no finite real number"):
        read_sbml(text, as_="ode")


def test_rates_and_pasts_that_are_not_defined_are_refused():
    """Rates that are built on themselves, also by what an algebraic rule determines."""
    of_x, of_z = (f"<apply>{RATE}{ci(name)}</apply>" for name in "xz")
    cubic = f"<algebraicRule>{math(apply('minus', apply('power', ci('z'), cn(3)), ci('x')))}</algebraicRule>"
    for rules in (
        rate("x", of_z) + rate("z", of_x),
        rate("x", apply("plus", of_x, cn(1))),
        rate("x", of_z) + cubic,
    ):
        with pytest.raises(DeclarationError, match=r"rate of change of [xz] is defined by itself"):
            read_sbml(document(version=2, Parameters=parameter("x", 1) + parameter("z", 1), Rules=rules), as_="ode")


def test_rates_and_pasts_of_what_algebraic_rules_determine():
    """z^3 = x with x = 1 + t up to 1; before the start z was the root at the start, not the guess; two roots at once."""
    cubic = f"<algebraicRule>{math(apply('minus', apply('power', ci('z'), cn(3)), ci('x')))}</algebraicRule>"
    late = f"<apply>{RATE.replace('rateOf', 'delay')}{ci('z')}{cn(1)}</apply>"
    rules = rate("x", late) + cubic + assign("r", f"<apply>{RATE}{ci('z')}</apply>")
    text = document(version=2, Parameters=parameter("x", 1) + parameter("z", 0.8) + parameter("r"), Rules=rules)
    found = run(text, [0, 0.5, 1, 2])
    np.testing.assert_allclose(found.x, [1, 1.5, 2, 2 + 0.75 * (2 ** (4 / 3) - 1)], rtol=1e-7)
    np.testing.assert_allclose(found.r, np.array([1, 1, 1, 2 ** (1 / 3)]) / (3 * found.z**2), rtol=1e-7)
    roots = (apply("minus", apply("power", ci(a), cn(3)), apply("plus", ci(b), cn(1), TIME)) for a, b in ("yz", "zy"))
    coupled = "".join(f"<algebraicRule>{math(root)}</algebraicRule>" for root in roots)  # y = z: y^3 - y = 1 + t
    both = rate("s", apply("plus", *(f"<apply>{RATE}{ci(name)}</apply>" for name in "yz"))) + coupled
    start = 1.324717957244746
    text = document(
        version=2, Parameters=parameter("s", 0) + parameter("y", start) + parameter("z", start), Rules=both
    )  # fmt: skip
    found = run(text, [0, 5])  # y^3 - y = 6 for y = 2
    np.testing.assert_allclose(found.s[-1], 2 * (2 - start), rtol=1e-7)


def test_a_model_of_flux_balance_has_no_rates():
    fbc = 'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version1" fbc:required="false" level="3"'
    text = document(Species=species("S", 'initialConcentration="3"'), Reactions=reaction("r", {"S": 1}, {}, cn(1)))
    text = text.replace('level="3"', fbc)
    assert str(read_sbml(text, as_="ode")) == "S' = -1"
    with pytest.raises(DeclarationError, match="is one of flux balance"):
        read_sbml(text.replace(f"<kineticLaw>{math(cn(1))}</kineticLaw>", ""), as_="ode")


def test_a_compartment_of_size_0_is_refused_where_it_divides():
    falls = reaction("R", {"S": 1}, {}, ci("S"))
    for as_ in ("network", "ode"):
        with pytest.raises(DeclarationError, match="compartment C has the size 0, by which the amount of S is divided"):
            read_sbml(document(size=0, Species=species("S", 'initialAmount="1"'), Reactions=falls), as_=as_)
        amounts = document(size=0, Species=species("S", 'initialAmount="1"', amount="true"), Reactions=falls)
        assert len(read_sbml(amounts, as_=as_).states) == 1


def test_contradictions_are_refused():
    x, fixed, one = parameter("x", 1), parameter("x", 1, constant="true"), {"x": cn(1)}
    falls = reaction("R", {"S": 1}, {}, ci("S"))
    after = apply("geq", TIME, cn(1))
    assignment = f'<eventAssignment variable="x">{math(cn(1))}</eventAssignment>'
    twice = event(after, one).replace(assignment, 2 * assignment)
    for lists, message in (
        ({"Parameters": x + x}, "x is declared twice"),
        ({"Parameters": x, "Rules": rate("x", cn(1)) + rate("x", cn(2))}, "x has two rules"),
        ({"Parameters": x, "Events": twice}, "assigns x twice"),
        ({"Parameters": fixed, "Rules": rate("x", cn(1))}, "a rule changes x, which is constant"),
        ({"Parameters": fixed, "Events": event(after, one)}, "the event without a name changes x, which is constant"),
        ({"Species": species("S", ""), "Reactions": falls, "Rules": rate("R", cn(1))}, "R, which is the rate of a reaction"),
        ({"Species": species("S", ""), "Reactions": falls, "Rules": rate("S", cn(1))}, "a rule and reactions change S"),
        ({"InitialAssignments": f'<initialAssignment symbol="q">{math(cn(1))}</initialAssignment>'}, "'q', which the model"),
    ):
        with pytest.raises(DeclarationError, match=message):
            read_sbml(document(**lists), as_="ode")


def test_constants_that_are_infinite_or_no_number():
    """As in case 951 of the semantic suite: they are in the result, and nothing may use one that is infinite."""
    text = document(
        Parameters="".join(parameter(n, v, constant="true") for n, v in (("P", "INF"), ("Q", "-INF"), ("R", "NaN")))
    )
    system = read_sbml(text, as_="ode")
    found = sd.simulate(system, [0, 1], progress=False)
    for name, value in (("P", np.inf), ("Q", -np.inf), ("R", np.nan)):
        np.testing.assert_array_equal(found[name], [value, value])
    assert read_sbml(system.to_sbml(), as_="ode") == system
    assert sd.ODESystem.from_text("x' = 1; P := oo; Q := -oo; R := nan").observables.keys() >= {sp.Symbol("Q")}
    used = text.replace("</listOfParameters>", parameter("Z", 1) + "</listOfParameters>")
    used = used.replace("</listOfParameters>", "</listOfParameters><listOfRules>" + rate("Z", ci("P")) + "</listOfRules>")
    with pytest.raises(DeclarationError, match="P holds the number inf"):
        read_sbml(used, as_="ode")


@pytest.mark.parametrize("where", ["initial assignment", "rule"])
def test_formulas_that_are_infinite_or_no_number(where):
    values = {"P": "<infinity/>", "Q": apply("minus", "<infinity/>"), "R": "<notanumber/>"}
    if where == "rule":
        formulas = {"Rules": "".join(f'<assignmentRule variable="{n}">{math(v)}</assignmentRule>' for n, v in values.items())}
    else:
        inside = (f'<initialAssignment symbol="{n}">{math(v)}</initialAssignment>' for n, v in values.items())
        formulas = {"InitialAssignments": "".join(inside)}
    text = document(Parameters="".join(map(parameter, values)) + parameter("x", 2), **formulas)
    found = sd.simulate(read_sbml(text, as_="ode"), [0, 1], progress=False)
    for name, value in (("P", np.inf), ("Q", -np.inf), ("R", np.nan), ("x", 2)):
        np.testing.assert_array_equal(found[name], [value, value])
    rates = rate("x", ci("R"))
    old, new = ("</listOfRules>", f"{rates}</listOfRules>")
    if where != "rule":
        old, new = ("</listOfInitialAssignments>", f"</listOfInitialAssignments><listOfRules>{rates}</listOfRules>")
    used = text.replace(old, new)
    with pytest.raises(DeclarationError, match="R holds the number nan; expected finite numbers"):
        read_sbml(used, as_="ode")
